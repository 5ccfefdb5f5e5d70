//! Classification of sequences: spoken digits, the Long Range Arena.

mod batch;
mod measure;
mod model;

pub use batch::{SequenceInput, SequenceTensors};
pub use measure::{Answer, Answers, ClassMeter, Classified};
pub use model::{ClassLoss, SequenceModel};
pub(crate) use model::{cross_entropy, read_out};
