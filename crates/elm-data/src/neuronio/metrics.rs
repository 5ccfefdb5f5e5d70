//! The published metrics of NeuronIO: ROC figures of the spikes, errors of the soma voltage.

use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result};

/// Points of the even grid over false-positive rates 0..=1 on which a partial AUC is taken.
const PARTIAL_AUC_GRID: usize = 20_000;

/// Receiver operating characteristic: points from (0, 0) to (1, 1), both rates never falling.
///
/// Equal scores make one point, and points that continue with the very same step are left out, as scikit-learn's
/// `roc_curve` does: [`RocCurve::tpr_at`] takes the nearest point that is present.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RocCurve {
    /// False-positive rate of every point.
    pub fpr: Vec<f64>,
    /// True-positive rate of every point.
    pub tpr: Vec<f64>,
}

impl RocCurve {
    /// The curve of `scores` (higher means "more likely a spike") against `labels` (above 0.5 is a spike).
    ///
    /// # Errors
    /// When the lengths differ, when a score is not finite, and when the labels have one class only.
    pub fn new(labels: &[f32], scores: &[f32]) -> Result<Self> {
        let positives = labels.iter().filter(|&&l| l > 0.5).count();
        check_lengths("spike", labels.len(), scores.len())?;
        if let Some(at) = scores.iter().position(|s| !s.is_finite()) {
            return Err(DataError::request(format!(
                "a ROC curve needs finite spike probabilities, number {at} of {} is {}",
                scores.len(),
                scores[at]
            )));
        }
        if positives == 0 || positives == labels.len() {
            return Err(DataError::request(format!(
                "a ROC curve needs time steps with and without an output spike, found {positives} with and {} without",
                labels.len() - positives
            )));
        }
        let counts = without_repeated_steps(cumulative_counts(labels, scores));
        let negatives = (labels.len() - positives) as f64;
        let origin = std::iter::once((0, 0));
        let (fpr, tpr) = origin
            .chain(counts)
            .map(|(fp, tp)| (fp as f64 / negatives, tp as f64 / positives as f64))
            .unzip();
        Ok(Self { fpr, tpr })
    }

    /// Area under the curve by the trapezoid rule.
    pub fn auc(&self) -> f64 {
        let widths = self.fpr.windows(2).map(|f| f[1] - f[0]);
        let heights = self.tpr.windows(2).map(|t| 0.5 * (t[0] + t[1]));
        widths.zip(heights).map(|(w, h)| w * h).sum()
    }

    /// Mean true-positive rate over the points below `fpr` of an even grid of 20 000 false-positive rates in 0..=1,
    /// the curve interpolated linearly (its upper value where it rises vertically). At least one point is taken.
    pub fn partial_auc(&self, fpr: f64) -> f64 {
        let step = 1.0 / (PARTIAL_AUC_GRID - 1) as f64;
        let points = ((fpr / step).round() as usize).clamp(1, PARTIAL_AUC_GRID - 1);
        (0..points)
            .map(|i| self.interpolate(i as f64 * step))
            .sum::<f64>()
            / points as f64
    }

    /// True-positive rate of the point whose false-positive rate is nearest to `fpr` (the first of equals, but not
    /// the origin).
    pub fn tpr_at(&self, fpr: f64) -> f64 {
        let mut nearest = 0;
        for (i, f) in self.fpr.iter().enumerate() {
            if (f - fpr).abs() < (self.fpr[nearest] - fpr).abs() {
                nearest = i;
            }
        }
        self.tpr[nearest.max(1)]
    }

    /// The curve's true-positive rate at `fpr`.
    fn interpolate(&self, fpr: f64) -> f64 {
        let above = self.fpr.partition_point(|&f| f <= fpr);
        if above == 0 || above == self.fpr.len() {
            return self.tpr[above.saturating_sub(1)];
        }
        let (f0, f1) = (self.fpr[above - 1], self.fpr[above]);
        let (t0, t1) = (self.tpr[above - 1], self.tpr[above]);
        t0 + (t1 - t0) / (f1 - f0) * (fpr - f0)
    }
}

/// (false positives, true positives) when everything down to each distinct score counts as a spike.
fn cumulative_counts(labels: &[f32], scores: &[f32]) -> Vec<(u64, u64)> {
    let mut ranked: Vec<(f32, bool)> = scores
        .iter()
        .zip(labels)
        .map(|(&s, &l)| (s, l > 0.5))
        .collect();
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut fp, mut tp) = (0, 0);
    let mut counts = Vec::new();
    for (i, &(score, spike)) in ranked.iter().enumerate() {
        if spike {
            tp += 1
        } else {
            fp += 1
        }
        if ranked.get(i + 1).is_none_or(|next| next.0 != score) {
            counts.push((fp, tp));
        }
    }
    counts
}

/// Drops the inner points whose step before equals the step after; the first and the last point stay.
fn without_repeated_steps(counts: Vec<(u64, u64)>) -> Vec<(u64, u64)> {
    let repeats = |i: usize| {
        let ((f0, t0), (f1, t1), (f2, t2)) = (counts[i - 1], counts[i], counts[i + 1]);
        (f1 - f0, t1 - t0) == (f2 - f1, t2 - t1)
    };
    let last = counts.len() - 1;
    (0..=last)
        .filter(|&i| i == 0 || i == last || !repeats(i))
        .map(|i| counts[i])
        .collect()
}

