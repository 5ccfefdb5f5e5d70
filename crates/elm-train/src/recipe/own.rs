//! The sections of recipes that train on a user's own files. The files themselves are `data.train`, `data.valid` and
//! `data.test`.

use std::path::PathBuf;

use elm_data::arrays::{ArrayFiles, ArrayOptions, Normalization};
use elm_data::text::{StateDrop, Symbols, TextOptions};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{DataRecipe, DataSource};
use crate::task::own::LossChoice;

/// How arrays, tables or events are read and learnt; see [`elm_data::arrays`] for the files.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ArraysRecipe {
    /// How the files are read.
    pub reading: ArrayOptions,
    /// The loss; cross entropy for classes and symbols and the mean square for values unless set.
    pub loss: Option<LossChoice>,
    /// How values of `x` are normalised, learnt from the part to train on; unless set to mean 0 and standard deviation 1, binned
    /// events not at all.
    pub normalize: Option<Normalization>,
    /// How values of `y` are normalised for the loss, likewise; undone in results.
    ///
    /// Losses that say what the values are (bce, poisson) take them as they are.
    pub normalize_targets: Normalization,
}

/// How a text is read and learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TextRecipe {
    /// Extensions of the files of folders that are read, such as ["md"]; [] for all.
    pub extensions: Vec<String>,
    /// Which bytes are symbols, those that occur or all 256.
    pub symbols: Symbols,
    /// Share of the text to validate, before the test, unless files are named for it.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub valid_fraction: f64,
    /// Share of the text to test, its end, unless files are named for it.
    #[schemars(range(min = 0), extend("exclusiveMaximum" = 1))]
    pub test_fraction: f64,
    /// Steps of a batch: gradients go back so far, states go on to the next.
    #[schemars(range(min = 1), extend("x-aliases" = ["block_size", "seq_len", "bptt", "context_length"]))]
    pub steps: usize,
    /// Probability that a stream starts anew before a batch, from first to last over so many steps.
    pub state_drop: StateDrop,
    /// Order of the n-grams that the report compares with; 0 for none.
    #[schemars(range(max = 8))]
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
