//! The sizes of a model of any kind.

use burn::tensor::Device;
use elm_baselines::{ChronoLstmConfig, LifConfig, TcnConfig, TcnNorm, TransformerEncoderConfig};
use elm_model::layer::Regulariser;
use elm_model::{
    ElmError, ElmNetworkConfig, ElmNeuronConfig, FilterTau, MemoryGate, NeuronForm,
    OutputActivation, SynapseInit, SynapseRectification,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kind::ModelKind;
use super::module::{PenalisedNetwork, SequenceToSequence};

/// A network and what is penalised while it is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkModel {
    /// The network.
    pub network: ElmNetworkConfig,
    /// Penalties in the training loss.
    pub regularisers: Vec<Regulariser>,
}

/// Configuration of a model of any kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant)] // there is one of them, not many
pub enum ModelConfig {
    /// One neuron, of any form.
    Elm(ElmNeuronConfig),
    /// A network.
    Network(NetworkModel),
    /// LSTM with chrono initialisation.
    ChronoLstm(ChronoLstmConfig),
    /// Transformer encoder.
    Transformer(TransformerEncoderConfig),
    /// Temporal convolutional network.
    Tcn(TcnConfig),
    /// Leaky integrate-and-fire neurons.
    Lif(LifConfig),
}

impl ModelConfig {
    /// What kind of model it is.
    pub fn kind(&self) -> ModelKind {
        match self {
            Self::Elm(_) => ModelKind::Elm,
            Self::Network(_) => ModelKind::Network,
            Self::ChronoLstm(_) => ModelKind::ChronoLstm,
            Self::Transformer(_) => ModelKind::Transformer,
            Self::Tcn(_) => ModelKind::Tcn,
            Self::Lif(_) => ModelKind::Lif,
        }
    }

    /// Input channels and outputs.
    pub fn sizes(&self) -> (usize, usize) {
        match self {
            Self::Elm(c) => (c.num_inputs, c.num_outputs),
            Self::Network(c) => (c.network.num_inputs, c.network.num_outputs),
            Self::ChronoLstm(c) => (c.num_inputs, c.num_outputs),
            Self::Transformer(c) => (c.num_inputs, c.num_outputs),
            Self::Tcn(c) => (c.num_inputs, c.num_outputs),
            Self::Lif(c) => (c.num_inputs, c.num_outputs),
        }
    }

    /// Number of trained numbers of a model of these sizes.
    pub fn num_trained(&self) -> usize {
        match self {
            Self::Elm(c) => c.num_trained(),
            Self::Network(c) => c.network.num_trained(),
            Self::ChronoLstm(c) => c.num_trained(),
            Self::Transformer(c) => c.num_trained(),
            Self::Tcn(c) => c.num_trained(),
            Self::Lif(c) => c.num_trained(),
        }
    }

    /// Checks that the sizes and constants describe a model.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first field at fault, what was expected and what was found.
    pub fn validate(&self) -> Result<(), ElmError> {
        match self {
            Self::Elm(c) => c.validate(),
            Self::Network(c) => {
                c.network.validate()?;
                c.regularisers
                    .iter()
                    .try_for_each(|r| check_regulariser(r, c.network.num_layers()))
            }
            Self::ChronoLstm(c) => c.validate(),
            Self::Transformer(c) => c.validate(),
            Self::Tcn(c) => c.validate(),
            Self::Lif(c) => c.validate(),
        }
    }

