//! Models that ELM neurons and networks are compared with, all `[batch, time, input]` to `[batch, time, output]`.
//!
//! - [`ChronoLstm`]: an LSTM whose gates start with memories as long as the task (Tallec & Ollivier 2018);
//! - [`TransformerEncoder`]: as in the Long Range Arena (Tay et al. 2021);
//! - [`Tcn`]: a temporal convolutional network as fitted to a cortical neuron (Beniaguev et al. 2021);
//! - [`Lif`]: leaky integrate-and-fire neurons, with adaptive thresholds on demand (Bellec et al. 2018).
//!
//! Each is made by `init` of its configuration, counts its trained numbers with `num_trained`, and is saved and loaded
//! as any Burn module. Those with a state hand it out and take it back: two halves of a sequence give the whole.

mod chrono_lstm;
mod lif;
mod tcn;
mod transformer;

pub use chrono_lstm::{ChronoLstm, ChronoLstmConfig};
pub use lif::{Adaptation, Lif, LifConfig, LifOutput, LifState, Recurrence, Reset};
pub use tcn::{Tcn, TcnConfig, TcnLayer, TcnNorm};
pub use transformer::{
    Attention, EmbeddingInit, LraTask, Positions, TransformerEncoder, TransformerEncoderConfig,
};

use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};

use crate::ElmError;
use crate::layer::fail;

/// Most numbers that one tensor of a model may have.
const MAX_ELEMENTS: usize = 1 << 30;

/// Steps that a recurrent model takes between two concatenations.
///
/// Burn's gradient of one step's slice is a tensor as long as what was sliced: steps of a whole sequence would cost its
/// length squared, steps of short pieces do not.
const PIECE: usize = 32;

/// Sizes that must be at least 1.
fn at_least_one(sizes: &[(&'static str, usize)]) -> Result<(), ElmError> {
    match sizes.iter().find(|(_, size)| *size == 0) {
        Some((field, _)) => fail(field, "must be at least 1, found 0".into()),
        None => Ok(()),
    }
}

/// A tensor of these sizes must fit into memory; the field is the one to blame.
fn fits(field: &'static str, sizes: &[usize]) -> Result<(), ElmError> {
    let count = sizes
        .iter()
        .try_fold(1usize, |n, &size| n.checked_mul(size));
    if count.is_some_and(|count| count <= MAX_ELEMENTS) {
        return Ok(());
    }
    fail(
        field,
        format!(
            "is too large: it makes a tensor of {sizes:?} numbers, at most {MAX_ELEMENTS} are possible"
        ),
    )
}

/// Constants that must be positive and finite as 32-bit numbers.
fn positive(values: &[(&'static str, f64)]) -> Result<(), ElmError> {
    let good = |value: f64| (value as f32).is_finite() && value as f32 > 0.0;
    match values.iter().find(|(_, value)| !good(*value)) {
        Some((field, value)) => fail(
            field,
            format!("must be a positive number (of 32 bits), found {value:?}"),
        ),
        None => Ok(()),
    }
}

/// Rates of dropout.
fn dropout_rates(rates: &[(&'static str, f64)]) -> Result<(), ElmError> {
    match rates.iter().find(|(_, p)| !(0.0..1.0).contains(p)) {
        Some((field, p)) => fail(field, format!("must be at least 0 and below 1, found {p}")),
        None => Ok(()),
    }
}

/// An input must be `[batch, time, channels]`, neither empty.
fn check_input(found: [usize; 3], channels: usize) -> Result<(), ElmError> {
    if found[2] == channels && found[0] > 0 && found[1] > 0 {
        return Ok(());
    }
    Err(ElmError::Shape {
        what: "x",
        expected: format!("[batch, time, {channels}] with at least one sample and one step"),
        found: found.to_vec(),
    })
}

/// A tensor of a state must have this shape.
fn check_state<const D: usize>(
    what: &'static str,
    found: [usize; D],
    expected: [usize; D],
) -> Result<(), ElmError> {
    if found == expected {
        return Ok(());
    }
    Err(ElmError::Shape {
        what,
        expected: format!("{expected:?}"),
        found: found.to_vec(),
    })
}

/// What was computed, for a `forward` that promises an output.
fn output_or_panic<T>(result: Result<T, ElmError>) -> T {
    match result {
        Ok(output) => output,
        Err(error) => panic!("{error}"),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sizes_beyond_memory_are_refused() {
        assert!(fits("a", &[1 << 15, 1 << 15]).is_ok());
        for sizes in [[(1 << 15) + 1, 1 << 15], [usize::MAX, 2]] {
            let error = fits("width", &sizes).unwrap_err().to_string();
            assert!(error.contains("`width` is too large"), "{error}");
        }
    }

    #[test]
    fn constants_are_checked_as_the_models_compute_them() {
        assert!(positive(&[("tau", 1e-3)]).is_ok());
        for value in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e-300] {
            let error = positive(&[("dt", 1.0), ("tau", value)]).unwrap_err();
            assert!(error.to_string().contains("`tau` must be a positive"));
        }
        for p in [-0.1, 1.0, f64::NAN] {
            assert!(dropout_rates(&[("p", p)]).is_err());
        }
        assert!(dropout_rates(&[("p", 0.0), ("q", 0.99)]).is_ok());
    }

    #[cfg(feature = "flex")]
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
