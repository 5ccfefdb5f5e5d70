//! Numbers: squared error, binary cross entropy and Poisson losses, with the metrics that go with each.

use burn::tensor::Tensor;
use elm_data::arrays::Scaler;

use super::batch::RowTargets;
use super::class_meter::auc;
use super::judge::{HostTargets, Judge, LossChoice, Meter, Rows};
use crate::run::Column;
use crate::task::neuronio::bce_with_logits;

const RMSE: Column = Column {
    key: "valid_rmse",
    title: "RMSE",
    unit: "",
    decimals: 4,
};
const EXPLAINED: Column = Column {
    key: "valid_explained_variance_percent",
    title: "explained variance",
    unit: "%",
    decimals: 2,
};
const R2: Column = Column {
    key: "valid_r2",
    title: "R²",
    unit: "",
    decimals: 4,
};
const ACCURACY: Column = Column {
    key: "valid_accuracy_percent",
    title: "accuracy",
    unit: "%",
    decimals: 2,
};
const AUC: Column = Column {
    key: "valid_auc",
    title: "AUC",
    unit: "",
    decimals: 4,
};
const BITS: Column = Column {
    key: "valid_bits_per_event",
    title: "bits per event",
    unit: "",
    decimals: 4,
};

/// What outputs mean, and how far they are off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueLoss {
    /// Values; the mean square of the error, in normalised units.
    Mse,
    /// Logits of probabilities; binary cross entropy.
    Bce,
    /// Logarithms of rates; the Poisson likelihood of a count, without the part that no output changes.
    Poisson,
}

/// A loss of numbers, the mean over the outputs of each row.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueJudge {
    loss: ValueLoss,
    scaler: Scaler,
}

impl ValueJudge {
    /// For targets that `scaler` normalises.
    pub fn new(loss: ValueLoss, scaler: Scaler) -> Self {
        Self { loss, scaler }
    }
}

impl Judge for ValueJudge {
    fn losses(&self, y: Tensor<2>, targets: RowTargets) -> Tensor<1> {
        let RowTargets::Values(targets) = targets else {
            unreachable!("batches of a task of values have values");
        };
        let each = match self.loss {
            ValueLoss::Mse => (y - targets).powi_scalar(2),
            ValueLoss::Bce => bce_with_logits(y, targets),
            ValueLoss::Poisson => y.clone().exp() - y * targets,
        };
        let [rows, _] = each.dims();
        each.mean_dim(1).reshape([rows])
    }

    fn loss(&self) -> Option<LossChoice> {
        Some(match self.loss {
            ValueLoss::Mse => LossChoice::Mse,
            ValueLoss::Bce => LossChoice::Bce,
            ValueLoss::Poisson => LossChoice::Poisson,
        })
    }

    fn columns(&self) -> &'static [Column] {
        match self.loss {
            ValueLoss::Mse => &[RMSE, EXPLAINED, R2],
            ValueLoss::Bce => &[ACCURACY, AUC],
            ValueLoss::Poisson => &[BITS, RMSE, EXPLAINED],
        }
    }

    fn meter(&self) -> Box<dyn Meter> {
        let outputs = self.scaler.channels();
        Box::new(ValueMeter {
            judge: self.clone(),
            outputs: vec![Moments::default(); outputs],
            log_likelihood: 0.0,
            right: 0,
            labels: Vec::new(),
            scores: Vec::new(),
        })
    }

    fn fault(&self, value: f64) -> Option<String> {
        match self.loss {
            ValueLoss::Bce if !(0.0..=1.0).contains(&value) => Some(format!(
                "the loss bce takes targets of 0 to 1, found {value}"
            )),
            ValueLoss::Poisson if value < 0.0 => Some(format!(
                "the loss poisson takes counts of at least 0, found {value}"
            )),
            _ => None,
        }
    }
}

/// Sums over the rows of one output, in the units of the data.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    rows: f64,
    /// Mean target and its sum of squares about it.
    mean: f64,
    spread: f64,
    /// The same of the error.
    error: f64,
    error_spread: f64,
}

