//! One ELM neuron (Spieler et al., ICLR 2024): configuration, module, state and recordings.

mod config;
mod display;
mod mlp;
mod module;
mod recording;
mod routing;
mod state;
mod stream;
mod synapses;
pub mod timescales;

pub use config::{ElmNeuronConfig, HiddenActivation, NeuronVersion, Routing, SynapseRectification};
pub use mlp::Mlp;
pub use module::ElmNeuron;
pub use recording::Recording;
pub use routing::RoutingTable;
pub use state::ElmState;
pub use stream::ElmStream;
pub use synapses::Synapses;
