//! What a model file says of itself: everything that it takes to use the model.

use std::collections::BTreeMap;

use elm_data::arrays::{ArrayOptions, InputKind, Scaler};
use elm_data::lra::pathfinder::Difficulty;
use elm_data::shd::Binning;
use elm_data::task::TaskOptions;
use elm_data::{Encoding, Task, text};
use serde::{Deserialize, Serialize};

use super::config::ModelConfig;
use super::kind::ModelKind;

/// Form of the files that are written: 2. Those of form 1 carry a configuration alone.
pub const FORMAT: u32 = 2;

/// What a model file says of itself, as JSON in its metadata under `elm_model_card`.
///
/// ```json
/// {
///   "format": 2, "elm": "0.1.0", "kind": "elm",
///   "config": {"elm": {"num_inputs": 700, "num_outputs": 20, "neuron": {"num_memory": 100, "…": 0}}},
///   "task": {
///     "name": "shd", "step_ms": 10.0,
///     "input": {"files": {"encoding": {"counts": {"channels": 700}}, "reading": {"binning": {"bin_ms": 10}}}},
///     "output": {"readout": "last", "meaning": {"classes": ["zero", "one"]}}
///   }
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Form of the file, [`FORMAT`]; 0 of weights that carry nothing.
    pub format: u32,
    /// Version of the program that wrote it.
    pub elm: String,
    /// What kind of model it is.
    pub kind: ModelKind,
    /// Its sizes and constants; times are in ms.
    pub config: ModelConfig,
    /// What it was trained on; none for a model that says no more than its sizes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskCard>,
    /// How a model that ships was trained, and how it was tested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingCard>,
}

/// How a model that ships came about: what it takes to make it again, and what it reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainingCard {
    /// The command that began the training.
    pub command: String,
    /// What it was trained on.
    pub data: String,
    /// Licence of that.
    pub licence: String,
    /// Seed of everything random.
    pub seed: u64,
    /// Trained numbers.
    pub parameters: usize,
    /// Training and validation (hours).
    pub hours: f64,
    /// Where it computed.
    pub device: String,
    /// Version of the program that trained it.
    pub elm: String,
    /// Revision of the work tree that it was trained in; none where it was in none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Its test.
    pub test: TestCard,
}

/// What the test of a model gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestCard {
    /// What it was tested on.
    pub about: String,
    /// How many.
    pub samples: usize,
    /// Metrics by their names with units.
    pub metrics: BTreeMap<String, f64>,
}

/// What a model was trained on: how data become its inputs, and what its outputs mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskCard {
    /// Name of the task in recipes.
    pub name: String,
    /// What is learnt, in one line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Length of a time step (ms); none where steps are no times, such as symbols of a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_ms: Option<f64>,
    /// How data become inputs.
    pub input: InputCard,
    /// What the outputs mean.
    pub output: OutputCard,
}

/// How data become the channels of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant)] // there is one of them, not many
pub enum InputCard {
    /// NeuronIO: +1 for a spike of an excitatory synapse, −1 for one of an inhibitory synapse, in steps of 1 ms.
    Simulations,
    /// Files of one of the named tasks.
    Files {
        /// How the steps of a sequence become channels, with the normalisation.
        encoding: Encoding,
        /// How the files are read.
        reading: Reading,
        /// What the tokens are; none where steps hold numbers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vocabulary: Option<Vocabulary>,
    },
    /// A user's own arrays.
    Arrays {
        /// What the steps hold.
        inputs: InputKind,
        /// Normalisation, learnt on the part to train on.
        normalisation: Scaler,
        /// How the files are read.
        options: ArrayOptions,
    },
    /// A text, byte by byte.
    Text {
        /// Byte of each token.
        vocabulary: text::Vocabulary,
    },
}

/// What the tokens of a model mean; token `i` is number `i − 1` of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vocabulary {
    /// The 256 bytes.
    Bytes,
    /// Symbols.
    Symbols(Vec<String>),
}

