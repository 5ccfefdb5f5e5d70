//! The models that can be trained: the neuron, networks of neurons, and what they are compared with.
//!
//! All of them make `[batch, time, input]` into `[batch, time, output]`. [`ModelKind`] names one, a [`ModelConfig`] holds
//! its sizes, [`ModelConfig::init`] makes a [`SequenceToSequence`]; [`save`] and [`load`] keep it in a file with a
//! [`ModelCard`], which says everything that it takes to use it.

pub mod card;
mod config;
mod files;
mod grow;
mod head;
mod kind;
mod legacy;
mod module;
mod record;

pub use card::ModelCard;
pub use config::{ModelConfig, NetworkModel, PublishedForm};
pub use files::{
    ModelFile, card_of, describe, from_state_dict, load, restored_head, save, state_dict, stored,
};
pub use grow::Growth;
pub use head::PairHead;
pub use kind::ModelKind;
pub use module::{Answer, PenalisedNetwork, SequenceToSequence, Timescales};
pub use record::{is_record, read_record, record_bytes};
