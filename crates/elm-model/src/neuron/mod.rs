//! One ELM neuron (Spieler et al. 2024 and 2026): configuration, module, state and recordings.

mod ablation;
mod config;
mod display;
mod mlp;
mod module;
mod recording;
mod routing;
mod state;
mod synapses;

pub use config::{ElmNeuronConfig, Routing};
pub use mlp::Mlp;
pub use module::ElmNeuron;
pub use recording::Recording;
pub use routing::RoutingTable;
pub use state::ElmState;
pub use synapses::Synapses;
