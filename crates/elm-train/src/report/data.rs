//! What a report shows: plain numbers, no model and no backend.

use super::picture::SamplePicture;

/// Everything that a report shows; leave out (empty, `None`) what there is not.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Heading of the page.
    pub title: String,
    /// Facts under the heading, as (name, value): recipe, seed, sizes, duration, device.
    pub facts: Vec<(String, String)>,
    /// The summary table.
    pub summary: Vec<SummaryRow>,
    /// Heading of its column of published values; "Published" unless set.
    pub published: Option<String>,
    /// Mean loss of every epoch.
    pub loss_curve: Vec<EpochPoint>,
    /// Validation metrics over the epochs.
    pub metric_curves: Vec<MetricCurve>,
    /// Simulations with truth and prediction.
    pub examples: Vec<ExampleTrace>,
    /// Spike detection on the test simulations.
    pub roc: Option<RocCurve>,
    /// Answers of a classification task, in place of simulations and spike detection.
    pub classification: Option<ClassReport>,
    /// A task without simulations and pictures of samples: their sections are left out.
    pub plain: bool,
    /// Memory timescales of each part of the model; none of a model without any.
    pub timescales: Vec<TimescaleList>,
    /// Memory units over the course of one simulation.
    pub memory_traces: Option<MemoryTraces>,
    /// Sentences at the end of the page.
    pub notes: Vec<String>,
}

/// A row of the summary table.
#[derive(Debug, Clone, PartialEq)]
pub struct SummaryRow {
    /// Name of the metric, with its unit.
    pub metric: String,
    /// What this training reached.
    pub ours: f64,
    /// What the published neuron of this size reaches.
    pub published: Option<f64>,
    /// Digits after the decimal point.
    pub decimals: usize,
}

impl SummaryRow {
    /// A row without published value, shown with three decimals.
    pub fn new(metric: impl Into<String>, ours: f64) -> Self {
        Self {
            metric: metric.into(),
            ours,
            published: None,
            decimals: 3,
        }
    }

    /// With the value of the published neuron.
    pub fn published(mut self, value: impl Into<Option<f64>>) -> Self {
        self.published = value.into();
        self
    }

    /// With `decimals` digits after the decimal point.
    pub fn decimals(mut self, decimals: usize) -> Self {
        self.decimals = decimals;
        self
    }
}

/// The losses of one epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochPoint {
    /// Epoch, counted from 1.
    pub epoch: usize,
    /// Mean loss over the epoch's batches.
    pub train_loss: f64,
    /// Loss on the validation simulations, where it was measured.
    pub valid_loss: Option<f64>,
}

/// One metric over the epochs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetricCurve {
    /// Name of the metric, with its unit.
    pub name: String,
    /// (epoch, value), by rising epoch.
    pub points: Vec<(f64, f64)>,
}

/// One simulation with truth and prediction; a value for each ms.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ExampleTrace {
    /// Which simulation it is.
    pub title: String,
    /// Time of the first value in ms.
    pub start_ms: f64,
    /// True soma voltage in mV `[time]`.
    pub true_soma_mv: Vec<f32>,
    /// Predicted soma voltage in mV `[time]`.
    pub predicted_soma_mv: Vec<f32>,
    /// Times of the true output spikes in ms, on the same clock as `start_ms`.
    pub true_spikes_ms: Vec<f32>,
    /// Predicted probability of a spike in each ms `[time]`.
    pub spike_probability: Vec<f32>,
}

/// A receiver operating characteristic.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RocCurve {
    /// False-positive rates, rising from 0 to 1.
    pub fpr: Vec<f64>,
    /// True-positive rate at each of them.
    pub tpr: Vec<f64>,
    /// Area under the curve.
    pub auc: f64,
}

/// What timescales are told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimeUnit {
    /// Milliseconds.
    #[default]
    Milliseconds,
    /// Steps of sequences whose steps are no times, such as the symbols of a text.
    Steps,
}

impl TimeUnit {
    /// Milliseconds where steps are times; else steps, each of which counts as 1 ms.
    pub fn of(steps_are_times: bool) -> Self {
        match steps_are_times {
            true => Self::Milliseconds,
            false => Self::Steps,
        }
    }
}

impl std::fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Milliseconds => "ms",
            Self::Steps => "steps",
        })
    }
}

/// Memory timescales of a part of a model.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TimescaleList {
    /// Which part; empty where the model is one.
    pub part: String,
    /// Timescale of every memory unit.
    pub tau: Vec<f32>,
    /// What it is told in.
    pub unit: TimeUnit,
}

/// Memory units over the course of one simulation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemoryTraces {
    /// Which simulation it is.
    pub title: String,
    /// Time of the first value in ms.
    pub start_ms: f64,
    /// Time from value to value in ms.
    pub step_ms: f64,
    /// The units.
    pub units: Vec<MemoryUnitTrace>,
}

/// One memory unit over the course of one simulation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MemoryUnitTrace {
    /// Timescale in ms.
    pub tau_ms: f32,
    /// Value in each step `[time]`.
    pub values: Vec<f32>,
}

/// What a classification came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassReport {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Number of samples of each true class (rows) that got each answer (columns).
    pub confusion: Vec<Vec<usize>>,
    /// Some samples with their answers.
    pub samples: Vec<SamplePicture>,
    /// How the answers to some samples form.
    pub decisions: Vec<Decision>,
    /// Which timescales matter, where the model is a neuron.
    pub ablation: Option<Ablation>,
}

/// How the answer to a sample forms, step by step.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The sample.
    pub picture: SamplePicture,
    /// Its tokens as text `[time]`; none where it is no sequence of tokens.
    pub tokens: Vec<String>,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Its class.
    pub label: usize,
    /// Probability of each class as it would be read out after each step, `[time][class]`, 0 to 1.
    pub probabilities: Vec<Vec<f32>>,
    /// How far the memory moves in each step `[time]`; none of a model without memory units.
    pub response: Vec<f32>,
}

impl Decision {
    /// The likeliest class in the end.
    pub fn answer(&self) -> usize {
        let last = self.probabilities.last().into_iter().flatten();
        let best = last.enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        best.map_or(0, |(class, _)| class)
    }
}

/// What a neuron's answers lose without some of its memory units.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ablation {
    /// Share of right answers of the whole neuron, 0 to 1.
    pub accuracy: f64,
    /// Number of samples that were answered.
    pub samples: usize,
    /// What timescales are told in.
    pub unit: TimeUnit,
    /// The groups that were cut off, by rising timescale.
    pub groups: Vec<AblatedUnits>,
}

/// A group of memory units, and how the neuron does without them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AblatedUnits {
    /// Shortest and longest timescale.
    pub tau: [f32; 2],
    /// Number of units.
    pub units: usize,
    /// Share of right answers without them, 0 to 1.
    pub accuracy: f64,
}
