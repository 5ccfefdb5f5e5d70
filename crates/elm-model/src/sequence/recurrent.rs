//! What recurrent models have in common.

use burn::tensor::{Int, Tensor};

use super::input::SequenceInput;
use super::ragged;
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
        ragged::forward(self, input.into(), lengths, state)
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
        ragged::forward_reversed(self, input.into(), lengths, state)
    }
}
