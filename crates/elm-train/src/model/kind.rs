//! The names of the models.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Result, TrainError};

/// A model that can be trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// One Expressive Leaky Memory neuron (Spieler et al., ICLR 2024).
    #[default]
    Elm,
    /// A network of such neurons, or one neuron of its form (Spieler et al. 2026).
    Network,
    /// LSTM with chrono initialisation (Tallec & Ollivier 2018).
    ChronoLstm,
    /// Transformer encoder (Tay et al. 2021).
    Transformer,
    /// Temporal convolutional network (Beniaguev et al. 2021).
    Tcn,
    /// Leaky integrate-and-fire neurons, adaptive ones too (Bellec et al. 2018).
    Lif,
}

impl ModelKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Elm,
        Self::Network,
        Self::ChronoLstm,
        Self::Transformer,
        Self::Tcn,
        Self::Lif,
    ];

    /// Name on the command line and in recipes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Elm => "elm",
            Self::Network => "network",
            Self::ChronoLstm => "chrono-lstm",
            Self::Transformer => "transformer",
            Self::Tcn => "tcn",
            Self::Lif => "lif",
        }
    }

    /// Name for people.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Elm => "ELM neuron",
            Self::Network => "ELM network",
            Self::ChronoLstm => "Chrono-LSTM",
            Self::Transformer => "Transformer",
            Self::Tcn => "TCN",
            Self::Lif => "LIF neurons",
        }
    }

    /// The table of a recipe that holds the model's sizes.
    pub const fn section(self) -> &'static str {
        match self {
            Self::Elm => "model",
            Self::Network => "network",
            Self::ChronoLstm => "chrono_lstm",
            Self::Transformer => "transformer",
            Self::Tcn => "tcn",
            Self::Lif => "lif",
        }
    }

    /// The kind of this name.
    ///
    /// # Errors
    /// [`TrainError::Usage`] with the nearest name and all names.
    pub fn from_name(name: &str) -> Result<Self> {
        if let Some(kind) = Self::ALL.into_iter().find(|kind| kind.name() == name) {
            return Ok(kind);
        }
        let near = Self::ALL
            .into_iter()
            .max_by(|a, b| {
                let score = |kind: &Self| strsim::jaro_winkler(kind.name(), name);
                score(a).total_cmp(&score(b))
            })
            .filter(|kind| strsim::jaro_winkler(kind.name(), name) > 0.7)
            .map(|kind| format!(", did you mean `{kind}`?"))
            .unwrap_or_default();
        let names = Self::ALL.map(Self::name).join(", ");
        Err(TrainError::Usage(format!(
            "unknown model `{name}`{near} (known: {names})"
        )))
    }
}

impl std::fmt::Display for ModelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_lead_back_and_near_misses_are_helped() {
        for kind in ModelKind::ALL {
            assert_eq!(ModelKind::from_name(kind.name()).unwrap(), kind);
            let text = serde_json::to_string(&kind).unwrap();
            assert_eq!(text, format!("\"{kind}\""));
        }
        let error = ModelKind::from_name("chronolstm").unwrap_err();
        assert!(
            error.to_string().contains("did you mean `chrono-lstm`?"),
            "{error}"
        );
        assert_eq!(error.exit_code(), 2);
        let error = ModelKind::from_name("xyz").unwrap_err().to_string();
        assert!(
            !error.contains("did you mean") && error.contains("transformer, tcn"),
            "{error}"
        );
    }
}
