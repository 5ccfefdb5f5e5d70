//! A neuron with more memory units, or other timescales, that begins with what a smaller one has learnt.
//!
//! What was there reads nothing of what is new, so with the same timescales a grown neuron computes what it did. What is new
//! reads everything, from fresh weights, and training can give it a say at once: its outputs are there, with weights of 0.

use burn::tensor::Device;
use elm_model::weights::StateTensor;
use elm_model::{ElmNeuronConfig, FilterTau, NeuronForm};

use super::{ModelCard, ModelConfig, ModelFile, SequenceToSequence, from_state_dict, state_dict};
use crate::error::{Result, TrainError};

/// Name of the timescales' parameters in files.
const TIMESCALES: &str = "_proto_tau_m";

/// The sizes and timescales (ms) that a grown neuron has, as the recipe's keys of these names; those that it had unless set.
#[derive(Debug, Clone, PartialEq, Default, clap::Args)]
pub struct Growth {
    /// Memory units; the new ones get timescales between the old ones
    #[arg(long, value_name = "N")]
    pub num_memory: Option<usize>,
    /// Units in each hidden layer; twice the memory units, where it was that
    #[arg(long, value_name = "N")]
    pub mlp_hidden: Option<usize>,
    /// Shortest memory timescale in ms; the others move with the bounds, in proportion of their logarithms
    #[arg(long, value_name = "MS")]
    pub memory_tau_min: Option<f64>,
    /// Longest memory timescale in ms
    #[arg(long, value_name = "MS")]
    pub memory_tau_max: Option<f64>,
    /// Timescale of the synaptic or branch trace in ms
    #[arg(long, value_name = "MS")]
    pub synapse_tau: Option<f64>,
    /// Seed of the fresh weights
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
}

impl Growth {
    /// The grown neuron of a file, with its task and without the record of its training.
    ///
    /// # Errors
    /// [`TrainError::Usage`] if the file holds another model, the neuron would shrink, or it cannot have such timescales.
    pub fn grow(&self, file: &ModelFile, device: &Device) -> Result<ModelFile> {
        let ModelConfig::Elm(known) = &file.card.config else {
            return Err(TrainError::Usage(format!(
                "only single neurons can grow, found a model of kind {}",
                file.card.kind
            )));
        };
        let config = self.config(known)?;
        device.seed(self.seed);
        let fresh = SequenceToSequence::Elm(config.init(device)?);
        let (before, after) = (known.form(), config.form());
        let card = ModelCard::new(ModelConfig::Elm(config), file.card.task.clone());
        let mut grown = state_dict(&fresh, None, &card)?;
        let learnt = state_dict(&file.model, file.head.as_ref(), &file.card)?;
        for (name, tensor) in learnt.tensors {
            match grown.tensors.get_mut(&name) {
                Some(new) if name == TIMESCALES => {
                    new.values = timescales(&tensor, &before, &after)
                }
                // the trace's timescale is a constant, which the new configuration has
                Some(_) if name.starts_with("tau_") => {}
                Some(new) => place(&tensor, new),
                // the head, which reads outputs
                None => {
                    grown.tensors.insert(name, tensor);
                }
            }
        }
        from_state_dict(grown, card, device)
    }

    /// The configuration that the neuron grows to.
    fn config(&self, known: &ElmNeuronConfig) -> Result<ElmNeuronConfig> {
        let mut config = known.clone();
        let form = &mut config.neuron;
        let (memory, hidden) = (form.num_memory, known.form().hidden());
        form.num_memory = self.num_memory.unwrap_or(memory);
        form.hidden_size = self.mlp_hidden.or(form.hidden_size);
        form.memory_tau_min = self.memory_tau_min.unwrap_or(form.memory_tau_min);
        form.memory_tau_max = self.memory_tau_max.unwrap_or(form.memory_tau_max);
        if let Some(tau) = self.synapse_tau {
            if form.branch_tau == FilterTau::Off {
                let problem = "--synapse-tau: the neuron has no synaptic or branch trace";
                return Err(TrainError::Usage(problem.into()));
            }
            form.branch_tau = FilterTau::Ms(tau);
        }
        let grows = [
            ("--num-memory", memory, form.num_memory),
            ("--mlp-hidden", hidden, form.hidden()),
        ];
        for (option, before, after) in grows {
            if after < before {
                return Err(TrainError::Usage(format!(
                    "{option}: a neuron can only grow, expected at least its {before}, found {after}"
                )));
            }
        }
        config.validate()?;
        Ok(config)
    }
}

/// Puts what was learnt at the beginning of each row and column: inputs come before memory, and old units before new ones. What
/// lies beside it is 0, since the old reads nothing of the new, what lies below is fresh.
fn place(learnt: &StateTensor, grown: &mut StateTensor) {
    let width = |tensor: &StateTensor| match tensor.shape[..] {
        [_, columns] => columns,
        _ => 1,
    };
    let (old, new) = (width(learnt).max(1), width(grown).max(1));
    for (from, to) in learnt.values.chunks(old).zip(grown.values.chunks_mut(new)) {
        to.fill(0.0);
        to[..from.len()].copy_from_slice(from);
    }
}

/// The parameters of the timescales: those of the old units moved with the bounds, and between them those of the new ones.
fn timescales(learnt: &StateTensor, before: &NeuronForm, after: &NeuronForm) -> Vec<f64> {
    let old = learnt.values.len();
    let logs = |form: &NeuronForm| (form.memory_tau_min.ln(), form.memory_tau_max.ln());
    let ((a, b), (c, d)) = (logs(before), logs(after));
    let stretch = if b > a { (d - c) / (b - a) } else { 1.0 };
    let moved = |proto: &f64| match before.tau_bounds() == after.tau_bounds() {
        true => *proto,
        false => after.proto_tau((c + (before.tau(*proto).ln() - a) * stretch).exp()),
    };
    let added = after.num_memory - old;
    // in the middle of so many equal parts of the logarithms' range
    let between = |i| c + (d - c) * (i as f64 + 0.5) / added as f64;
    let fresh = (0..added).map(|i| after.proto_tau(between(i).exp()));
    learnt.values.iter().map(moved).chain(fresh).collect()
}

#[cfg(test)]
#[path = "grow_tests.rs"]
mod tests;
