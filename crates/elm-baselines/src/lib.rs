//! Models that ELM neurons and networks are compared with, all `[batch, time, input]` to `[batch, time, output]`.
//!
//! - [`ChronoLstm`]: an LSTM whose gates start with memories as long as the task (Tallec & Ollivier 2018);
//! - [`TransformerEncoder`]: as in the Long Range Arena (Tay et al. 2021);
//! - [`Tcn`]: a temporal convolutional network as fitted to a cortical neuron (Beniaguev et al. 2021);
//! - [`Lif`]: leaky integrate-and-fire neurons, with adaptive thresholds on demand (Bellec et al. 2018).
//!
//! Each is made by `init` of its configuration, counts its trained numbers with `num_trained`, and is saved and loaded
//! as any Burn module. Those with a state hand it out and take it back, as the ELM neuron does: two halves of a sequence
//! give the whole, and samples may differ in length ([`Recurrent`](elm_model::Recurrent)).
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use elm_baselines::ChronoLstmConfig;
//!
//! # fn main() -> Result<(), elm_model::ElmError> {
//! # #[cfg(feature = "flex")] {
//! let device = Device::flex();
//! let lstm = ChronoLstmConfig::new(12, 2).with_hidden_size(16).init(&device)?;
//! let (y, state) = lstm.forward(Tensor::zeros([1, 50, 12], &device), None);
//! assert_eq!(y.dims(), [1, 50, 2]);
//! assert_eq!(state.hidden.dims(), [1, 16]);
//! # }
//! # Ok(())
//! # }
//! ```

/// Makes a model with `try_forward` and without dropout one that samples of different lengths can run through.
macro_rules! without_masks {
    ($model:ty, $state:ty) => {
        impl elm_model::Recurrent for $model {
            type Input = Tensor<3>;
            type State = $state;
            type Masks = ();

            fn draw_masks(&self, _: usize) -> Result<(), ElmError> {
                Ok(())
            }

            fn select_masks((): &(), _: Tensor<1, Int>) {}

            fn piece(
                &self,
                input: Tensor<3>,
                state: Option<$state>,
                (): &(),
            ) -> Result<(Tensor<3>, $state), ElmError> {
                self.try_forward(input, state)
            }
        }
    };
}

mod chrono_lstm;
mod lif;
mod tcn;
mod transformer;

pub use chrono_lstm::{ChronoLstm, ChronoLstmConfig, ChronoLstmState};
pub use lif::{Adaptation, Lif, LifConfig, LifOutput, LifState, Recurrence, Reset};
pub use tcn::{Tcn, TcnConfig, TcnLayer, TcnNorm};
pub use transformer::{
    Attention, EmbeddingInit, LraTask, Positions, TransformerEncoder, TransformerEncoderConfig,
};

use burn::nn::{Linear, LinearConfig};
use burn::tensor::{DType, Device, Tensor};
use elm_model::{ElmError, check};

/// Steps that a recurrent model takes between two concatenations.
///
/// Burn's gradient of one step's slice is a tensor as long as what was sliced: steps of a whole sequence would cost its
/// length squared, steps of short pieces do not.
const PIECE: usize = 32;

/// Checks an input `[batch, time, channels]`, and converts it to the number type of the parameters where that may be.
fn read_input(x: Tensor<3>, channels: usize, parameters: DType) -> Result<Tensor<3>, ElmError> {
    check::input(x.dims(), channels)?;
    check::number_type("x", x.dtype(), parameters)?;
    Ok(cast(x, parameters))
}

/// A tensor in another number type; itself where it has that type.
fn cast<const D: usize>(tensor: Tensor<D>, dtype: DType) -> Tensor<D> {
    match tensor.dtype() == dtype {
        true => tensor,
        false => tensor.cast(dtype),
    }
}

/// Checks a tensor of a state, which has the number type of the parameters.
fn check_state<const D: usize>(
    what: &'static str,
    tensor: &Tensor<D>,
    shape: [usize; D],
    parameters: DType,
) -> Result<(), ElmError> {
    check::shape(what, tensor.dims(), shape)?;
    match tensor.dtype() == parameters {
        true => Ok(()),
        false => Err(ElmError::NumberType {
            what,
            expected: parameters,
            found: tensor.dtype(),
        }),
    }
}

/// A sequence `[batch, time, channel]` in pieces of at most [`PIECE`] steps, in order.
fn pieces(x: &Tensor<3>) -> impl Iterator<Item = Tensor<3>> + '_ {
    let time = x.dims()[1];
    (0..time)
        .step_by(PIECE)
        .map(move |start| x.clone().narrow(1, start, PIECE.min(time - start)))
}

/// A linear map with bias, uniform in ±1/√fan_in.
fn linear(inputs: usize, outputs: usize, device: &Device) -> Linear {
    LinearConfig::new(inputs, outputs).init(device)
}

/// Numbers in a linear map with bias.
fn linear_parameters(inputs: usize, outputs: usize) -> usize {
    (inputs + 1) * outputs
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_order_make_the_whole() {
        for time in [1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5] {
            let x = Tensor::<1, burn::tensor::Int>::arange(0..2 * time as i64, &Device::flex());
            let x = x.float().reshape([2, time, 1]);
            let parts: Vec<_> = pieces(&x).collect();
            assert_eq!(parts.len(), time.div_ceil(PIECE));
            assert!(parts.iter().all(|p| p.dims()[1] <= PIECE));
            Tensor::cat(parts, 1)
                .into_data()
                .assert_eq(&x.into_data(), true);
        }
    }
}
