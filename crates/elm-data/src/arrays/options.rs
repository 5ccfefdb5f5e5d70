//! How arrays are to be read.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data::TargetKind;
use super::split::SplitRule;

/// Names of arrays in a file, or of columns in a table. A name stands for one array or for the list `name_0`,
/// `name_1`, ….
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArrayKeys {
    /// The sequences.
    pub x: String,
    /// What is to be learnt about them.
    pub y: String,
    /// Steps of each sequence.
    pub lengths: String,
    /// The subject or recording that each sequence comes from.
    pub group: String,
    /// The part that each sequence belongs to: `train`, `valid` or `test`.
    pub split: String,
    /// Tables and events: the sequence that a row belongs to.
    pub sample: String,
    /// Tables and events: the time of a row.
    pub time: String,
    /// Events: the channel of each.
    pub channel: String,
    /// Events: the value of each, 1 where there is none.
    pub value: String,
}

impl Default for ArrayKeys {
    fn default() -> Self {
        let name = |name: &str| name.to_owned();
        Self {
            x: name("x"),
            y: name("y"),
            lengths: name("lengths"),
            group: name("group"),
            split: name("split"),
            sample: name("sample"),
            time: name("time"),
            channel: name("channel"),
            value: name("value"),
        }
    }
}

/// What to do about values that are not there (NaN, or an empty cell of a table). Infinities are always refused, and so
/// is a missing target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// An error that says where the first one is.
    #[default]
    Refuse,
    /// They take the mean of their channel (the smallest value with [`Normalization::MinMax`](super::Normalization), 0
    /// without normalisation).
    Fill,
}

/// Unit of the times of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Seconds, as in SHD.
    #[serde(alias = "s")]
    Seconds,
    /// Milliseconds.
    #[serde(alias = "ms")]
    Milliseconds,
    /// Microseconds, as event cameras have.
    #[serde(alias = "us")]
    Microseconds,
}

impl JsonSchema for TimeUnit {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TimeUnit".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names = ["s", "seconds", "ms", "milliseconds", "us", "microseconds"];
        schemars::json_schema!({ "enum": names })
    }
}

impl TimeUnit {
    /// Milliseconds of one.
    pub fn ms(self) -> f64 {
        match self {
            Self::Seconds => 1000.0,
            Self::Milliseconds => 1.0,
            Self::Microseconds => 0.001,
        }
    }
}

impl std::fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
        })
    }
}

/// How events become steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventBinning {
    /// Unit of the times in the files.
    pub unit: TimeUnit,
    /// Width of a step (ms), above 0.
    pub bin_ms: f64,
    /// What is read of each sample (ms); later events are dropped. Without it, a sample ends with its last event.
    #[serde(default)]
    pub duration_ms: Option<f64>,
    /// Number of channels; without it, one more than the largest in the files.
    #[serde(default)]
    pub channels: Option<usize>,
    /// One for a bin with several events of a channel, rather than the sum of their values.
    #[serde(default)]
    pub binary: bool,
}

/// Files of sequences: those of a part are put one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArrayFiles {
    /// To train on; without other files, this is split.
    pub train: Vec<PathBuf>,
    /// To choose a model by.
    pub valid: Vec<PathBuf>,
    /// To report results on.
    pub test: Vec<PathBuf>,
}

/// How arrays are to be read.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ArrayOptions {
    /// Names of the arrays or columns, such as { x = "x", y = "label", group = "subject" }.
    pub keys: ArrayKeys,
    /// What is to be learnt; without it, what the shape and type of `y` say.
    pub kind: Option<TargetKind>,
    /// Are the integers of `x` symbols, not values? Always so to predict the next symbol.
    pub symbols: bool,
    /// Cut each sequence into windows of this many steps (a rest stays as a shorter one).
    #[schemars(range(min = 2))]
    pub window: Option<usize>,
    /// What to do about values of `x` that are not there.
    pub missing: Missing,
    /// The files hold events, which are binned like this: { unit = "ms", bin_ms = 10.0 }.
    pub events: Option<EventBinning>,
    /// How one set of files is split; without it, by its `split` array, or else 80 % to train and 10 % each to validate
    /// and to test.
    pub split: Option<SplitRule>,
}
