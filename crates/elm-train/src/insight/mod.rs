//! What a trained classifier does inside: how its answer to a sample forms step by step, and which timescales of a
//! neuron's memory matter; and what a model of NeuronIO makes of simulations.

mod ablation;
mod decision;
mod pictures;
mod voltage;

pub(crate) use ablation::{Ablating, ablate};
pub(crate) use decision::decide;
pub(crate) use pictures::{draw_answers, draw_simulations};
pub(crate) use voltage::{examples, shown, title};
