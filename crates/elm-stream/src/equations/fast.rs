//! Hyperbolic tangent and logistic function for f32 within 4 units in the last place, without branches or calls, so that
//! compilers turn loops over them into vector code.

/// Adding this rounds an f32 to an integer, which then stands in the low bits.
const ROUND: f32 = 12_582_912.0;

/// `(n, p)` with `x = n·ln 2 + r`, `|r| <= ln 2 / 2`, and `p = (eʳ − 1 − r) / r²`, `r`, and the bits of `n + ROUND`.
#[inline(always)]
fn reduced(x: f32) -> (f32, f32, u32) {
    let shifted = x * core::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = x - n * 0.693_145_75 - n * 1.428_606_8e-6;
    let p = 1.0 / 5040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    (p, r, shifted.to_bits())
}

/// `2ⁿ` for `n` in -126..=127. Nothing overflows there, but a check would keep builds that check from making vector code.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits((n.wrapping_add(127) << 23) as u32)
}

/// `tanh x = E / (E + 2)` with `E = exp(2|x|) − 1`, and E as `2ⁿ(eʳ − 1) + (2ⁿ − 1)`, so that nothing cancels near zero.
/// From 9.01 on the result is 1 in f32. NaN of NaN.
#[inline(always)]
pub fn tanh(x: f32) -> f32 {
    let (p, r, bits) = reduced(2.0 * x.abs().min(9.25));
    let expm1 = p * r * r + r;
    let scale = f32::from_bits((bits << 23).wrapping_add(0x3f80_0000));
    let e = scale * expm1 + (scale - 1.0);
    // a NaN passes through `min` as 9.25: hand it on instead of hiding it
    let t = (e / (e + 2.0)).copysign(x);
    if x.is_nan() { x } else { t }
}

/// `1 / (1 + E)` on the right and `E / (1 + E)` on the left, with `E = exp(−|x|) = 2ⁿ eʳ`, so that small results keep all
/// their digits. The power of two is applied in two halves, as it may be subnormal. NaN of NaN.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let (p, r, bits) = reduced(-x.abs().min(104.0));
    let exp_r = p * r * r + r + 1.0;
    let n = bits.wrapping_sub(ROUND.to_bits()) as i32;
    let half = n >> 1;
    let e = exp_r * power_of_two(half) * power_of_two(n.wrapping_sub(half));
    let over = if x < 0.0 { e } else { 1.0 };
    // a NaN passes through `min`: hand it on instead of hiding it
    if x.is_nan() { x } else { over / (1.0 + e) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distance of a result from the exact value in units of the last place of f32.
    fn units(found: f32, exact: f64) -> f64 {
        let nearest = exact as f32;
        let unit =
            f64::from(f32::from_bits(nearest.abs().to_bits() + 1)) - f64::from(nearest.abs());
        (f64::from(found) - exact).abs() / unit
    }

    #[test]
    fn results_are_within_four_units_in_the_last_place() {
        let grid = (0..400_000).map(|i| (i as f32 / 400_000.0 - 0.5) * 24.0);
        let small = (-140..0).map(|e| libm::exp2(f64::from(e)) as f32);
        for x in grid.chain(small.clone()).chain(small.map(|x| -x)) {
            let exact = f64::from(x);
            assert!(units(tanh(x), libm::tanh(exact)) <= 4.0, "tanh {x}");
            assert!(
                units(sigmoid(x), crate::equations::sigmoid(exact)) <= 4.0,
                "sigmoid {x}"
            );
        }
    }

    #[test]
    fn limits_and_nan() {
        for (x, t, s) in [
            (f32::INFINITY, 1.0, 1.0),
            (f32::NEG_INFINITY, -1.0, 0.0),
            (0.0, 0.0, 0.5),
        ] {
            assert_eq!(tanh(x), t);
            assert!((sigmoid(x) - s).abs() < 1e-44);
        }
        assert!(tanh(-0.0).is_sign_negative());
        assert!(tanh(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan());
    }
}
