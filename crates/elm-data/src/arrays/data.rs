//! What any source of sequences gives: the trait that a task is built on, and its values.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::labels::ClassNames;
use crate::Result;

/// What is to be learnt about a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// One class for the whole sequence.
    Classify,
    /// A class at every step.
    ClassifySteps,
    /// Numbers for the whole sequence.
    Regress,
    /// Numbers at every step.
    RegressSteps,
    /// At every step the values of the next one.
    NextValue,
    /// At every step the symbol of the next one.
    NextSymbol,
}

impl TargetKind {
    /// Is there a target at every step, rather than one for the sequence?
    pub fn per_step(self) -> bool {
        !matches!(self, Self::Classify | Self::Regress)
    }

    /// Is the target a class or symbol, rather than numbers?
    pub fn is_class(self) -> bool {
        matches!(
            self,
            Self::Classify | Self::ClassifySteps | Self::NextSymbol
        )
    }

    /// Is the target the input itself, one step later?
    pub fn is_next(self) -> bool {
        matches!(self, Self::NextValue | Self::NextSymbol)
    }
}

impl std::fmt::Display for TargetKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Classify => "classify",
            Self::ClassifySteps => "classify-steps",
            Self::Regress => "regress",
            Self::RegressSteps => "regress-steps",
            Self::NextValue => "next-value",
            Self::NextSymbol => "next-symbol",
        })
    }
}

/// What a model of the data has to give. Belongs to a trained model: later data get the same classes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// What is learnt.
    pub kind: TargetKind,
    /// Number of classes, symbols or values.
    pub outputs: usize,
    /// Names of the classes or symbols by their numbers; none where the targets are numbers.
    #[serde(default)]
    pub classes: ClassNames,
}

/// What the steps of the sequences hold. Belongs to a trained model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// Numbers, one per channel.
    Values {
        /// How many channels.
        channels: usize,
    },
    /// One of several symbols.
    Symbols(ClassNames),
}

impl InputKind {
    /// Channels of the numbers, or the number of symbols: one channel each when they are spread.
    pub fn channels(&self) -> usize {
        match self {
            Self::Values { channels } => *channels,
            Self::Symbols(names) => names.len(),
        }
    }
}

/// The steps of one sequence.
#[derive(Debug, Clone, PartialEq)]
pub enum Inputs {
    /// `[time, channel]`, row by row; NaN is a missing value.
    Values(Vec<f64>),
    /// `[time]`, the number of each symbol, from 0.
    Symbols(Vec<u16>),
}

/// What is to be learnt about one sequence.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// Nothing is known, or the next step is the target.
    None,
    /// Class, from 0.
    Class(usize),
    /// Class of each step, `[time]`.
    ClassSteps(Vec<u16>),
    /// `[output]`.
    Values(Vec<f64>),
    /// `[time, output]`, row by row.
    ValueSteps(Vec<f64>),
}

/// One sequence and what is to be learnt about it.
#[derive(Debug, Clone, PartialEq)]
pub struct SequenceSample {
    /// The steps.
    pub inputs: Inputs,
    /// What is to be learnt.
    pub target: Target,
}

/// Sequences to learn from: implement it for data of your own.
///
/// Lengths, groups and classes are asked for before training, of every sample; [`sample`](Self::sample) reads one, from
/// several threads. Values are given as they are: a [`Scaler`](super::Scaler) is learnt from them and applied when a
/// batch is made.
///
/// ```
/// use elm_data::Result;
/// use elm_data::arrays::{InputKind, Inputs, SequenceData, SequenceSample, Target, TargetKind, Targets};
///
/// /// Sine waves; their frequency is to be found.
/// struct Waves(Targets);
///
/// impl SequenceData for Waves {
///     fn len(&self) -> usize {
///         100
///     }
///     fn inputs(&self) -> InputKind {
///         InputKind::Values { channels: 1 }
///     }
///     fn targets(&self) -> &Targets {
///         &self.0
///     }
///     fn steps(&self, _sample: usize) -> usize {
///         50
///     }
///     fn sample(&self, sample: usize) -> Result<SequenceSample> {
///         let frequency = 0.1 + sample as f64 / 100.0;
///         let x = (0..50).map(|t| (f64::from(t) * frequency).sin()).collect();
///         Ok(SequenceSample { inputs: Inputs::Values(x), target: Target::Values(vec![frequency]) })
///     }
/// }
///
/// let targets = Targets { kind: TargetKind::Regress, outputs: 1, classes: Default::default() };
/// assert_eq!(Waves(targets).len(), 100);
/// ```
pub trait SequenceData: Send + Sync + 'static {
    /// Number of samples.
    fn len(&self) -> usize;

    /// Is there none?
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the steps hold.
    fn inputs(&self) -> InputKind;

    /// What a model has to give.
    fn targets(&self) -> &Targets;

    /// Steps of a sample, at least 1, and at least 2 where the next step is the target.
    fn steps(&self, sample: usize) -> usize;

    /// Reads a sample.
    ///
    /// # Errors
    /// If it cannot be read.
    fn sample(&self, sample: usize) -> Result<SequenceSample>;

    /// The group of a sample: samples of one group (a subject, a recording) never come into different parts of a split.
    fn group(&self, sample: usize) -> usize {
        sample
    }

    /// The class of a sample, for splits that keep the shares of the classes; none where a sample has no single class.
    ///
    /// # Errors
    /// If the sample cannot be read.
    fn class(&self, sample: usize) -> Result<Option<usize>> {
        if self.targets().kind != TargetKind::Classify {
            return Ok(None);
        }
        match self.sample(sample)?.target {
            Target::Class(class) => Ok(Some(class)),
            _ => Ok(None),
        }
    }
}
