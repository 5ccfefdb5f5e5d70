//! What can be wrong with a recipe.

use std::path::PathBuf;

/// What can be wrong with a recipe; every message is one sentence that names the file or the key.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    /// A recipe file that cannot be read.
    #[error("{path}: cannot read the recipe: {source}", path = .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// A recipe that is not TOML.
    #[error("{origin}, line {line}: not a TOML recipe: {problem}")]
    Syntax {
        /// The file, or where else the text came from.
        origin: String,
        /// Line, counted from 1.
        line: usize,
        /// What the parser expected and found.
        problem: String,
    },
    /// A key that no recipe has.
    #[error("{origin}: unknown recipe key `{key}`{hint}")]
    UnknownKey {
        /// The file, or `--set`.
        origin: String,
        /// The key as it was written, dotted.
        key: String,
        /// ", did you mean `...`?", or where to find the keys.
        hint: String,
    },
    /// A value of the wrong type or out of range.
    #[error("{origin}: `{key}` {problem}")]
    Value {
        /// The file, `--set`, or `recipe`.
        origin: String,
        /// The dotted key at fault.
        key: String,
        /// What was expected and what was found.
        problem: String,
    },
    /// A `--set` without `=`.
    #[error("--set {text}: expected key=value, such as train.epochs=3")]
    Override {
        /// What was written.
        text: String,
    },
    /// A built-in recipe that does not exist.
    #[error("unknown recipe `{name}`{hint}")]
    UnknownBuiltin {
        /// What was asked for.
        name: String,
        /// ", did you mean `...`?", or where to find the names.
        hint: String,
    },
}
