//! The scalar functions of the equations as every kernel on the CPU computes them, in f32 and f64.
//!
//! [`crate::equations`] defines them; a test compares the two on a grid. `kernels/cube/common/math.rs` is their mirror
//! for graphics cards, and there is no third place.
//!
//! Not a number comes out where it goes in, and infinities as the definitions say. A gradient goes *back* through an
//! activation: where the activation's slope is zero nothing of it passes, not even what is no number, as in Burn's own
//! gradients.
//!
//! Functions of one number take the activation as an argument; called with a constant, or in the slice versions, they
//! are compiled without a branch.

use super::cpu::real::Real;
use crate::equations::{
    HiddenActivation, OutputActivation, SPIKE_STEEPNESS, SQUASH_GAIN, SQUASH_SLOPE,
};

/// Calls `$run` with each [`HiddenActivation`] as a constant, so that the match is outside of its loop.
macro_rules! by_activation {
    ($activation:expr, $run:expr) => {
        match $activation {
            HiddenActivation::Relu => $run(HiddenActivation::Relu),
            HiddenActivation::Silu => $run(HiddenActivation::Silu),
            HiddenActivation::SquaredRelu => $run(HiddenActivation::SquaredRelu),
        }
    };
}

/// `max(a, 0)`, which keeps a NaN; compiled to one instruction.
#[inline(always)]
fn rectified<R: Real>(a: R) -> R {
    if a < R::default() { R::default() } else { a }
}

/// `pass` where `a > 0`, zero where `a <= 0`, `a` where that is no number.
#[inline(always)]
fn where_positive<R: Real>(a: R, pass: R) -> R {
    let kept = if a <= R::default() {
        R::default()
    } else {
        pass
    };
    if is_nan(a) { a } else { kept }
}

#[inline(always)]
fn is_nan<R: Real>(a: R) -> bool {
    #[allow(
        clippy::eq_op,
        reason = "the test for NaN of any partially ordered number"
    )]
    let differs = a != a;
    differs
}

/// `|a|`.
#[inline(always)]
pub(crate) fn absolute<R: Real>(a: R) -> R {
    if a < R::default() {
        R::default() - a
    } else {
        a
    }
}

/// The activation of a hidden layer, [`HiddenActivation::value`].
#[inline(always)]
pub(crate) fn hidden_value<R: Real>(a: R, activation: HiddenActivation) -> R {
    match activation {
        HiddenActivation::Relu => rectified(a),
        HiddenActivation::Silu => a * a.sigmoid_fast(),
        HiddenActivation::SquaredRelu => rectified(a) * rectified(a),
    }
}

/// Its slope, [`HiddenActivation::slope`].
#[cfg(test)]
pub(crate) fn hidden_slope<R: Real>(a: R, activation: HiddenActivation) -> R {
    hidden_back(R::of(1.0), a, activation)
}

/// The gradient of a pre-activation `a` from that of its activation: `grad · act'(a)`.
#[inline(always)]
pub(crate) fn hidden_back<R: Real>(grad: R, a: R, activation: HiddenActivation) -> R {
    match activation {
        HiddenActivation::Relu => where_positive(a, grad),
        HiddenActivation::SquaredRelu => where_positive(a, grad * (a + a)),
        HiddenActivation::Silu => {
            let (s, one) = (a.sigmoid_fast(), R::of(1.0));
            grad * (s * (one + a * (one - s)))
        }
    }
}

/// [`hidden_value`] in place.
#[inline(always)]
pub(crate) fn hidden_values<R: Real>(values: &mut [R], activation: HiddenActivation) {
    by_activation!(activation, |activation| values
        .iter_mut()
        .for_each(|a| *a = hidden_value(*a, activation)));
}

/// [`hidden_back`] in place of the pre-activations.
#[inline(always)]
pub(crate) fn hidden_backs<R: Real>(grad: &[R], pre: &mut [R], activation: HiddenActivation) {
    by_activation!(activation, |activation| pre
        .iter_mut()
        .zip(grad)
        .for_each(|(a, g)| *a = hidden_back(*g, *a, activation)));
}

/// [`hidden_back`] in place of the gradients, and [`hidden_value`] in place of the pre-activations.
#[inline(always)]
pub(crate) fn hidden_backs_and_values<R: Real>(
    grad: &mut [R],
    pre: &mut [R],
    activation: HiddenActivation,
) {
    by_activation!(activation, |activation| grad.iter_mut().zip(pre).for_each(
        |(g, a)| {
            *g = hidden_back(*g, *a, activation);
            *a = hidden_value(*a, activation);
        }
    ));
}

/// `tanh(2/3 · z)`: what the passes keep of the squashing function.
#[inline(always)]
pub(crate) fn squash_tanh<R: Real>(z: R) -> R {
    (R::of(SQUASH_SLOPE) * z).tanh_fast()
}

/// `squash(z)` from its [`squash_tanh`], see [`crate::equations::squash`].
#[inline(always)]
pub(crate) fn squash_value<R: Real>(tanh: R) -> R {
    R::of(SQUASH_GAIN) * tanh
}

/// Slope of `squash` at `z` from its [`squash_tanh`], see [`crate::equations::squash_slope`].
#[inline(always)]
pub(crate) fn squash_slope<R: Real>(tanh: R) -> R {
    R::of(SQUASH_GAIN * SQUASH_SLOPE) * (R::of(1.0) - tanh * tanh)
}

/// The memory `m = u + g · squash(z)` after a step, from the decayed memory `u` and the [`squash_tanh`] of `z`.
#[inline(always)]
pub(crate) fn memory_value<R: Real>(decayed: R, gate: R, tanh: R) -> R {
    decayed + gate * squash_value(tanh)
}

/// The activation of an output, [`OutputActivation::value`].
#[inline(always)]
pub(crate) fn output_value<R: Real>(v: R, activation: OutputActivation) -> R {
    match activation {
        OutputActivation::Identity => v,
        OutputActivation::Relu => rectified(v),
        OutputActivation::Spike => where_positive(v, R::of(1.0)),
    }
}

/// Its slope as training uses it, [`OutputActivation::slope`].
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the kernels go back in one step")
)]
pub(crate) fn output_slope<R: Real>(v: R, activation: OutputActivation) -> R {
    output_back(R::of(1.0), v, activation)
}

/// The gradient of `v` from that of its activation, `grad · act'(v)` with the slope as training uses it.
#[inline(always)]
pub(crate) fn output_back<R: Real>(grad: R, v: R, activation: OutputActivation) -> R {
    match activation {
        OutputActivation::Identity => grad,
        OutputActivation::Relu => where_positive(v, grad),
        OutputActivation::Spike => {
            let width = R::of(SPIKE_STEEPNESS) * absolute(v) + R::of(1.0);
            grad / (width * width)
        }
    }
}
