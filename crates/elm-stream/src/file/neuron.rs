//! A single neuron from its tensors.

use alloc::{format, vec, vec::Vec};

use super::dict::Dict;
use super::{Container, FileError};
use crate::equations::{FilterTau, MemoryGate};
use crate::legacy::NeuronConfigFile;
use crate::{NeuronForm, NeuronParts, Routing, neuronio_routing};

const CHANNELS: &str = "input_to_synapse_indices";
const VALID: &str = "valid_indices_mask";

/// What a published checkpoint does not tell.
#[derive(Debug, Clone, PartialEq)]
pub struct FileOptions {
    /// The neuron's options. Sizes follow from the shapes, gate and trace from the stored timescale; the activation, λ, the
    /// bounds of the memory timescales and the time step are taken from here.
    pub form: NeuronForm,
    /// Input channels; unless set, as many as are read.
    pub inputs: Option<usize>,
}

impl From<NeuronForm> for FileOptions {
    fn from(form: NeuronForm) -> Self {
        Self { form, inputs: None }
    }
}

/// The parts of a neuron whose file carries this configuration.
pub(super) fn read(
    file: &Container<'_>,
    config: NeuronConfigFile,
) -> Result<NeuronParts, FileError> {
    let inputs = config.num_inputs;
    file.check_inputs(inputs)?;
    let form = config.neuron.sized_for(inputs);
    form.validate(1)?;
    let (synapses, m) = (form.synapses(), form.num_memory);
    let mut dict = Dict::new(file);
    let proto_weight = dict.floats("_proto_w_s", &[synapses]);
    let proto_tau = dict.timescales("_proto_tau_m", &[m]);
    let widths: Vec<usize> = form.mlp_widths().collect();
    let mlp = widths
        .windows(2)
        .enumerate()
        .map(|(k, w)| dict.linear(&format!("mlp.network.{}", 2 * k), None, w[0], w[1]))
        .collect();
    let readout = dict.linear("w_y", None, m, config.num_outputs);
    check_trace(&mut dict, &form);
    let (channels, valid) = routing(&mut dict, config.routing, synapses, inputs);
    dict.finish()?;
    Ok(NeuronParts {
        form,
        inputs,
        outputs: config.num_outputs,
        channels,
        valid,
        proto_weight,
        mlp,
        proto_tau,
        readout: readout.weight,
        bias: readout.bias,
    })
}

/// The trace's timescale is an option: the file must hold just that.
fn check_trace(dict: &mut Dict<'_>, form: &NeuronForm) {
    let FilterTau::Ms(expected) = form.branch_tau else {
        return;
    };
    let (name, len) = match form.gate {
        MemoryGate::Scaled => ("tau_s", form.synapses()),
        MemoryGate::TimescaleRatio => ("tau_b", form.branches()),
    };
    let Some(values) = dict.tensor(name, &[len]).map(|t| t.to_f64()) else {
        return;
    };
    let fits =
        |tau: f64| (tau - expected) <= 1e-6 * expected && (expected - tau) <= 1e-6 * expected;
    if let Some(other) = values.iter().find(|tau| !fits(**tau)) {
        dict.problem(format!(
            "`{name}` holds {other} ms, expected branch_tau = {expected} ms everywhere"
        ));
    }
}

/// Channel and validity of each synapse.
fn routing(
    dict: &mut Dict<'_>,
    routing: Routing,
    synapses: usize,
    inputs: usize,
) -> (Option<Vec<u32>>, Option<Vec<bool>>) {
    if routing == Routing::None {
        if synapses != inputs {
            dict.problem(format!(
                "without routing each synapse reads one channel, found {synapses} synapses for {inputs} inputs"
            ));
        }
        // published files hold empty tensors here
        for name in [CHANNELS, VALID] {
            match dict.optional(name).map(|t| t.shape().to_vec()) {
                None => {}
                Some(shape) if shape == [0] => {}
                Some(shape) => dict.problem(format!(
                    "`{name}` has shape {shape:?}, but the configuration has no routing"
                )),
            }
        }
        return (None, None);
    }
    let channels = dict.indices(CHANNELS, &[synapses], inputs);
    let valid = dict.floats(VALID, &[synapses]);
    (
        Some(channels),
        Some(valid.iter().map(|v| *v != 0.0).collect()),
    )
}

