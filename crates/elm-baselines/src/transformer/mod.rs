//! A Transformer encoder.

mod config;
mod module;

pub use config::{Attention, EmbeddingInit, LraTask, Positions, TransformerEncoderConfig};
pub use module::TransformerEncoder;
