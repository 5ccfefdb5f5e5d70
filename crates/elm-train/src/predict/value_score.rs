//! What the answers of one output are worth that is a number: metrics that fit what it means.

use elm_data::neuronio::RocCurve;

use crate::model::card::{Link, OutputValue};

/// Collects the answers of one output beside what is true.
#[derive(Debug, Clone)]
pub(super) struct ValueScore {
    /// Of the column, with the unit.
    name: String,
    link: Link,
    count: f64,
    error: f64,
    squared_error: f64,
    truth: f64,
    squared_truth: f64,
    /// Of rates: sum of `y·ln(rate) − rate`.
    log_likelihood: f64,
    /// Of probabilities: is it true, and how likely it was said to be.
    labels: Vec<f32>,
    scores: Vec<f32>,
    right: f64,
}

impl ValueScore {
    /// For an output whose column is called `name`.
    pub fn new(name: String, output: &OutputValue) -> Self {
        Self {
            name,
            link: output.link,
            count: 0.0,
            error: 0.0,
            squared_error: 0.0,
            truth: 0.0,
            squared_truth: 0.0,
            log_likelihood: 0.0,
            labels: Vec::new(),
            scores: Vec::new(),
            right: 0.0,
        }
    }

    /// How many were compared.
    pub fn count(&self) -> usize {
        self.count as usize
    }

    /// Adds an answer; a missing value (NaN) is left out.
    pub fn add(&mut self, answer: f64, truth: f64) {
        if truth.is_nan() {
            return;
        }
        let error = answer - truth;
        self.count += 1.0;
        self.error += error;
        self.squared_error += error * error;
        self.truth += truth;
        self.squared_truth += truth * truth;
        match self.link {
            Link::Sigmoid => {
                self.labels.push(f32::from(u8::from(truth > 0.5)));
                self.scores.push(answer as f32);
                self.right += f64::from(u8::from((answer > 0.5) == (truth > 0.5)));
            }
            Link::Exp => {
                self.log_likelihood += truth * answer.max(f64::MIN_POSITIVE).ln() - answer;
            }
            Link::Identity | Link::SignedExp => {}
        }
    }

    /// Name and value of each metric.
    pub fn metrics(&self) -> Vec<(String, f64)> {
        let mean = |sum: f64| sum / self.count;
        let variance = |sum: f64, squares: f64| mean(squares) - mean(sum).powi(2);
        let spread = variance(self.truth, self.squared_truth);
        let row = |metric: &str, value: f64| (format!("{metric} {}", self.name), value);
        let rmse = row("rmse", mean(self.squared_error).sqrt());
        let explained = row(
            "explained_variance_percent",
            100.0 * (1.0 - variance(self.error, self.squared_error) / spread),
        );
        match self.link {
            Link::Identity | Link::SignedExp => {
                let r2 = row("r_squared", 1.0 - mean(self.squared_error) / spread);
                vec![rmse, explained, r2]
            }
            Link::Sigmoid => vec![
                row("accuracy_percent", 100.0 * mean(self.right)),
                row("auc", auc(&self.labels, &self.scores)),
                rmse,
            ],
            Link::Exp => vec![
                row("bits_per_event", self.bits_per_event()),
                rmse,
                explained,
            ],
        }
    }

    /// Bits by which the rates tell more about an event than the mean rate does (Pillow et al. 2008).
    fn bits_per_event(&self) -> f64 {
        let of_mean = match self.truth > 0.0 {
            true => self.truth * (self.truth / self.count).ln() - self.truth,
            false => 0.0,
        };
        (self.log_likelihood - of_mean) / self.truth / std::f64::consts::LN_2
    }
}

/// Area under the receiver operating characteristic; NaN where there is only one kind of label.
pub(super) fn auc(labels: &[f32], scores: &[f32]) -> f64 {
    RocCurve::new(labels, scores).map_or(f64::NAN, |roc| roc.auc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(link: Link, pairs: &[(f64, f64)]) -> Vec<(String, f64)> {
        let output = OutputValue {
            name: "y".into(),
            unit: String::new(),
            link,
            scale: 1.0,
            offset: 0.0,
        };
        let mut score = ValueScore::new("y".into(), &output);
        for (answer, truth) in pairs {
            score.add(*answer, *truth);
        }
        score.add(1.0, f64::NAN);
        assert_eq!(score.count(), pairs.len());
        score.metrics()
    }

    #[test]
    fn metrics_fit_what_an_output_means() {
        // off by one everywhere: all of the variance is explained, and the error is as large as the spread
        let found = score(Link::Identity, &[(1.0, 0.0), (3.0, 2.0)]);
        let values: Vec<f64> = found.iter().map(|m| m.1).collect();
        assert_eq!(values, [1.0, 100.0, 0.0]);
        let found = score(
            Link::Sigmoid,
            &[(0.9, 1.0), (0.2, 0.0), (0.6, 0.0), (0.4, 1.0)],
        );
        assert_eq!(found[0], ("accuracy_percent y".into(), 50.0));
        // three of the four pairs of a true and an untrue one are in order
        assert_eq!(found[1], ("auc y".into(), 0.75));
        // rates that are the counts tell the most, the mean rate nothing
        let found = score(Link::Exp, &[(2.0, 2.0), (2.0, 2.0)]);
        assert!(found[0].1.abs() < 1e-12 && found[0].0 == "bits_per_event y");
        let found = score(Link::Exp, &[(1.0, 1.0), (3.0, 3.0)]);
        let expected = (3.0 * 3f64.ln() - 4.0 * 2f64.ln()) / 4.0 / std::f64::consts::LN_2;
        assert!((found[0].1 - expected).abs() < 1e-12, "{found:?}");
    }
}
