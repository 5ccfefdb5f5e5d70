//! A model with the loss of a task of one's own.

use std::sync::Arc;

use burn::tensor::Tensor;

use super::batch::ArrayTensors;
use super::judge::{HostTargets, Judge, Meter, Rows};
use crate::error::Result;
use crate::recipe::Readout;
use crate::task::sequence::read_out;
use crate::task::{Losses, Measured, Objective, TaskModel, numbers};

/// How answers are read out and judged.
#[derive(Debug, Clone)]
pub struct OwnLoss {
    /// Loss and metrics.
    pub judge: Arc<dyn Judge>,
    /// Where the answer for a whole sequence is read out.
    pub readout: Readout,
}

/// What a model made of a batch.
#[derive(Debug, Clone)]
pub struct OwnAnswers {
    /// Outputs `[row, output]`, row by row.
    y: Vec<f32>,
    outputs: usize,
    /// The loss of each row.
    losses: Vec<f32>,
    targets: HostTargets,
}

/// What a model made of batch after batch.
#[derive(Default)]
pub struct OwnMeter {
    loss: f64,
    rows: usize,
    meter: Option<Box<dyn Meter>>,
}

impl OwnMeter {
    /// Mean loss of a row.
    pub fn loss(&self) -> f64 {
        self.loss / self.rows.max(1) as f64
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// What collected the answers; none before the first.
    pub fn meter(&self) -> Option<&dyn Meter> {
        self.meter.as_deref()
    }
}

/// The answers to a batch, `[row, output]`, and the penalty of the model, `[1]`.
fn answers(
    model: &TaskModel<OwnLoss>,
    batch: &ArrayTensors,
) -> Result<(Tensor<2>, Option<Tensor<1>>)> {
    let lengths = batch.input.lengths.as_deref();
    let answer = model.body.run(batch.input.x.clone(), lengths)?;
    let [samples, time, outputs] = answer.y.dims();
    let y = match (batch.per_step, &batch.places) {
        (false, _) => read_out(model.objective.readout, answer.y, lengths),
        (true, None) => answer.y.reshape([samples * time, outputs]),
        (true, Some(places)) => answer
            .y
            .reshape([samples * time, outputs])
            .select(0, places.clone()),
    };
    Ok((y, answer.penalty))
}

impl Objective for OwnLoss {
    type Batch = ArrayTensors;
    type Answers = OwnAnswers;
    type Meter = OwnMeter;
    type Carry = ();

    fn losses(model: &TaskModel<Self>, batch: ArrayTensors, (): &mut ()) -> Result<Losses> {
        let (y, penalty) = answers(model, &batch)?;
        let losses = model.objective.judge.training_losses(y, batch.targets);
        Ok(Losses {
            loss: losses.mean(),
            penalty,
        })
    }

    fn answer(model: &TaskModel<Self>, batch: ArrayTensors, (): &mut ()) -> Result<OwnAnswers> {
        let (y, _) = answers(model, &batch)?;
        let [_, outputs] = y.dims();
        let losses = model.objective.judge.losses(y.clone(), batch.targets);
        Ok(OwnAnswers {
            losses: numbers(losses)?,
            y: numbers(y)?,
            outputs,
            targets: batch.host,
        })
    }

    fn collect(&self, answers: OwnAnswers, meter: &mut OwnMeter) {
        let OwnAnswers {
            y,
            outputs,
            losses,
            targets,
        } = answers;
        meter.loss += losses.iter().copied().map(f64::from).sum::<f64>();
        meter.rows += y.len() / outputs.max(1);
        let own = meter.meter.get_or_insert_with(|| self.judge.meter());
        own.add(&Rows {
            y: &y,
            outputs,
            targets: &targets,
            losses: &losses,
        });
    }

    fn measured(meter: &OwnMeter) -> Measured {
        Measured {
            loss: meter.loss(),
            metrics: meter.meter().map_or(Vec::new(), |m| m.metrics()),
        }
    }
}
