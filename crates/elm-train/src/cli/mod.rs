//! The command line: parses arguments, calls the library, prints.

mod bench;
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

/// Train and examine Expressive Leaky Memory (ELM) neurons.
#[derive(Debug, Parser)]
#[command(name = "elm", version, max_term_width = 100, disable_help_subcommand = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  elm train                          train on the shipped simulations
  elm train --recipe my.toml --set train.epochs=5
  elm eval --weights model.safetensors
  elm train --recipe spikes          spike patterns, made on first use
  elm data list                      tasks and where to get their files

Devices: --device auto|cpu|gpu|flex|ndarray|wgpu|cuda";

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a neuron by a recipe and write a report
    Train(train::Args),
    /// Evaluate weights on simulations by the published protocol
    Eval(eval::Args),
    /// Show sizes, parameter count and timescales of a weight file
    Info(info::Args),
    /// List the built-in recipes, or print one
    Recipes(recipes::Args),
    /// List, check, convert or generate the data of tasks
    Data(data::Args),
    /// Time forward pass and training step on this machine
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
            eprintln!("error: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}

fn execute(command: Command) -> Result<()> {
    match command {
        Command::Train(args) => train::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Info(args) => info::run(args),
        Command::Recipes(args) => recipes::run(args),
        Command::Data(args) => data::run(args),
        Command::Bench(args) => bench::run(args),
    }
}

/// `--threads`, for the CPU.
fn set_threads(threads: Option<usize>) -> Result<()> {
    if let Some(n) = threads {
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
        for command in ["train", "eval", "info", "recipes", "data", "bench"] {
            assert!(help.contains(command), "{command} is missing in:\n{help}");
        }
    }
}
