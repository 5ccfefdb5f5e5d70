//! Tasks of one's own: what is learnt about any sequences, described by values.
//!
//! A [`SequenceTask`] has samples ([`SequenceData`]) and may say how they are split, normalised and judged; what it does not say
//! follows from the kind of its targets. [`crate::run::train_task`] trains any model on it, with everything that named tasks
//! have. The task `arrays` is one whose samples come from files.
//!
//! ```
//! use std::sync::Arc;
//!
//! use elm_data::arrays::{InputKind, Inputs, SequenceData, SequenceSample, Target, TargetKind, Targets};
//! use elm_train::task::own::SequenceTask;
//!
//! /// Which of two channels is larger on average.
//! struct Larger(Targets);
//!
//! impl SequenceData for Larger {
//!     fn len(&self) -> usize {
//!         200
//!     }
//!     fn inputs(&self) -> InputKind {
//!         InputKind::Values { channels: 2 }
//!     }
//!     fn targets(&self) -> &Targets {
//!         &self.0
//!     }
//!     fn steps(&self, _: usize) -> usize {
//!         20
//!     }
//!     fn sample(&self, n: usize) -> elm_data::Result<SequenceSample> {
//!         let x = (0..40).map(|i| ((i * 7 + n * 13) % 11) as f64 + ((i + n) % 2) as f64).collect();
//!         Ok(SequenceSample { inputs: Inputs::Values(x), target: Target::Class(n % 2) })
//!     }
//! }
//!
//! impl SequenceTask for Larger {
//!     fn name(&self) -> String {
//!         "larger".into()
//!     }
//!     fn data(&self) -> Arc<dyn SequenceData> {
//!         Arc::new(Larger(self.0.clone()))
//!     }
//! }
//! ```

mod arrays;
mod batch;
mod class_meter;
mod judge;
mod objective;
mod value_meter;

use std::sync::Arc;

use elm_data::arrays::{Normalization, Parts, Scaler, SequenceData, SplitRule};

pub use arrays::ArraysTask;
pub use batch::{ArrayTensors, OwnBatches, RowTargets};
pub use class_meter::{ClassMeter, CrossEntropy};
pub use judge::{HostTargets, Judge, LossChoice, Meter, Rows, judge};
pub use objective::{OwnAnswers, OwnLoss, OwnMeter};
pub use value_meter::{MeanOf, ValueJudge, ValueLoss, ValueMeter};

use crate::error::Result;

/// A task: samples, and what a model is to make of them.
///
/// Only the name and the samples are required.
pub trait SequenceTask: Send + Sync + 'static {
    /// Its name, in reports.
    fn name(&self) -> String;

    /// The samples. Asked for once.
    fn data(&self) -> Arc<dyn SequenceData>;

    /// What is learnt, in one sentence.
    fn about(&self) -> String {
        String::new()
    }

    /// Which samples are to train on, to validate and to test: unless said otherwise 80, 10 and 10 %, whole groups at a
    /// time.
    ///
    /// # Errors
    /// If there are too few samples.
    fn parts(&self, data: &dyn SequenceData) -> Result<Parts> {
        Ok(Parts::split(data, &SplitRule::default())?)
    }

    /// The normalisation of inputs and targets, learnt from the samples `train`: unless said otherwise to mean 0 and
    /// standard deviation 1.
    ///
    /// # Errors
    /// If a sample cannot be read.
    fn scalers(&self, data: &dyn SequenceData, train: &[usize]) -> Result<[Scaler; 2]> {
        let kind = Normalization::Standardize;
        Ok([
            Scaler::learn(kind, data, train)?,
            Scaler::learn_targets(kind, data, train)?,
        ])
    }

    /// Loss and metrics, for targets that are normalised by `targets`: unless said otherwise those that fit the kind of the
    /// targets.
    ///
    /// # Errors
    /// If they do not fit.
    fn judge(&self, data: &dyn SequenceData, targets: &Scaler) -> Result<Arc<dyn Judge>> {
        judge(None, data.targets(), targets, 0.0)
    }

    /// What a user should know, one sentence each.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }
}
