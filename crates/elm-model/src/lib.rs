//! The Expressive Leaky Memory (ELM) neuron on Burn.
//!
//! One cortical neuron as a recurrent cell: many synapses on dendritic branches, a small MLP, and a
//! few leaky memory units with timescales from milliseconds to seconds (Spieler et al., ICLR 2024).
//!
//! - [`NeuronForm`]: every option of the neuron; its formulas are in [`equations`];
//! - [`ElmNeuronConfig`] / [`ElmNeuron`]: one neuron with any number of outputs, of any published form;
//! - [`ElmLayerConfig`] / [`ElmLayer`]: many neurons with recurrent synapses;
//! - [`ElmNetworkConfig`] / [`ElmNetwork`]: stacked layers;
//! - [`sequence`]: samples of different lengths, reversed, in both directions;
//! - [`scan`]: the recurrences as operations, with plain-tensor references and gradients of their own;
//! - [`weights`]: published checkpoints in and out;
//! - `remote` (a feature): the same operations on devices of other machines.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use elm_model::{ElmNeuronConfig, NeuronForm};
//!
//! # fn main() -> Result<(), elm_model::ElmError> {
//! # #[cfg(feature = "flex")] {
//! let device = Device::flex();
//! let form = NeuronForm::v1().with_num_memory(8);
//! let neuron = ElmNeuronConfig::new(12, 2).with_neuron(form).init(&device)?;
//! let (y, state) = neuron.forward(Tensor::zeros([1, 50, 12], &device), None);
//! assert_eq!(y.dims(), [1, 50, 2]);
//! assert_eq!(state.memory().dims(), [1, 8]);
//! # }
//! # Ok(())
//! # }
//! ```

pub mod dispatch;
pub mod equations;
mod error;
mod kernels;
pub mod layer;
pub mod network;
pub mod neuron;
mod parts;
#[cfg(feature = "remote")]
pub mod remote;
pub mod scan;
pub mod sequence;
mod stream;
#[cfg(feature = "weights")]
pub mod weights;

pub use dispatch::ScanPath;
pub use elm_stream::{self, ElmStream, LayerStream, NetworkStream};
pub use equations::{
    BiasInit, FilterTau, HiddenActivation, MemoryGate, NeuronForm, NeuronOverrides,
    OutputActivation, SynapseInit, SynapseRectification,
};
pub use error::{ElmError, check};
pub use layer::{ElmLayer, ElmLayerConfig, ElmLayerState, LayerSource, Wiring};
pub use network::{ElmNetwork, ElmNetworkConfig, ElmNetworkState};
pub use neuron::{ElmNeuron, ElmNeuronConfig, ElmState, Recording, Routing};
pub use parts::{ConfigRecord, MemoryTimescales};
pub use sequence::{Bidirectional, Recurrent, RecurrentState};