/// As much of a configuration as the shapes tell, the rest from the options.
pub(super) fn infer(
    file: &Container<'_>,
    options: FileOptions,
) -> Result<NeuronConfigFile, FileError> {
    let refused = |problem| FileError::Tensors {
        problems: vec![problem],
    };
    let need = |name: &str, rank: usize| match file.tensors.get(name).map(|t| t.shape()) {
        Some(&[size]) if rank == 1 => Ok((size, 1)),
        Some(&[rows, columns]) if rank == 2 => Ok((rows, columns)),
        Some(shape) => Err(refused(format!(
            "`{name}` has shape {shape:?}, expected {rank} dimensions"
        ))),
        None => Err(refused(format!("`{name}` is missing"))),
    };
    let (synapses, memory) = (need("_proto_w_s", 1)?.0, need("_proto_tau_m", 1)?.0);
    let outputs = need("w_y.weight", 2)?.0;
    let (first, joined) = need("mlp.network.0.weight", 2)?;
    let is_there = |k: &usize| {
        file.tensors
            .contains_key(&format!("mlp.network.{}.weight", 2 * k))
    };
    let layers = (0..).take_while(is_there).count();
    let branches = joined.saturating_sub(memory);
    if branches == 0 || synapses == 0 || synapses % branches != 0 {
        return Err(refused(format!(
            "{synapses} synapses on {branches} branches: `mlp.network.0.weight` and `_proto_w_s` do not belong together"
        )));
    }
    let mut form = NeuronForm {
        num_memory: memory,
        num_branches: Some(branches),
        synapses_per_branch: Some(synapses / branches),
        hidden_layers: layers - 1,
        hidden_size: (layers > 1).then_some(first),
        ..options.form
    };
    let stored = |name: &str| {
        file.tensors
            .get(name)
            .and_then(|t| t.to_f64().first().copied())
    };
    match (stored("tau_s"), stored("tau_b")) {
        (Some(tau), None) => {
            form = form
                .with_gate(MemoryGate::Scaled)
                .with_branch_tau(FilterTau::Ms(tau))
        }
        (None, Some(tau)) => {
            form = form
                .with_gate(MemoryGate::TimescaleRatio)
                .with_branch_tau(FilterTau::Ms(tau));
        }
        (None, None) => form = form.with_branch_tau(FilterTau::Off),
        (Some(_), Some(_)) => {
            return Err(refused(
                "expected either `tau_s` or `tau_b`, found both".into(),
            ));
        }
    }
    let (inputs, routing) = infer_routing(file, &form, options.inputs)?;
    Ok(NeuronConfigFile {
        num_inputs: inputs,
        num_outputs: outputs,
        neuron: form,
        routing,
        spike_bias: 0.0,
    })
}

/// Inputs and routing from the stored channel of each synapse.
fn infer_routing(
    file: &Container<'_>,
    form: &NeuronForm,
    inputs: Option<usize>,
) -> Result<(usize, Routing), FileError> {
    let stored = file
        .tensors
        .get(CHANNELS)
        .map(|t| t.to_f64())
        .filter(|channels| !channels.is_empty());
    let Some(channels) = stored else {
        return Ok((inputs.unwrap_or(form.synapses()), Routing::None));
    };
    let most = channels
        .iter()
        .fold(0.0f64, |most, c| if *c > most { *c } else { most });
    // saturates; what is too large is refused where the tensors are read
    let read = (most as usize).saturating_add(1);
    let candidates = match inputs {
        Some(inputs) => [inputs, inputs],
        // an odd number of inputs leaves the last one unread
        None => [read, read.saturating_add(1)],
    };
    for inputs in candidates {
        file.check_inputs(inputs)?;
        let (expected, _) = neuronio_routing(inputs, form.branches(), form.per_branch());
        let found = channels.iter().copied();
        if expected.len() == channels.len() && found.eq(expected.into_iter().map(f64::from)) {
            return Ok((inputs, Routing::Neuronio));
        }
    }
    Ok((candidates[0], Routing::Random { seed: 0 }))
}
