//! Answers beside what is true.

use elm_data::DataError;
use serde::Serialize;

use super::source::{SampleAnswer, Truth};
use super::value_score::{ValueScore, auc};
use crate::error::{Result, TrainError};
use crate::model::card::{Meaning, OutputCard};

/// Collects answers whose truth is known.
pub struct Meter {
    output: OutputCard,
    /// Outputs of a row.
    width: usize,
    samples: usize,
    unknown: usize,
    classes: Classes,
    values: Vec<ValueScore>,
}

/// Of classes.
#[derive(Default)]
struct Classes {
    rows: usize,
    right: usize,
    loss: f64,
    confusion: Vec<Vec<usize>>,
    /// Of two classes: is it the second, and how likely it was said to be.
    labels: Vec<f32>,
    scores: Vec<f32>,
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
        let columns = output.columns();
        let classes = Classes {
            confusion: vec![vec![0; columns.len()]; columns.len()],
            ..Classes::default()
        };
        let values = match &output.meaning {
            Meaning::Classes(_) => Vec::new(),
            Meaning::Values(values) => {
                let named = columns.iter().cloned().zip(values);
                named
                    .map(|(name, value)| ValueScore::new(name, value))
                    .collect()
            }
        };
        Self {
            width: columns.len().max(1),
            output,
            samples: 0,
            unknown: 0,
            classes,
            values,
        }
    }

    /// Adds an answer.
    ///
    /// # Errors
    /// If what is true is of another kind or number than the answer.
    pub fn add(&mut self, answer: &SampleAnswer) -> Result<()> {
        let width = self.width;
        let rows = answer.outputs.chunks_exact(width);
        match &answer.truth {
            Truth::Unknown => {
                self.unknown += 1;
                return Ok(());
            }
            Truth::Classes(classes) if self.fits(classes.len(), answer.rows) => {
                for (row, class) in rows.zip(classes) {
                    self.classes.add(&self.output.values(row), *class, row);
                }
            }
            Truth::Values(values)
                if values.len().is_multiple_of(width)
                    && self.fits(values.len() / width, answer.rows) =>
            {
                for (row, truth) in rows.zip(values.chunks_exact(width)) {
                    let found = self.output.values(row);
                    for ((score, y), truth) in self.values.iter_mut().zip(found).zip(truth) {
                        score.add(y, *truth);
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

    /// Is there a truth for each row? What follows the last step may not be known.
    fn fits(&self, known: usize, rows: usize) -> bool {
        known == rows || (self.output.next && known + 1 == rows)
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
        let (answers, metrics, confusion) = match self.values.first() {
            None => (
                self.classes.rows,
                self.classes.metrics(self.output.next),
                Some(self.classes.confusion),
            ),
            Some(first) => (
                first.count(),
                self.values.iter().flat_map(ValueScore::metrics).collect(),
                None,
            ),
        };
        Ok(Score {
            samples: self.samples,
            answers,
            metrics,
            confusion,
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
        if let [_, second] = probabilities {
            self.labels.push(class as f32);
            self.scores.push(*second as f32);
        }
        let row = self.confusion.get_mut(class);
        if let Some(count) = row.and_then(|row| row.get_mut(best)) {
            *count += 1;
        }
    }

    fn metrics(&self, of_next: bool) -> Vec<(String, f64)> {
        let count = self.rows.max(1) as f64;
        let commonest = self.confusion.iter().map(|row| row.iter().sum::<usize>());
        let commonest = commonest.max().unwrap_or(0) as f64;
        let mut metrics = vec![
            ("accuracy_percent".into(), 100.0 * self.right as f64 / count),
            ("cross_entropy_nats".into(), self.loss / count),
            ("commonest_class_percent".into(), 100.0 * commonest / count),
        ];
        if !self.labels.is_empty() && !of_next {
            metrics.push(("auc".into(), auc(&self.labels, &self.scores)));
        }
        if of_next {
            let bits = self.loss / count / std::f64::consts::LN_2;
            metrics.push(("bits_per_symbol".into(), bits));
        }
        metrics
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::card::ReadoutCard;

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
            next: false,
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
        let expected = [50.0, -(0.25f64.ln() + 0.75f64.ln()) / 2.0, 50.0, 0.5];
        for ((name, value), expected) in score.metrics.iter().zip(expected) {
            assert!((value - expected).abs() < 1e-6, "{name}: {value}");
        }
    }

    #[test]
    fn what_follows_the_last_step_need_not_be_known() {
        let mut output = OutputCard::plain(1);
        let next = |output: &OutputCard| Truth::Values(vec![1.0, f64::NAN]).fits_into(output);
        assert!(!next(&output));
        output.next = true;
        assert!(next(&output));
        let mut meter = Meter::new(OutputCard {
            readout: ReadoutCard::EveryStep,
            next: true,
            meaning: Meaning::Classes(vec!["a".into(), "b".into()]),
        });
        let truth = Truth::Classes(vec![1]);
        meter.add(&answer(&[0.0, 0.0, 5.0, 5.0], 2, truth)).unwrap();
        let score = meter.score().unwrap();
        let bits = score.metrics.last().unwrap();
        assert_eq!(bits.0, "bits_per_symbol");
        assert!((bits.1 - 1.0).abs() < 1e-12, "{}", bits.1);
    }

    impl Truth {
        /// Does a meter take it for three rows of one output?
        fn fits_into(self, output: &OutputCard) -> bool {
            let mut meter = Meter::new(output.clone());
            let taken = meter.add(&answer(&[1.0, 2.0, 3.0], 3, self)).is_ok();
            // the missing value is left out
            taken && meter.score().unwrap().answers == 1
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
