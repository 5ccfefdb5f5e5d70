//! `elm train`.

use std::path::PathBuf;

use burn::train::Interrupter;

use super::stop::on_ctrl_c;
use crate::device;
use crate::error::Result;
use crate::model::ModelKind;
use crate::recipe::Recipe;
use crate::run::{self, TrainOptions};

/// Train a model by a recipe and write a report.
///
/// Without arguments: the recipe `quick` on the shipped simulations. Ctrl-C stops with a checkpoint.
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
    /// Go on with a stopped run, by its own recipe
    #[arg(long, value_name = "DIR", conflicts_with_all = ["recipe", "model", "set", "out"])]
    resume: Option<PathBuf>,
    /// Where to compute: auto, cpu, gpu, flex, ndarray, wgpu, cuda
    #[arg(long, default_value = "auto")]
    device: String,
    /// CPU threads [default: all]
    #[arg(long, allow_negative_numbers = true)]
    threads: Option<usize>,
}

pub(super) fn run(args: Args) -> Result<()> {
    super::set_threads(args.threads)?;
    let (mut name, mut recipe) = open_recipe(&args.recipe)?;
    if let Some(model) = &args.model {
        let kind = ModelKind::from_name(model)?;
        if recipe.model.kind != kind {
            name = format!("{name}-{kind}");
        }
        recipe = recipe.with_model(kind);
    }
    for assignment in &args.set {
        recipe.set(assignment)?;
    }
    let interrupter = Interrupter::new();
    let stopped = interrupter.clone();
    on_ctrl_c("stopping after this step", move || {
        stopped.stop(Some("Ctrl-C"));
    })?;
    run::train(TrainOptions {
        name,
        recipe,
        out: args.out,
        resume: args.resume,
        device: device::open(&args.device)?,
        interrupter,
    })?;
    Ok(())
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
