//! `elm data`.

mod convert;
mod generate;
mod info;
mod list;
mod neuronio;

use std::sync::Mutex;

use clap::{Subcommand, ValueEnum};
use elm_data::lra::pathfinder::Difficulty;

use crate::error::Result;
use crate::run::StatusLine;

/// List, check, convert or generate the data of tasks.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the tasks: what is learnt, and where to get their files
    List(list::Args),
    /// Check a task's files and describe them, or describe NeuronIO simulations
    Info(info::Args),
    /// Convert NeuronIO pickles or Pathfinder images to a compact format
    Convert(convert::Args),
    /// Make the files of a task that needs no download
    #[command(subcommand)]
    Generate(generate::Command),
}

pub(super) fn run(args: Args) -> Result<()> {
    match args.command {
        Command::List(args) => list::run(args),
        Command::Info(args) => info::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Generate(command) => generate::run(command),
    }
}

/// `--difficulty` of Pathfinder and Path-X.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum DifficultyArg {
    /// Contours of 3 dashes, to begin a training with
    Length3,
    /// Contours of 6 dashes
    Baseline,
    /// Contours of 9 dashes
    Length9,
    /// Contours of 14 dashes, as in the Long Range Arena
    #[default]
    Length14,
}

impl From<DifficultyArg> for Difficulty {
    fn from(arg: DifficultyArg) -> Self {
        match arg {
            DifficultyArg::Length3 => Self::Length3,
            DifficultyArg::Baseline => Self::Baseline,
            DifficultyArg::Length9 => Self::Length9,
            DifficultyArg::Length14 => Self::Length14,
        }
    }
}

/// A status line that several threads write to.
#[derive(Default)]
struct SharedLine(Mutex<StatusLine>);

impl SharedLine {
    fn show(&self, text: &str) {
        if let Ok(mut line) = self.0.lock() {
            line.show(text);
        }
    }

    fn clear(&self) {
        if let Ok(mut line) = self.0.lock() {
            line.clear();
        }
    }
}
