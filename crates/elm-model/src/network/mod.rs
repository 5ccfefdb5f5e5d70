//! Networks of stacked layers (\[NET\]): configuration, module, embeddings and state.

mod config;
mod display;
mod module;

pub use config::{ElmNetworkConfig, InputEmbedding, LayerOverrides, OutputEmbedding};
pub use module::{ElmNetwork, ElmNetworkState, NetworkInput, NetworkOutput};
