//! Every task of the papers in one table, and one way to open the data of those that classify sequences.

mod batches;
mod open;
mod statistics;
mod table;

pub use batches::{Order, SampleBatches};
pub use open::{Parts, TaskData, TaskOptions};
pub use statistics::PartStatistics;
pub use table::{TaskInfo, TaskKind};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::lra::{image, listops};
use crate::{DataError, Result};

/// A task: what is learnt, from which data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Task {
    /// Spikes and soma voltage of a layer-5 pyramidal cell from its 1278 synaptic inputs.
    #[default]
    Neuronio,
    /// Spoken digits as spikes (Spiking Heidelberg Digits).
    Shd,
    /// The sum of two spoken digits.
    ShdAdding,
    /// Patterns drawn by this project in the format of SHD; no speech.
    SyntheticSpikes,
    /// The sum of two synthetic patterns.
    SyntheticSpikesAdding,
    /// Nested operations on lists of digits (Long Range Arena).
    #[serde(rename = "listops")]
    ListOps,
    /// Film reviews, byte by byte (Long Range Arena).
    Text,
    /// Pairs of papers, byte by byte (Long Range Arena).
    Retrieval,
    /// CIFAR-10 pictures, pixel by pixel (Long Range Arena).
    Image,
    /// Are two markers joined? 32 × 32 pixels (Long Range Arena).
    Pathfinder,
    /// Pathfinder of 128 × 128 pixels (Long Range Arena).
    #[serde(rename = "pathx")]
    PathX,
    /// The next byte of an encyclopedia.
    Enwik8,
    /// The next byte of any text ([`crate::text`]).
    TextLm,
    /// A user's own sequences ([`crate::arrays`]): what is learnt about them, the files say.
    Arrays,
}

impl Task {
    /// Every task, in the order of the table.
    pub const ALL: [Self; 14] = [
        Self::Neuronio,
        Self::Shd,
        Self::ShdAdding,
        Self::SyntheticSpikes,
        Self::SyntheticSpikesAdding,
        Self::ListOps,
        Self::Text,
        Self::Retrieval,
        Self::Image,
        Self::Pathfinder,
        Self::PathX,
        Self::Enwik8,
        Self::TextLm,
        Self::Arrays,
    ];

    /// What the table says of it.
    pub fn info(self) -> &'static TaskInfo {
        table::info(self)
    }

    /// Name on the command line and in recipes.
    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// The task of this name.
    ///
    /// # Errors
    /// [`DataError::Request`] that lists the names.
    pub fn from_name(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|task| task.name() == name);
        found.ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            DataError::request(format!("unknown task `{name}` (known: {names})"))
        })
    }

    /// Does it make sequences into classes? Then [`Task::open`] opens its data.
    pub fn classifies(self) -> bool {
        matches!(self.info().kind, TaskKind::Classification { .. })
    }

    /// Is it to predict the next byte of a text?
    pub fn is_language(self) -> bool {
        self.info().kind == TaskKind::Language
    }

    /// Are its files a user's own, whose sizes only they know?
    pub fn is_open(self) -> bool {
        matches!(self.info().kind, TaskKind::Language | TaskKind::Open)
    }

    /// Number of classes; 0 where there are none.
    pub fn classes(self) -> usize {
        match self.info().kind {
            TaskKind::Classification { classes, .. } => classes,
            _ => 0,
        }
    }

    /// Sequences in a sample: two where a pair is compared.
    pub fn inputs(self) -> usize {
        match self.info().kind {
            TaskKind::Classification { inputs, .. } => inputs,
            _ => 1,
        }
    }

    /// Is the data drawn by a program of this project and nowhere to be got?
    pub fn is_synthetic(self) -> bool {
        matches!(self, Self::SyntheticSpikes | Self::SyntheticSpikesAdding)
    }

    /// Is a sample the sum of two digits, drawn on the fly?
    pub fn is_adding(self) -> bool {
        matches!(self, Self::ShdAdding | Self::SyntheticSpikesAdding)
    }

    /// Width and height of the images of an image task.
    pub fn side(self) -> Option<usize> {
        match self {
            Self::Image => Some(image::SIDE),
            Self::Pathfinder => Some(32),
            Self::PathX => Some(128),
            _ => None,
        }
    }

    /// Name of class `class` for people.
    pub fn class_name(self, class: usize) -> String {
        let digits = [
            "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
        ];
        let german = [
            "null", "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun",
        ];
        match self {
            Self::Shd => digits.iter().chain(&german).nth(class).copied(),
            Self::Image => image::CLASS_NAMES.get(class).copied(),
            Self::Text => ["bad", "good"].get(class).copied(),
            Self::Retrieval => ["unrelated", "related"].get(class).copied(),
            Self::Pathfinder | Self::PathX => ["apart", "joined"].get(class).copied(),
            _ => None,
        }
        .map_or_else(|| class.to_string(), str::to_string)
    }

    /// A token as text for people; what is no printable character is a dot.
    pub fn token_text(self, token: u16) -> String {
        let Some(value) = usize::from(token).checked_sub(1) else {
            return String::new();
        };
        match self {
            Self::ListOps => listops::SYMBOLS
                .get(value)
                .map_or_else(|| "?".into(), |symbol| format!("{symbol} ")),
            _ => u8::try_from(value)
                .ok()
                .filter(|byte| (b' '..=b'~').contains(byte))
                .map_or_else(|| "·".into(), |byte| char::from(byte).to_string()),
        }
    }
}

impl std::fmt::Display for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests;
