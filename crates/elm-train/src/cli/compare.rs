//! `elm compare`.

use std::path::PathBuf;

use elm_data::Task;

use super::train::{limited, open_recipe};
use crate::compare::{Budget, CompareOptions, Plan, compare};
use crate::devices::Devices;
use crate::error::{Result, TrainError};
use crate::recipe::Recipe;
use crate::stop::{Stop, StopReason};

/// Train several models on one task under equal budgets and write one report.
///
/// The models see the same batches in the same order. Each has a run folder within that of the comparison. Ctrl-C keeps
/// what is finished and writes the report of it; --resume goes on. Exit codes as those of `elm train`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Task by its name in `elm data list`, trained by its built-in recipe
    #[arg(long, conflicts_with = "recipe")]
    task: Option<String>,
    /// Recipe that names task, data and batches: a name from `elm recipes`, or a TOML file
    #[arg(long)]
    recipe: Option<String>,
    /// Models, separated by commas: elm, network, chrono-lstm, transformer, tcn, lif
    #[arg(
        long,
        value_name = "NAMES",
        default_value = "elm,chrono-lstm,transformer"
    )]
    models: String,
    /// Gradient steps of each model
    #[arg(long, value_name = "N", conflicts_with = "minutes")]
    steps: Option<u64>,
    /// Minutes of each model, training and validation; the learning rate ends with them
    #[arg(long, value_name = "M", allow_negative_numbers = true)]
    minutes: Option<f64>,
    /// Choose the models' sizes so that each has about so many trained parameters [default: each as its recipe has it]
    #[arg(long, value_name = "N")]
    params: Option<usize>,
    /// Change a recipe key of every model that has it, e.g. --set lif.num_neurons=64 (may be repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder of the comparison [default: the next free runs/compare-<recipe>-<n>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with a stopped comparison, as it was planned
    #[arg(long, value_name = "DIR",
          conflicts_with_all = ["task", "recipe", "models", "steps", "minutes", "params", "set", "out"])]
    resume: Option<PathBuf>,
    /// Stop after so many minutes, whatever is finished, with exit code 75
    #[arg(long, value_name = "MINUTES", allow_negative_numbers = true)]
    stop_after: Option<f64>,
    /// Where to compute: auto, cpu, gpu, flex, ndarray, wgpu, cuda, rocm
    #[arg(long, default_value = "auto")]
    device: String,
    /// CPU threads [default: all]
    #[arg(long, allow_negative_numbers = true)]
    threads: Option<usize>,
}

const EXAMPLES: &str = "\
Examples:
  elm compare --recipe spikes-adding --steps 2000
  elm compare --recipe spikes-adding --models elm,network,lif --minutes 3 --params 50000
  elm compare --task listops --set data.dir=lra/listops --models elm,chrono-lstm,tcn --minutes 5";

pub(super) fn run(args: Args) -> Result<Option<StopReason>> {
    super::set_threads(args.threads)?;
    let (recipe, base) = match (&args.resume, &args.task, &args.recipe) {
        // its own are read from its folder
        (Some(_), ..) => (String::new(), Recipe::default()),
        (None, Some(task), _) => {
            let name = recipe_of(task)?;
            (name.to_string(), Recipe::builtin(name)?)
        }
        (None, None, Some(recipe)) => open_recipe(recipe)?,
        (None, None, None) => {
            return Err(TrainError::Usage(
                "give --task or --recipe, such as --recipe spikes-adding, to say what the models are trained on"
                    .into(),
            ));
        }
    };
    let budget = match (&args.resume, args.steps, args.minutes) {
        (Some(_), ..) => Budget::Steps(1),
        (None, Some(steps), _) => Budget::Steps(steps),
        (None, None, Some(minutes)) => Budget::Minutes(minutes),
        (None, None, None) => {
            return Err(TrainError::Usage(
                "give each model's budget: --steps N or --minutes M".into(),
            ));
        }
    };
    let stop = limited(Stop::on_signals(true)?, args.stop_after)?;
    compare(CompareOptions {
        plan: Plan {
            recipe,
            models: Plan::models(&args.models)?,
            budget,
            params: args.params,
            set: args.set,
        },
        base,
        out: args.out,
        resume: args.resume,
        devices: Devices::open(&args.device)?,
        stop,
    })
}

/// The built-in recipe of a task.
fn recipe_of(task: &str) -> Result<&'static str> {
    let recipes = Task::from_name(task)?.info().recipes;
    Ok(recipes.first().map_or("quick", |recipe| recipe.name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_task_has_its_recipe() {
        for &task in Task::ALL {
            let recipe = Recipe::builtin(recipe_of(task.name()).unwrap()).unwrap();
            assert_eq!(recipe.task, task);
        }
        assert!(recipe_of("x").is_err());
    }
}
