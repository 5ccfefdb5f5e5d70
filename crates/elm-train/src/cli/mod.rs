//! The command line: parses arguments, calls the library, prints.

mod bench;
mod compare;
mod data;
mod eval;
mod info;
mod recipes;
mod stop;
mod train;
mod weights;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::error::Result;
use crate::tell;

/// Train and examine Expressive Leaky Memory (ELM) neurons.
#[derive(Debug, Parser)]
#[command(name = "elm", version, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  elm train                          train on the shipped simulations
  elm train --recipe spikes --set train.epochs=5
  elm compare --recipe spikes-adding --models elm,chrono-lstm --minutes 3
  elm data list                      tasks and where to get their files
Devices: --device auto|cpu|gpu|flex|ndarray|wgpu|cuda";

// each command's help is the comment on its arguments
#[derive(Debug, Subcommand)]
enum Command {
    Train(train::Args),
    Compare(compare::Args),
    Eval(eval::Args),
    Info(info::Args),
    Recipes(recipes::Args),
    Data(data::Args),
    Bench(bench::Args),
}

/// Runs the command line; the exit code is 0, 1 for a failure at run time, 2 for wrong input.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let Some(command) = cli.command else {
        // A closed pipe is no error of ours.
        let _ = Cli::command().print_help();
        return ExitCode::SUCCESS;
    };
    match execute(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(command: Command) -> Result<()> {
    match command {
        Command::Train(args) => train::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Info(args) => info::run(args),
        Command::Recipes(args) => recipes::run(args),
        Command::Data(args) => data::run(args),
        Command::Bench(args) => bench::run(args),
    }
}

/// Most threads that `--threads` accepts; each costs memory, whether it has work or not.
const MAX_THREADS: usize = 1024;

/// `--threads`, for the CPU.
fn set_threads(threads: Option<usize>) -> Result<()> {
    if let Some(n) = threads {
        if !(1..=MAX_THREADS).contains(&n) {
            return Err(crate::TrainError::Usage(format!(
                "--threads must be 1 to {MAX_THREADS}, found {n}"
            )));
        }
        rayon::ThreadPoolBuilder::new()
            .num_threads(n)
            .build_global()
            .map_err(|e| crate::TrainError::Usage(format!("--threads {n}: {e}")))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_well_formed_and_help_fits_a_screen() {
        Cli::command().debug_assert();
        let help = Cli::command().render_help().to_string();
        assert!(help.lines().count() <= 24, "{help}");
        for command in [
            "train", "compare", "eval", "info", "recipes", "data", "bench",
        ] {
            assert!(help.contains(command), "{command} is missing in:\n{help}");
        }
    }
}
