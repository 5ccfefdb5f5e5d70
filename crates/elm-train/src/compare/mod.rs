//! Several models on one task under equal budgets: the same data, the same batches, the same seed.
//!
//! The models are trained one after the other, each in a run folder of its own within that of the comparison. What is
//! finished stays: a comparison that was stopped goes on where it was.

mod outcome;
mod page;
mod plan;

use std::path::PathBuf;

pub use outcome::{Comparison, Missing, ModelResult, TestMetric};
pub use plan::{Budget, Plan};

use crate::devices::Devices;
use crate::error::{Result, TrainError};
use crate::recipe::Recipe;
use crate::run::{self, Ended, RunFolder, TrainOptions, measure};
use crate::stop::{Stop, StopReason};
use crate::{logging, say, tell};

/// The recipe that all models start from, in the folder of a comparison.
const BASE: &str = "base.toml";
/// What was said.
const LOG: &str = "log.txt";

/// A comparison and where to make it.
pub struct CompareOptions {
    /// What is compared; ignored when a comparison is gone on with, which has its own.
    pub plan: Plan,
    /// The recipe that names task and data; ignored likewise.
    pub base: Recipe,
    /// The folder; the next free `runs/compare-<recipe>-<n>` unless set.
    pub out: Option<PathBuf>,
    /// Folder of a comparison to go on with.
    pub resume: Option<PathBuf>,
    /// Where to compute.
    pub devices: Devices,
    /// Stops the comparison when asked; the report then holds what is finished.
    pub stop: Stop,
}

/// Trains the models of a plan one after the other and writes one report of them all.
///
/// A model that fails is told and left out; the others are trained all the same. The reason is returned if it was stopped
/// before the last of them was finished.
///
/// # Errors
/// Wrong input before anything is trained; afterwards if the folder cannot be written, or if a model failed.
pub fn compare(mut options: CompareOptions) -> Result<Option<StopReason>> {
    if let Some(folder) = &options.resume {
        options.plan = Plan::load(folder)?;
        options.base = Recipe::load(folder.join(BASE))?;
    }
    options.plan.budget.validate()?;
    // a model's size follows from the data, which a user's own files have to be opened for
    let changed = options.plan.changed(&options.base)?;
    if changed.task.is_open() {
        changed.validate()?;
        options.base.form = Some(run::data_form(&changed, &options.stop)?);
    }
    let recipes = options.plan.recipes(&options.base)?;
    let folder = folder(&options)?;
    logging::to_file(&folder.file(LOG))?;
    say!(
        "comparing {} models on {}, {}; folder {}",
        recipes.len(),
        options.base.task,
        options.plan.budget,
        folder.path().display()
    );
    for recipe in &recipes {
        say!(
            "  {:<12} {:>9} trained parameters  {}",
            recipe.model.kind,
            recipe.num_trained(),
            recipe.model_config().title()
        );
    }
    let mut session = Session {
        options,
        folder,
        missing: Vec::new(),
    };
    let (failed, stopped) = session.train_all(&recipes);
    // each run had its own in between
    logging::to_file(&session.folder.file(LOG))?;
    session.report(stopped)?;
    match failed {
        true => Err(TrainError::Run("not every model could be trained".into())),
        false => Ok(stopped),
    }
}

/// The comparison's folder, with its plan and its base recipe.
fn folder(options: &CompareOptions) -> Result<RunFolder> {
    if let Some(folder) = &options.resume {
        return RunFolder::lock(folder);
    }
    let name = format!("compare-{}", options.plan.recipe);
    let folder = RunFolder::create(options.out.as_deref(), &name)?;
    folder.write(BASE, &options.base.to_toml())?;
    folder.write_json(plan::PLAN, &options.plan)?;
    Ok(folder)
}

struct Session {
    options: CompareOptions,
    /// Locked as long as this lives.
    folder: RunFolder,
    missing: Vec<Missing>,
}

impl Session {
    fn run_folder(&self, recipe: &Recipe) -> PathBuf {
        self.folder.file(recipe.model.kind.name())
    }

    /// Trains the models in their order and notes which have no result: whether one failed, and why it was stopped.
    fn train_all(&mut self, recipes: &[Recipe]) -> (bool, Option<StopReason>) {
        let (mut failed, mut stopped) = (false, None);
        for recipe in recipes {
            let model = recipe.model.kind;
            if let Some(reason) = self.options.stop.asked() {
                stopped = Some(reason);
                let reason = "not begun: the comparison was stopped".into();
                self.missing.push(Missing { model, reason });
                continue;
            }
            let reason = match self.train(recipe) {
                Ok(Ended::Finished) => continue,
                Ok(Ended::Stopped(reason)) | Err(TrainError::Stopped { reason, .. }) => {
                    stopped = Some(reason);
                    "not finished: the comparison was stopped".into()
                }
                Err(error) => {
                    failed = true;
                    tell!("{model} failed: {error}");
                    format!("failed: {error}")
                }
            };
            self.missing.push(Missing { model, reason });
        }
        (failed, stopped)
    }

    /// Trains one model, or goes on with it, unless that was done before.
    fn train(&self, recipe: &Recipe) -> Result<Ended> {
        let folder = self.run_folder(recipe);
        let kind = recipe.model.kind;
        if outcome::is_finished(&folder) {
            say!("\n{kind}: finished before");
            return Ok(Ended::Finished);
        }
        say!("\n{kind}");
        let begun = folder.join("recipe.toml").is_file();
        let recipe = match begun {
            true => recipe.clone(),
            false => self.budgeted(recipe)?,
        };
        run::train(TrainOptions {
            tuning: run::Tuning::default(),
            name: kind.to_string(),
            recipe,
            out: (!begun).then(|| folder.clone()),
            resume: begun.then_some(folder),
            set: Vec::new(),
            tensorboard: false,
            pause_after: None,
            devices: self.options.devices.clone(),
            stop: self.options.stop.clone(),
        })
    }

    /// The recipe with the steps that the budget allows.
    fn budgeted(&self, recipe: &Recipe) -> Result<Recipe> {
        let options = &self.options;
        let minutes = match options.plan.budget {
            Budget::Steps(steps) => return Ok(plan::for_steps(recipe, steps)),
            Budget::Minutes(minutes) => minutes,
        };
        let times = measure(recipe, &options.devices, &options.stop)?;
        say!(
            "a step takes {:.1} ms and a validation {:.2} s here",
            1e3 * times.step,
            times.validation
        );
        Ok(plan::for_minutes(recipe, minutes, times))
    }

    /// Writes the report and `compare.json`, and says what came out.
    fn report(self, stopped: Option<StopReason>) -> Result<()> {
        let Self {
            options,
            folder,
            missing,
        } = self;
        let finished = options.plan.models.iter();
        let results = finished
            .filter(|kind| missing.iter().all(|missing| missing.model != **kind))
            .map(|kind| outcome::read(&folder.file(kind.name())))
            .collect::<Result<Vec<_>>>()?;
        let comparison = Comparison {
            task: options.base.task,
            seed: options.base.seed,
            device: options.devices.describe(),
            threads: rayon::current_num_threads(),
            plan: options.plan,
            results,
            missing,
        };
        folder.write_json("compare.json", &comparison)?;
        let report = folder.file("report.html");
        folder.write("report.html", &page::render(&comparison))?;
        say!("\n{}", comparison.table());
        say!("report {}", report.display());
        if let Some(reason) = stopped {
            say!(
                "stopped by {}; go on with: elm compare --resume {}",
                reason.name(),
                folder.path().display()
            );
        }
        Ok(())
    }
}
