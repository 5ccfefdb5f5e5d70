//! Devices of other machines: `elm serve` hosts them, `--device remote:...` names them. Burn carries the operations; this says
//! who may send some, and where to.
//!
//! Only builds with the feature `remote` can do either; others say so.

#[cfg(feature = "remote")]
mod address;
#[cfg(feature = "remote")]
mod client;
#[cfg(feature = "remote")]
mod encrypted;
#[cfg(feature = "remote")]
mod server;
#[cfg(feature = "remote")]
mod token;

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::devices::Devices;
use crate::stop::Stop;

#[cfg(feature = "remote")]
pub(crate) use client::{name_of, open, silent};
#[cfg(feature = "remote")]
pub use server::serve;

/// The environment variable that names the file with the token: of clients, and of servers without `--token-file`.
pub const TOKEN_VARIABLE: &str = "ELM_TOKEN_FILE";

/// What a server is asked to do.
#[derive(Debug)]
pub struct ServeOptions {
    /// What it hosts; a client names them by their place in this list. All are of one backend.
    pub devices: Devices,
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The file with the token that clients must present; in its place the one that [`TOKEN_VARIABLE`] names.
    pub token_file: Option<PathBuf>,
    /// The file with the server's secret key, made where there is none: what is sent is then encrypted, by Iroh. Without one it is
    /// a plain WebSocket.
    pub key_file: Option<PathBuf>,
    /// When it ends.
    pub stop: Stop,
}

#[cfg(not(feature = "remote"))]
mod absent {
    use burn::tensor::Device;

    use super::ServeOptions;
    use crate::error::{Result, TrainError};

    fn refused(what: &str) -> TrainError {
        TrainError::Usage(format!(
            "{what} is not in this build; build with `--features remote`"
        ))
    }

    /// Hosts devices, in builds that can.
    ///
    /// # Errors
    /// [`TrainError::Usage`]: this build cannot.
    pub fn serve(_: ServeOptions, _: impl FnOnce(&str)) -> Result<()> {
        Err(refused("`elm serve`"))
    }

    pub(crate) fn open(place: &str) -> Result<Vec<Device>> {
        Err(refused(&format!("device `remote:{place}`")))
    }

    pub(crate) fn name_of(_: &Device) -> Option<String> {
        None
    }

    pub(crate) fn silent() -> Vec<String> {
        Vec::new()
    }
}
#[cfg(not(feature = "remote"))]
pub use absent::serve;
#[cfg(not(feature = "remote"))]
pub(crate) use absent::{name_of, open, silent};
