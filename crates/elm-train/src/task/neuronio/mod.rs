//! NeuronIO: output 0 is the spike logit, output 1 the scaled soma voltage.

mod evaluate;
mod loader;
mod metrics;
mod model;
mod published;

pub use evaluate::{Tested, check, evaluate, predict};
pub use loader::{NeuronIoTensors, WindowLoader};
pub use metrics::{PooledInput, PooledMetric, PooledQuantity};
pub use model::{LossWeights, NeuronIoModel, NeuronIoOutput, bce_with_logits};
pub use published::{Figures, PublishedResult, published};
