//! Weight files in and out: published checkpoints, and files of this crate.
//!
//! A neuron's checkpoint is a PyTorch state dict with the published names, as `.safetensors` or `.pt`: `_proto_w_s`,
//! `_proto_tau_m`, `tau_s` (first published form) or `tau_b` (second), `mlp.network.<2k>.weight|bias`,
//! `w_y.weight|bias`, `input_to_synapse_indices` and `valid_indices_mask`. A layer's holds `connectome` (integers
//! `[neuron, synapse]`), `w_s`, `mlp.<k>.weight` (`[neuron, out, in]`), `mlp.<k>.bias`, `w_y`, `b` and `tau_m_proto`; a
//! network's the same for layer l under `layers.<l>.`, and `linear.weight` (`[out, in]`), `linear.bias` where a linear
//! map follows. PyTorch's linear weights are `[out, in]`, Burn's `[in, out]`.
//!
//! Files written here also carry the configuration, so that they load without one. Numbers are stored as the module
//! holds them: f64 as f64, everything else as f32, in which half precision is exact.

mod collect;
mod config;
mod content;
mod files;
mod json;
mod layer;
mod legacy;
mod loader;
mod names;
mod neuron;
mod numbers;
mod published_config;
mod pytorch;
mod state_dict;

pub use config::{carried_config, infer_config};
pub use json::read_json;
pub use layer::{load_layer, load_network, save_layer, save_network};
pub use legacy::network_config;
pub use neuron::{load_neuron, save_neuron};
pub use numbers::NumberFormat;
pub use published_config::PublishedConfig;
pub use state_dict::{StateDict, StateTensor};
