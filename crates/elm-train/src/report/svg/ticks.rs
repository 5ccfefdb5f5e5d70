//! Round tick values and their labels.

/// A step of 1, 2 or 5 times a power of ten that cuts `span` into about `target` parts.
pub(super) fn step(span: f64, target: usize) -> f64 {
    let raw = span / target.max(1) as f64;
    let magnitude = 10f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|factor| factor * magnitude >= raw * 0.999)
        .unwrap_or(10.0);
    factor * magnitude
}

/// Whole multiples of `step` within `lo..=hi`, and the decimals that their labels need.
pub(super) fn multiples(lo: f64, hi: f64, step: f64) -> (Vec<f64>, usize) {
    if !(step.is_finite() && step > 0.0) {
        return (Vec::new(), 0);
    }
    let first = (lo / step - 1e-6).ceil();
    let count = ((hi / step + 1e-6).floor() - first).max(-1.0) as usize + 1;
    // `+ 0.0` turns −0 into 0
    let values = (0..count)
        .map(|i| (first + i as f64) * step + 0.0)
        .collect();
    (values, decimals(step))
}

/// `lo..hi` widened to whole multiples of `step`.
pub(super) fn widen(lo: f64, hi: f64, step: f64) -> (f64, f64) {
    (
        (lo / step + 1e-6).floor() * step,
        (hi / step - 1e-6).ceil() * step,
    )
}

/// Ticks of a logarithmic axis over `lo..=hi`: 1, 2 and 5 of each decade, or powers of ten over many.
pub(super) fn logarithmic(lo: f64, hi: f64) -> Vec<f64> {
    let factors: &[f64] = if hi / lo < 5e3 {
        &[1.0, 2.0, 5.0]
    } else {
        &[1.0]
    };
    let decades = lo.log10().floor() as i32..=hi.log10().ceil() as i32;
    decades
        .flat_map(|decade| factors.iter().map(move |f| f * 10f64.powi(decade)))
        .filter(|value| (lo * 0.999..=hi * 1.001).contains(value))
        .collect()
}

/// Digits after the decimal point that `value` needs.
pub(super) fn decimals(value: f64) -> usize {
    (-(value.abs().log10() + 1e-9).floor()).clamp(0.0, 12.0) as usize
}

/// `value` with `decimals` digits and a true minus sign; a dash where it is not finite.
pub(in crate::report) fn number(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "–".to_string();
    }
    let text = format!("{:.decimals$}", value.abs());
    let zero = text.chars().all(|c| c == '0' || c == '.');
    if value < 0.0 && !zero {
        format!("−{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(lo: f64, hi: f64, target: usize) -> Vec<String> {
        let (values, decimals) = multiples(lo, hi, step(hi - lo, target));
        values.iter().map(|&v| number(v, decimals)).collect()
    }

    #[test]
    fn linear_ticks_are_round_and_inside() {
        assert_eq!(
            labels(0.0, 6000.0, 6),
            ["0", "1000", "2000", "3000", "4000", "5000", "6000"]
        );
        assert_eq!(labels(-81.3, -54.2, 4), ["−80", "−70", "−60"]);
        assert_eq!(
            labels(0.0, 0.05, 5),
            ["0.00", "0.01", "0.02", "0.03", "0.04", "0.05"]
        );
        assert_eq!(labels(-0.2, 0.2, 4), ["−0.2", "−0.1", "0.0", "0.1", "0.2"]);
        assert_eq!(labels(1.0, 1.0, 4), [""; 0]);
    }

    #[test]
    fn widen_ends_on_ticks_and_holds_the_data() {
        let (lo, hi) = widen(0.137, 0.871, 0.2);
        assert!(
            (lo - 0.0).abs() < 1e-12 && (hi - 1.0).abs() < 1e-12,
            "{lo} {hi}"
        );
        let (lo, hi) = widen(-80.0, -55.0, 5.0);
        assert!(
            (lo + 80.0).abs() < 1e-9 && (hi + 55.0).abs() < 1e-9,
            "{lo} {hi}"
        );
    }

    #[test]
    fn log_ticks() {
        assert_eq!(
            logarithmic(1.0, 150.0),
            [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]
        );
        let wide = logarithmic(0.1, 1e6);
        assert_eq!(wide.len(), 8);
        assert!((wide[0] - 0.1).abs() < 1e-12);
    }

    #[test]
    fn numbers() {
        assert_eq!(number(-0.0001, 2), "0.00");
        assert_eq!(number(-3.26, 1), "−3.3");
        assert_eq!(number(f64::NAN, 1), "–");
        assert_eq!((decimals(0.05), decimals(0.1), decimals(20.0)), (2, 1, 0));
    }
}
