//! The equations, straight from the scalar functions, in f64 and without any rearrangement.

use elm_stream::equations::squash;
use elm_stream::{LayerParts, LinearParts, NeuronForm, NeuronParts};

/// One neuron as the paper has it.
pub struct Oracle {
    form: NeuronForm,
    outputs: usize,
    /// Weight of each synapse, 0 where it does not count.
    weights: Vec<f64>,
    mlp: Vec<LinearParts>,
    proto_tau: Vec<f32>,
    readout: Vec<f32>,
    bias: Vec<f32>,
    pub branch: Vec<f64>,
    pub memory: Vec<f64>,
    pub mean: Vec<f64>,
}

impl Oracle {
    pub fn of_neuron(parts: &NeuronParts) -> Self {
        let form = parts.form.clone().sized_for(parts.inputs);
        let mut oracle = Self::new(form, parts.outputs, &parts.proto_weight);
        for (s, weight) in oracle.weights.iter_mut().enumerate() {
            if parts.valid.as_ref().is_some_and(|valid| !valid[s]) {
                *weight = 0.0;
            }
        }
        oracle.mlp = parts.mlp.clone();
        oracle.proto_tau = parts.proto_tau.clone();
        oracle.readout = parts.readout.clone();
        oracle.bias = parts.bias.clone();
        oracle
    }

    /// Each neuron of a layer.
    pub fn of_layer(parts: &LayerParts) -> Vec<Self> {
        let form = &parts.form;
        let (s, m) = (form.synapses(), form.num_memory);
        let piece = |values: &[f32], n: usize| {
            let size = values.len() / parts.neurons;
            values[n * size..][..size].to_vec()
        };
        let neuron = |n: usize| {
            let mut oracle = Self::new(form.clone(), 1, &parts.proto_weight[n * s..][..s]);
            oracle.mlp = parts
                .mlp
                .iter()
                .map(|map| LinearParts {
                    weight: piece(&map.weight, n),
                    bias: piece(&map.bias, n),
                })
                .collect();
            oracle.proto_tau = parts.proto_tau[n * m..][..m].to_vec();
            oracle.readout = parts.readout[n * m..][..m].to_vec();
            oracle.bias = vec![parts.bias[n]];
            oracle
        };
        (0..parts.neurons).map(neuron).collect()
    }

    fn new(form: NeuronForm, outputs: usize, proto: &[f32]) -> Self {
        let weight = |p: &f32| form.synapse_rectification.weight(f64::from(*p));
        Self {
            outputs,
            weights: proto.iter().map(weight).collect(),
            mlp: Vec::new(),
            proto_tau: Vec::new(),
            readout: Vec::new(),
            bias: Vec::new(),
            branch: vec![0.0; form.branches()],
            memory: vec![0.0; form.num_memory],
            mean: vec![0.0; outputs],
            form,
        }
    }

    /// A step on what each synapse reads.
    pub fn step(&mut self, sources: &[f64]) -> Vec<f64> {
        let form = &self.form;
        for (d, b) in self.branch.iter_mut().enumerate() {
            let p = form.per_branch();
            let sum: f64 = (d * p..(d + 1) * p)
                .map(|s| self.weights[s] * sources[s])
                .sum();
            let kept = form
                .branch_tau
                .decay(form.dt)
                .map_or(0.0, |kappa| kappa * *b);
            *b = kept + form.input_scale * sum;
        }
        let tau = |m: usize| form.decay_and_gate(f64::from(self.proto_tau[m]));
        let decayed: Vec<f64> = (0..form.num_memory)
            .map(|m| tau(m).0 * self.memory[m])
            .collect();
        let mut z: Vec<f64> = self.branch.iter().chain(&decayed).copied().collect();
        for (k, map) in self.mlp.iter().enumerate() {
            if k > 0 {
                z = z.into_iter().map(|a| form.activation.value(a)).collect();
            }
            z = linear(&z, map);
        }
        for (m, u) in decayed.iter().enumerate() {
            self.memory[m] = u + tau(m).1 * squash(z[m]);
        }
        let output = |o: usize| {
            let each = self.memory.iter().enumerate();
            each.map(|(m, x)| x * f64::from(self.readout[m * self.outputs + o]))
                .sum::<f64>()
        };
        let mut y: Vec<f64> = (0..self.outputs).map(output).collect();
        for (o, y) in y.iter_mut().enumerate() {
            if let Some(kappa) = form.high_pass_tau.decay(form.dt) {
                self.mean[o] = kappa * self.mean[o] + (1.0 - kappa) * *y;
                *y -= self.mean[o];
            }
            *y = form.output_activation.value(*y + f64::from(self.bias[o]));
        }
        y
    }
}

fn linear(x: &[f64], map: &LinearParts) -> Vec<f64> {
    let outputs = map.bias.len();
    let each = |o: usize| {
        let products = x
            .iter()
            .enumerate()
            .map(|(i, x)| x * f64::from(map.weight[i * outputs + o]));
        f64::from(map.bias[o]) + products.sum::<f64>()
    };
    (0..outputs).map(each).collect()
}
