//! Several models on one task under equal budgets: the same data, the same batches, the same seeds, as many tries each.
//!
//! A comparison is a sweep over models, learning rates and seeds: its folder is that of a sweep, its runs are the members,
//! and the workers of sweeps train them. What it has of its own is how the members are chosen, and its report.

mod budget;
mod outcome;
mod page;
mod plan;

use std::path::{Path, PathBuf};

pub use budget::Budget;
pub use outcome::{Comparison, Missing, ModelResult, RunResult, TestMetric, Try};
pub use plan::Plan;

use crate::devices::Devices;
use crate::durable;
use crate::error::{Result, TrainError};
use crate::recipe::Recipe;
use crate::run::{self, measure, next_free};
use crate::say;
use crate::stop::Stop;
use crate::sweep::{Sweep, SweepFolder};

/// The folder of a comparison that is begun: `out`, or the next free `runs/compare-<recipe>-<n>`. One that holds this very
/// plan is gone on with.
///
/// Where the budget is one of time, some steps of each model are taken on `devices`, to see how long they are.
///
/// # Errors
/// Wrong input, before anything is written; afterwards if the folder cannot be made.
pub fn begin(
    plan: &Plan,
    recipe: &Recipe,
    out: Option<&Path>,
    devices: &Devices,
    stop: &Stop,
) -> Result<(SweepFolder, Sweep)> {
    if let Some(out) = out
        && Plan::of(out)?.as_ref() == Some(plan)
    {
        return SweepFolder::existing(out);
    }
    let mut base = plan.base(recipe)?;
    // a model's size follows from the data, which a user's own files have to be opened for
    if base.task.is_open() {
        base.validate()?;
        base.form = Some(run::data_form(&base, stop)?);
    }
    let sweep = plan.sweep(&base, |recipe| {
        let times = measure(recipe, devices, stop)?;
        say!(
            "{}: a step takes {:.1} ms and a validation {:.2} s here",
            recipe.model.kind,
            1e3 * times.step,
            times.validation
        );
        Ok(times)
    })?;
    for kind in &plan.models {
        let mut recipes = sweep.members.iter().map(|member| sweep.recipe(member));
        if let Some(recipe) = recipes.find(|r| r.as_ref().is_ok_and(|r| r.model.kind == *kind)) {
            let recipe = recipe?;
            say!(
                "  {kind:<12} {:>9} trained parameters  {}",
                recipe.num_trained(),
                recipe.model_config().title()
            );
        }
    }
    let out = match out {
        Some(out) => out.to_path_buf(),
        None => next_free(&format!("compare-{}", plan.recipe))?,
    };
    let (folder, sweep) =
        SweepFolder::open(&out, &sweep.file.to_toml(), "this comparison", &sweep)?;
    write_json(&folder.file(plan::PLAN), plan)?;
    say!(
        "comparing {} models on {}, {}; folder {}",
        plan.models.len(),
        sweep.base.task,
        plan.budget,
        out.display()
    );
    Ok((folder, sweep))
}

/// Writes `report.html` and `compare.json` of what is finished into the folder of a comparison.
///
/// # Errors
/// If a finished run cannot be read, or a file cannot be written.
pub fn write_report(
    plan: Plan,
    sweep: &Sweep,
    folder: &SweepFolder,
) -> Result<(Comparison, PathBuf)> {
    let _lock = folder.exclusive()?;
    let comparison = Comparison::read(plan, sweep, folder)?;
    write_json(&folder.file("compare.json"), &comparison)?;
    let report = folder.file("report.html");
    durable::write_whole(&report, page::render(&comparison))?;
    Ok((comparison, report))
}

fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<()> {
    let json = serde_json::to_string_pretty(value).map_err(|e| durable::unwritten(path, e))?;
    durable::write_whole(path, json + "\n")
}

/// The plan of the comparison in a folder.
///
/// # Errors
/// [`TrainError::File`] if it holds none.
pub fn plan_of(folder: &Path) -> Result<Plan> {
    Plan::of(folder)?.ok_or_else(|| {
        TrainError::file(
            folder,
            format!(
                "expected the folder of a comparison with a {}, found none",
                plan::PLAN
            ),
        )
    })
}
