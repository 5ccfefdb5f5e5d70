//! From data to pixels.

use super::ticks;

/// A linear or logarithmic map from data to pixels.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Scale {
    domain: (f64, f64),
    pixels: (f64, f64),
    log: bool,
    /// Distance of the ticks where it is settled.
    step: Option<f64>,
}

impl Scale {
    /// A linear scale over exactly `domain`.
    pub(in crate::report) fn linear(domain: (f64, f64), pixels: (f64, f64)) -> Self {
        Self {
            domain: apart(domain),
            pixels,
            log: false,
            step: None,
        }
    }

    /// A linear scale whose ends are ticks, about `target` of them.
    pub(in crate::report) fn rounded(
        domain: (f64, f64),
        pixels: (f64, f64),
        target: usize,
    ) -> Self {
        let (lo, hi) = apart(domain);
        let step = ticks::step(hi - lo, target);
        Self {
            step: Some(step),
            ..Self::linear(ticks::widen(lo, hi, step), pixels)
        }
    }

    /// A linear scale over exactly `domain`, about `target` ticks, all at whole numbers.
    pub(in crate::report) fn whole(domain: (f64, f64), pixels: (f64, f64), target: usize) -> Self {
        let scale = Self::linear(domain, pixels);
        let (lo, hi) = scale.domain;
        Self {
            step: Some(ticks::step(hi - lo, target).max(1.0)),
            ..scale
        }
    }

    /// A logarithmic scale over a positive `domain`.
    pub(in crate::report) fn log(domain: (f64, f64), pixels: (f64, f64)) -> Self {
        let lo = domain.0.max(f64::MIN_POSITIVE);
        let hi = domain.1.max(lo * 1.2);
        Self {
            domain: (lo, hi),
            pixels,
            log: true,
            step: None,
        }
    }

    /// The pixel of `value`; none for what has no place on the scale.
    pub(in crate::report) fn at(&self, value: f64) -> Option<f64> {
        let (lo, hi) = self.domain;
        let share = if self.log {
            (value / lo).ln() / (hi / lo).ln()
        } else {
            (value - lo) / (hi - lo)
        };
        let (from, to) = self.pixels;
        share.is_finite().then_some(from + share * (to - from))
    }

    /// The pixels at both ends.
    pub(in crate::report) fn pixels(&self) -> (f64, f64) {
        self.pixels
    }

    /// (pixel, label) of about `target` ticks.
    pub(in crate::report) fn ticks(&self, target: usize) -> Vec<(f64, String)> {
        let (lo, hi) = self.domain;
        let labelled: Vec<(f64, usize)> = if self.log {
            let values = ticks::logarithmic(lo, hi);
            values
                .into_iter()
                .map(|v| (v, ticks::decimals(v)))
                .collect()
        } else {
            let (values, decimals) =
                ticks::multiples(lo, hi, self.step.unwrap_or(ticks::step(hi - lo, target)));
            values.into_iter().map(|v| (v, decimals)).collect()
        };
        labelled
            .into_iter()
            .filter_map(|(value, decimals)| Some((self.at(value)?, ticks::number(value, decimals))))
            .collect()
    }
}

/// `domain` with its ends apart, so that it can be divided by.
fn apart((lo, hi): (f64, f64)) -> (f64, f64) {
    if hi - lo > 1e-9 * lo.abs().max(hi.abs()).max(1e-9) {
        return (lo, hi);
    }
    let room = if lo == 0.0 { 1.0 } else { lo.abs() * 0.1 };
    (lo - room, hi + room)
}

/// Least and greatest finite value.
pub(in crate::report) fn extent(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .into_iter()
        .filter(|value| value.is_finite())
        .fold(None, |range, value| match range {
            None => Some((value, value)),
            Some((lo, hi)) => Some((value.min(lo), value.max(hi))),
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn maps_both_ends() {
        let scale = Scale::linear((0.0, 10.0), (100.0, 0.0));
        assert_eq!((scale.at(0.0), scale.at(10.0)), (Some(100.0), Some(0.0)));
        let scale = Scale::log((1.0, 100.0), (0.0, 200.0));
        assert!((scale.at(10.0).unwrap() - 100.0).abs() < 1e-9);
        assert_eq!(scale.at(0.0), None);
        assert_eq!(scale.at(f64::NAN), None);
    }

    #[test]
    fn one_value_still_gives_a_scale() {
        for value in [0.0, 3.0, -70.0, 1e-12] {
            let scale = Scale::rounded((value, value), (0.0, 100.0), 4);
            let at = scale.at(value).unwrap();
            assert!((0.0..=100.0).contains(&at), "{value} at {at}");
            assert!(scale.ticks(4).len() >= 2);
        }
        let scale = Scale::log((5.0, 5.0), (0.0, 100.0));
        assert!(scale.at(5.0).is_some());
    }

    #[test]
    fn a_rounded_scale_ends_on_ticks() {
        for (lo, hi) in [(0.78, 0.97), (-81.3, -54.2), (0.0, 1e-9), (3.0, 7e5)] {
            let scale = Scale::rounded((lo, hi), (0.0, 100.0), 4);
            let ticks = scale.ticks(4);
            let (first, last) = (ticks.first().unwrap(), ticks.last().unwrap());
            assert!(
                first.0.abs() < 1e-6 && (last.0 - 100.0).abs() < 1e-6,
                "{ticks:?}"
            );
        }
    }

    #[test]
    fn a_whole_scale_has_whole_ticks() {
        let labels = |lo, hi, target| -> Vec<String> {
            let ticks = Scale::whole((lo, hi), (0.0, 100.0), target).ticks(target);
            ticks.into_iter().map(|tick| tick.1).collect()
        };
        assert_eq!(labels(1.0, 3.0, 12), ["1", "2", "3"]);
        assert_eq!(labels(0.0, 2.0, 12), ["0", "1", "2"]);
        assert_eq!(
            labels(1.0, 35.0, 8),
            ["5", "10", "15", "20", "25", "30", "35"]
        );
    }

    #[test]
    fn extent_skips_what_is_not_finite() {
        assert_eq!(
            extent([f64::NAN, 2.0, -1.0, f64::INFINITY]),
            Some((-1.0, 2.0))
        );
        assert_eq!(extent([f64::NAN]), None);
    }
}
