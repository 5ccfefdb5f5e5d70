//! Scalar functions of the kernels, safe for every argument on every target.

use burn_cubecl::cubecl::{self, prelude::*};

use crate::equations::{
    HiddenActivation, OutputActivation, SPIKE_STEEPNESS, SQUASH_GAIN, SQUASH_SLOPE,
};

/// Below this the polynomial is used, above it the exponential.
const SMALL: f32 = 0.25;

/// `tanh` with an absolute error of at most 5e-7 for every finite argument, relative 1e-6 below 0.25.
///
/// Neither the targets' own `tanh` nor a difference of growing exponentials can be trusted with large arguments (some
/// return NaN), so only `exp(−2|x|)`, which falls from 1 to 0, is taken. Near zero `1 − exp(−2|x|)` would cancel; there
/// the Taylor series to `x⁹` (next term below 2e-9·|x|) is used.
#[cube]
pub(crate) fn tanh(x: f32) -> f32 {
    // no `max`, which may drop what is not a number
    let size = select(x < 0.0f32, -x, x);
    let e = (size * -2.0f32).exp();
    let large = (1.0f32 - e) / (1.0f32 + e);
    let s = size * size;
    let small = size
        * (1.0f32
            + s * (-0.333_333_34f32
                + s * (0.133_333_34f32 + s * (-0.053_968_254f32 + s * 0.021_869_488f32))));
    let value = select(size < SMALL, small, large);
    select(x < 0.0f32, -value, value)
}

/// `tanh(2/3 · z)`: the squashing function without its gain.
#[cube]
pub(crate) fn squash(z: f32) -> f32 {
    tanh(z * comptime!(SQUASH_SLOPE as f32))
}

/// Derivative of `1.7159 · tanh(2/3 · z)` with respect to `z`, from the value of the `tanh`.
#[cube]
pub(crate) fn squash_slope(tanh: f32) -> f32 {
    comptime!((SQUASH_GAIN * SQUASH_SLOPE) as f32) * (1.0f32 - tanh * tanh)
}

/// `1 / (1 + exp(−a))` from `exp(−|a|)`, which cannot overflow.
#[cube]
fn sigmoid(a: f32) -> f32 {
    let e = (select(a < 0.0f32, a, -a)).exp();
    select(a < 0.0f32, e, 1.0f32) / (1.0f32 + e)
}

/// The activation of a hidden layer.
#[cube]
pub(crate) fn activate(a: f32, #[comptime] activation: HiddenActivation) -> f32 {
    if comptime!(activation == HiddenActivation::Silu) {
        a * sigmoid(a)
    } else {
        // no `max`, which may drop what is not a number
        let r = select(a < 0.0f32, 0.0f32, a);
        if comptime!(activation == HiddenActivation::SquaredRelu) {
            r * r
        } else {
            r
        }
    }
}

/// `pass` where `a > 0`, zero where `a <= 0`, `a` where that is no number.
#[cube]
fn where_positive(a: f32, pass: f32) -> f32 {
    select(a > 0.0f32, pass, select(a <= 0.0f32, 0.0f32, a))
}

/// The gradient of a pre-activation from that of its activation.
#[cube]
pub(crate) fn activation_back(grad: f32, a: f32, #[comptime] activation: HiddenActivation) -> f32 {
    if comptime!(activation == HiddenActivation::Silu) {
        let s = sigmoid(a);
        grad * s * (1.0f32 + a * (1.0f32 - s))
    } else if comptime!(activation == HiddenActivation::SquaredRelu) {
        where_positive(a, grad * 2.0f32 * a)
    } else {
        where_positive(a, grad)
    }
}

/// The activation of an output.
#[cube]
pub(crate) fn output(v: f32, #[comptime] activation: OutputActivation) -> f32 {
    if comptime!(activation == OutputActivation::Identity) {
        v
    } else if comptime!(activation == OutputActivation::Relu) {
        // no `max`, as above
        select(v < 0.0f32, 0.0f32, v)
    } else {
        where_positive(v, 1.0f32)
    }
}

/// The gradient of an output's pre-activation from that of the output; the slope of a spike is the fast sigmoid's.
#[cube]
pub(crate) fn output_back(grad: f32, v: f32, #[comptime] activation: OutputActivation) -> f32 {
    if comptime!(activation == OutputActivation::Identity) {
        grad
    } else if comptime!(activation == OutputActivation::Relu) {
        where_positive(v, grad)
    } else {
        // no `max`, as above
        let size = select(v < 0.0f32, -v, v);
        let width = comptime!(SPIKE_STEEPNESS as f32) * size + 1.0f32;
        grad / (width * width)
    }
}
