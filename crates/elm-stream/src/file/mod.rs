//! Weight files: from the bytes of a safetensors file to the parts of a stream.
//!
//! - [`from_safetensors`] reads files of elm-model: neurons, layers and networks, with the configuration they carry;
//! - [`from_safetensors_with`] also reads published checkpoints, which carry none;
//! - [`Container`] is the format itself.
//!
//! A single neuron has the published names: `_proto_w_s`, `_proto_tau_m`, `tau_s` (one for each synapse, where the gate is
//! [`Scaled`](crate::equations::MemoryGate::Scaled)) or `tau_b` (one for each branch), `mlp.network.<2k>.weight|bias`,
//! `w_y.weight|bias`, `input_to_synapse_indices` and `valid_indices_mask`. A layer has `connectome`, `w_s`,
//! `mlp.<k>.weight|bias`, `w_y`, `b` and `tau_m_proto`; in a network they stand behind `layers.<l>.`, and `linear.weight`,
//! `linear.bias` follow where there is a linear map. Weights of linear maps are stored `[out, in]`.
//!
//! Bytes may come from anywhere: whatever they are, reading them ends in parts or in a [`FileError`], and takes no more
//! memory than a few times their number.

mod container;
mod dict;
mod error;
mod layer;
mod model;
mod neuron;
mod numbers;

pub use container::{Container, TensorView};
pub use error::FileError;
pub use model::{CONFIG_KEY, Model, ModelStream, from_safetensors, from_safetensors_with};
pub use neuron::FileOptions;
pub use numbers::Dtype;
