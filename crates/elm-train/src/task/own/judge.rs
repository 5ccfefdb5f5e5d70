//! How answers are judged: losses and metrics, chosen by the kind of the targets.

use std::fmt::Debug;
use std::sync::Arc;

use burn::tensor::Tensor;
use elm_data::arrays::{Scaler, TargetKind, Targets};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::batch::RowTargets;
use super::class_meter::CrossEntropy;
use super::value_meter::{ValueJudge, ValueLoss};
use crate::error::{Result, TrainError};
use crate::run::Column;

/// Loss and metrics of a task. Its rows are answers that count alike: one of each sequence, or one of each real step.
pub trait Judge: Debug + Send + Sync + 'static {
    /// Loss of each row, `[row]`, from the outputs `[row, output]`.
    fn losses(&self, y: Tensor<2>, targets: RowTargets) -> Tensor<1>;

    /// The loss that is trained, where that is another, as with label smoothing.
    fn training_losses(&self, y: Tensor<2>, targets: RowTargets) -> Tensor<1> {
        self.losses(y, targets)
    }

    /// The metrics, in the order in which meters give them.
    fn columns(&self) -> &'static [Column];

    /// What collects answers for the metrics.
    fn meter(&self) -> Box<dyn Meter>;

    /// Which of the losses that models are described by; none of a loss of one's own.
    fn loss(&self) -> Option<LossChoice> {
        None
    }

    /// What is wrong with a target of this value, if it is.
    fn fault(&self, _value: f64) -> Option<String> {
        None
    }
}

/// Collects the answers of a model, and says what they are worth.
pub trait Meter: Send {
    /// Takes in some rows.
    fn add(&mut self, rows: &Rows<'_>);

    /// The metrics in the order of the judge's columns; NaN where there is none.
    fn metrics(&self) -> Vec<f64>;

    /// Number of rows of each true class (rows) that got each answer (columns), where there are classes.
    fn confusion(&self) -> Option<Vec<Vec<usize>>> {
        None
    }
}

/// Answers and what is right, on the host.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// Outputs, `[row, output]`.
    pub y: &'a [f32],
    /// Outputs in a row.
    pub outputs: usize,
    /// What is right.
    pub targets: &'a HostTargets,
    /// Loss of each row.
    pub losses: &'a [f32],
}

/// Targets on the host.
#[derive(Debug, Clone, PartialEq)]
pub enum HostTargets {
    /// Class of each row.
    Classes(Vec<usize>),
    /// Normalised values, `[row, output]`.
    Values(Vec<f32>),
}

/// Which loss is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LossChoice {
    /// Cross entropy of a softmax over classes.
    CrossEntropy,
    /// Mean squared error.
    Mse,
    /// Binary cross entropy of each output: targets are probabilities, 0 to 1.
    Bce,
    /// Poisson: targets are counts, outputs the logarithm of a rate.
    Poisson,
}

impl LossChoice {
    /// What fits targets of this kind.
    pub fn of(kind: TargetKind) -> Self {
        match kind.is_class() {
            true => Self::CrossEntropy,
            false => Self::Mse,
        }
    }

    /// Are targets normalised for it?
    pub fn takes_normalized(self) -> bool {
        self == Self::Mse
    }

    fn name(self) -> &'static str {
        match self {
            Self::CrossEntropy => "cross_entropy",
            Self::Mse => "mse",
            Self::Bce => "bce",
            Self::Poisson => "poisson",
        }
    }
}

/// The judge of a loss, unless it is given that which fits the targets; `scaler` is their normalisation, and
/// `label_smoothing` the share of a class's probability that is spread over all of them in training.
///
/// # Errors
/// If the loss does not fit the targets.
pub fn judge(
    loss: Option<LossChoice>,
    targets: &Targets,
    scaler: &Scaler,
    label_smoothing: f64,
) -> Result<Arc<dyn Judge>> {
    let loss = loss.unwrap_or_else(|| LossChoice::of(targets.kind));
    if targets.kind.is_class() != (loss == LossChoice::CrossEntropy) {
        let fitting = match targets.kind.is_class() {
            true => "cross_entropy",
            false => "mse, bce or poisson",
        };
        return Err(TrainError::Usage(format!(
            "recipe: `arrays.loss` must be {fitting} to {}, found {}",
            targets.kind,
            loss.name()
        )));
    }
    let values = |loss| -> Arc<dyn Judge> { Arc::new(ValueJudge::new(loss, scaler.clone())) };
    Ok(match loss {
        LossChoice::CrossEntropy => Arc::new(CrossEntropy {
            classes: targets.outputs,
            symbols: targets.kind == TargetKind::NextSymbol,
            label_smoothing,
        }),
        LossChoice::Mse => values(ValueLoss::Mse),
        LossChoice::Bce => values(ValueLoss::Bce),
        LossChoice::Poisson => values(ValueLoss::Poisson),
    })
}
