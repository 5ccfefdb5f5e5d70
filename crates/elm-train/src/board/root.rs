//! The folder that is served, and the way from a name in a request to a file in it.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::error::{Result, TrainError};

/// Name of the served folder itself, where that is a run.
const ITSELF: &str = ".";

/// A folder outside of which nothing is read.
#[derive(Debug, Clone)]
pub(super) struct Root {
    /// Absolute, and without symbolic links.
    path: PathBuf,
}

impl Root {
    /// # Errors
    /// [`TrainError::File`] if it is no folder.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            return Err(TrainError::file(
                folder,
                "expected a folder that holds runs, found none",
            ));
        }
        let path = folder
            .canonicalize()
            .map_err(|e| TrainError::file(folder, format!("cannot open the folder: {e}")))?;
        Ok(Self { path })
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of a run, a sweep or a comparison by its name: the folders on the way to it, with `/` between them.
    pub(super) fn folder(&self, name: &str) -> Option<PathBuf> {
        self.existing(name).filter(|path| path.is_dir())
    }

    /// A file by its name; none where there is no file of that name in the folder, or what the name leads to, by links
    /// too, lies elsewhere.
    pub(super) fn file(&self, name: &str) -> Option<PathBuf> {
        // a pipe would keep who opens it waiting
        self.existing(name).filter(|path| path.is_file())
    }

    /// Name of a folder or file in this folder; none where it is not text.
    pub(super) fn name(&self, path: &Path) -> Option<String> {
        let parts = path.strip_prefix(&self.path).ok()?.components();
        let parts: Option<Vec<&str>> = parts.map(|part| part.as_os_str().to_str()).collect();
        match &parts?[..] {
            [] => Some(ITSELF.into()),
            parts => Some(parts.join("/")),
        }
    }

    /// A file of a run or another folder, by both their names.
    pub(super) fn file_of(&self, folder: &str, file: &str) -> Option<PathBuf> {
        match folder {
            ITSELF => self.file(file),
            folder => self.file(&format!("{folder}/{file}")),
        }
    }

    /// What a path without its links is, if that is in the folder.
    fn existing(&self, name: &str) -> Option<PathBuf> {
        let mut path = self.path.clone();
        if name != ITSELF {
            for part in name.split('/') {
                path.push(plain(part)?);
            }
        }
        let path = path.canonicalize().ok()?;
        path.starts_with(&self.path).then_some(path)
    }
}

/// A part of a name that is the name of something in a folder, and not hidden.
fn plain(part: &str) -> Option<&str> {
    // ':' and '\' mean something on Windows
    let is_special = |c: char| c.is_control() || matches!(c, '\\' | ':');
    let is_plain = !part.is_empty() && !part.starts_with('.') && !part.contains(is_special);
    is_plain.then_some(part)
}

/// The text of a file of at most `most` bytes.
///
/// # Errors
/// The operating system's, or that the file is longer or no text.
pub(super) fn read_text(path: &Path, most: u64) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(most + 1).read_to_string(&mut text)?;
    match text.len() as u64 > most {
        true => Err(io::Error::other(format!("longer than {most} bytes"))),
        false => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn tree() -> (tempfile::TempDir, Root) {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("runs");
        std::fs::create_dir_all(runs.join("a/b")).unwrap();
        for file in ["secret", "runs/a/recipe.toml", "runs/.hidden", "runs/a/b/f"] {
            std::fs::write(folder.path().join(file), file).unwrap();
        }
        let root = Root::open(&runs).unwrap();
        (folder, root)
    }

    #[test]
    fn names_lead_into_the_folder_and_nowhere_else() {
        let (_folder, root) = tree();
        assert!(root.file("a/recipe.toml").is_some());
        assert!(root.file_of("a/b", "f").is_some() && root.folder("a/b").is_some());
        assert_eq!(root.folder(".").as_deref(), Some(root.path()));
        for name in [
            "",
            "/",
            "..",
            "../secret",
            "a/../../secret",
            "a/./recipe.toml",
            "./a/recipe.toml",
            "a//recipe.toml",
            "/etc/passwd",
            "//etc/passwd",
            "a/recipe.toml/",
            "a/recipe.toml/..",
            ".hidden",
            "a\\..\\..\\secret",
            "C:\\secret",
            "a/recipe.toml\0",
            "a/recipe.toml\n",
            "a",
            "...",
            "~",
            "a/b/..",
            "\u{2025}/secret",
        ] {
            assert_eq!(root.file(name), None, "{name:?}");
        }
        assert!(root.folder("..").is_none() && root.folder("a/..").is_none());
        assert!(root.file_of(".", "../secret").is_none() && root.file_of("..", "secret").is_none());
    }

    #[cfg(unix)]
    #[test]
    fn links_that_lead_out_lead_nowhere() {
        use std::os::unix::fs::symlink;
        let (folder, root) = tree();
        let runs = root.path();
        symlink(
            folder.path().join("secret"),
            runs.join("a/model.safetensors"),
        )
        .unwrap();
        symlink(folder.path(), runs.join("up")).unwrap();
        symlink("recipe.toml", runs.join("a/again.toml")).unwrap();
        symlink("loop", runs.join("loop")).unwrap();
        assert_eq!(root.file("a/model.safetensors"), None);
        assert_eq!(root.file("up/secret"), None);
        assert_eq!(root.folder("up"), None);
        assert_eq!(root.file("loop"), None);
        assert_eq!(root.file("a/again.toml"), root.file("a/recipe.toml"));
    }

    #[test]
    fn names_come_back() {
        let (_folder, root) = tree();
        assert_eq!(root.name(&root.path().join("a/b")).unwrap(), "a/b");
        assert_eq!(root.name(root.path()).unwrap(), ".");
        assert_eq!(root.name(Path::new("/")), None);
    }

    #[test]
    fn long_files_are_not_read() {
        let (_folder, root) = tree();
        let path = root.file("a/recipe.toml").unwrap();
        assert_eq!(read_text(&path, 18).unwrap(), "runs/a/recipe.toml");
        assert!(read_text(&path, 17).is_err());
    }
}
