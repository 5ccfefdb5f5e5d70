//! The word that a client must know.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::TOKEN_VARIABLE;
use crate::error::{Result, TrainError};
use crate::tell;

/// Most bytes of a token, and of its file.
const LONGEST: u64 = 4096;

/// The token of this file, or else of the one that [`TOKEN_VARIABLE`] names, if there is one.
///
/// # Errors
/// [`TrainError::File`] if the file cannot be read or holds no token.
pub(super) fn find(file: Option<PathBuf>) -> Result<Option<String>> {
    let named = || std::env::var_os(TOKEN_VARIABLE).filter(|name| !name.is_empty());
    file.or_else(|| named().map(PathBuf::from))
        .map(|file| read(&file))
        .transpose()
}

fn read(path: &Path) -> Result<String> {
    let fail = |problem: String| TrainError::file(path, problem);
    let file = File::open(path).map_err(|e| fail(format!("the token cannot be read: {e}")))?;
    warn_of_readers(path, &file);
    let mut text = String::new();
    file.take(LONGEST + 1)
        .read_to_string(&mut text)
        .map_err(|e| fail(format!("the token cannot be read: {e}")))?;
    let token = text.trim();
    let is_one = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
    if text.len() as u64 > LONGEST || !is_one {
        return Err(fail(format!(
            "expected a token: one line of up to {LONGEST} letters, digits and signs without spaces, e.g. of `openssl rand -hex 32`"
        )));
    }
    Ok(token.into())
}

/// A secret that every user of the machine can read is none.
pub(super) fn warn_of_readers(path: &Path, file: &File) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file.metadata().map(|m| m.permissions().mode()).unwrap_or(0);
        if mode & 0o044 != 0 {
            let path = path.display();
            tell!("note: others on this machine can read {path}; chmod 600 {path}");
        }
    }
    let _ = (path, file);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(content: &[u8]) -> Result<Option<String>> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        find(Some(file.path().to_path_buf()))
    }

    #[test]
    fn a_token_is_one_line_without_what_is_around_it() {
        assert_eq!(of(b"abc-123\n").unwrap().unwrap(), "abc-123");
        assert_eq!(of(b"  x\r\n").unwrap().unwrap(), "x");
        let longest = vec![b'a'; 4096];
        assert_eq!(of(&longest).unwrap().unwrap().len(), 4096);
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let too_long = vec![b'a'; 5000];
        for content in [
            &b""[..],
            b" \n",
            b"two words",
            b"two\nlines",
            b"\xff\xfe",
            b"a\0b",
            &too_long,
        ] {
            let error = of(content).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("token"), "{error}");
        }
        assert!(find(Some("/nowhere/token".into())).is_err());
    }
}
