//! One process for each run, by a lock that the system holds and drops with the process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

use crate::durable;
use crate::error::{Result, TrainError};

/// The file that is locked, in the folder of a run; it holds the id of the process that locked it last.
pub const LOCK: &str = "lock";
/// Who looks whether a run is alive holds its lock for a moment: so often, and so long, a lock is waited for.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// A folder that no other process works in while this lives.
#[derive(Debug)]
pub struct RunLock(#[expect(dead_code, reason = "open files hold locks")] File);

impl RunLock {
    /// Locks an existing folder.
    ///
    /// # Errors
    /// [`TrainError::Usage`] with the other process's id if it is in use, [`TrainError::File`] if it cannot be written.
    pub fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK);
        let failed =
            |e: std::io::Error| TrainError::file(&path, format!("cannot lock the run: {e}"));
        let open = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path);
        let mut file = open.map_err(failed)?;
        for _ in 0..TRIES {
            match file.try_lock() {
                Ok(()) => {
                    let written = file
                        .set_len(0)
                        .and_then(|()| write!(file, "{}", std::process::id()));
                    written.map_err(|e| durable::unwritten(&path, e))?;
                    return Ok(Self(file));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(e)) => return Err(failed(e)),
            }
        }
        Err(in_use(folder))
    }
}

/// The error about a folder that another process works in.
pub fn in_use(folder: &Path) -> TrainError {
    let by = match process(&folder.join(LOCK)) {
        Some(id) => format!("process {id}"),
        None => "another process".into(),
    };
    TrainError::Usage(format!("{}: the run is in use by {by}", folder.display()))
}

/// Does a process work in this folder?
pub fn is_locked(folder: &Path) -> bool {
    let Ok(file) = File::open(folder.join(LOCK)) else {
        return false;
    };
    // a shared lock is refused while another holds the exclusive one
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Id of the process that locked a run last.
pub fn process(path: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(path)
        .ok()?
        .take(20)
        .read_to_string(&mut text)
        .ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_locked(folder.path()));
        let lock = RunLock::acquire(folder.path()).unwrap();
        assert!(is_locked(folder.path()));
        let error = RunLock::acquire(folder.path()).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        let id = format!("in use by process {}", std::process::id());
        assert!(error.to_string().contains(&id), "{error}");
        drop(lock);
        assert!(!is_locked(folder.path()));
        RunLock::acquire(folder.path()).unwrap();
    }
}