impl Moments {
    /// Welford's update, exact for long series.
    fn add(&mut self, target: f64, answer: f64) {
        self.rows += 1.0;
        for (mean, spread, value) in [
            (&mut self.mean, &mut self.spread, target),
            (&mut self.error, &mut self.error_spread, answer - target),
        ] {
            let off = value - *mean;
            *mean += off / self.rows;
            *spread += off * (value - *mean);
        }
    }

    fn squared_error(&self) -> f64 {
        self.error_spread + self.rows * self.error * self.error
    }
}

/// Collects answers that are numbers.
///
/// Explained variance is `1 − var(error) / var(target)`, R² is `1 − mean square of the error / var(target)`; of several
/// outputs, both are the mean over those that vary.
#[derive(Debug, Clone)]
pub struct ValueMeter {
    judge: ValueJudge,
    outputs: Vec<Moments>,
    /// Poisson: sum of `y·ln(rate) − rate`.
    log_likelihood: f64,
    /// Bce: answers on the right side of one half; labels and scores for the AUC.
    right: usize,
    labels: Vec<f32>,
    scores: Vec<f32>,
}

impl ValueMeter {
    fn rows(&self) -> f64 {
        self.outputs.iter().map(|m| m.rows).sum::<f64>()
    }

    fn rmse(&self) -> f64 {
        let squared: f64 = self.outputs.iter().map(Moments::squared_error).sum();
        (squared / self.rows()).sqrt()
    }

    fn mean_share(&self, unexplained: fn(&Moments) -> f64) -> f64 {
        let varying = self.outputs.iter().filter(|m| m.spread > 0.0);
        let shares: Vec<f64> = varying.map(|m| 1.0 - unexplained(m) / m.spread).collect();
        shares.iter().sum::<f64>() / shares.len() as f64
    }

    fn explained(&self) -> f64 {
        100.0 * self.mean_share(|m| m.error_spread)
    }

    /// Bits by which the rates tell more about an event than the mean rate does (Pillow et al. 2008).
    fn bits_per_event(&self) -> f64 {
        let events: f64 = self.outputs.iter().map(|m| m.rows * m.mean).sum();
        let of_mean = |m: &Moments| match m.mean > 0.0 {
            true => m.rows * (m.mean * m.mean.ln() - m.mean),
            false => 0.0,
        };
        let mean: f64 = self.outputs.iter().map(of_mean).sum();
        (self.log_likelihood - mean) / events / std::f64::consts::LN_2
    }
}

impl Meter for ValueMeter {
    fn add(&mut self, rows: &Rows<'_>) {
        let HostTargets::Values(targets) = rows.targets else {
            return;
        };
        let width = rows.outputs.max(1);
        for (y, target) in rows.y.chunks_exact(width).zip(targets.chunks_exact(width)) {
            let doubles = |row: &[f32]| row.iter().copied().map(f64::from).collect::<Vec<_>>();
            let (mut y, mut target) = (doubles(y), doubles(target));
            match self.judge.loss {
                ValueLoss::Mse => {
                    self.judge.scaler.invert(&mut y);
                    self.judge.scaler.invert(&mut target);
                }
                ValueLoss::Bce => {
                    for (y, target) in y.iter().zip(&target) {
                        self.right += usize::from((*y > 0.0) == (*target > 0.5));
                        self.labels.push(f32::from(u8::from(*target > 0.5)));
                        self.scores.push(*y as f32);
                    }
                }
                ValueLoss::Poisson => {
                    for (y, target) in y.iter_mut().zip(&target) {
                        self.log_likelihood += target * *y - y.exp();
                        *y = y.exp();
                    }
                }
            }
            for ((moments, y), target) in self.outputs.iter_mut().zip(y).zip(target) {
                moments.add(target, y);
            }
        }
    }

    fn metrics(&self) -> Vec<f64> {
        match self.judge.loss {
            ValueLoss::Mse => vec![
                self.rmse(),
                self.explained(),
                self.mean_share(Moments::squared_error),
            ],
            ValueLoss::Bce => vec![
                100.0 * self.right as f64 / self.rows(),
                auc(&self.labels, &self.scores),
            ],
            ValueLoss::Poisson => vec![self.bits_per_event(), self.rmse(), self.explained()],
        }
    }
}

