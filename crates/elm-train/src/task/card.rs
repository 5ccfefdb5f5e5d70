//! What of a task goes with a model that was trained on it.

use std::path::Path;

use elm_data::arrays::{EventBinning, InputKind, Scaler, Targets};
use elm_data::text::Vocabulary;
use serde::{Deserialize, Serialize};

use super::own::LossChoice;
use crate::error::{Result, TrainError};
use crate::recipe::Readout;

/// File of it in a run's folder, beside the model.
pub const CARD: &str = "task.json";

/// How a model's inputs are made of data, and what its outputs mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TaskCard {
    /// Sequences of a user's own.
    Sequences {
        /// Name of the task.
        name: String,
        /// What the steps of sequences are.
        inputs: InputKind,
        /// What the outputs are.
        targets: Targets,
        /// Normalisation of the inputs.
        input_scaler: Scaler,
        /// Normalisation of the targets, which is undone to read the outputs.
        target_scaler: Scaler,
        /// The loss, which says what outputs are: logits, values or logarithms of rates; none of a loss of the user's own.
        loss: Option<LossChoice>,
        /// Where the answer for a whole sequence is read out.
        readout: Readout,
        /// How events were binned.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        events: Option<EventBinning>,
    },
    /// The next byte of a text: logits of the tokens of its vocabulary.
    Text {
        /// Byte of each token.
        vocabulary: Vocabulary,
    },
}

impl TaskCard {
    /// The card beside a model, by the path of the model or of the folder of its run.
    ///
    /// # Errors
    /// If there is none, or it cannot be read.
    pub fn beside(model: &Path) -> Result<Self> {
        let folder = match model.is_dir() {
            true => model,
            false => model.parent().unwrap_or(Path::new("")),
        };
        let path = folder.join(CARD);
        let text = std::fs::read_to_string(&path).map_err(|e| {
            TrainError::file(
                &path,
                format!("expected the description of the model's task: {e}"),
            )
        })?;
        serde_json::from_str(&text).map_err(|e| {
            TrainError::file(&path, format!("expected the description of a task: {e}"))
        })
    }
}
