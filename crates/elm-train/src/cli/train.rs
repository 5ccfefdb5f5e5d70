//! `elm train`.

use std::path::PathBuf;
use std::time::Duration;

use crate::devices::{Devices, Summing};
use crate::error::{Result, TrainError};
use crate::model::ModelKind;
use crate::recipe::Recipe;
use crate::run::{self, Ended, TrainOptions, Tuning};
use crate::stop::{Stop, StopReason};

/// Train a model by a recipe and write a report.
///
/// Without arguments: the recipe `quick` on the shipped simulations. Ctrl-C, SIGTERM and SIGUSR1 stop it with a checkpoint. Exit codes: 0 trained and tested, 1 failed, 2 wrong input, 130
/// after Ctrl-C, 143 after SIGTERM, 75 after SIGUSR1 or --stop-after: call again with --resume.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Recipe: a name from `elm recipes`, or a TOML file
    #[arg(long, default_value = "quick")]
    recipe: String,
    /// Model in place of the recipe's: elm, network, chrono-lstm, transformer, tcn, lif
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
    /// Change a recipe key, e.g. --set train.epochs=5 (may be repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder of the run [default: the next free runs/<recipe>-<n>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with a run, by its own recipe; --set changes what may change
    #[arg(long, value_name = "DIR", conflicts_with_all = ["recipe", "model", "out"])]
    resume: Option<PathBuf>,
    /// Begin with the weights of a model (a file, or a name of `elm models`), and its sizes in place of the recipe's:
    /// fine-tuning
    #[arg(long, value_name = "MODEL", conflicts_with = "resume")]
    init_from: Option<PathBuf>,
    /// Leave parameters as they are, e.g. --freeze mlp or '*.weight' (may be repeated; a wrong one lists all)
    #[arg(long, value_name = "PATTERN", conflicts_with = "resume")]
    freeze: Vec<String>,
    /// Stop after so many minutes with a checkpoint and exit code 75
    #[arg(long, value_name = "MINUTES", allow_negative_numbers = true)]
    stop_after: Option<f64>,
    /// Write event files for TensorBoard into the run's folder
    #[arg(long)]
    tensorboard: bool,
    /// Where to compute: auto, cpu, gpu, flex, ndarray, wgpu, cuda, rocm; several share each batch, e.g. cuda:0,cuda:1 or
    /// cuda:all
    #[arg(long, default_value = "auto")]
    device: String,
    /// How the gradients of several devices are summed
    #[arg(long, value_enum, default_value_t)]
    sum: Summing,
    /// CPU threads [default: all]
    #[arg(long, allow_negative_numbers = true)]
    threads: Option<usize>,
}

pub(super) fn run(args: Args) -> Result<Option<StopReason>> {
    super::set_threads(args.threads)?;
    let (mut name, mut recipe) = open_recipe(&args.recipe)?;
    let kind = args
        .model
        .as_deref()
        .map(ModelKind::from_name)
        .transpose()?;
    if let Some(kind) = kind {
        if recipe.model.kind != kind {
            name = format!("{name}-{kind}");
        }
        recipe = recipe.with_model(kind);
    }
    let tuning = Tuning {
        init_from: args.init_from,
        freeze: args.freeze,
    };
    recipe = tuning.fit(recipe, kind)?;
    // those of a run that is gone on with are checked against its own recipe
    if args.resume.is_none() {
        for assignment in &args.set {
            recipe.set(assignment)?;
        }
    }
    let ended = run::train(TrainOptions {
        name,
        recipe,
        out: args.out,
        resume: args.resume,
        set: args.set,
        tuning,
        tensorboard: args.tensorboard,
        pause_after: None,
        devices: Devices::open(&args.device)?.summing(args.sum)?,
        stop: limited(Stop::on_signals(true)?, args.stop_after)?,
    })?;
    Ok(match ended {
        Ended::Finished => None,
        Ended::Stopped(reason) => Some(reason),
    })
}

/// `stop` with the limit of `--stop-after`.
pub(super) fn limited(stop: Stop, minutes: Option<f64>) -> Result<Stop> {
    let Some(minutes) = minutes else {
        return Ok(stop);
    };
    match Duration::try_from_secs_f64(60.0 * minutes) {
        Ok(limit) if minutes > 0.0 => Ok(stop.within(limit)),
        _ => Err(TrainError::Usage(format!(
            "--stop-after must be a number of minutes above 0, found {minutes}"
        ))),
    }
}

/// A file if it looks like one, else a built-in recipe; and a name for the run.
pub(super) fn open_recipe(recipe: &str) -> Result<(String, Recipe)> {
    let path = PathBuf::from(recipe);
    if path.extension().is_some_and(|e| e == "toml") || path.components().count() > 1 {
        let name = path
            .file_stem()
            .map_or("run".into(), |s| s.to_string_lossy().into_owned());
        return Ok((name, Recipe::load(path)?));
    }
    Ok((recipe.to_string(), Recipe::builtin(recipe)?))
}
