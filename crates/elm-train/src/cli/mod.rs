//! The command line: parses arguments, calls the library, prints.

mod bench;
mod board;
mod compare;
mod completions;
mod data;
mod eval;
mod generate;
mod info;
mod models;
mod predict;
mod recipes;
mod runs;
mod serve;
mod sources;
mod sweep;
mod train;
mod weights;
mod workers;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::caught::caught;
use crate::error::Result;
use crate::stop::StopReason;
use crate::{logging, output, recipe, tell};

/// Train and examine Expressive Leaky Memory (ELM) neurons.
#[derive(Debug, Parser)]
#[command(
    name = "elm",
    version,
    max_term_width = 100,
    disable_help_subcommand = true
)]
struct Cli {
    /// More in a run's log file
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    command: Option<Command>,
}

// each command's help is the comment on its arguments
#[derive(Debug, Subcommand)]
enum Command {
    Train(train::Args),
    Compare(compare::Args),
    Sweep(sweep::Args),
    Runs(runs::Args),
    Board(board::Args),
    #[command(hide = !cfg!(feature = "remote"))]
    Serve(serve::Args),
    Predict(predict::Args),
    Eval(eval::Args),
    Generate(generate::Args),
    Info(info::Args),
    Models(models::Args),
    Weights(weights::Args),
    #[command(visible_alias = "recipe")]
    Recipes(recipes::Args),
    Data(data::Args),
    Bench(bench::Args),
    #[command(hide = true)]
    Completions(completions::Args),
}

/// Runs the command line; the exit code is 0, 1 for a failure at run time, 2 for wrong input, or that of why it was stopped.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(shown) => {
            // help and the version, too
            output::note(shown.print());
            if let Some(key) = meant_key(&shown) {
                tell!("  tip: that is a key of recipes: --set {key}=VALUE");
            }
            return ended(Ok(None), u8::try_from(shown.exit_code()).unwrap_or(2));
        }
    };
    logging::begin(cli.verbose);
    let result = match cli.command {
        // a server that goes away is met as a panic, whatever was to be done on its device
        Some(command) if cfg!(feature = "remote") => caught(|| execute(command)),
        Some(command) => execute(command),
        None => {
            output::note(Cli::command().print_help());
            Ok(None)
        }
    };
    ended(result, 0)
}

/// The key of recipes that an option which there is none of was meant for, such as `--lr` or `--epochs`.
fn meant_key(error: &clap::Error) -> Option<&'static str> {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(option) => {
            let name = option.trim_start_matches('-').split('=').next()?;
            Some(recipe::meant_key(name)?.name.as_str())
        }
        _ => None,
    }
}

/// The exit code of a result, or `otherwise`; tells what went wrong.
fn ended(result: Result<Option<StopReason>>, otherwise: u8) -> ExitCode {
    // a result that nobody could be told is no success
    let code = match result.and_then(|stopped| output::check().map(|()| stopped)) {
        Ok(None) => otherwise,
        Ok(Some(reason)) => reason.exit_code(),
        Err(error) => {
            tell!("error: {error}");
            error.exit_code()
        }
    };
    ExitCode::from(code)
}

fn execute(command: Command) -> Result<Option<StopReason>> {
    elm_model::dispatch::check_environment()?;
    match command {
        Command::Train(args) => return train::run(args),
        Command::Compare(args) => return compare::run(args),
        Command::Sweep(args) => return sweep::run(args),
        Command::Runs(args) => runs::run(args),
        Command::Board(args) => board::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Predict(args) => predict::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Generate(args) => generate::run(args),
        Command::Info(args) => info::run(args),
        Command::Models(args) => models::run(args),
        Command::Weights(args) => weights::run(args),
        Command::Recipes(args) => recipes::run(args),
        Command::Data(args) => data::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Completions(args) => completions::run(&mut Cli::command(), args),
    }?;
    Ok(None)
}

/// Most threads that `--threads` accepts; each costs memory, whether it has work or not.
const MAX_THREADS: usize = 1024;

/// Refuses a number of threads that no pool can have.
fn check_threads(threads: Option<usize>) -> Result<()> {
    match threads {
        Some(n) if !(1..=MAX_THREADS).contains(&n) => Err(crate::TrainError::Usage(format!(
            "--threads must be 1 to {MAX_THREADS}, found {n}"
        ))),
        _ => Ok(()),
    }
}

/// `--threads`, for the CPU.
fn set_threads(threads: Option<usize>) -> Result<()> {
    check_threads(threads)?;
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
        let mut cli = Cli::command();
        let help = cli.render_help().to_string();
        // and one more where there are servers
        let most = 24 + usize::from(cfg!(feature = "remote"));
        assert!(help.lines().count() <= most, "{help}");
        for command in cli.get_subcommands_mut() {
            let is_listed = help.contains(command.get_name());
            assert!(is_listed || command.is_hide_set(), "{}", command.get_name());
            // one screen of a command with many options; -h is the short one
            let short = command.render_help().to_string();
            assert!(short.lines().count() <= 44, "{short}");
        }
    }
}
