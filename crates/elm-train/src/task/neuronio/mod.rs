//! NeuronIO: output 0 is the spike logit, output 1 the scaled soma voltage.

mod batch;
mod evaluate;
mod model;
mod published;

pub use batch::NeuronIoTensors;
pub use evaluate::{Tested, check, evaluate, predict};
pub use model::{LossWeights, NeuronIoModel, WindowAnswers, WindowMeter, bce_with_logits};
pub use published::{Figures, PublishedResult, published};
