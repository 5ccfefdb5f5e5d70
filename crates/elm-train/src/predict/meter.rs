//! Answers beside what is true.

use elm_data::DataError;
use serde::Serialize;

use super::source::{SampleAnswer, Truth};
use crate::error::{Result, TrainError};
use crate::model::card::OutputCard;

/// Collects answers whose truth is known.
pub struct Meter {
    output: OutputCard,
    samples: usize,
    unknown: usize,
    classes: Classes,
    values: Vec<Moments>,
}

/// Of classes.
#[derive(Default)]
struct Classes {
    rows: usize,
    right: usize,
    loss: f64,
    confusion: Vec<Vec<usize>>,
}

/// Sums over an output and its truth.
#[derive(Default, Clone)]
struct Moments {
    count: f64,
    error: f64,
    squared_error: f64,
    truth: f64,
    squared_truth: f64,
}

/// What the answers are worth.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    /// Samples whose truth is known.
    pub samples: usize,
    /// Answers to single steps, or to whole sequences.
    pub answers: usize,
    /// Name and value of each metric.
    pub metrics: Vec<(String, f64)>,
    /// Number of answers of each true class (rows) that got each class (columns); none where there are no classes.
    pub confusion: Option<Vec<Vec<usize>>>,
}

impl Meter {
    /// For the outputs of a model.
    pub fn new(output: OutputCard) -> Self {
        let columns = output.columns().len();
        let classes = Classes {
            confusion: vec![vec![0; columns]; columns],
            ..Classes::default()
        };
        Self {
            output,
            samples: 0,
            unknown: 0,
            classes,
            values: vec![Moments::default(); columns],
        }
    }

    /// Adds an answer.
    ///
    /// # Errors
    /// If what is true is of another kind or number than the answer.
    pub fn add(&mut self, answer: &SampleAnswer) -> Result<()> {
        let width = self.values.len().max(1);
        let rows = answer.outputs.chunks_exact(width);
        match &answer.truth {
            Truth::Unknown => {
                self.unknown += 1;
                return Ok(());
            }
            Truth::Classes(classes) if classes.len() == answer.rows => {
                for (row, class) in rows.zip(classes) {
                    self.classes.add(&self.output.values(row), *class, row);
                }
            }
            Truth::Values(values) if values.len() == answer.outputs.len() => {
                for (row, truth) in rows.zip(values.chunks_exact(width)) {
                    let found = self.output.values(row);
                    for ((moments, y), truth) in self.values.iter_mut().zip(found).zip(truth) {
                        moments.add(y, *truth);
                    }
                }
            }
            _ => {
                return Err(TrainError::Usage(format!(
                    "sample {}: what is true of it is not of the shape of the model's {} answers",
                    answer.name, answer.rows
                )));
            }
        }
        self.samples += 1;
        Ok(())
    }

    /// What all answers are worth.
    ///
    /// # Errors
    /// If nothing is known to be true.
    pub fn score(self) -> Result<Score> {
        if self.samples == 0 {
            return Err(DataError::request(format!(
                "of none of the {} sequences it is known what is true: nothing to evaluate by (an array `y` says it)",
                self.unknown
            ))
            .into());
        }
        let known = self.values[0].count > 0.0;
        Ok(match known {
            false => Score {
                samples: self.samples,
                answers: self.classes.rows,
                metrics: self.classes.metrics(),
                confusion: Some(self.classes.confusion),
            },
            true => Score {
                samples: self.samples,
                answers: self.values[0].count as usize,
                metrics: self
                    .output
                    .columns()
                    .iter()
                    .zip(&self.values)
                    .flat_map(|(name, moments)| moments.metrics(name))
                    .collect(),
                confusion: None,
            },
        })
    }
}