/// Errors of a soma prediction (mV).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SomaErrors {
    /// Mean absolute error (mV).
    pub mae_mv: f64,
    /// Root of the mean squared error (mV).
    pub rmse_mv: f64,
    /// `100 * (1 - var(target - prediction) / var(target))`.
    pub explained_variance_percent: f64,
}

impl SomaErrors {
    /// The errors of `prediction` against `target`, both in mV.
    ///
    /// # Errors
    /// When the lengths differ or are 0, when a value is not finite, and when the target is constant.
    pub fn new(target: &[f32], prediction: &[f32]) -> Result<Self> {
        check_lengths("soma", target.len(), prediction.len())?;
        let errors = || {
            target
                .iter()
                .zip(prediction)
                .map(|(&t, &p)| f64::from(t) - f64::from(p))
        };
        let n = target.len() as f64;
        let mae_mv = errors().map(f64::abs).sum::<f64>() / n;
        let rmse_mv = (errors().map(|e| e * e).sum::<f64>() / n).sqrt();
        let (_, target_std) = mean_and_std(target.iter().map(|&t| f64::from(t)));
        let (_, error_std) = mean_and_std(errors());
        if !rmse_mv.is_finite() || target_std == 0.0 {
            return Err(DataError::request(format!(
                "soma errors need finite voltages and a target that is not constant, found a target with standard \
                 deviation {target_std} mV and an RMSE of {rmse_mv} mV"
            )));
        }
        let explained_variance_percent = 100.0 * (1.0 - (error_std / target_std).powi(2));
        Ok(Self {
            mae_mv,
            rmse_mv,
            explained_variance_percent,
        })
    }
}

/// Mean and standard deviation (division by n) of `values`, NaN of none.
///
/// Sums run over differences to the first value: voltages lie far from 0, and constant values then give exactly 0.
pub(crate) fn mean_and_std(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let Some(first) = values.clone().next() else {
        return (f64::NAN, f64::NAN);
    };
    let (n, sum) = values
        .clone()
        .fold((0.0, 0.0), |(n, sum), v| (n + 1.0, sum + (v - first)));
    let offset = sum / n;
    let squares: f64 = values.map(|v| (v - first - offset).powi(2)).sum();
    (first + offset, (squares / n).sqrt())
}

/// Both arrays have the same length, and it is not 0.
fn check_lengths(what: &str, targets: usize, predictions: usize) -> Result<()> {
    if targets == 0 || targets != predictions {
        return Err(DataError::request(format!(
            "{what} metrics need as many predictions as targets and at least one, found {predictions} and {targets}"
        )));
    }
    Ok(())
}

/// The published metrics; serialised under the published names.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Area under the ROC curve of the spikes.
    #[serde(rename = "AUC")]
    pub auc: f64,
    /// [`RocCurve::partial_auc`] at 0.0025.
    #[serde(rename = "AUC @ 0.0025 FP")]
    pub auc_at_0025: f64,
    /// [`RocCurve::partial_auc`] at 0.01.
    #[serde(rename = "AUC @ 0.0100 FP")]
    pub auc_at_01: f64,
    /// [`RocCurve::tpr_at`] 0.0025.
    #[serde(rename = "TP @ 0.0025 FP")]
    pub tpr_at_0025: f64,
    /// [`RocCurve::tpr_at`] 0.01.
    #[serde(rename = "TP @ 0.0100 FP")]
    pub tpr_at_01: f64,
    /// Mean absolute error of the soma voltage (mV).
    #[serde(rename = "soma_MAE")]
    pub soma_mae_mv: f64,
    /// Root mean squared error of the soma voltage (mV).
    #[serde(rename = "soma_RMSE")]
    pub soma_rmse_mv: f64,
    /// Explained variance of the soma voltage (%).
    #[serde(rename = "soma_explained_variance_percent")]
    pub soma_explained_variance_percent: f64,
}

impl Metrics {
    /// The metrics of a ROC curve and of soma errors.
    pub fn new(roc: &RocCurve, soma: &SomaErrors) -> Self {
        Self {
            auc: roc.auc(),
            auc_at_0025: roc.partial_auc(0.0025),
            auc_at_01: roc.partial_auc(0.01),
            tpr_at_0025: roc.tpr_at(0.0025),
            tpr_at_01: roc.tpr_at(0.01),
            soma_mae_mv: soma.mae_mv,
            soma_rmse_mv: soma.rmse_mv,
            soma_explained_variance_percent: soma.explained_variance_percent,
        }
    }

    /// Published name and value of every metric, in the published order.
    pub fn rows(&self) -> [(&'static str, f64); 8] {
        [
            ("AUC", self.auc),
            ("AUC @ 0.0025 FP", self.auc_at_0025),
            ("AUC @ 0.0100 FP", self.auc_at_01),
            ("TP @ 0.0025 FP", self.tpr_at_0025),
            ("TP @ 0.0100 FP", self.tpr_at_01),
            ("soma_MAE", self.soma_mae_mv),
            ("soma_RMSE", self.soma_rmse_mv),
            (
                "soma_explained_variance_percent",
                self.soma_explained_variance_percent,
            ),
        ]
    }
}