/// How the files of a named task are read; what does not concern a task has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Reading {
    /// Longest sequence of ListOps, Text and Retrieval (steps); as published unless set.
    pub max_length: Option<usize>,
    /// Time steps of the spike tasks.
    pub binning: Binning,
    /// Which images of Pathfinder and Path-X.
    pub difficulty: Difficulty,
    /// Do two more channels tell the column of each pixel of a picture?
    #[serde(skip_serializing_if = "is_false")]
    pub column_channels: bool,
    /// Pixels along an edge of the blocks of a picture of which each becomes one, their mean; as they are unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shrink: Option<usize>,
    /// Seed of the division into training, validation and test where the files leave it open, and of the pairs of the
    /// adding tasks.
    pub split_seed: u64,
}

impl Reading {
    /// The same for opening a task's data, with so many pairs of an adding task (as published unless set).
    pub fn options(self, pairs: Option<usize>) -> TaskOptions {
        TaskOptions {
            max_length: self.max_length,
            binning: self.binning,
            difficulty: self.difficulty,
            column_channels: self.column_channels,
            shrink: self.shrink,
            split_seed: self.split_seed,
            draw_seed: self.split_seed,
            pairs,
        }
    }
}

impl From<TaskOptions> for Reading {
    fn from(options: TaskOptions) -> Self {
        Self {
            max_length: options.max_length,
            binning: options.binning,
            difficulty: options.difficulty,
            column_channels: options.column_channels,
            shrink: options.shrink,
            split_seed: options.split_seed,
        }
    }
}

/// What the outputs of a model mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputCard {
    /// Where they are read out.
    pub readout: ReadoutCard,
    /// Are they about the step that follows, rather than about the one that was read?
    #[serde(default, skip_serializing_if = "is_false")]
    pub next: bool,
    /// What they stand for.
    pub meaning: Meaning,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Where outputs are read out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReadoutCard {
    /// At the last real step of a sequence.
    Last,
    /// The mean over all real steps.
    Mean,
    /// At every step.
    EveryStep,
}

/// What outputs stand for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Meaning {
    /// Logits of classes of these names: their softmax is the probability.
    Classes(Vec<String>),
    /// Each output is a value of its own.
    Values(Vec<OutputValue>),
}

/// One output: its value is `link(y · scale + offset)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutputValue {
    /// What it is.
    pub name: String,
    /// Its unit; empty for a number without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Function at the end.
    #[serde(default)]
    pub link: Link,
    /// Scale of the output, in the unit.
    #[serde(default = "one")]
    pub scale: f64,
    /// Value of an output of 0, in the unit.
    #[serde(default)]
    pub offset: f64,
}

fn one() -> f64 {
    1.0
}

/// The function that makes a value of a scaled output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Link {
    /// None.
    #[default]
    Identity,
    /// The logistic function: a probability.
    Sigmoid,
    /// The exponential function: a rate.
    Exp,
    /// `sign(x) · (e^|x| − 1)`, the inverse of a normalisation by logarithms.
    SignedExp,
}

impl OutputValue {
    /// The value of an output.
    pub fn value(&self, y: f64) -> f64 {
        let x = y * self.scale + self.offset;
        match self.link {
            Link::Identity => x,
            Link::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Link::Exp => x.exp(),
            Link::SignedExp => x.abs().exp_m1().copysign(x),
        }
    }
}

impl ModelCard {
    /// The card of a model that was trained on a task, or of one that says nothing of it.
    pub fn new(config: ModelConfig, task: Option<TaskCard>) -> Self {
        Self {
            format: FORMAT,
            elm: env!("CARGO_PKG_VERSION").into(),
            kind: config.kind(),
            config,
            task,
            training: None,
        }
    }

    /// The task by its name, where it is one of the named ones.
    pub fn named_task(&self) -> Option<Task> {
        let name = &self.task.as_ref()?.name;
        Task::from_name(name).ok()
    }

    /// How the files of a named task are read, as in its training; as published where nothing is said.
    pub fn reading(&self) -> Reading {
        match self.task.as_ref().map(|task| &task.input) {
            Some(InputCard::Files { reading, .. }) => *reading,
            _ => Reading::default(),
        }
    }

