//! Texts as language models see them: streams of bytes whose states go on from batch to batch.

mod generate;
mod model;
mod state;

pub use generate::{Sampler, SamplerOptions};
pub use model::{TextLoss, TextMeter, TextModel, TextTensors};
pub use state::{ModelState, StreamStates, run_tokens};
