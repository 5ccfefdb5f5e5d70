//! Several models on one task under equal budgets: the same data, the same batches, the same seed.
//!
//! The models are trained one after the other, each in a run folder of its own within that of the comparison. What is
//! finished stays: a comparison that was stopped goes on where it was.

mod outcome;
mod page;
mod plan;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use burn::train::Interrupter;

pub use outcome::{Comparison, Missing, ModelResult, TestMetric};
pub use plan::{Budget, Plan};

use crate::device::describe;
use crate::error::{Result, TrainError};
use crate::recipe::Recipe;
use crate::run::{self, Ended, RunFolder, TrainOptions, measure, write_whole};
use crate::say;

/// The recipe that all models start from, in the folder of a comparison.
const BASE: &str = "base.toml";

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
    pub device: Device,
    /// Stops the comparison when asked; the report then holds what is finished.
    pub interrupter: Interrupter,
}

/// Trains the models of a plan one after the other and writes one report of them all.
///
/// A model that fails is told and left out; the others are trained all the same.
///
/// # Errors
/// Wrong input before anything is trained; afterwards if the folder cannot be written, or if a model failed.
pub fn compare(mut options: CompareOptions) -> Result<()> {
    if let Some(folder) = &options.resume {
        options.plan = Plan::load(folder)?;
        options.base = Recipe::load(folder.join(BASE))?;
    }
    options.plan.budget.validate()?;
    let recipes = options.plan.recipes(&options.base)?;
    let folder = folder(&options)?;
    say!(
        "comparing {} models on {}, {}; folder {}",
        recipes.len(),
        options.base.task,
        options.plan.budget,
        folder.display()
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
    let mut failed = false;
    for recipe in &recipes {
        let kind = recipe.model.kind;
        let reason = match session.options.interrupter.should_stop() {
            true => "not begun: the comparison was stopped".to_string(),
            false => match session.train(recipe) {
                Ok(Ended::Finished) => continue,
                Ok(Ended::Stopped) => "not finished: the comparison was stopped".into(),
                // a failure stops Burn's learner by the same means as a person does
                Err(error) if session.stopped(&error) => {
                    "not finished: the comparison was stopped".into()
                }
                Err(error) => {
                    failed = true;
                    crate::tell!("{kind} failed: {error}");
                    session.options.interrupter.reset();
                    format!("failed: {error}")
                }
            },
        };
        session.missing.push(Missing {
            model: kind,
            reason,
        });
    }
    session.report()?;
    match failed {
        true => Err(TrainError::Run("not every model could be trained".into())),
        false => Ok(()),
    }
}

/// The comparison's folder, with its plan and its base recipe.
fn folder(options: &CompareOptions) -> Result<PathBuf> {
    if let Some(folder) = &options.resume {
        return Ok(folder.clone());
    }
    let name = format!("compare-{}", options.plan.recipe);
    let folder = RunFolder::create(options.out.as_deref(), &name)?;
    folder.write(BASE, &options.base.to_toml())?;
    folder.write_json(plan::PLAN, &options.plan)?;
    Ok(folder.path().to_path_buf())
}

struct Session {
    options: CompareOptions,
    folder: PathBuf,
    missing: Vec<Missing>,
}

impl Session {
    fn run_folder(&self, recipe: &Recipe) -> PathBuf {
        self.folder.join(recipe.model.kind.name())
    }

    fn stopped(&self, error: &TrainError) -> bool {
        self.options.interrupter.interruption().is_some() && !matches!(error, TrainError::Run(_))
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
            name: kind.to_string(),
            recipe,
            out: (!begun).then(|| folder.clone()),
            resume: begun.then_some(folder),
            device: self.options.device.clone(),
            interrupter: self.options.interrupter.clone(),
        })
    }

    /// The recipe with the steps that the budget allows.
    fn budgeted(&self, recipe: &Recipe) -> Result<Recipe> {
        let options = &self.options;
        let minutes = match options.plan.budget {
            Budget::Steps(steps) => return Ok(plan::for_steps(recipe, steps)),
            Budget::Minutes(minutes) => minutes,
        };
        let times = measure(recipe, &options.device, &options.interrupter)?;
        let budgeted = plan::for_seconds(recipe, 60.0 * minutes, times).ok_or_else(|| {
            TrainError::Usage(format!(
                "--minutes {minutes} are too few: a step takes {:.1} s and a validation {:.1} s",
                times.step, times.validation
            ))
        })?;
        let train = &budgeted.train;
        say!(
            "a step takes {:.1} ms and a validation {:.2} s here: {} steps in {} epochs",
            1e3 * times.step,
            times.validation,
            train.epochs * train.batches_per_epoch,
            train.epochs
        );
        Ok(budgeted)
    }

    /// Writes the report and `compare.json`, and says what came out.
    fn report(self) -> Result<()> {
        let Self {
            options,
            folder,
            missing,
        } = self;
        let finished = options.plan.models.iter();
        let results = finished
            .filter(|kind| missing.iter().all(|missing| missing.model != **kind))
            .map(|kind| outcome::read(&folder.join(kind.name())))
            .collect::<Result<Vec<_>>>()?;
        let comparison = Comparison {
            task: options.base.task,
            seed: options.base.seed,
            device: describe(&options.device),
            threads: rayon::current_num_threads(),
            plan: options.plan,
            results,
            missing,
        };
        let text = serde_json::to_string_pretty(&comparison)
            .map_err(|e| TrainError::Run(e.to_string()))?;
        write_whole(&folder.join("compare.json"), &(text + "\n"))?;
        let report = folder.join("report.html");
        write_whole(&report, &page::render(&comparison))?;
        say!("\n{}", comparison.table());
        say!("report {}", report.display());
        if options.interrupter.should_stop() {
            say!(
                "stopped; go on with: elm compare --resume {}",
                shown(&folder)
            );
        }
        Ok(())
    }
}

fn shown(folder: &Path) -> String {
    folder.display().to_string()
}
