//! The classification loss.

use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use elm_data::Task;

use super::batch::{SequenceInput, SequenceTensors};
use super::measure::{Answers, ClassMeter};
use crate::error::Result;
use crate::model::{PairHead, SequenceToSequence};
use crate::recipe::{Readout, Recipe};
use crate::task::{Losses, Measured, Objective, TaskModel};

/// How answers are read out and judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassLoss {
    /// Where the answer is read out.
    pub readout: Readout,
    /// Share of the target that is spread evenly over all classes.
    pub label_smoothing: f64,
}

/// A model that is trained to classify sequences: its outputs are the classes' logits, or the vectors that a pair is
/// compared by.
pub type SequenceModel = TaskModel<ClassLoss>;

impl SequenceModel {
    /// A fresh model of a recipe on a device.
    ///
    /// # Errors
    /// If the recipe describes no model.
    pub fn init(recipe: &Recipe, device: &Device) -> Result<Self> {
        let body = recipe.init_model(device)?;
        Ok(Self::of(body, recipe, device))
    }

    /// `body` as a recipe uses it, with a fresh head where the task compares pairs.
    pub fn of(body: SequenceToSequence, recipe: &Recipe, device: &Device) -> Self {
        let task: Task = recipe.task;
        let (_, features) = body.config().sizes();
        let loss = ClassLoss {
            readout: recipe.train.readout,
            label_smoothing: recipe.train.label_smoothing,
        };
        let head = (task.inputs() == 2).then(|| PairHead::new(features, task.classes(), device));
        Self::new(body, head, loss)
    }

    /// Logits, `[batch, class]`.
    pub fn logits(&self, inputs: &[SequenceInput]) -> Tensor<2> {
        self.classify(inputs).0
    }

    /// Logits, `[batch, class]`, and the penalties of all inputs.
    fn classify(&self, inputs: &[SequenceInput]) -> (Tensor<2>, Option<Tensor<1>>) {
        let mut read = Vec::with_capacity(inputs.len());
        let mut penalty: Option<Tensor<1>> = None;
        for input in inputs {
            let answer = self.body.answer(input.x.clone(), input.lengths.as_deref());
            let lengths = input.lengths.as_deref();
            read.push(read_out(self.objective.readout, answer.y, lengths));
            penalty = match (penalty, answer.penalty) {
                (Some(a), Some(b)) => Some(a + b),
                (a, b) => a.or(b),
            };
        }
        let mut read = read.into_iter();
        let logits = match (&self.head, read.next(), read.next()) {
            (Some(head), Some(u), Some(v)) => head.forward(u, v),
            (_, Some(y), _) => y,
            (_, None, _) => unreachable!("the loader gives at least one input"),
        };
        (logits, penalty)
    }
}

/// The answer `[batch, output]` in outputs `[batch, time, output]` over sequences of these lengths.
pub(crate) fn read_out(readout: Readout, y: Tensor<3>, lengths: Option<&[usize]>) -> Tensor<2> {
    let [batch, time, outputs] = y.dims();
    match (readout, lengths) {
        (Readout::Last, None) => y.narrow(1, time - 1, 1).reshape([batch, outputs]),
        (Readout::Last, Some(lengths)) => {
            let last: Vec<i32> = lengths.iter().map(|&length| length as i32 - 1).collect();
            let last = TensorData::new(last, [batch, 1, 1]);
            let last = Tensor::<3, Int>::from_data(last, &y.device()).expand([batch, 1, outputs]);
            y.gather(1, last).reshape([batch, outputs])
        }
        (Readout::Mean, lengths) => {
            let mut share = vec![0.0f32; batch * time];
            for (sample, row) in share.chunks_exact_mut(time).enumerate() {
                let length = lengths.map_or(time, |lengths| lengths[sample]);
                row[..length].fill(1.0 / length as f32);
            }
            let share = TensorData::new(share, [batch, 1, time]);
            Tensor::<3>::from_data(share, &y.device())
                .matmul(y)
                .reshape([batch, outputs])
        }
    }
}

impl Objective for ClassLoss {
    type Batch = SequenceTensors;
    type Answers = Answers;
    type Meter = ClassMeter;
    type Carry = ();

    fn losses(model: &SequenceModel, batch: SequenceTensors, (): &mut ()) -> Result<Losses> {
        let (logits, penalty) = model.classify(&batch.inputs);
        let smoothing = model.objective.label_smoothing;
        Ok(Losses {
            loss: cross_entropy(logits, batch.labels, smoothing).mean(),
            penalty,
        })
    }

    fn answer(model: &SequenceModel, batch: SequenceTensors, (): &mut ()) -> Result<Answers> {
        Answers::of(model, batch)
    }

    fn collect(&self, answers: Answers, meter: &mut ClassMeter) {
        meter.add(answers);
    }

