//! Checkpoints named by gradient step, so that a run stopped within an epoch goes on from there.

use std::path::Path;

use burn::module::Module;
use burn::optim::OptimizerRecord;
use burn::optim::lr_scheduler::LrSchedulerRecord;
use burn::store::{ModuleRecord, RecordError};
use burn::train::checkpoint::{CheckpointingAction, CheckpointingStrategy};
use burn::train::metric::store::EventStoreClient;

use crate::error::{Result, TrainError};

/// Files of one checkpoint, as Burn's file checkpointer names them.
const PARTS: [&str; 3] = ["model", "optim", "scheduler"];

/// Saves every time it is asked and keeps the last two: one whole checkpoint is there even while the next is
/// being written. (The best model is kept apart, as `model.safetensors`.)
#[derive(Debug, Default)]
pub struct KeepLastTwo {
    saved: Vec<usize>,
}

impl KeepLastTwo {
    /// Knows the checkpoint that the run was resumed from.
    pub fn resumed(from: Option<usize>) -> Self {
        Self {
            saved: from.into_iter().collect(),
        }
    }
}

impl CheckpointingStrategy for KeepLastTwo {
    fn checkpointing(&mut self, step: usize, _: &EventStoreClient) -> Vec<CheckpointingAction> {
        let mut actions = Vec::new();
        self.saved.retain(|s| *s != step);
        if self.saved.len() >= 2 {
            actions.push(CheckpointingAction::Delete(self.saved.remove(0)));
        }
        self.saved.push(step);
        actions.push(CheckpointingAction::Save);
        actions
    }
}

/// A checkpoint to go on from.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// Its gradient step.
    pub step: usize,
    /// What is wrong with a later one, where it is not the last.
    pub damaged: Option<String>,
}

/// The last checkpoint in a run's folder that is whole and fits `model`; none where the run has not saved one yet.
///
/// # Errors
/// [`TrainError::File`] if there are checkpoints and none can be read.
pub fn latest<M: Module>(run: &Path, model: &M) -> Result<Option<Found>> {
    let folder = run.join("checkpoint");
    let mut steps: Vec<usize> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| step_of(&entry.file_name().to_string_lossy()))
        .collect();
    steps.sort_unstable();
    let mut damaged = None;
    for &step in steps.iter().rev() {
        match read(&folder, step, model) {
            Ok(()) => return Ok(Some(Found { step, damaged })),
            Err(problem) => {
                damaged.get_or_insert(problem);
            }
        }
    }
    match damaged {
        Some(problem) => Err(TrainError::file(
            &folder,
            format!("no checkpoint can be read: {problem}"),
        )),
        None => Ok(None),
    }
}

/// Reads all parts of a checkpoint, as Burn will do once it is too late for an error.
fn read<M: Module>(folder: &Path, step: usize, model: &M) -> std::result::Result<(), String> {
    let [model_file, optim, scheduler] = PARTS.map(|part| format!("{part}-{step}.bpk"));
    let about = |name: &str, error: RecordError| format!("{name}: {error}");
    ModuleRecord::load(folder.join(&model_file))
        .and_then(|record| model.clone().try_load_record(record))
        .map_err(|e| about(&model_file, e))?;
    OptimizerRecord::load(folder.join(&optim)).map_err(|e| about(&optim, e))?;
    LrSchedulerRecord::load(folder.join(&scheduler)).map_err(|e| about(&scheduler, e))?;
    Ok(())
}

fn step_of(name: &str) -> Option<usize> {
    name.strip_prefix("model-")?
        .strip_suffix(".bpk")?
        .parse()
        .ok()
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use burn::nn::{Linear, LinearConfig};
    use burn::optim::AdamConfig;
    use burn::optim::lr_scheduler::cosine::CosineAnnealingLrSchedulerConfig;
    use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLrScheduler;
    use burn::tensor::Device;

    fn save(folder: &Path, step: usize, model: &Linear) {
        let file = |part: &str| folder.join(format!("{part}-{step}.bpk"));
        model.clone().into_record().save(file("model")).unwrap();
        let optimizer = AdamConfig::new().init();
        optimizer.to_record().save(file("optim")).unwrap();
        let scheduler: ModuleLrScheduler = CosineAnnealingLrSchedulerConfig::new(0.1, 10)
            .init()
            .unwrap();
        scheduler.to_record().save(file("scheduler")).unwrap();
    }

    #[test]
    fn the_last_checkpoint_that_can_be_read_counts() {
        let model = LinearConfig::new(3, 2).init(&Device::flex());
        let run = tempfile::tempdir().unwrap();
        let latest = |model: &Linear| latest(run.path(), model);
        assert_eq!(latest(&model).unwrap(), None);
        let folder = run.path().join("checkpoint");
        std::fs::create_dir(&folder).unwrap();
        save(&folder, 5, &model);
        save(&folder, 9, &model);
        assert_eq!(
            latest(&model).unwrap(),
            Some(Found {
                step: 9,
                damaged: None
            })
        );
        // each part of the last one missing, cut off or overwritten
        for part in PARTS {
            let file = folder.join(format!("{part}-9.bpk"));
            let whole = std::fs::read(&file).unwrap();
            for bad in [&whole[..10], b"rubbish", b""] {
                std::fs::write(&file, bad).unwrap();
                let found = latest(&model).unwrap().unwrap();
                assert_eq!(found.step, 5, "{part}");
                assert!(found.damaged.unwrap().contains(&format!("{part}-9.bpk")));
            }
            std::fs::write(&file, whole).unwrap();
        }
        std::fs::remove_file(folder.join("optim-9.bpk")).unwrap();
        assert_eq!(latest(&model).unwrap().unwrap().step, 5);
        let other = LinearConfig::new(3, 4).init(&Device::flex());
        let error = latest(&other).unwrap_err().to_string();
        assert!(error.contains("no checkpoint can be read"), "{error}");
    }
}
