//! Published checkpoints in and out.
//!
//! A checkpoint is a PyTorch state dict with the published names, as `.safetensors` or `.pt`:
//! `_proto_w_s`, `_proto_tau_m`, `tau_s` (v1) or `tau_b` (v2), `mlp.network.<2k>.weight|bias`, `w_y.weight|bias`,
//! `input_to_synapse_indices` and `valid_indices_mask`. PyTorch's linear weights are `[out, in]`, Burn's
//! `[in, out]`. Files written here also carry the neuron's configuration, so that they load without one.

mod infer;
mod load;
mod network;
mod published_config;
mod save;
mod state_dict;

pub use infer::{carried_config, infer_config};
pub use load::load_published;
pub use network::{load_network, save_network};
pub use published_config::PublishedConfig;
pub use save::save_safetensors;
pub use state_dict::{StateDict, StateTensor};
