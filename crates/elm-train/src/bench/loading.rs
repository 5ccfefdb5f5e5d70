//! Does loading keep up with training?

use std::sync::Arc;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use elm_data::task::{Order, SampleBatches, TaskOptions};
use elm_data::{BatchSource, BatchStream, Split};
use serde::Serialize;

use crate::caught::device_failed;
use crate::error::Result;
use crate::recipe::Recipe;
use crate::run::Trainer;
use crate::task::sequence::SequenceModel;

/// Samples in a second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LoadingRates {
    /// Read and encoded by one background thread that has a core to itself.
    pub loaded: f64,
    /// Moved to the device and trained on, from memory.
    pub trained: f64,
}

impl LoadingRates {
    /// How many times faster loading is than training.
    pub fn ratio(&self) -> f64 {
        self.loaded / self.trained
    }
}

/// Measures both rates for a recipe with its data, for `budget` each.
///
/// # Errors
/// If the data cannot be read or the device fails.
pub fn loading_rates(recipe: &Recipe, device: &Device, budget: Duration) -> Result<LoadingRates> {
    let dir = recipe.data.dir.clone().unwrap_or_default();
    let size = recipe.train.batch_size;
    let pairs =
        Some(recipe.train.batches_per_epoch.saturating_mul(size)).filter(|pairs| *pairs > 0);
    let options = TaskOptions {
        pairs,
        ..recipe.task_options()
    };
    let data = recipe.task.open(&dir, Split::Train, &options)?;
    let order = Order::Shuffled { seed: recipe.seed };
    let batches = SampleBatches::new(data, recipe.task.encoding(&options)?, size, order)?
        .with_input_dropout(recipe.train.input_dropout as f32, recipe.seed)
        .group_by_length(recipe.train.group_by_length);
    let batches = Arc::new(batches);
    let mut stream = BatchStream::new(Arc::clone(&batches), 0, u64::MAX, 1);
    let loaded = rate(budget, size, || {
        stream.next().transpose()?;
        Ok(())
    })?;
    drop(stream);
    let autodiff = device.clone().autodiff();
    let model = SequenceModel::init(recipe, &autodiff)?;
    let mut trainer = Trainer::new(model, recipe, &device.clone().into())?;
    let batch = batches.make(0)?;
    let mut step = 0;
    let trained = rate(budget, size * recipe.train.accumulate, || {
        trainer.step(step, recipe.train.learning_rate, || Ok(batch.clone()))?;
        step += 1;
        autodiff.sync().map_err(device_failed)
    })?;
    Ok(LoadingRates { loaded, trained })
}

/// Samples in a second of `work`, which does `size` of them each time.
fn rate(budget: Duration, size: usize, mut work: impl FnMut() -> Result<()>) -> Result<f64> {
    work()?;
    let (start, mut done) = (Instant::now(), 0);
    while start.elapsed() < budget || done == 0 {
        work()?;
        done += size;
    }
    Ok(done as f64 / start.elapsed().as_secs_f64())
}
