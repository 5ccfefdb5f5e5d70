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

/// Runs a loop with each [`HiddenActivation`] as a constant, so that the match is outside of it. A loop and no closure, which
/// would be compiled without the instruction set of the kernel around it where it is not inlined.
macro_rules! by_activation {
    ($activation:ident, $run:expr) => {
        match $activation {
            HiddenActivation::Relu => {
                let $activation = HiddenActivation::Relu;
                $run
            }
            HiddenActivation::Silu => {
                let $activation = HiddenActivation::Silu;
                $run
            }
            HiddenActivation::SquaredRelu => {
                let $activation = HiddenActivation::SquaredRelu;
                $run
            }
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
    by_activation!(activation, {
        for a in values {
            *a = hidden_value(*a, activation);
        }
    });
}

/// [`hidden_back`] in place of the pre-activations.
#[inline(always)]
pub(crate) fn hidden_backs<R: Real>(grad: &[R], pre: &mut [R], activation: HiddenActivation) {
    by_activation!(activation, {
        for (a, g) in pre.iter_mut().zip(grad) {
            *a = hidden_back(*g, *a, activation);
        }
    });
}

/// [`hidden_back`] in place of the gradients, and [`hidden_value`] in place of the pre-activations.
#[inline(always)]
pub(crate) fn hidden_backs_and_values<R: Real>(
    grad: &mut [R],
    pre: &mut [R],
    activation: HiddenActivation,
) {
    by_activation!(activation, {
        for (g, a) in grad.iter_mut().zip(pre) {
            *g = hidden_back(*g, *a, activation);
            *a = hidden_value(*a, activation);
        }
    });
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
#[cfg(test)]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::equations;
    use crate::kernels::cpu::isa::{Isa, by_isa};

    /// Not a number, infinities, zeros, subnormal, huge and ordinary values, both signs.
    fn grid<R: Real>() -> Vec<R> {
        let ordinary = (1..400).map(|i| f64::from(i) * 0.0371);
        let extreme = [
            0.0,
            f64::INFINITY,
            f64::MAX,
            f64::MIN_POSITIVE,
            5e-324,
            f64::from(f32::MAX),
            f64::from(f32::MIN_POSITIVE),
            1e-45,
            1e-40,
            1e-9,
            1e-4,
            30.0,
            88.0,
            104.5,
            150.0,
            740.0,
            1e20,
        ];
        let values = extreme.into_iter().chain(ordinary);
        values
            .flat_map(|v| [v, -v])
            .chain([f64::NAN])
            .map(R::of)
            .collect()
    }

    /// A function here, what defines it, and the error that cancellation may leave in units of the type's precision.
    struct Row<R> {
        name: String,
        found: Vec<R>,
        defined: Box<dyn Fn(f64) -> f64>,
        cancelled: f64,
    }

    #[inline(always)]
    fn compute<I: Isa, R: Real>(grid: &[R], rows: &mut Vec<Row<R>>) {
        let mut add = |name: String, found, cancelled, defined: Box<dyn Fn(f64) -> f64>| {
            rows.push(Row {
                name,
                found,
                defined,
                cancelled,
            });
        };
        for a in HiddenActivation::ALL {
            let cancelled = f64::from(u8::from(a == HiddenActivation::Silu)) * 8.0;
            let mut values = grid.to_vec();
            hidden_values(&mut values, a);
            add(format!("{a:?}"), values, 0.0, Box::new(move |v| a.value(v)));
            let slopes = grid.iter().map(|v| hidden_slope(*v, a)).collect();
            add(
                format!("slope of {a:?}"),
                slopes,
                cancelled,
                Box::new(move |v| a.slope(v)),
            );
        }
        for o in OutputActivation::ALL {
            let values = grid.iter().map(|v| output_value(*v, o)).collect();
            add(format!("{o:?}"), values, 0.0, Box::new(move |v| o.value(v)));
            let slopes = grid.iter().map(|v| output_slope(*v, o)).collect();
            add(
                format!("slope of {o:?}"),
                slopes,
                0.0,
                Box::new(move |v| o.slope(v)),
            );
        }
        let squash = grid.iter().map(|z| squash_value(squash_tanh(*z))).collect();
        add("squash".into(), squash, 0.0, Box::new(equations::squash));
        let slopes = grid.iter().map(|z| squash_slope(squash_tanh(*z))).collect();
        add(
            "slope of squash".into(),
            slopes,
            32.0,
            Box::new(equations::squash_slope),
        );
    }

    by_isa!(compute_isa => compute [R: Real] [] (grid: &[R], rows: &mut Vec<Row<R>>));

    fn check<R: Real>(precision: f64, smallest: f64) {
        let grid = grid::<R>();
        let mut rows = Vec::new();
        compute_isa(&grid, &mut rows);
        assert_eq!(rows.len(), 14);
        for row in rows {
            assert_eq!(row.found.len(), grid.len());
            for (x, found) in grid.iter().zip(&row.found) {
                let (x, found) = (x.to_f64(), found.to_f64());
                // rounded once more, so that what overflows the type is infinite in both
                let defined = R::of((row.defined)(x)).to_f64();
                let allowed =
                    precision * (16.0 * defined.abs() + row.cancelled) + 1000.0 * smallest;
                let same = found == defined
                    || (found.is_nan() && defined.is_nan())
                    || (found - defined).abs() <= allowed;
                assert!(
                    same,
                    "{} at {x:e} is {found:e}, defined as {defined:e}",
                    row.name
                );
            }
        }
    }

    #[test]
    fn every_function_is_what_the_equations_define() {
        check::<f32>(f64::from(f32::EPSILON), 1e-45);
        check::<f64>(f64::EPSILON, 5e-324);
    }

    #[test]
    fn lesser_instruction_sets_compute_the_same() {
        for isa in ["base", "avx2"] {
            let test = "kernels::scalar::tests::every_function_is_what_the_equations_define";
            let output = std::env::current_exe()
                .and_then(|exe| {
                    let mut command = std::process::Command::new(exe);
                    command.args([test, "--exact"]).env("ELM_ISA", isa).output()
                })
                .expect("this test runs again");
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(
                output.status.success() && text.contains("1 passed"),
                "{isa}: {text}"
            );
        }
    }

    #[test]
    fn nothing_passes_back_through_a_silent_unit() {
        for bad in [f32::NAN, f32::INFINITY] {
            for a in [HiddenActivation::Relu, HiddenActivation::SquaredRelu] {
                assert_eq!(hidden_back(bad, -1.0, a), 0.0, "{a:?}");
                assert!(!hidden_back(bad, 1.0, a).is_finite(), "{a:?}");
                assert!(hidden_back(0.0, f32::NAN, a).is_nan(), "{a:?}");
            }
            assert_eq!(output_back(bad, -1.0, OutputActivation::Relu), 0.0);
        }
    }

    #[test]
    fn slices_are_the_same_numbers() {
        let pre = grid::<f64>();
        let grad: Vec<f64> = (0..pre.len()).map(|i| 0.5 - i as f64 * 0.01).collect();
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        for a in HiddenActivation::ALL {
            let back: Vec<f64> = grad
                .iter()
                .zip(&pre)
                .map(|(g, v)| hidden_back(*g, *v, a))
                .collect();
            let value: Vec<f64> = pre.iter().map(|v| hidden_value(*v, a)).collect();
            let mut only = pre.clone();
            hidden_backs(&grad, &mut only, a);
            let (mut both, mut values) = (grad.clone(), pre.clone());
            hidden_backs_and_values(&mut both, &mut values, a);
            for (found, want) in [(&only, &back), (&both, &back), (&values, &value)] {
                let nans = |v: &[f64]| v.iter().map(|v| v.is_nan()).collect::<Vec<_>>();
                assert_eq!(nans(found), nans(want));
                let finite = |v: &[f64]| {
                    v.iter()
                        .map(|v| if v.is_nan() { 0.0 } else { *v })
                        .collect::<Vec<_>>()
                };
                assert_eq!(bits(&finite(found)), bits(&finite(want)), "{a:?}");
            }
        }
    }
}
