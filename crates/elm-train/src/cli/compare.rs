//! `elm compare`.

use std::path::PathBuf;

use elm_data::Task;

use super::train::open_recipe;
use super::workers::{Call, Workers, report, status};
use crate::compare::{self, Budget, Plan};
use crate::devices::Devices;
use crate::error::{Result, TrainError};
use crate::recipe::Recipe;
use crate::stop::StopReason;
use crate::sweep::{Share, SweepFolder};

/// Train several models on one task under equal budgets and write one report.
///
/// The models see the same batches in the same order, with as many learning rates and seeds each; the rate with the least
/// validation loss counts. The folder is that of a sweep, so that `elm sweep DIR` works on it, too. Ctrl-C keeps what is
/// finished and writes the report of it; --resume goes on. Exit codes as those of `elm sweep`.
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
    /// Gradient steps of each run
    #[arg(long, value_name = "N", conflicts_with = "minutes")]
    steps: Option<u64>,
    /// Minutes of each run, training and validation; the learning rate ends with them
    #[arg(long, value_name = "M", allow_negative_numbers = true)]
    minutes: Option<f64>,
    /// Choose the models' sizes so that each has about so many trained parameters [default: each as its recipe has it]
    #[arg(long, value_name = "N")]
    params: Option<usize>,
    /// Seeds that every model is trained with, e.g. 0,1,2 [default: the recipe's]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    seeds: Vec<u64>,
    /// Learning rates that every model is tried with, e.g. 1e-3,3e-3,1e-2 [default: each as its recipe has it]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    rates: Vec<f64>,
    /// Change a recipe key of every model that has it, e.g. --set lif.num_neurons=64 (may be repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder of the comparison [default: the next free runs/compare-<recipe>-<n>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with a stopped comparison, as it was planned
    #[arg(long, value_name = "DIR",
          conflicts_with_all = ["task", "recipe", "models", "steps", "minutes", "params", "seeds", "rates", "set", "out"])]
    resume: Option<PathBuf>,
    #[command(flatten)]
    workers: Workers,
}

const EXAMPLES: &str = "\
Examples:
  elm compare --recipe spikes-adding --steps 2000 --rates 1e-3,3e-3,1e-2 --seeds 0,1,2 --jobs 2
  elm compare --recipe spikes-adding --models elm,network,lif --minutes 3 --params 50000
  elm compare --task listops --set data.dir=lra/listops --models elm,chrono-lstm,tcn --minutes 5";

pub(super) fn run(args: Args) -> Result<Option<StopReason>> {
    let workers = &args.workers;
    workers.check()?;
    let stop = workers.stop()?;
    let (folder, sweep) = match &args.resume {
        Some(folder) => {
            compare::plan_of(folder)?;
            SweepFolder::existing(folder)?
        }
        None if workers.status => {
            return Err(TrainError::Usage(
                "--status: say of which comparison, with --resume DIR".into(),
            ));
        }
        None => {
            let (plan, recipe) = plan(&args)?;
            // steps are measured with the threads that they will be taken with
            super::set_threads(match workers.jobs {
                1 => workers.threads,
                jobs => Some(workers.threads_each(jobs)),
            })?;
            let devices = Devices::open(&workers.devices()[0])?;
            compare::begin(&plan, &recipe, args.out.as_deref(), &devices, &stop)?
        }
    };
    if workers.status {
        status(&sweep, &folder)?;
        return report(&sweep, &folder).map(|()| None);
    }
    if args.resume.is_some() && workers.jobs == 1 {
        super::set_threads(workers.threads)?;
    }
    let call = Call {
        sweep: &sweep,
        folder: &folder,
        members: sweep.members.iter().collect(),
        share: Share::ALL,
        is_worker: false,
    };
    let stopped = workers.train(&call, &stop)?;
    workers.conclude(&call, stopped, false)
}

/// What the arguments say is to be compared, and the recipe that it starts from.
fn plan(args: &Args) -> Result<(Plan, Recipe)> {
    let (name, recipe) = match (&args.task, &args.recipe) {
        (Some(task), _) => {
            let name = recipe_of(task)?;
            (name.to_string(), Recipe::builtin(name)?)
        }
        (None, Some(recipe)) => open_recipe(recipe)?,
        (None, None) => {
            return Err(TrainError::Usage(
                "give --task or --recipe, such as --recipe spikes-adding, to say what the models are trained on"
                    .into(),
            ));
        }
    };
    let budget = match (args.steps, args.minutes) {
        (Some(steps), _) => Budget::Steps(steps),
        (None, Some(minutes)) => Budget::Minutes(minutes),
        (None, None) => {
            return Err(TrainError::Usage(
                "give each model's budget: --steps N or --minutes M".into(),
            ));
        }
    };
    let plan = Plan {
        recipe: name,
        models: Plan::models(&args.models)?,
        budget,
        params: args.params,
        seeds: args.seeds.clone(),
        rates: args.rates.clone(),
        set: args.set.clone(),
    };
    Ok((plan, recipe))
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
