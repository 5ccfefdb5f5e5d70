//! `elm board`.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::board::{BoardOptions, serve};
use crate::error::Result;
use crate::stop::Stop;
use crate::{say, tell};

/// Show the runs in a folder in a browser, with curves that grow while they train.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  elm board
  elm board runs/widths
  ssh -L 7007:localhost:7007 SERVER elm board    # runs of another machine

Reads, and changes nothing. Ctrl-C ends it.")]
pub(super) struct Args {
    /// Folder that holds runs, sweeps and comparisons
    #[arg(default_value = "runs")]
    folder: PathBuf,
    /// Address and port to listen at; port 0 takes a free one. Others than 127.0.0.1 let other machines read
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7007")]
    listen: SocketAddr,
    /// A name of this machine that browsers may ask for, beside localhost and addresses; may be given several times
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
}

pub(super) fn run(args: Args) -> Result<()> {
    let options = BoardOptions {
        folder: args.folder,
        listen: args.listen,
        names: args.name,
        stop: Stop::on_signals(false)?,
    };
    if !options.listen.ip().is_loopback() {
        tell!(
            "note: whoever reaches {} can read what is in {}",
            options.listen,
            options.folder.display()
        );
    }
    let folder = options.folder.clone();
    serve(options, |address| {
        say!("{} at http://{address}/", folder.display());
    })
}
