//! What recurrent models have in common: samples of different lengths, and sequences from their end to their start.

use std::cmp::Reverse;

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::input::SequenceInput;
use super::state::RecurrentState;
use crate::ElmError;

/// A model that runs over sequences and carries a state along.
///
/// What is required is one pass over samples of the same length; everything else here follows from it.
pub trait Recurrent {
    /// What it reads, `[batch, time, ..]`.
    type Input: SequenceInput;
    /// What it carries from one step to the next.
    type State: RecurrentState;
    /// What is drawn once for a whole sequence of each sample, as the masks of dropout; `()` for nothing.
    type Masks: Clone;

    /// Draws the masks of a pass over so many samples.
    ///
    /// # Errors
    /// What the device says.
    fn draw_masks(&self, batch: usize) -> Result<Self::Masks, ElmError>;

    /// The masks of these samples, in this order.
    fn select_masks(masks: &Self::Masks, rows: Tensor<1, Int>) -> Self::Masks;

    /// Output `[batch, time, output]` and final state over a piece of the sequences; without a state they start at rest.
    ///
    /// # Errors
    /// Whatever of the input, the state or the module does not fit.
    fn piece(
        &self,
        input: Self::Input,
        state: Option<Self::State>,
        masks: &Self::Masks,
    ) -> Result<(Tensor<3>, Self::State), ElmError>;

    /// Output and final state over samples of different lengths, as PyTorch's packed sequences.
    ///
    /// `lengths` holds the steps of each sample, from 1 to the number of steps of the input; what comes after a sample's
    /// last step is not read. The output is 0 there, and the state is that after the sample's own last step. Samples run
    /// together for as long as all of them last, then on without those that have ended: padding costs no time, but
    /// every further length is a pass of its own.
    ///
    /// # Errors
    /// [`ElmError::Lengths`] if the lengths do not fit; else as [`piece`](Self::piece).
    fn forward_lengths(
        &self,
        input: impl Into<Self::Input>,
        lengths: &[usize],
        state: Option<Self::State>,
    ) -> Result<(Tensor<3>, Self::State), ElmError>
    where
        Self: Sized,
    {
        forward(self, input.into(), lengths, state)
    }

    /// Output and final state over the sequences from their last step to their first; the output of a step stands at
    /// that step. With lengths, each sample starts at its own last step.
    ///
    /// # Errors
    /// As [`forward_lengths`](Self::forward_lengths).
    fn forward_reversed(
        &self,
        input: impl Into<Self::Input>,
        lengths: Option<&[usize]>,
        state: Option<Self::State>,
    ) -> Result<(Tensor<3>, Self::State), ElmError>
    where
        Self: Sized,
    {
        forward_reversed(self, input.into(), lengths, state)
    }
}

/// See [`Recurrent::forward_lengths`].
fn forward<M: Recurrent>(
    model: &M,
    input: M::Input,
    lengths: &[usize],
    state: Option<M::State>,
) -> Result<(Tensor<3>, M::State), ElmError> {
    let [batch, time] = input.sizes();
    check_lengths(lengths, [batch, time])?;
    let masks = model.draw_masks(batch)?;
    if lengths.iter().all(|length| *length == time) {
        return model.piece(input, state, &masks);
    }
    let device = input.device();
    // the longest first, so that those who still run are always the first ones
    let mut order: Vec<usize> = (0..batch).collect();
    order.sort_by_key(|sample| Reverse(lengths[*sample]));
    let sorted: Vec<usize> = order.iter().map(|sample| lengths[*sample]).collect();
    let rows = indices(&order, &device);
    let (y, state) = longest_first(
        model,
        input.select_samples(rows.clone()),
        &sorted,
        state.map(|state| state.select(rows.clone())),
        M::select_masks(&masks, rows),
    )?;
    let mut back = vec![0; batch];
    for (place, sample) in order.into_iter().enumerate() {
        back[sample] = place;
    }
    let back = indices(&back, &device);
    Ok((y.select(0, back.clone()), state.select(back)))
}

/// The same for samples that are ordered from the longest to the shortest, of which one is shorter than the input.
fn longest_first<M: Recurrent>(
    model: &M,
    input: M::Input,
    lengths: &[usize],
    mut state: Option<M::State>,
    masks: M::Masks,
) -> Result<(Tensor<3>, M::State), ElmError> {
    let ([batch, time], device) = (input.sizes(), input.device());
    let (mut outputs, mut ended) = (Vec::new(), Vec::new());
    let (mut from, mut running) = (0, batch);
    while running > 0 {
        let end = lengths[running - 1];
        let remaining = lengths.partition_point(|length| *length > end);
        let rows: Vec<usize> = (0..running).collect();
        let masks = M::select_masks(&masks, indices(&rows, &device));
        let piece = input.part(running, from, end - from);
        let (y, after) = model.piece(piece, state, &masks)?;
        let [_, steps, width] = y.dims();
        let rest = Tensor::zeros([batch - running, steps, width], (&y.device(), y.dtype()));
        outputs.push(match running == batch {
            true => y,
            false => Tensor::cat(vec![y, rest], 0),
        });
        ended.push(after.clone().select(indices(&rows[remaining..], &device)));
        state = match remaining {
            0 => None,
            _ => Some(after.select(indices(&rows[..remaining], &device))),
        };
        (from, running) = (end, remaining);
    }
    if let Some(last) = outputs.last()
        && from < time
    {
        let options = (&last.device(), last.dtype());
        outputs.push(Tensor::zeros([batch, time - from, last.dims()[2]], options));
    }
    ended.reverse();
    match M::State::cat(ended) {
        Some(state) => Ok((Tensor::cat(outputs, 1), state)),
        None => unreachable!("a batch has at least one sample"),
    }
}

/// See [`Recurrent::forward_reversed`].
fn forward_reversed<M: Recurrent>(
    model: &M,
    input: M::Input,
    lengths: Option<&[usize]>,
    state: Option<M::State>,
) -> Result<(Tensor<3>, M::State), ElmError> {
    let [batch, time] = input.sizes();
    let whole = vec![time; batch];
    let lengths = lengths.unwrap_or(&whole);
    check_lengths(lengths, [batch, time])?;
    let places: Vec<usize> = lengths
        .iter()
        .enumerate()
        .flat_map(|(sample, &length)| {
            let turned = move |step| {
                if step < length {
                    length - 1 - step
                } else {
                    step
                }
            };
            (0..time).map(move |step| sample * time + turned(step))
        })
        .collect();
    let places = indices(&places, &input.device());
    let (y, state) = forward(model, input.select_steps(places.clone()), lengths, state)?;
    Ok((y.select_steps(places), state))
}

fn check_lengths(lengths: &[usize], [batch, time]: [usize; 2]) -> Result<(), ElmError> {
    let problem = match lengths
        .iter()
        .position(|length| !(1..=time).contains(length))
    {
        _ if batch == 0 || time == 0 => format!(
            "are of an input of at least one sample and one step, found {batch} samples of {time} steps"
        ),
        _ if lengths.len() != batch => {
            let found = lengths.len();
            format!("must be one for each of {batch} samples, found {found}")
        }
        Some(at) => {
            let found = lengths[at];
            format!("must be 1 to {time}, the number of steps, found {found} for sample {at}")
        }
        None => return Ok(()),
    };
    Err(ElmError::Lengths { problem })
}

fn indices(values: &[usize], device: &Device) -> Tensor<1, Int> {
    let values: Vec<i64> = values.iter().map(|v| *v as i64).collect();
    let count = values.len();
    Tensor::from_data(TensorData::new(values, [count]), device)
}