    /// A model with its published start values.
    ///
    /// # Errors
    /// [`ElmError::Config`], see [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<SequenceToSequence, ElmError> {
        self.validate()?;
        Ok(match self {
            Self::Elm(c) => SequenceToSequence::Elm(c.init(device)?),
            Self::Network(c) => SequenceToSequence::Network(PenalisedNetwork::new(
                c.network.init(device)?,
                c.regularisers.clone(),
            )),
            Self::ChronoLstm(c) => SequenceToSequence::ChronoLstm(c.init(device)?),
            Self::Transformer(c) => SequenceToSequence::Transformer(c.init(device)?),
            Self::Tcn(c) => SequenceToSequence::Tcn(c.init(device)?),
            Self::Lif(c) => SequenceToSequence::Lif(c.init(device)?),
        })
    }

    /// Why a batch that is trained in parts would not be trained as a whole; none if it would.
    pub fn looks_across_samples(&self) -> Option<&'static str> {
        match self {
            Self::Tcn(c) if c.norm == TcnNorm::Batch => Some(
                "the batch normalisation of this model takes its means over a whole batch (choose another tcn.norm)",
            ),
            Self::Transformer(c) if c.dropout > 0.0 || c.attention_dropout > 0.0 => Some(
                "this model draws its dropout for a whole batch (set transformer.dropout and transformer.attention_dropout to 0)",
            ),
            _ => None,
        }
    }

    /// What it is, in a few words for headings.
    pub fn title(&self) -> String {
        let what = self.kind().title();
        match self {
            Self::Elm(c) => {
                let form = match PublishedForm::of(&c.neuron) {
                    PublishedForm::Network => " of the networks' form",
                    PublishedForm::V1 | PublishedForm::V2 => "",
                };
                format!("{what}{form}, {}", units(c.neuron.num_memory))
            }
            Self::Network(c) => {
                let neurons: usize = c.network.layers().iter().map(|l| l.num_neurons).sum();
                format!(
                    "{what}, {neurons} neurons in {} layer(s)",
                    c.network.num_layers()
                )
            }
            Self::ChronoLstm(c) => format!("{what}, {} units", c.hidden_size),
            Self::Transformer(c) => {
                format!(
                    "{what}, {} layer(s) of {} features",
                    c.num_layers, c.embedding
                )
            }
            Self::Tcn(c) => format!("{what}, {} layer(s) of {} channels", c.depth, c.width),
            Self::Lif(c) if c.num_adaptive() > 0 => format!(
                "{what}, {} of which {} adapt",
                c.num_neurons,
                c.num_adaptive()
            ),
            Self::Lif(c) => format!("{what}, {}", c.num_neurons),
        }
    }

    /// Its sizes as (name, value) for reports.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let product = |a: usize, b: usize| format!("{a} × {b}");
        match self {
            Self::Elm(c) => {
                let form = c.form();
                vec![
                    ("Memory units", form.num_memory.to_string()),
                    (
                        "Branches × synapses",
                        product(form.branches(), form.per_branch()),
                    ),
                ]
            }
            Self::Network(c) => network_facts(c),
            Self::ChronoLstm(c) => vec![
                ("Units", c.hidden_size.to_string()),
                (
                    "Longest memory at the start (steps)",
                    c.longest_memory().to_string(),
                ),
            ],
            Self::Transformer(c) => vec![
                ("Layers × heads", product(c.num_layers, c.num_heads)),
                (
                    "Features, MLP units",
                    format!("{}, {}", c.embedding, c.mlp_size),
                ),
                ("Attention", format!("{:?}", c.attention).to_lowercase()),
            ],
            Self::Tcn(c) => vec![
                ("Layers × channels", product(c.depth, c.width)),
                ("Receptive field (steps)", c.receptive_field().to_string()),
            ],
            Self::Lif(c) => vec![
                ("Neurons", c.num_neurons.to_string()),
                ("Of them adaptive", c.num_adaptive().to_string()),
                ("Membrane timescale (ms)", c.membrane_tau.to_string()),
            ],
        }
    }
}

/// Which of the published forms a neuron is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublishedForm {
    /// The first (Spieler et al. 2024).
    V1,
    /// The second, with another gate (Spieler et al. 2024).
    V2,
    /// That of the networks (Spieler et al. 2026), or with any of its options.
    Network,
}

impl PublishedForm {
    /// The form with these options.
    pub fn of(form: &NeuronForm) -> Self {
        let first_paper = form.synapse_rectification == SynapseRectification::Relu
            && matches!(form.synapse_init, SynapseInit::Unscaled { .. })
            && form.branch_tau != FilterTau::Off
            && form.high_pass_tau == FilterTau::Off
            && form.output_activation == OutputActivation::Identity
            && form.tau_range_scale == 1.0;
        match (first_paper, form.gate) {
            (false, _) => Self::Network,
            (true, MemoryGate::Scaled) => Self::V1,
            (true, MemoryGate::TimescaleRatio) => Self::V2,
        }
    }

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
            Self::Network => "network",
        }
    }
}

fn units(count: usize) -> String {
    match count {
        1 => "1 memory unit".into(),
        count => format!("{count} memory units"),
    }
}

fn network_facts(model: &NetworkModel) -> Vec<(&'static str, String)> {
    let layers = model.network.layers();
    let list = |value: fn(&elm_model::ElmLayerConfig) -> String| -> String {
        layers.iter().map(value).collect::<Vec<_>>().join(", ")
    };
    vec![
        ("Neurons of each layer", list(|l| l.num_neurons.to_string())),
        (
            "Memory units of each neuron",
            list(|l| l.neuron.num_memory.to_string()),
        ),
        (
            "Branches × synapses",
            list(|l| format!("{} × {}", l.neuron.branches(), l.neuron.per_branch())),
        ),
    ]
}

fn check_regulariser(regulariser: &Regulariser, layers: usize) -> Result<(), ElmError> {
    let fail = |problem: String| Err(ElmError::config("regularisers", problem));
    if let Some(layer) = regulariser.layers.iter().find(|&&layer| layer >= layers) {
        return fail(format!(
            "must name layers below {layers}, the number of layers, found {layer}"
        ));
    }
    match (regulariser.strength as f32).is_finite() && regulariser.strength >= 0.0 {
        true => Ok(()),
        false => fail(format!(
            "needs a strength of at least 0, found {:?}",
            regulariser.strength
        )),
    }
}
