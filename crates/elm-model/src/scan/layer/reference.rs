//! The specification: a layer in plain tensor steps, one at a time.
//!
//! Runs on every Burn backend and is differentiated by Burn itself. The fused version is tested against it, and
//! recordings of inner variables are made with it.

use burn::tensor::{DType, Device, Tensor};

use super::{
    DropoutMasks, LayerInputs, LayerResult, LayerSource, LayerSpec, LayerWeights, ScanState,
};
use crate::equations::tensor::{self, activate, squash};

/// Inner variables of one time step.
#[derive(Debug, Clone)]
pub struct Step {
    /// Branch activation `b`, `[batch, neuron, branch]`.
    pub branch: Tensor<3>,
    /// Output of the MLP as it enters the squashing function, `[batch, neuron, memory]`.
    pub mlp: Tensor<3>,
    /// Memory `m`, `[batch, neuron, memory]`.
    pub memory: Tensor<3>,
    /// Readout `o` before the high-pass, `[batch, neuron]`.
    pub readout: Tensor<2>,
    /// Input of the output activation without its bias, `[batch, neuron]`.
    pub pre_activation: Tensor<2>,
}

/// Plain-tensor twin of [`layer_scan`](crate::dispatch::layer_scan).
pub fn layer_scan(inputs: LayerInputs, spec: &LayerSpec) -> LayerResult {
    layer_steps(inputs, spec, |_| ())
}

/// The same; shows the inner variables of every step to `watch`.
pub fn layer_steps(
    inputs: LayerInputs,
    spec: &LayerSpec,
    mut watch: impl FnMut(Step),
) -> LayerResult {
    let [batch, time] = inputs.source.dims();
    let (device, dtype) = (inputs.weights.decay.device(), inputs.weights.decay.dtype());
    let options = (&device, dtype);
    let layer = Layer {
        spec,
        weights: inputs.weights,
        connectome: inputs.connectome.flatten(0, 1),
        masks: inputs.masks,
    };
    let mut state = State::unpack(inputs.start, spec);
    let (mut activities, mut magnitude) = (Vec::with_capacity(time), None);
    for t in 0..time {
        let x = channels(&inputs.source, t, spec.inputs, &device, dtype) * inputs.gain;
        let step = layer.step(x, &mut state);
        let size = step.mlp.clone().abs().sum_dim(2);
        magnitude = Some(match magnitude {
            None => size,
            Some(sum) => sum + size,
        });
        activities.push(state.activity.clone().unsqueeze_dim::<3>(1));
        watch(step);
    }
    let magnitude = match magnitude {
        Some(sum) => (sum * (1.0 / (time * spec.memory) as f64)).reshape([batch, spec.neurons]),
        None => Tensor::zeros([batch, spec.neurons], options),
    };
    LayerResult {
        activity: Tensor::cat(activities, 1),
        magnitude,
        state: state.pack(),
    }
}

/// Input channels at step t, `[batch, input]`.
fn channels(
    source: &LayerSource,
    t: usize,
    inputs: usize,
    device: &Device,
    dtype: DType,
) -> Tensor<2> {
    match source {
        LayerSource::Dense(x) => {
            let batch = x.dims()[0];
            x.clone().narrow(1, t, 1).reshape([batch, inputs])
        }
        LayerSource::OneHot(ids) => Tensor::<2>::eye(inputs, device)
            .cast(dtype)
            .select(0, ids.clone().narrow(1, t, 1).flatten::<1>(0, 1)),
    }
}

struct State {
    memory: Tensor<3>,
    trace: Option<Tensor<3>>,
    mean: Option<Tensor<2>>,
    activity: Tensor<2>,
}

impl State {
    fn unpack(state: ScanState, spec: &LayerSpec) -> Self {
        let [batch, neurons, _] = state.inner.dims();
        let (m, d) = (spec.memory, spec.trace_width());
        Self {
            memory: state.inner.clone().narrow(2, 0, m),
            trace: spec
                .branch_decay
                .map(|_| state.inner.clone().narrow(2, m, d)),
            mean: spec
                .high_pass_decay
                .map(|_| state.inner.narrow(2, m + d, 1).reshape([batch, neurons])),
            activity: state.activity,
        }
    }

