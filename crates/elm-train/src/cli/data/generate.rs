//! `elm data generate`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use elm_data::lra::listops::generate::{ListOpsGrammar, ListOpsOptions, generate_listops};
use elm_data::lra::pathfinder::generate::{
    PathfinderOptions, PathfinderRules, PathfinderSize, generate_pathfinder,
};
use elm_data::shd::{SyntheticShdOptions, generate_shd};

use super::{DifficultyArg, SharedLine};
use crate::error::Result;
use crate::say;
use crate::stop::Stop;

/// What is made. The same seed gives the same files, whatever the number of threads.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// ListOps by the published grammar: basic_train.tsv, basic_val.tsv, basic_test.tsv
    Listops {
        #[command(flatten)]
        common: Common,
        /// Expressions to train on
        #[arg(long, value_name = "N", default_value_t = 96_000)]
        train: usize,
        /// Expressions to validate
        #[arg(long, value_name = "N", default_value_t = 2000)]
        valid: usize,
        /// Expressions to test
        #[arg(long, value_name = "N", default_value_t = 2000)]
        test: usize,
        /// Expressions have more symbols than this
        #[arg(long, value_name = "N", default_value_t = 500)]
        min_length: usize,
        /// Expressions have fewer symbols than this
        #[arg(long, value_name = "N", default_value_t = 2000)]
        max_length: usize,
    },
    /// Pathfinder or Path-X images of the published family; goes on where it was stopped
    Pathfinder {
        #[command(flatten)]
        common: Common,
        /// Images in all; 80 % of them are to train on
        #[arg(long, value_name = "N", default_value_t = 200_000)]
        count: usize,
        /// Width and height: 32 (Pathfinder), 64 or 128 (Path-X)
        #[arg(long, value_name = "PIXELS", default_value_t = 32)]
        size: usize,
        /// How long the contours are
        #[arg(long, value_enum, default_value_t)]
        difficulty: DifficultyArg,
        /// How they are drawn
        #[arg(long, value_enum, default_value_t)]
        rules: RulesArg,
    },
    /// Synthetic spike patterns in the format of the Heidelberg digits, and no speech
    Shd {
        #[command(flatten)]
        common: Common,
        /// Samples in the training file, of which a seed takes a fifth to validate, as SHD has no file for that
        #[arg(long, value_name = "N", default_value_t = 8156)]
        train: usize,
        /// Further samples in the training file
        #[arg(long, value_name = "N", default_value_t = 0)]
        valid: usize,
        /// Samples to test
        #[arg(long, value_name = "N", default_value_t = 2264)]
        test: usize,
    },
}

/// `--rules` of Pathfinder and Path-X.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(super) enum RulesArg {
    /// By the published process, as benchmarks have them: contours may touch, and the markers' places hint at the answer
    #[default]
    Published,
    /// Contours keep apart, so that the answer always follows from tracing, and from nothing else
    Traceable,
}

impl From<RulesArg> for PathfinderRules {
    fn from(rules: RulesArg) -> Self {
        match rules {
            RulesArg::Published => Self::Published,
            RulesArg::Traceable => Self::Traceable,
        }
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Common {
    /// Folder for the files; made if missing
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Seed of everything random
    #[arg(long, value_name = "N")]
    seed: u64,
    /// CPU threads [default: all]
    #[arg(long, allow_negative_numbers = true)]
    threads: Option<usize>,
}

pub(super) fn run(command: Command) -> Result<()> {
    let (Command::Listops { common, .. }
    | Command::Pathfinder { common, .. }
    | Command::Shd { common, .. }) = &command;
    crate::cli::set_threads(common.threads)?;
    let (line, stop) = (SharedLine::default(), Stop::on_signals(false)?);
    let show = |done: usize, total: usize| {
        line.show(&format!("made {done}/{total}"));
        stop.flow()
    };
    let made = make(command, &show);
    line.clear();
    for text in stop.named(made)? {
        say!("{text}");
    }
    Ok(())
}

/// Makes the files; what is to be said of them, and what to do with them.
fn make(
    command: Command,
    show: &(dyn Fn(usize, usize) -> std::ops::ControlFlow<()> + Sync),
) -> Result<[String; 2]> {
    match command {
        Command::Listops {
            common,
            train,
            valid,
            test,
            min_length,
            max_length,
        } => {
            let grammar = ListOpsGrammar {
                min_length,
                max_length,
                ..ListOpsGrammar::default()
            };
            let options = ListOpsOptions {
                train,
                valid,
                test,
                grammar,
                ..ListOpsOptions::new(&common.out, common.seed)
            };
            let summary = generate_listops(&options, &|p| show(p.done, p.total))?;
            let out = common.out.display();
            Ok([
                format!(
                    "{out}: {train} + {valid} + {test} expressions, {:.1} MB",
                    summary.bytes as f64 / 1e6
                ),
                format!("train with: elm train --recipe listops --set data.dir='{out}'"),
            ])
        }
        Command::Pathfinder {
            common,
            count,
            size,
            difficulty,
            rules,
        } => {
            let size = PathfinderSize::try_from(size)?;
            let options = PathfinderOptions {
                count,
                difficulty: difficulty.into(),
                rules: rules.into(),
                ..PathfinderOptions::new(&common.out, common.seed, size)
            };
            let summary = generate_pathfinder(&options, &|p| show(p.done, p.total))?;
            let root = summary.root.display();
            let next = match size {
                PathfinderSize::Px32 => {
                    format!("train with: elm train --recipe pathfinder --set data.dir='{root}'")
                }
                PathfinderSize::Px64 => "no task of the papers has this size".into(),
                PathfinderSize::Px128 => {
                    format!("train with: elm train --recipe pathx --set data.dir='{root}'")
                }
            };
            Ok([
                format!(
                    "{root}: {} images made, {} there already",
                    summary.written, summary.kept
                ),
                next,
            ])
        }
        Command::Shd {
            common,
            train,
            valid,
            test,
        } => {
            let options = SyntheticShdOptions {
                train: train.saturating_add(valid),
                test,
                ..SyntheticShdOptions::new(&common.out, common.seed)
            };
            let summary = generate_shd(&options, &|p| show(p.done, p.total))?;
            let out = common.out.display();
            Ok([
                format!(
                    "{out}: {} + {test} samples, {} spikes, {:.1} MB; drawn by a program, no speech",
                    options.train,
                    summary.spikes,
                    summary.bytes as f64 / 1e6
                ),
                format!("train with: elm train --recipe spikes --set data.dir='{out}'"),
            ])
        }
    }
}
