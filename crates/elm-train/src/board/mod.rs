//! `elm board`: a page of the runs in a folder, for browsers on this machine.
//!
//! The server reads, and changes nothing: there are no other methods than GET and HEAD, and no file is opened that is not, with
//! all symbolic links followed, in the folder (`root`). It answers only to names that mean this machine (`gate`), so
//! that a page of somebody else's, whose name was made to point here, cannot read runs. A connection is one request, a
//! thread, and ends in a bounded time (`serve`); `httparse` reads the request (`request`). An asynchronous server would
//! bring a dozen crates for nothing: there are a few browsers, not thousands.

mod answer;
mod answers;
mod feed;
mod follow;
mod gate;
mod page;
mod request;
mod response;
mod root;
mod runs;
mod serve;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use answers::Answers;
pub use serve::serve;

use crate::stop::Stop;

/// What is served, and to whom.
#[derive(Debug)]
pub struct BoardOptions {
    /// Folder of the runs.
    pub folder: PathBuf,
    /// Address to listen at; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Names of this machine that browsers may call it by, beside `localhost` and addresses.
    pub names: Vec<String>,
    /// Ends the server when asked.
    pub stop: Stop,
}
