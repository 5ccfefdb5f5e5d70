//! The sections of recipes that train on a user's own files. The files themselves are `data.train`, `data.valid` and
//! `data.test`.

use std::path::PathBuf;

use elm_data::arrays::{
    ArrayFiles, ArrayKeys, ArrayOptions, EventBinning, Missing, Normalization, SplitRule,
    TargetKind,
};
use elm_data::text::{StateDrop, Symbols, TextOptions};
use serde::{Deserialize, Serialize};

use super::{DataRecipe, DataSource};
use crate::task::own::LossChoice;

/// How arrays, tables or events are read and learnt; see [`elm_data::arrays`] for the files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArraysRecipe {
    /// What is learnt; without it, what the shape and type of `y` say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<TargetKind>,
    /// The loss; without it, cross entropy for classes and symbols, the mean square for values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<LossChoice>,
    /// How values of `x` are normalised; learnt from the part to train on. Unless set, to mean 0 and standard deviation 1;
    /// binned events stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub normalize: Option<Normalization>,
    /// How values of `y` are normalised for the loss; learnt likewise, and undone in results. Losses that say what the
    /// values are (bce, poisson) take them as they are.
    pub normalize_targets: Normalization,
    /// Names of the arrays or columns.
    pub keys: ArrayKeys,
    /// How one set of files is split into parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitRule>,
    /// Cut sequences into windows of this many steps; at least 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<usize>,
    /// The integers of `x` are symbols, not values.
    pub symbols: bool,
    /// What to do about missing values.
    pub missing: Missing,
    /// The files hold events, which are binned like this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<EventBinning>,
}

impl ArraysRecipe {
    /// How elm-data reads the files.
    pub fn options(&self) -> ArrayOptions {
        ArrayOptions {
            keys: self.keys.clone(),
            kind: self.kind,
            symbols: self.symbols,
            window: self.window,
            missing: self.missing,
            events: self.events.clone(),
            split: self.split.clone(),
        }
    }
}

/// How a text is read and learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextRecipe {
    /// Extensions of the files of folders that are read; all if there is none.
    pub extensions: Vec<String>,
    /// Which bytes are symbols: those that occur, or all 256.
    pub symbols: Symbols,
    /// Share of the text to validate, before the test, where no files are named for it.
    pub valid_fraction: f64,
    /// Share of the text to test, its end, where no files are named for it.
    pub test_fraction: f64,
    /// Steps of a batch: gradients go back so far, states go on to the next.
    pub steps: usize,
    /// When states are dropped in training: with a probability that falls in a straight line over so many steps.
    pub state_drop: StateDrop,
    /// Order of the n-grams that the report compares with, 1 to 8; 0 for none.
    pub ngram: usize,
}

impl Default for TextRecipe {
    fn default() -> Self {
        let options = TextOptions::default();
        Self {
            extensions: options.extensions,
            symbols: options.symbols,
            valid_fraction: options.valid_fraction,
            test_fraction: options.test_fraction,
            steps: 100,
            state_drop: StateDrop::default(),
            ngram: 5,
        }
    }
}

impl TextRecipe {
    /// How elm-data reads the texts of a recipe.
    pub fn options(&self, data: &DataRecipe) -> TextOptions {
        TextOptions {
            train: paths(&data.train),
            valid: paths(&data.valid),
            test: paths(&data.test),
            extensions: self.extensions.clone(),
            symbols: self.symbols,
            valid_fraction: self.valid_fraction,
            test_fraction: self.test_fraction,
        }
    }
}

impl DataRecipe {
    /// The files of a user's own sequences.
    pub fn array_files(&self) -> ArrayFiles {
        ArrayFiles {
            train: paths(&self.train),
            valid: paths(&self.valid),
            test: paths(&self.test),
        }
    }
}

fn paths(source: &DataSource) -> Vec<PathBuf> {
    source.paths().to_vec()
}
