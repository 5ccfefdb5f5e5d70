//! The Expressive Leaky Memory (ELM) neuron on Burn.
//!
//! One cortical neuron as a recurrent cell: many synapses on dendritic branches, a small MLP, and a
//! few leaky memory units with timescales from milliseconds to seconds (Spieler et al., ICLR 2024).
//!
//! - [`ElmNeuronConfig`] / [`ElmNeuron`]: the neuron, both published forms;
//! - [`ElmLayerConfig`] / [`ElmLayer`]: many neurons with recurrent synapses, the third published form;
//! - [`ElmNetworkConfig`] / [`ElmNetwork`]: stacked layers;
//! - [`baselines`]: the models that these are compared with;
//! - [`memory_scan`]: the neuron's recurrence as one operation, with a plain-tensor reference and a fused CPU
//!   version with a hand-derived gradient;
//! - [`weights`]: published checkpoints in and out.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use elm_model::ElmNeuronConfig;
//!
//! # fn main() -> Result<(), elm_model::ElmError> {
//! let device = Device::flex();
//! let neuron = ElmNeuronConfig::new(12, 2).with_num_memory(8).init(&device)?;
//! let y = neuron.forward(Tensor::zeros([1, 50, 12], &device));
//! assert_eq!(y.dims(), [1, 50, 2]);
//! # Ok(())
//! # }
//! ```

pub mod baselines;
mod error;
#[cfg(any(feature = "flex", feature = "ndarray"))]
mod host;
pub mod layer;
pub mod memory_scan;
pub mod network;
pub mod neuron;
pub mod weights;

pub use baselines::{
    ChronoLstm, ChronoLstmConfig, Lif, LifConfig, Tcn, TcnConfig, TransformerEncoder,
    TransformerEncoderConfig,
};
pub use error::ElmError;
pub use layer::{ElmLayer, ElmLayerConfig, ElmLayerState, LayerSource, NetForm, Wiring};
pub use network::{ElmNetwork, ElmNetworkConfig, ElmNetworkState};
pub use neuron::{
    ElmNeuron, ElmNeuronConfig, ElmState, ElmStream, HiddenActivation, NeuronVersion, Recording,
    Routing, SynapseRectification,
};