    /// What the outputs mean: as they are at every step, where nothing is said.
    pub fn output(&self) -> OutputCard {
        match &self.task {
            // of a text it is always the next byte, also in files that do not say so yet
            Some(task) => OutputCard {
                next: task.output.next || matches!(task.input, InputCard::Text { .. }),
                ..task.output.clone()
            },
            None => OutputCard::plain(self.config.sizes().1),
        }
    }
}

impl OutputCard {
    /// So many outputs as they are, at every step.
    pub fn plain(outputs: usize) -> Self {
        let value = |i| OutputValue {
            name: format!("y{i}"),
            unit: String::new(),
            link: Link::Identity,
            scale: 1.0,
            offset: 0.0,
        };
        Self {
            readout: ReadoutCard::EveryStep,
            next: false,
            meaning: Meaning::Values((0..outputs).map(value).collect()),
        }
    }

    /// Names of the columns of a prediction, with units; `next` is in those about the step that follows: `p(next=a)` is the
    /// probability that `a` comes next, `next x0` the value that `x0` will have.
    pub fn columns(&self) -> Vec<String> {
        match &self.meaning {
            Meaning::Classes(names) => {
                let next = if self.next { "next=" } else { "" };
                names
                    .iter()
                    .map(|name| format!("p({next}{name})"))
                    .collect()
            }
            Meaning::Values(values) => {
                let next = if self.next { "next " } else { "" };
                let name = |v: &OutputValue| match v.unit.is_empty() {
                    true => format!("{next}{}", v.name),
                    false => format!("{next}{} ({})", v.name, v.unit),
                };
                values.iter().map(name).collect()
            }
        }
    }

    /// Name of the column that holds the likeliest class.
    pub fn choice(&self) -> &'static str {
        if self.next {
            "predicted next"
        } else {
            "predicted"
        }
    }

    /// Names of the classes, where outputs are those of classes.
    pub fn classes(&self) -> Option<&[String]> {
        match &self.meaning {
            Meaning::Classes(names) => Some(names),
            Meaning::Values(_) => None,
        }
    }

    /// What the outputs of one step (or of a whole sequence) are worth: probabilities, or values in their units.
    pub fn values(&self, outputs: &[f32]) -> Vec<f64> {
        let outputs = outputs.iter().copied().map(f64::from);
        match &self.meaning {
            Meaning::Classes(_) => softmax(&outputs.collect::<Vec<_>>()),
            Meaning::Values(values) => outputs
                .zip(values)
                .map(|(y, value)| value.value(y))
                .collect(),
        }
    }
}

/// Probabilities of logits.
fn softmax(logits: &[f64]) -> Vec<f64> {
    let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = logits.iter().map(|z| (z - highest).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn outputs_become_probabilities_and_values() {
        let classes = OutputCard {
            readout: ReadoutCard::Last,
            next: false,
            meaning: Meaning::Classes(vec!["a".into(), "b".into()]),
        };
        let p = classes.values(&[0.0, 3.0f32.ln()]);
        assert!(
            (p[0] - 0.25).abs() < 1e-6 && (p[1] - 0.75).abs() < 1e-6,
            "{p:?}"
        );
        assert_eq!(classes.columns(), ["p(a)", "p(b)"]);
        let value = |link, scale, offset| OutputValue {
            name: "v".into(),
            unit: "mV".into(),
            link,
            scale,
            offset,
        };
        assert_eq!(value(Link::Identity, 10.0, -67.7).value(2.0), 20.0 - 67.7);
        assert_eq!(value(Link::Sigmoid, 1.0, 0.0).value(0.0), 0.5);
        let exp = value(Link::SignedExp, 2.0, 0.0);
        assert!((exp.value(-0.5) + (1f64.exp() - 1.0)).abs() < 1e-12);
        let next = OutputCard {
            next: true,
            ..classes.clone()
        };
        assert_eq!(next.columns(), ["p(next=a)", "p(next=b)"]);
        // far from zero, too
        assert_eq!(classes.values(&[-1e30, 1e30]), [0.0, 1.0]);
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let value: OutputValue = serde_json::from_str(r#"{"name": "x"}"#).unwrap();
        assert_eq!(value.value(3.0), 3.0);
    }
}
