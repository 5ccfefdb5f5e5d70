//! A power law through some points.

use super::statistics::student_t;

/// `y = factor · x^exponent`, fitted to the logarithms by least squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PowerLaw {
    /// The exponent.
    pub exponent: f64,
    /// Half width of its 95 % confidence interval by Student's t; none of two points.
    pub half_width: Option<f64>,
    /// What it is at `x = 1`.
    pub factor: f64,
    /// Share of the variance of the logarithms that it explains, 0 to 1; none where they are all the same.
    pub r2: Option<f64>,
    /// Points.
    pub n: usize,
}

impl PowerLaw {
    /// The law through points `(x, y)` above 0, others are left out; none where all have the same `x`.
    pub fn fit(points: &[(f64, f64)]) -> Option<Self> {
        let is_fit = |&(x, y): &(f64, f64)| x > 0.0 && y > 0.0 && x.is_finite() && y.is_finite();
        let logs = points.iter().copied().filter(is_fit);
        let logs: Vec<(f64, f64)> = logs.map(|(x, y)| (x.ln(), y.ln())).collect();
        let n = logs.len();
        let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / n.max(1) as f64;
        let (x, y) = (mean(|p| p.0), mean(|p| p.1));
        let sum = |of: &dyn Fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>();
        let xx = sum(&|p| (p.0 - x).powi(2));
        if n < 2 || xx <= 1e-12 * n as f64 {
            return None;
        }
        let exponent = sum(&|p| (p.0 - x) * (p.1 - y)) / xx;
        let rest = sum(&|p| (p.1 - y - exponent * (p.0 - x)).powi(2));
        let yy = sum(&|p| (p.1 - y).powi(2));
        let error = |degrees: usize| (rest / degrees as f64 / xx).sqrt();
        Some(Self {
            exponent,
            half_width: (n > 2).then(|| student_t(n - 2) * error(n - 2)),
            factor: (y - exponent * x).exp(),
            r2: (yy > 0.0).then(|| 1.0 - rest / yy),
            n,
        })
    }

    /// Its value at `x`.
    pub fn at(self, x: f64) -> f64 {
        self.factor * x.powf(self.exponent)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_law_is_found_again() {
        let points: Vec<(f64, f64)> = [1.0, 10.0, 100.0, 1e4]
            .map(|x: f64| (x, 3.0 * x.powf(-0.25)))
            .to_vec();
        let law = PowerLaw::fit(&points).unwrap();
        assert!((law.exponent + 0.25).abs() < 1e-9 && (law.factor - 3.0).abs() < 1e-9);
        assert!(law.half_width.unwrap() < 1e-6 && law.r2.unwrap() > 1.0 - 1e-9);
        assert!((law.at(16.0) - 1.5).abs() < 1e-9);
        // what has no logarithm is left out
        let more = [&points[..], &[(2.0, 0.0), (0.0, 1.0), (3.0, f64::NAN)]].concat();
        assert_eq!(PowerLaw::fit(&more).unwrap().n, 4);
        assert_eq!(PowerLaw::fit(&[(2.0, 1.0), (2.0, 3.0)]), None);
        assert_eq!(PowerLaw::fit(&[]), None);
        let two = PowerLaw::fit(&points[..2]).unwrap();
        assert_eq!((two.n, two.half_width), (2, None));
    }

    /// By hand: logarithms (0, 0), (1, 1), (2, 1), (3, 2) have the slope 0.6, the rest 0.2 and the standard error
    /// √(0.2 / 2 / 5).
    #[test]
    fn the_interval_is_that_of_the_textbook() {
        let points = [(0, 0), (1, 1), (2, 1), (3, 2)];
        let points = points.map(|(x, y)| (f64::from(x).exp(), f64::from(y).exp()));
        let law = PowerLaw::fit(&points).unwrap();
        assert!((law.exponent - 0.6).abs() < 1e-9);
        assert!((law.half_width.unwrap() - 4.3027 * 0.02_f64.sqrt()).abs() < 1e-6);
        assert!((law.r2.unwrap() - 0.9).abs() < 1e-9);
    }

    /// Of many draws with noise, the true exponent is in about 95 % of the intervals.
    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        use rand::{RngExt, SeedableRng};
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let mut held = 0;
        for _ in 0..1000 {
            let points: Vec<(f64, f64)> = (1..=6)
                .map(|i| {
                    // a sum of twelve uniform numbers is about normal
                    let noise: f64 = (0..12).map(|_| random.random::<f64>()).sum::<f64>() - 6.0;
                    let x = f64::from(1 << i);
                    (x, x.powf(-0.3) * (0.2 * noise).exp())
                })
                .collect();
            let law = PowerLaw::fit(&points).unwrap();
            held += usize::from((law.exponent + 0.3).abs() <= law.half_width.unwrap());
        }
        assert!((925..=975).contains(&held), "{held} of 1000");
    }
}
