//! Two models over the same sequences, one from the start and one from the end.

use burn::module::{Module, ModuleDisplay};
use burn::tensor::Tensor;

use super::recurrent::Recurrent;
use crate::ElmError;
use crate::error::check;

/// Two models of the same kind; one reads the sequences from their first step to their last, the other from their last
/// to their first. Their outputs stand side by side, as in [`BiLstm`](burn::nn::BiLstm).
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// use elm_model::{ElmNeuronConfig, sequence::Bidirectional};
///
/// # fn main() -> Result<(), elm_model::ElmError> {
/// let device = Device::flex();
/// let config = ElmNeuronConfig::new(4, 3);
/// let both = Bidirectional::new(config.init(&device)?, config.init(&device)?);
/// let x = Tensor::<3>::zeros([2, 7, 4], &device);
/// let (y, _) = both.forward_lengths(x, &[7, 5], None)?;
/// assert_eq!(y.dims(), [2, 7, 6]);
/// # Ok(())
/// # }
/// # main().unwrap();
/// # }
/// ```
#[derive(Module, Debug)]
pub struct Bidirectional<M: Module + ModuleDisplay> {
    /// Reads from the first step to the last.
    pub ahead: M,
    /// Reads from the last step to the first.
    pub back: M,
}

impl<M: Module + ModuleDisplay + Recurrent> Bidirectional<M> {
    /// A pair of models.
    pub fn new(ahead: M, back: M) -> Self {
        Self { ahead, back }
    }

    /// Outputs `[batch, time, 2 · output]`, those of `ahead` first, and the final states of both; without states both
    /// start at rest.
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    #[track_caller]
    #[allow(clippy::type_complexity)] // a pair of states for a pair of models
    pub fn forward(
        &self,
        input: impl Into<M::Input>,
        states: Option<(M::State, M::State)>,
    ) -> (Tensor<3>, (M::State, M::State)) {
        check::or_panic(self.try_forward(input, states))
    }

    /// The same as [`forward`](Self::forward), with an error in place of the panic.
    ///
    /// # Errors
    /// As [`Recurrent::piece`].
    #[allow(clippy::type_complexity)]
    pub fn try_forward(
        &self,
        input: impl Into<M::Input>,
        states: Option<(M::State, M::State)>,
    ) -> Result<(Tensor<3>, (M::State, M::State)), ElmError> {
        let input = input.into();
        let [batch, time] = super::SequenceInput::sizes(&input);
        self.forward_lengths(input, &vec![time; batch], states)
    }

    /// The same over samples of different lengths, see [`Recurrent::forward_lengths`].
    ///
    /// # Errors
    /// As [`Recurrent::forward_lengths`].
    #[allow(clippy::type_complexity)]
    pub fn forward_lengths(
        &self,
        input: impl Into<M::Input>,
        lengths: &[usize],
        states: Option<(M::State, M::State)>,
    ) -> Result<(Tensor<3>, (M::State, M::State)), ElmError> {
        let input = input.into();
        let (first, second) = states.unzip();
        let (y, first) = self.ahead.forward_lengths(input.clone(), lengths, first)?;
        let (turned, second) = self.back.forward_reversed(input, Some(lengths), second)?;
        Ok((Tensor::cat(vec![y, turned], 2), (first, second)))
    }
}
