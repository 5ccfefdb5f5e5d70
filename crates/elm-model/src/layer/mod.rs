//! Layers of ELM neurons that listen to their input and, one step later, to each other.
//!
//! Source: Spieler, Martius, Levina, *Scaling Laws and Tradeoffs in Recurrent Networks of Expressive Neurons*, 2026,
//! arXiv 2605.12049; elsewhere in this crate Spieler et al. 2026.

mod config;
mod connectome;
mod display;
mod dropout;
mod module;
mod recording;
mod regulariser;
mod stacked;
mod state;
mod wiring;

pub use crate::scan::layer::LayerSource;
pub use config::ElmLayerConfig;
pub use connectome::Connectome;
pub use dropout::MaskSeed;
pub use module::{ElmLayer, LayerOutput};
pub use recording::{LayerRecording, Monitor};
pub use regulariser::{Regulariser, RegulariserScaling, RegulariserTarget};
pub use stacked::StackedLinear;
pub use state::ElmLayerState;
pub use wiring::{Wiring, WiringSizes, module_of, ring_neighbour};
