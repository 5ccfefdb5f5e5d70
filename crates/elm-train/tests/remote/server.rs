//! `elm serve` as a process.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use tempfile::TempDir;

pub const ELM: &str = env!("CARGO_BIN_EXE_elm");

/// A server, killed when this goes.
pub struct Server {
    child: Child,
    folder: TempDir,
    /// `ws://127.0.0.1:PORT` or `iroh://KEY@127.0.0.1:PORT`.
    pub address: String,
}

impl Server {
    /// Starts one on a free port, of one thread, with these arguments; of Flex unless they name a device.
    pub fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let said = File::create(folder.path().join("said")).unwrap();
        let mut command = Command::new(ELM);
        command.args(["serve", "--threads", "1", "--listen", "127.0.0.1:0"]);
        if !args.contains(&"--device") {
            command.args(["--device", "flex"]);
        }
        command.args(args).env_remove("ELM_TOKEN_FILE");
        command.stderr(said.try_clone().unwrap()).stdout(said);
        let mut server = Self {
            child: command.spawn().unwrap(),
            folder,
            address: String::new(),
        };
        let begun = Instant::now();
        while server.address.is_empty() {
            let said = server.said();
            assert!(begun.elapsed() < Duration::from_secs(60), "{said}");
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {said}");
            if let Some((_, rest)) = said.split_once(" at ")
                && let Some((address, _)) = rest.split_once('\n')
            {
                server.address = address.to_string();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        server
    }

    /// One of its devices as `--device` names it.
    pub fn device(&self, index: usize) -> String {
        format!("remote:{}/{index}", self.address)
    }

    /// What it has printed, on both outputs.
    pub fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap()
    }

    /// Is it still there?
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends it a signal, and waits for its end.
    pub fn ends(&mut self, signal: &str) -> ExitStatus {
        let id = self.child.id().to_string();
        Command::new("kill").args([signal, &id]).status().unwrap();
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "it goes on");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // it may have ended
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file with this token that its owner alone can read.
pub fn token_file(folder: &Path, name: &str, token: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, format!("{token}\n")).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
    path
}
