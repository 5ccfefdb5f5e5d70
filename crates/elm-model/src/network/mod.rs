//! Networks of stacked layers (Spieler et al. 2026): configuration, module, embeddings and state.

mod config;
mod display;
mod module;

pub use config::{ElmNetworkConfig, InputEmbedding, LayerOverrides, OutputEmbedding};
pub use module::{ElmNetwork, ElmNetworkState, NetworkOutput};
