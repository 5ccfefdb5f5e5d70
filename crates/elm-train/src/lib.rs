//! Training, evaluation and reports for ELM neurons.

pub mod recipe;
