//! Neurons, layers and networks, step by step.

mod bank;
mod layer;
mod network;
mod neuron;
mod state;
mod wires;

pub use layer::LayerStream;
pub use network::NetworkStream;
pub use neuron::ElmStream;
pub use state::{LayerState, NetworkState, NeuronState, Trace};
