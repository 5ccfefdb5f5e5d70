//! How an answer forms.

use burn::tensor::{Device, Tensor, activation};
use elm_data::{Encoding, Sample, SequenceBatch, Task};

use crate::error::Result;
use crate::model::SequenceToSequence;
use crate::recipe::Readout;
use crate::report::{Decision, SamplePicture};
use crate::task::numbers;
use crate::task::sequence::SequenceInput;

/// The answer of `model` to a sample of `task` as it would be read out after each step. None where there is no such
/// thing: a pair is compared as a whole, and a Transformer sees the end of a sequence from its beginning.
///
/// # Errors
/// If the sample does not fit the model, or the device fails.
pub(crate) fn decide(
    model: &SequenceToSequence,
    readout: Readout,
    (task, encoding): (Task, &Encoding),
    sample: &Sample,
    device: &Device,
) -> Result<Option<Decision>> {
    let [sequence] = &*sample.inputs else {
        return Ok(None);
    };
    if matches!(model, SequenceToSequence::Transformer(_)) {
        return Ok(None);
    }
    let batch = SequenceBatch::encode(std::slice::from_ref(sample), encoding)?;
    let Some(batch) = batch.into_iter().next() else {
        return Ok(None);
    };
    let x = SequenceInput::new(batch, device).x;
    let (y, response) = match model {
        SequenceToSequence::Elm(neuron) => {
            let (recorded, _) = neuron.record(x, None)?;
            (recorded.output, numbers(change(recorded.memory))?)
        }
        _ => (model.run(x, None)?.y, Vec::new()),
    };
    let [_, steps, classes] = y.dims();
    let y = match readout {
        Readout::Last => y,
        // the mean up to each step
        Readout::Mean => {
            let counts = Tensor::arange(1..steps as i64 + 1, device).float();
            y.cumsum(1) / counts.reshape([1, steps, 1])
        }
    };
    let probabilities = numbers(activation::softmax(y, 2))?;
    Ok(Some(Decision {
        picture: SamplePicture::new(task, sample),
        tokens: match sequence {
            elm_data::Sequence::Tokens(tokens) => {
                tokens.iter().map(|token| task.token_text(*token)).collect()
            }
            _ => Vec::new(),
        },
        classes: (0..classes).map(|class| task.class_name(class)).collect(),
        label: sample.label,
        probabilities: probabilities
            .chunks_exact(classes.max(1))
            .map(<[f32]>::to_vec)
            .collect(),
        response,
    }))
}

/// How far a memory `[1, time, unit]` moves in each step, from rest on: the root of the mean square over units, `[time]`.
fn change(memory: Tensor<3>) -> Tensor<1> {
    let [_, time, units] = memory.dims();
    let before = match time {
        1 => memory.zeros_like(),
        _ => {
            let rest = Tensor::zeros([1, 1, units], (&memory.device(), memory.dtype()));
            Tensor::cat(vec![rest, memory.clone().narrow(1, 0, time - 1)], 1)
        }
    };
    let moved = memory - before;
    (moved.clone() * moved).mean_dim(2).sqrt().reshape([time])
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use elm_data::Sequence;
    use elm_data::task::TaskOptions;

    use super::*;
    use crate::recipe::Recipe;
    use crate::task::sequence::SequenceModel;

    #[test]
    fn the_last_step_is_the_answer() {
        let device = Device::flex();
        let task = Task::LISTOPS;
        let encoding = task.encoding(&TaskOptions::default()).unwrap();
        let sample = Sample {
            inputs: vec![Sequence::Tokens(vec![11, 3, 12, 9, 1, 15, 4, 15])],
            label: 3,
        };
        for readout in [Readout::Last, Readout::Mean] {
            let mut recipe = Recipe::of(task);
            recipe.model.num_memory = 6;
            recipe.train.readout = readout;
            let model = SequenceModel::init(&recipe, &device).unwrap();
            let found = decide(&model.body, readout, (task, &encoding), &sample, &device);
            let found = found.unwrap().unwrap();
            assert_eq!((found.probabilities.len(), found.tokens.len()), (8, 8));
            let batch = SequenceBatch::encode(std::slice::from_ref(&sample), &encoding).unwrap();
            let inputs: Vec<_> = batch
                .into_iter()
                .map(|batch| SequenceInput::new(batch, &device))
                .collect();
            let answer = numbers(activation::softmax(model.logits(&inputs), 1)).unwrap();
            for (a, b) in answer.iter().zip(&found.probabilities[7]) {
                assert!((a - b).abs() < 1e-5, "{readout:?}: {a} {b}");
            }
            assert!(found.response.len() == 8 && found.response.iter().all(|r| *r > 0.0));
        }
    }

    #[test]
    fn a_memory_moves_from_rest() {
        let memory =
            Tensor::<3>::from_data([[[3.0, 4.0], [3.0, 4.0], [0.0, 4.0]]], &Device::flex());
        let found = numbers(change(memory)).unwrap();
        let expected = [12.5f32.sqrt(), 0.0, 4.5f32.sqrt()];
        assert!(
            found
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 1e-6),
            "{found:?}"
        );
    }
}