    fn measured(meter: &ClassMeter) -> Measured {
        meter.measured()
    }
}

/// Cross entropy of each sample, `[batch]`, between the softmax of `logits` `[batch, class]` and the labels, of whose
/// probability `smoothing` is spread evenly over all classes.
pub(crate) fn cross_entropy(
    logits: Tensor<2>,
    labels: Tensor<1, Int>,
    smoothing: f64,
) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let log_p = activation::log_softmax(logits, 1);
    let picked = log_p.clone().gather(1, labels.unsqueeze_dim(1));
    let loss = if smoothing > 0.0 {
        picked * (1.0 - smoothing) + log_p.mean_dim(1) * smoothing
    } else {
        picked
    };
    loss.reshape([batch]).neg()
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use elm_data::{BatchValues, SequenceBatch};

    use super::*;
    use crate::task::OnDevice;

    fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.into_data().try_into_vec_as::<f32>().unwrap()
    }

    fn recipe(task: Task, readout: Readout) -> Recipe {
        let mut recipe = Recipe::of(task);
        recipe.model.num_memory = 4;
        recipe.train.readout = readout;
        recipe
    }

    /// Two sequences of ListOps tokens, padded with `padding` steps beside their own length.
    fn batch(sequences: [&[u16]; 2], padding: usize) -> SequenceBatch {
        let time = padding + sequences.iter().map(|s| s.len()).max().unwrap();
        let mut tokens = vec![0; 2 * time];
        for (row, sequence) in tokens.chunks_exact_mut(time).zip(sequences) {
            row[..sequence.len()].copy_from_slice(sequence);
        }
        SequenceBatch {
            values: BatchValues::Tokens(tokens),
            shape: [2, time, 15],
            lengths: sequences.map(<[u16]>::len).to_vec(),
            labels: vec![3, 7],
        }
    }

    #[test]
    fn the_answer_does_not_depend_on_padding() {
        let device = Device::flex();
        for readout in [Readout::Last, Readout::Mean] {
            let model = SequenceModel::init(&recipe(Task::LISTOPS, readout), &device).unwrap();
            let logits = |padding| {
                let batch = batch([&[1, 12, 5, 9], &[15, 2]], padding);
                numbers(model.logits(&SequenceTensors::on_device(vec![batch], &device).inputs))
            };
            let (tight, padded) = (logits(0), logits(5));
            for (a, b) in tight.iter().zip(&padded) {
                assert!((a - b).abs() < 1e-5, "{readout:?}: {a} and {b}");
            }
            assert!((tight[0] - tight[10]).abs() > 1e-4, "the samples differ");
        }
    }

    #[test]
    fn the_loss_is_the_smoothed_cross_entropy() {
        let device = Device::flex();
        let logits = Tensor::<2>::from_data([[1.0, -0.5, 2.0], [0.0, 3.0, 0.0]], &device);
        let labels = Tensor::<1, Int>::from_data([2, 0], &device);
        for smoothing in [0.0, 0.3] {
            let found = numbers(cross_entropy(logits.clone(), labels.clone(), smoothing));
            let rows = [([1.0f64, -0.5, 2.0], 2), ([0.0, 3.0, 0.0], 0)];
            for ((row, label), found) in rows.into_iter().zip(found) {
                let total: f64 = row.iter().map(|z| z.exp()).sum();
                let expected: f64 = (0..3)
                    .map(|class| {
                        let target =
                            smoothing / 3.0 + if class == label { 1.0 - smoothing } else { 0.0 };
                        -target * (row[class].exp() / total).ln()
                    })
                    .sum();
                assert!(
                    (f64::from(found) - expected).abs() < 1e-5,
                    "{found} {expected}"
                );
            }
        }
    }

    #[test]
    fn both_documents_of_a_pair_go_through_the_same_model() {
        let device = Device::flex();
        let mut recipe = recipe(Task::RETRIEVAL, Readout::Mean);
        // so many that no start leaves all of the head's units silent
        recipe.model.num_memory = 64;
        let model = SequenceModel::init(&recipe, &device).unwrap();
        let text = |tokens: [u16; 2]| SequenceBatch {
            values: BatchValues::Tokens(tokens.to_vec()),
            shape: [1, 2, 256],
            lengths: vec![2],
            labels: vec![1],
        };
        let logits = |a, b| {
            let pair = vec![text(a), text(b)];
            numbers(model.logits(&SequenceTensors::on_device(pair, &device).inputs))
        };
        let (a, b) = ([100, 200], [7, 8]);
        assert_eq!(logits(a, b).len(), 2);
        assert_ne!(logits(a, b), logits(b, b));
        // with both alike, u − v is 0 whatever the document: only the other features tell them apart
        assert_ne!(logits(a, a), logits(b, b));
    }
}