/// The mean of a function of answer and target, both in the units of the data: the meter of a loss of one's own.
#[derive(Debug, Clone)]
pub struct MeanOf {
    scaler: Scaler,
    function: fn(f64, f64) -> f64,
    sum: f64,
    count: usize,
}

impl MeanOf {
    /// For targets that `scaler` normalises.
    pub fn new(scaler: &Scaler, function: fn(f64, f64) -> f64) -> Self {
        Self {
            scaler: scaler.clone(),
            function,
            sum: 0.0,
            count: 0,
        }
    }
}

impl Meter for MeanOf {
    fn add(&mut self, rows: &Rows<'_>) {
        let HostTargets::Values(targets) = rows.targets else {
            return;
        };
        let in_units = |values: &[f32]| {
            let mut values: Vec<f64> = values.iter().copied().map(f64::from).collect();
            self.scaler.invert(&mut values);
            values
        };
        for (y, target) in in_units(rows.y).into_iter().zip(in_units(targets)) {
            self.sum += (self.function)(y, target);
            self.count += 1;
        }
    }

    fn metrics(&self) -> Vec<f64> {
        vec![self.sum / self.count as f64]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(loss: ValueLoss, outputs: usize, y: &[f32], targets: &[f32]) -> Vec<f64> {
        let judge = ValueJudge::new(loss, Scaler::none(outputs));
        let mut meter = judge.meter();
        // in two pieces, as batches come
        let half = y.len() / outputs / 2 * outputs;
        for (y, targets) in [
            (&y[..half], &targets[..half]),
            (&y[half..], &targets[half..]),
        ] {
            meter.add(&Rows {
                y,
                outputs,
                targets: &HostTargets::Values(targets.to_vec()),
                losses: &[],
            });
        }
        meter.metrics()
    }

    fn close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-6, "{found:?}, expected {expected:?}");
        }
    }

    #[test]
    fn errors_are_those_by_hand() {
        // errors 1, 1, 1, 3: mean 1.5, about it 3, mean square 3; targets 0, 2, 4, 6: about their mean 20
        let found = metrics(ValueLoss::Mse, 1, &[1., 3., 5., 9.], &[0., 2., 4., 6.]);
        close(&found, &[3f64.sqrt(), 85.0, 0.4]);
        // a second output that never changes counts for the error alone
        let found = metrics(ValueLoss::Mse, 2, &[1., 7., 3., 7.], &[0., 7., 2., 7.]);
        close(&found, &[0.5f64.sqrt(), 100.0, 0.0]);
    }

    #[test]
    fn probabilities_and_rates_have_metrics_of_their_own() {
        let found = metrics(ValueLoss::Bce, 1, &[2., -1., 1., -3.], &[1., 1., 0., 0.]);
        close(&found, &[50.0, 0.75]);
        // rates 1 and 3 for the counts 0 and 4, against the mean rate 2
        let found = metrics(ValueLoss::Poisson, 1, &[0., 3f32.ln()], &[0., 4.]);
        let gain = 4.0 * 3f64.ln() - 4.0 - (4.0 * 2f64.ln() - 4.0);
        assert!(
            (found[0] - gain / 4.0 / 2f64.ln()).abs() < 1e-6,
            "{found:?}"
        );
        // no better than the mean
        let found = metrics(ValueLoss::Poisson, 1, &[2f32.ln(), 2f32.ln()], &[0., 4.]);
        assert!(found[0].abs() < 1e-6 && found[2].abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn a_target_out_of_range_is_told() {
        let judge = |loss| ValueJudge::new(loss, Scaler::none(1));
        assert!(judge(ValueLoss::Bce).fault(1.5).is_some());
        assert!(judge(ValueLoss::Poisson).fault(-1.0).is_some());
        assert!(judge(ValueLoss::Poisson).fault(3.0).is_none());
        assert!(judge(ValueLoss::Mse).fault(-1.0).is_none());
    }
}