impl Classes {
    fn add(&mut self, probabilities: &[f64], class: usize, logits: &[f32]) {
        let best = probabilities.iter().enumerate();
        let best = best.max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |b| b.0);
        self.rows += 1;
        self.right += usize::from(best == class);
        self.loss += cross_entropy(logits, class);
        let row = self.confusion.get_mut(class);
        if let Some(count) = row.and_then(|row| row.get_mut(best)) {
            *count += 1;
        }
    }

    fn metrics(&self) -> Vec<(String, f64)> {
        let count = self.rows.max(1) as f64;
        let commonest = self.confusion.iter().map(|row| row.iter().sum::<usize>());
        let commonest = commonest.max().unwrap_or(0) as f64;
        vec![
            ("accuracy_percent".into(), 100.0 * self.right as f64 / count),
            ("cross_entropy_nats".into(), self.loss / count),
            ("commonest_class_percent".into(), 100.0 * commonest / count),
        ]
    }
}

/// `ln Σ e^z − z` of the true class; finite even where its probability rounds to 0.
fn cross_entropy(logits: &[f32], class: usize) -> f64 {
    let logits = logits.iter().copied().map(f64::from);
    let highest = logits.clone().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = logits.clone().map(|z| (z - highest).exp()).sum();
    let own = logits.clone().nth(class).unwrap_or(f64::NAN);
    sum.ln() + highest - own
}

impl Moments {
    fn add(&mut self, y: f64, truth: f64) {
        let error = y - truth;
        self.count += 1.0;
        self.error += error;
        self.squared_error += error * error;
        self.truth += truth;
        self.squared_truth += truth * truth;
    }

    fn metrics(&self, name: &str) -> Vec<(String, f64)> {
        let mean = |sum: f64| sum / self.count;
        let variance = |sum: f64, squares: f64| mean(squares) - mean(sum).powi(2);
        let spread = variance(self.truth, self.squared_truth);
        let row = |metric: &str, value: f64| (format!("{metric} {name}"), value);
        vec![
            row("rmse", mean(self.squared_error).sqrt()),
            row(
                "explained_variance_percent",
                100.0 * (1.0 - variance(self.error, self.squared_error) / spread),
            ),
            row("r_squared", 1.0 - mean(self.squared_error) / spread),
        ]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::card::{Meaning, ReadoutCard};

    fn answer(outputs: &[f32], rows: usize, truth: Truth) -> SampleAnswer {
        SampleAnswer {
            name: "s".into(),
            outputs: outputs.to_vec(),
            rows,
            truth,
        }
    }

    #[test]
    fn classes_are_counted() {
        let mut meter = Meter::new(OutputCard {
            readout: ReadoutCard::Last,
            meaning: Meaning::Classes(vec!["a".into(), "b".into()]),
        });
        let logits = [0.0, 3.0f32.ln()];
        for class in [0, 1] {
            meter
                .add(&answer(&logits, 1, Truth::Classes(vec![class])))
                .unwrap();
        }
        meter.add(&answer(&logits, 1, Truth::Unknown)).unwrap();
        let score = meter.score().unwrap();
        assert_eq!((score.samples, score.answers), (2, 2));
        assert_eq!(score.confusion, Some(vec![vec![0, 1], vec![0, 1]]));
        let expected = [50.0, -(0.25f64.ln() + 0.75f64.ln()) / 2.0, 50.0];
        for ((name, value), expected) in score.metrics.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{name}: {value}");
        }
    }

    #[test]
    fn values_are_compared() {
        let mut meter = Meter::new(OutputCard::plain(1));
        let truth = Truth::Values(vec![0.0, 2.0]);
        meter.add(&answer(&[1.0, 3.0], 2, truth)).unwrap();
        let score = meter.score().unwrap();
        let found: Vec<f64> = score.metrics.iter().map(|m| m.1).collect();
        // off by one everywhere: all of the variance is explained, and the error is as large as the spread
        assert_eq!(found, [1.0, 100.0, 0.0]);
        let mut meter = Meter::new(OutputCard::plain(1));
        assert!(
            meter
                .add(&answer(&[1.0], 1, Truth::Values(vec![])))
                .is_err()
        );
        assert!(meter.score().is_err());
    }
}
