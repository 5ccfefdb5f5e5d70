//! `elm models`.

use std::path::PathBuf;

use serde_json::json;

use crate::error::{Result, TrainError};
use crate::model::card::TrainingCard;
use crate::say;
use crate::shipped::{AddRequest, FOLDER, Shipped, add, list};

/// List the trained models that ship, or add one.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  elm models
  elm eval --model neuronio-m20
  elm models add runs/shd-1 --name spoken-digits --licence 'CC BY-SA 4.0'"
)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Add the best model of a finished run, with a card of how it was trained and tested
    Add {
        /// Folder of the run
        run: PathBuf,
        /// Name of the model: letters, digits and hyphens
        #[arg(long, value_name = "NAME")]
        name: String,
        /// What it was trained on, where that is not the task's published data
        #[arg(long, value_name = "TEXT")]
        data: Option<String>,
        /// Licence of the data
        #[arg(long, value_name = "TEXT")]
        licence: Option<String>,
        /// Revision of the program, where the run was not called in its work tree
        #[arg(long, value_name = "REVISION")]
        commit: Option<String>,
        /// Folder that gets the file
        #[arg(long, value_name = "DIR", default_value = FOLDER)]
        into: PathBuf,
    },
}

pub(super) fn run(args: Args) -> Result<()> {
    match args.command {
        None => show(args.json),
        Some(Command::Add {
            run,
            name,
            data,
            licence,
            commit,
            into,
        }) => {
            let path = add(&AddRequest {
                run: &run,
                name: &name,
                data,
                licence,
                commit,
                into: &into,
            })?;
            say!("{}", path.display());
            Ok(())
        }
    }
}

fn show(as_json: bool) -> Result<()> {
    let models = list()?;
    if as_json {
        let models: Vec<_> = models
            .iter()
            .map(|m| json!({"name": m.name, "path": m.path, "card": m.card}))
            .collect();
        let text =
            serde_json::to_string_pretty(&models).map_err(|e| TrainError::Run(e.to_string()))?;
        say!("{text}");
        return Ok(());
    }
    for model in &models {
        about(model);
    }
    Ok(())
}

/// A model in a few lines.
fn about(model: &Shipped) {
    let task = model.card.task.as_ref().map_or("", |task| &task.name);
    say!("{}: {task}, {}", model.name, model.card.config.title());
    if let Some(training) = &model.card.training {
        for (name, value) in facts(training) {
            say!("  {name:<11} {value}");
        }
    }
    let path = match &model.path {
        Some(path) => path.display().to_string(),
        None => "in the program".into(),
    };
    say!("  {:<11} {path}", "file");
}

fn facts(training: &TrainingCard) -> Vec<(&'static str, String)> {
    let metrics = training.test.metrics.iter();
    let metrics: Vec<String> = metrics
        .map(|(name, value)| format!("{name} {value:.4}"))
        .collect();
    let commit = training.commit.as_deref().unwrap_or("not told");
    vec![
        ("test", metrics.join(", ")),
        ("of", format!("{} samples", training.test.samples)),
        ("parameters", training.parameters.to_string()),
        ("data", training.data.clone()),
        ("licence", training.licence.clone()),
        (
            "trained",
            format!(
                "{:.2} hours on {}, seed {}, elm {}, commit {commit}",
                training.hours, training.device, training.seed, training.elm
            ),
        ),
        ("by", training.command.clone()),
    ]
}
