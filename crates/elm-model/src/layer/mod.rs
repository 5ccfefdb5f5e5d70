//! Layers of ELM neurons with recurrent synapses, and the third form of the neuron.
//!
//! Source: Spieler, Martius, Levina, *Scaling Laws and Tradeoffs in Recurrent Networks of Expressive Neurons*, 2026,
//! arXiv 2605.12049; elsewhere in this crate Spieler et al. 2026.

mod config;
mod display;
mod dropout;
mod form;
mod module;
mod neuron;
mod recording;
mod regulariser;
pub mod scan;
mod stacked;
mod state;
mod wiring;

pub use config::ElmLayerConfig;
pub use form::{FilterTau, MemoryGate, NetForm, OutputActivation, SPIKE_STEEPNESS, SynapseInit};
pub use module::{ElmLayer, LayerOutput};
pub use neuron::{NetNeuron, NetNeuronConfig, NetNeuronState};
pub use recording::{LayerRecording, Monitor};
pub use regulariser::{Regulariser, RegulariserScaling, RegulariserTarget};
pub use scan::LayerSource;
pub use stacked::StackedLinear;
pub use state::ElmLayerState;
pub use wiring::{Wiring, WiringSizes, module_of, ring_neighbour};

pub(crate) use form::fail;
