//! The specification: the same operations in plain tensor steps, one at a time.
//!
//! Runs on every Burn backend and is differentiated by Burn itself. The fused versions are tested
//! against it.

use burn::tensor::Tensor;

use super::{ScanInputs, ScanSpec};
use crate::equations::tensor::{activate, squash, wide};

/// Plain-tensor twin of [`memory_scan`](crate::dispatch::memory_scan).
pub fn memory_scan(inputs: ScanInputs, spec: &ScanSpec) -> Tensor<3> {
    let [batch, time, first] = inputs.drive.dims();
    let maps: Vec<(Tensor<2>, Option<Tensor<2>>)> = spec
        .linear_maps()
        .iter()
        .map(|map| {
            let size = map.inputs * map.outputs;
            let weight = inputs.weights.clone().narrow(0, map.weight, size);
            let bias = map.bias.map(|at| {
                inputs
                    .weights
                    .clone()
                    .narrow(0, at, map.outputs)
                    .unsqueeze::<2>()
            });
            (weight.reshape([map.inputs, map.outputs]), bias)
        })
        .collect();
    // decays of long timescales round to 1 in half precision, so the memory is carried in a wider type
    let (narrow, wide) = (inputs.drive.dtype(), wide(inputs.drive.dtype()));
    let decay = inputs.decay.cast(wide).unsqueeze::<2>();
    let gate = inputs.gate.cast(wide).unsqueeze::<2>();
    let mut memory = inputs.memory.cast(wide);
    let mut steps = Vec::with_capacity(time);
    for t in 0..time {
        let decayed = memory * decay.clone();
        let drive = inputs.drive.clone().narrow(1, t, 1).reshape([batch, first]);
        let mut z = drive + decayed.clone().cast(narrow).matmul(maps[0].0.clone());
        for (weight, bias) in &maps[1..] {
            z = activate(z, spec.activation).matmul(weight.clone());
            if let Some(bias) = bias {
                z = z + bias.clone();
            }
        }
        memory = decayed + gate.clone() * squash(z.cast(wide));
        steps.push(memory.clone().unsqueeze_dim::<3>(1));
    }
    Tensor::cat(steps, 1)
}

/// Plain-tensor twin of [`leaky_trace`](crate::dispatch::leaky_trace).
pub fn leaky_trace(input: Tensor<3>, decay: Tensor<1>, start: Tensor<2>) -> Tensor<3> {
    let [batch, time, channels] = input.dims();
    let decay = decay.unsqueeze::<2>();
    let mut trace = start;
    let mut steps = Vec::with_capacity(time);
    for t in 0..time {
        trace = trace * decay.clone() + input.clone().narrow(1, t, 1).reshape([batch, channels]);
        steps.push(trace.clone().unsqueeze_dim::<3>(1));
    }
    Tensor::cat(steps, 1)
}
