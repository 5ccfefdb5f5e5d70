//! Classification of sequences: spoken digits, the Long Range Arena.

mod batch;
mod evaluate;
mod head;
mod model;

pub use batch::{SequenceInput, SequenceLoader, SequenceTensors};
pub use evaluate::{Answer, Classified, classify};
pub use head::PairHead;
pub use model::{ClassLoss, SequenceModel, SequenceOutput};
