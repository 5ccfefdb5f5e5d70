//! `elm runs`.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::error::{Result, TrainError};
use crate::run::{self, RunRecord, RunSummary, duration, fitted, read_epochs};
use crate::say;

/// List the runs in a folder, or show one.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  elm runs
  elm runs show runs/quick-1"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Folder that holds runs
    #[arg(default_value = "runs")]
    folder: PathBuf,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show a run: its calls and epochs
    Show {
        /// Folder of the run
        run: PathBuf,
        /// Print JSON for programs
        #[arg(long)]
        json: bool,
    },
}

/// Epochs of a run that are shown.
const EPOCHS: usize = 10;
/// Columns for the name of a run, and for why it ended.
const NAME: usize = 41;

pub(super) fn run(args: Args) -> Result<()> {
    match args.command {
        Some(Command::Show { run, json }) => show(&run, json),
        None => list(&args.folder, args.json),
    }
}

fn list(folder: &Path, json: bool) -> Result<()> {
    if !folder.is_dir() {
        return Err(TrainError::file(
            folder,
            "expected a folder that holds runs, found none",
        ));
    }
    let runs = run::list(folder);
    if json {
        return print(&json!(runs));
    }
    if runs.is_empty() {
        say!("{}: no runs", folder.display());
        return Ok(());
    }
    say!(
        "{:<40} {:<9} {:>6} {:>9}  {:<34} {:>13}",
        "run",
        "state",
        "epochs",
        "steps",
        "best",
        "last written"
    );
    for run in runs {
        let name = fitted(&run.folder.display().to_string(), NAME);
        say!(
            "{name:<40} {:<9} {:>6} {:>9}  {:<34} {:>13}",
            run.state.name(),
            run.epochs,
            run.step,
            best(&run),
            format!("{} ago", duration(run.age))
        );
    }
    Ok(())
}

/// The best epoch in a few words.
fn best(run: &RunSummary) -> String {
    let Some(epoch) = &run.best else {
        return "-".into();
    };
    let metrics = epoch.metrics.iter().take(1);
    let metrics = metrics.filter_map(|(key, value)| value.map(|v| format!(" {key} {v:.4}")));
    format!(
        "loss {:.4}{}",
        epoch.valid_loss,
        metrics.collect::<String>()
    )
}

fn show(folder: &Path, json: bool) -> Result<()> {
    let record = RunRecord::load(folder)?;
    let (summary, epochs) = (run::summary(folder), read_epochs(folder)?);
    if json {
        return print(&json!({ "summary": summary, "record": record, "epochs": epochs }));
    }
    say!("{}", folder.display());
    let why = summary
        .why
        .as_ref()
        .map_or(String::new(), |why| format!(": {why}"));
    for (name, value) in [
        ("state", format!("{}{why}", summary.state.name())),
        (
            "model",
            format!(
                "{}, {} trained parameters",
                record.model, record.trained_parameters
            ),
        ),
        ("seed", record.seed.to_string()),
        ("best", best(&summary)),
        ("last written", format!("{} ago", duration(summary.age))),
    ] {
        say!("  {name:<14} {value}");
    }
    for (number, session) in (1..).zip(&record.sessions) {
        let ended = match &session.ended {
            Some(ended) => {
                let how = format!("{:?}", ended.how).to_lowercase();
                format!("{how} at step {}, {}", ended.step, ended.at)
            }
            None => "no end noted".into(),
        };
        say!(
            "  call {number:<9} {} from step {}: {ended}",
            session.began,
            session.from_step
        );
        say!("    {}", session.command.join(" "));
        let git = session
            .git
            .as_deref()
            .map_or(String::new(), |git| format!(", git {git}"));
        say!(
            "    elm {}{git}, {} with {} threads",
            session.elm,
            session.device,
            session.threads
        );
        for (key, [before, after]) in &session.changed {
            say!("    {key}: {before} -> {after}");
        }
    }
    if !epochs.is_empty() {
        say!(
            "  {:>5} {:>9} {:>12} {:>12}",
            "epoch",
            "step",
            "loss",
            "valid loss"
        );
    }
    for epoch in epochs.iter().skip(epochs.len().saturating_sub(EPOCHS)) {
        say!(
            "  {:>5} {:>9} {:>12.6} {:>12.6}",
            epoch.epoch,
            epoch.step,
            epoch.train_loss,
            epoch.valid_loss
        );
    }
    Ok(())
}

fn print(value: &serde_json::Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|e| TrainError::Run(e.to_string()))?;
    say!("{text}");
    Ok(())
}
