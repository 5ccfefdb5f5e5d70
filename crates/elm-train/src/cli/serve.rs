//! `elm serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::devices::Devices;
use crate::error::Result;
use crate::remote::{ServeOptions, serve};
use crate::stop::Stop;
use crate::{say, tell};

/// Host devices of this machine for trainings on others.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  elm serve --device cuda:all
  elm serve --listen 10.0.0.2:3000 --token-file token    # for other machines
  ELM_TOKEN_FILE=token elm train --device remote:ws://10.0.0.2:3000/0,remote:ws://10.0.0.3:3000/0
  elm serve --listen 10.0.0.2:3000 --token-file token --key-file server.key    # encrypted
  ELM_TOKEN_FILE=token elm train --device remote:iroh://KEY@10.0.0.2:3000/0    # as the server prints it

Without --key-file nothing is encrypted, the token neither: listen on trusted networks alone, or at 127.0.0.1 behind an ssh
tunnel. With it all is (Iroh's QUIC, over UDP, from machine to machine without relays), and clients know the server by its key.
Who has the token can fill the memory and use all of the processor: Burn has no limit on sessions, their memory or
their time, and takes messages of up to 1 GiB, the first of a connection before it has seen a token.
Ctrl-C or SIGTERM ends it.")]
pub(super) struct Args {
    /// Devices to host: auto, cpu, gpu, flex, ndarray, wgpu, cuda, rocm, or several of one kind, e.g. cuda:all
    #[arg(long, default_value = "auto")]
    device: String,
    /// Address and port to listen at; port 0 takes a free one. Others than 127.0.0.1 need a token
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// File with the token that clients must present [default: the one that ELM_TOKEN_FILE names]
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Encrypt: file with this server's secret key, made where there is none. Clients name its public half, which is printed
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// CPU threads [default: all]
    #[arg(long, allow_negative_numbers = true)]
    threads: Option<usize>,
}

pub(super) fn run(args: Args) -> Result<()> {
    super::set_threads(args.threads)?;
    let devices = Devices::open(&args.device)?;
    let what = devices.describe();
    let options = ServeOptions {
        devices,
        listen: args.listen,
        token_file: args.token_file,
        key_file: args.key_file,
        stop: Stop::on_signals(false)?,
    };
    let is_plain = options.key_file.is_none() && !args.listen.ip().is_loopback();
    serve(options, |address| {
        if is_plain {
            tell!(
                "note: nothing is encrypted, the token neither; whoever reads the network can use {address}; --key-file encrypts"
            );
        }
        say!("{what} at {address}");
    })
}
