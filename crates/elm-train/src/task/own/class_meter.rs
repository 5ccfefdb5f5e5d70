//! Classes and symbols: cross entropy, accuracy, bits, and the area under the curve of two classes.

use burn::tensor::Tensor;
use elm_data::neuronio::RocCurve;

use super::batch::RowTargets;
use super::judge::{HostTargets, Judge, LossChoice, Meter, Rows};
use crate::run::Column;
use crate::task::sequence::cross_entropy;

/// Most classes whose confusions are counted.
const MAX_CONFUSION: usize = 64;

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
    key: "valid_bits",
    title: "bits per symbol",
    unit: "",
    decimals: 4,
};

/// The cross entropy of a softmax over classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrossEntropy {
    /// Number of classes.
    pub classes: usize,
    /// Are they symbols to predict, whose bits are told?
    pub symbols: bool,
    /// Share of a class's probability that is spread over all of them in training.
    pub label_smoothing: f64,
}

impl CrossEntropy {
    fn smoothed(y: Tensor<2>, targets: RowTargets, smoothing: f64) -> Tensor<1> {
        match targets {
            RowTargets::Classes(classes) => cross_entropy(y, classes, smoothing),
            RowTargets::Values(_) => unreachable!("batches of a task of classes have classes"),
        }
    }
}

impl Judge for CrossEntropy {
    fn losses(&self, y: Tensor<2>, targets: RowTargets) -> Tensor<1> {
        Self::smoothed(y, targets, 0.0)
    }

    fn training_losses(&self, y: Tensor<2>, targets: RowTargets) -> Tensor<1> {
        Self::smoothed(y, targets, self.label_smoothing)
    }

    fn loss(&self) -> Option<LossChoice> {
        Some(LossChoice::CrossEntropy)
    }

    fn columns(&self) -> &'static [Column] {
        match (self.symbols, self.classes) {
            (true, _) => &[BITS, ACCURACY],
            (false, 2) => &[ACCURACY, AUC],
            (false, _) => &[ACCURACY],
        }
    }

    fn meter(&self) -> Box<dyn Meter> {
        let counted = match self.classes <= MAX_CONFUSION {
            true => self.classes,
            false => 0,
        };
        Box::new(ClassMeter {
            judge: *self,
            rows: 0,
            right: 0,
            loss: 0.0,
            confusion: vec![vec![0; counted]; counted],
            labels: Vec::new(),
            scores: Vec::new(),
        })
    }
}

/// Collects answers that are classes.
#[derive(Debug, Clone)]
pub struct ClassMeter {
    judge: CrossEntropy,
    rows: usize,
    right: usize,
    loss: f64,
    confusion: Vec<Vec<usize>>,
    /// Of two classes: is it the second, and how much likelier.
    labels: Vec<f32>,
    scores: Vec<f32>,
}

impl Meter for ClassMeter {
    fn add(&mut self, rows: &Rows<'_>) {
        let HostTargets::Classes(classes) = rows.targets else {
            return;
        };
        self.loss += rows.losses.iter().copied().map(f64::from).sum::<f64>();
        let all = rows.y.chunks_exact(rows.outputs.max(1)).zip(classes);
        for (y, &class) in all {
            let best = y.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            let answer = best.map_or(0, |(class, _)| class);
            self.rows += 1;
            self.right += usize::from(answer == class);
            if let Some(count) = self
                .confusion
                .get_mut(class)
                .and_then(|row| row.get_mut(answer))
            {
                *count += 1;
            }
            if let ([no, yes], false) = (y, self.judge.symbols) {
                self.labels.push(class as f32);
                self.scores.push(yes - no);
            }
        }
    }

    fn metrics(&self) -> Vec<f64> {
        let rows = self.rows.max(1) as f64;
        let accuracy = 100.0 * self.right as f64 / rows;
        let bits = self.loss / rows / std::f64::consts::LN_2;
        match (self.judge.symbols, self.judge.classes) {
            (true, _) => vec![bits, accuracy],
            (false, 2) => vec![accuracy, auc(&self.labels, &self.scores)],
            (false, _) => vec![accuracy],
        }
    }

    fn confusion(&self) -> Option<Vec<Vec<usize>>> {
        (!self.confusion.is_empty()).then(|| self.confusion.clone())
    }
}

/// Area under the receiver operating characteristic; NaN where there is only one kind of label.
pub(super) fn auc(labels: &[f32], scores: &[f32]) -> f64 {
    RocCurve::new(labels, scores).map_or(f64::NAN, |roc| roc.auc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracy_auc_and_bits_are_those_by_hand() {
        let judge = CrossEntropy {
            classes: 2,
            symbols: false,
            label_smoothing: 0.0,
        };
        let mut meter = judge.meter();
        // scores 2, -1, 1, 0 for the classes 1, 0, 0, 1: three of four pairs in order
        meter.add(&Rows {
            y: &[0.0, 2.0, 1.0, 0.0, 0.0, 1.0, 0.5, 0.5],
            outputs: 2,
            targets: &HostTargets::Classes(vec![1, 0, 0, 1]),
            losses: &[0.0; 4],
        });
        assert_eq!(meter.metrics(), [75.0, 0.75]);
        assert_eq!(meter.confusion(), Some(vec![vec![1, 1], vec![0, 2]]));
        let symbols = CrossEntropy {
            symbols: true,
            classes: 3,
            ..judge
        };
        let mut meter = symbols.meter();
        meter.add(&Rows {
            y: &[0.0, 2.0, 1.0],
            outputs: 3,
            targets: &HostTargets::Classes(vec![2]),
            losses: &[3.0 * std::f32::consts::LN_2],
        });
        let metrics = meter.metrics();
        assert!((metrics[0] - 3.0).abs() < 1e-6 && metrics[1] == 0.0);
    }
}
