//! `elm recipes`.

use crate::error::Result;
use crate::recipe::{Recipe, builtins, keys, schema};
use crate::say;

/// List the built-in recipes, or print one.
///
/// With the line `#:schema recipe.json` at its top, editors with the TOML server taplo complete and check a recipe by the
/// file that `elm recipe schema > recipe.json` writes beside it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Print this recipe as TOML, ready to be changed and given to `elm train --recipe`; `keys`: every key of recipes with
    /// its meaning; `schema`: their JSON Schema, for editors
    name: Option<String>,
}

pub(super) fn run(args: Args) -> Result<()> {
    match args.name.as_deref() {
        Some("schema") => say!("{:#}", schema()),
        Some("keys") => {
            for key in keys() {
                say!("{:<32} {}", key.name, key.help);
            }
        }
        Some(name) => say!("{}", Recipe::builtin(name)?.to_toml().trim_end()),
        None => {
            for (name, about) in builtins() {
                say!("{name:<22} {about}");
            }
        }
    }
    Ok(())
}