    fn pack(self) -> ScanState {
        let mut parts = vec![self.memory];
        parts.extend(self.trace);
        parts.extend(self.mean.map(|r| r.unsqueeze_dim::<3>(2)));
        ScanState {
            inner: Tensor::cat(parts, 2),
            activity: self.activity,
        }
    }
}

struct Layer<'a> {
    spec: &'a LayerSpec,
    weights: LayerWeights,
    connectome: Tensor<1, burn::tensor::Int>,
    masks: DropoutMasks,
}

impl Layer<'_> {
    fn step(&self, x: Tensor<2>, state: &mut State) -> Step {
        let branch = self.branch_integration(x, state);
        let decayed = state.memory.clone() * self.weights.decay.clone().unsqueeze::<3>();
        let mlp = self.mlp(branch.clone(), decayed.clone());
        let gate = self.weights.gate.clone().unsqueeze::<3>();
        state.memory = decayed + gate * squash(mlp.clone());
        let readout = self.readout(state.memory.clone());
        let pre_activation = self.high_pass(readout.clone(), state);
        let bias = self.weights.bias.clone().unsqueeze::<2>();
        state.activity = tensor::output(pre_activation.clone() + bias, self.spec.output);
        Step {
            branch,
            mlp,
            memory: state.memory.clone(),
            readout,
            pre_activation,
        }
    }

    /// Weighted sources summed over each branch, and the branch trace.
    fn branch_integration(&self, x: Tensor<2>, state: &mut State) -> Tensor<3> {
        let spec = self.spec;
        let batch = x.dims()[0];
        let mut activity = state.activity.clone();
        let mut x = x;
        if let Some(mask) = &self.masks.input {
            x = x * mask.clone();
        }
        if let Some(mask) = &self.masks.recurrent {
            activity = activity * mask.clone();
        }
        let sources = Tensor::cat(vec![x, activity], 1).select(1, self.connectome.clone());
        let synapses = self.weights.synapses.clone().flatten::<1>(0, 1);
        let mut branch = (sources * synapses.unsqueeze::<2>())
            .reshape([batch, spec.neurons, spec.branches, spec.per_branch])
            .sum_dim(3)
            .reshape([batch, spec.neurons, spec.branches]);
        if let (Some(decay), Some(trace)) = (spec.branch_decay, &state.trace) {
            branch = trace.clone() * decay + branch;
            state.trace = Some(branch.clone());
        }
        branch
    }

    /// The MLP on `[b, u]`, masked as it enters the squashing function.
    fn mlp(&self, branch: Tensor<3>, decayed: Tensor<3>) -> Tensor<3> {
        let spec = self.spec;
        // [neuron, batch, …] for one matrix product per neuron
        let joined = Tensor::cat(vec![branch, decayed], 2).swap_dims(0, 1);
        let mut z = joined.matmul(self.weights.first_weight.clone())
            + self.weights.first_bias.clone().unsqueeze_dim::<3>(1);
        for map in spec.packed_maps() {
            let packed = self.weights.packed.clone();
            let weight = packed
                .clone()
                .narrow(1, map.at, map.inputs * map.outputs)
                .reshape([spec.neurons, map.inputs, map.outputs]);
            let bias = packed.narrow(1, map.bias(), map.outputs);
            z = activate(z, spec.activation).matmul(weight) + bias.unsqueeze_dim::<3>(1);
        }
        let z = z.swap_dims(0, 1);
        match &self.masks.memory {
            Some(mask) => z * mask.clone(),
            None => z,
        }
    }

    fn readout(&self, memory: Tensor<3>) -> Tensor<2> {
        let [batch, neurons, _] = memory.dims();
        (memory * self.weights.readout.clone().unsqueeze::<3>())
            .sum_dim(2)
            .reshape([batch, neurons])
    }

    /// Readout less its running mean.
    fn high_pass(&self, readout: Tensor<2>, state: &mut State) -> Tensor<2> {
        let (Some(decay), Some(mean)) = (self.spec.high_pass_decay, &state.mean) else {
            return readout;
        };
        let mean = mean.clone() * decay + readout.clone() * (1.0 - decay);
        state.mean = Some(mean.clone());
        readout - mean
    }
}
