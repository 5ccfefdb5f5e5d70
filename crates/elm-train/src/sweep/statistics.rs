//! Mean, standard deviation and confidence interval of a few numbers.

/// What several seeds came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Numbers.
    pub n: usize,
    /// Their mean.
    pub mean: f64,
    /// Standard deviation of a sample (divided by n - 1); none of a single number.
    pub sd: Option<f64>,
    /// Half width of the 95 % confidence interval of the mean, by Student's t; none of a single number.
    pub half_width: Option<f64>,
}

impl Spread {
    /// The spread of some numbers; none of no number.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / n as f64;
        let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let sd = (n > 1).then(|| (squares / (n - 1) as f64).sqrt());
        Some(Self {
            n,
            mean,
            sd,
            half_width: sd.map(|sd| student_t(n - 1) * sd / (n as f64).sqrt()),
        })
    }
}

/// Quantile 0.975 of Student's t with 1 to 30 degrees of freedom.
const TABLE: [f64; 30] = [
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281, 2.2010,
    2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860, 2.0796, 2.0739, 2.0687,
    2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423,
];

/// Quantile 0.975 of Student's t with `degrees` of freedom, 1 or more, to four digits.
pub fn student_t(degrees: usize) -> f64 {
    match degrees {
        0 => f64::INFINITY,
        1..=30 => TABLE[degrees - 1],
        // the expansion of Cornish and Fisher around the normal quantile
        _ => {
            let (z, v) = (1.959_963_985_f64, degrees as f64);
            z + (z.powi(3) + z) / (4.0 * v)
                + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * v * v)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn intervals_are_those_of_the_tables() {
        for (degrees, quantile) in [
            (1, 12.7062),
            (2, 4.3027),
            (10, 2.2281),
            (30, 2.0423),
            (31, 2.0395),
            (40, 2.0211),
            (60, 2.0003),
            (120, 1.9799),
        ] {
            assert!((student_t(degrees) - quantile).abs() < 1e-4, "{degrees}");
        }
        assert!(TABLE.windows(2).all(|pair| pair[0] > pair[1]));
        assert!(TABLE[29] > student_t(31));
        let spread = Spread::of(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!((spread.n, spread.mean), (4, 2.5));
        assert!((spread.sd.unwrap() - 1.290_994).abs() < 1e-6);
        assert!((spread.half_width.unwrap() - 3.1824 * 1.290_994 / 2.0).abs() < 1e-5);
        let one = Spread::of(&[7.0]).unwrap();
        assert_eq!((one.mean, one.sd, one.half_width), (7.0, None, None));
        assert!(Spread::of(&[]).is_none());
    }
}
