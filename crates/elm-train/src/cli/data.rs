//! `elm data`.

use std::path::PathBuf;
use std::sync::Mutex;

use clap::Subcommand;
use elm_data::neuronio::{Simulation, Split, convert, open_simulations, shipped};

use crate::error::Result;
use crate::run::StatusLine;
use crate::say;

/// Convert or describe NeuronIO simulations.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Convert published pickles (.p, .p.gz) to the compact format; goes on where it was stopped
    Convert {
        /// Pickles, or folders of them
        #[arg(required = true)]
        pickles: Vec<PathBuf>,
        /// Folder for the converted files
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// CPU threads [default: all]
        #[arg(long, allow_negative_numbers = true)]
        threads: Option<usize>,
    },
    /// Describe simulations
    Info {
        /// Files or folders [default: the shipped simulations]
        paths: Vec<PathBuf>,
    },
}

pub(super) fn run(args: Args) -> Result<()> {
    match args.command {
        Command::Convert {
            pickles,
            out,
            threads,
        } => {
            super::set_threads(threads)?;
            let line = Mutex::new(StatusLine::new());
            let summary = convert(&pickles, &out, &|progress| {
                if let Ok(mut line) = line.lock() {
                    line.show(&format!(
                        "converted {}/{}, last {}",
                        progress.done,
                        progress.total,
                        progress.source.display()
                    ));
                }
            })?;
            if let Ok(mut line) = line.lock() {
                line.clear();
            }
            say!(
                "{}: {} files converted, {} there already, {} simulations, {:.1} MB",
                out.display(),
                summary.written,
                summary.skipped,
                summary.simulations,
                summary.bytes as f64 / 1e6
            );
            Ok(())
        }
        Command::Info { paths } if paths.is_empty() => {
            for split in [Split::Train, Split::Valid, Split::Test] {
                say!("shipped, {split:?}");
                describe(&shipped(split)?);
            }
            Ok(())
        }
        Command::Info { paths } => {
            describe(&open_simulations(&paths)?);
            Ok(())
        }
    }
}

fn describe(simulations: &[Simulation]) {
    say!(
        "{:>5} {:>9} {:>13} {:>14} {:>11}  source",
        "index",
        "ms",
        "input spikes",
        "output spikes",
        "soma mV"
    );
    for s in simulations {
        let mean = s.soma_mv.iter().sum::<f32>() / s.soma_mv.len().max(1) as f32;
        say!(
            "{:>5} {:>9} {:>13} {:>14} {:>11.2}  {}",
            s.index,
            s.duration_ms,
            s.events.len(),
            s.output_spikes_ms.len(),
            mean,
            s.source
        );
    }
}
