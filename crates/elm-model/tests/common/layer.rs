//! A random layer and its input as plain numbers, run on any device by any path.

#![allow(dead_code, clippy::unwrap_used)] // each test file uses its own part

use std::cell::RefCell;
use std::sync::Arc;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use elm_model::ScanPath;
use elm_model::dispatch::layer_scan;
use elm_model::layer::{Wiring, WiringSizes};
use elm_model::scan::layer::{
    ConnectomePlan, DropoutMasks, LayerInputs, LayerSource, LayerSpec, LayerWeights, ScanState,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::common::host;

thread_local! {
    // each test runs on its own thread and starts with this seed, so that the cases are the same each run
    static RNG: RefCell<ChaCha8Rng> = RefCell::new(ChaCha8Rng::seed_from_u64(11));
}

pub fn numbers(len: usize, low: f64, high: f64) -> Vec<f64> {
    RNG.with_borrow_mut(|rng| (0..len).map(|_| rng.random_range(low..high)).collect())
}

/// A random layer and its input, as plain numbers.
#[derive(Debug, Clone)]
pub struct Case {
    pub spec: LayerSpec,
    pub batch: usize,
    pub time: usize,
    pub connectome: Vec<i64>,
    pub tokens: Option<Vec<i64>>,
    /// Factors on the input channels, the recurrent activity and the MLP's output.
    pub masks: Option<[Vec<f64>; 3]>,
    /// x, synapses, first weight, first bias, packed, decay, gate, readout, bias, state, activity.
    pub values: [Vec<f64>; 11],
    pub weighting: Vec<f64>,
}

pub const NAMES: [&str; 11] = [
    "x",
    "synapses",
    "first weight",
    "first bias",
    "packed",
    "decay",
    "gate",
    "readout",
    "bias",
    "state",
    "activity",
];

#[derive(Debug, Clone, Copy)]
pub struct Choices {
    pub recurrent: f64,
    pub tokens: bool,
    pub masks: bool,
}

impl Case {
    pub fn random(spec: LayerSpec, batch: usize, time: usize, choices: Choices) -> Self {
        let n = spec.neurons;
        let sizes = WiringSizes {
            inputs: spec.inputs,
            neurons: n,
            synapses: spec.synapses(),
        };
        let wiring = Wiring::Random {
            recurrent_connect: Some(choices.recurrent),
        };
        let connectome = wiring.sample(sizes, 9).unwrap();
        let mask = |len: usize| -> Vec<f64> {
            let keep = numbers(len, 0.0, 1.0).into_iter();
            keep.map(|v| if v < 0.3 { 0.0 } else { 1.4 }).collect()
        };
        // as a fresh layer's: larger weights make the recurrence amplify rounding without bound
        let bound = |fan_in: usize| 1.0 / (fan_in as f64).sqrt();
        let (synapse, first) = (bound(spec.per_branch), bound(spec.joined()));
        let (hidden, memory) = (bound(spec.hidden.max(1)), bound(spec.memory));
        let packed = match spec.packed_len() {
            0 => vec![0.0; n],
            len => numbers(n * len, -hidden, hidden),
        };
        Self {
            tokens: choices.tokens.then(|| {
                numbers(batch * time, 0.0, spec.inputs as f64)
                    .into_iter()
                    .map(|v| v as i64)
                    .collect()
            }),
            masks: choices.masks.then(|| {
                [
                    mask(batch * spec.inputs),
                    mask(batch * n),
                    mask(batch * n * spec.memory),
                ]
            }),
            values: [
                numbers(batch * time * spec.inputs, -1.0, 1.0)
                    .into_iter()
                    // spike trains are mostly silent
                    .map(|v| if v.abs() < 0.4 { 0.0 } else { v })
                    .collect(),
                numbers(n * spec.synapses(), -synapse, synapse),
                numbers(n * spec.joined() * spec.first(), -first, first),
                numbers(n * spec.first(), -first, first),
                packed,
                numbers(n * spec.memory, 0.3, 0.999),
                numbers(n * spec.memory, 0.01, 1.0),
                numbers(n * spec.memory, -memory, memory),
                numbers(n, -0.2, 0.2),
                numbers(batch * n * spec.state_width(), -0.5, 0.5),
                numbers(batch * n, 0.0, 0.5),
            ],
            weighting: numbers(spec.result_len(batch, time), -1.0, 1.0),
            connectome: connectome.into_iter().map(|s| s as i64).collect(),
            spec,
            batch,
            time,
        }
    }

    pub fn inputs(&self, options: (&Device, DType), grad: bool) -> LayerInputs {
        let (spec, n) = (&self.spec, self.spec.neurons);
        fn tensor<const D: usize>(
            values: &[f64],
            shape: [usize; D],
            options: (&Device, DType),
            grad: bool,
        ) -> Tensor<D> {
            let tensor = Tensor::from_data(TensorData::new(values.to_vec(), shape), options);
            if grad { tensor.require_grad() } else { tensor }
        }
        macro_rules! value {
            ($i:expr, $shape:expr) => {
                tensor(&self.values[$i], $shape, options, grad)
            };
        }
        let (batch, time) = (self.batch, self.time);
        let source = match &self.tokens {
            None => LayerSource::Dense(value!(0, [batch, time, spec.inputs])),
            Some(ids) => LayerSource::OneHot(Tensor::<2, Int>::from_data(
                TensorData::new(ids.clone(), [batch, time]),
                options.0,
            )),
        };
        let packed = self.values[4].len() / n;
        LayerInputs {
            source,
            gain: 1.5,
            weights: LayerWeights {
                synapses: value!(1, [n, spec.synapses()]),
                first_weight: value!(2, [n, spec.joined(), spec.first()]),
                first_bias: value!(3, [n, spec.first()]),
                packed: value!(4, [n, packed]),
                decay: value!(5, [n, spec.memory]),
                gate: value!(6, [n, spec.memory]),
                readout: value!(7, [n, spec.memory]),
                bias: value!(8, [n]),
            },
            start: ScanState {
                inner: value!(9, [batch, n, spec.state_width()]),
                activity: value!(10, [batch, n]),
            },
            connectome: Tensor::from_data(
                TensorData::new(self.connectome.clone(), [n, spec.synapses()]),
                options.0,
            ),
            plan: Arc::new(ConnectomePlan::new(self.connectome.clone(), spec).unwrap()),
            masks: match &self.masks {
                None => DropoutMasks::default(),
                Some([input, recurrent, memory]) => DropoutMasks {
                    input: Some(tensor(input, [batch, spec.inputs], options, false)),
                    recurrent: Some(tensor(recurrent, [batch, n], options, false)),
                    memory: Some(tensor(memory, [batch, n, spec.memory], options, false)),
                },
            },
        }
    }

    /// All results in one row, and their sum weighted by `weighting`.
    pub fn run(&self, inputs: LayerInputs, path: ScanPath) -> Tensor<1> {
        let result = layer_scan(inputs, &self.spec, path).unwrap();
        Tensor::cat(
            vec![
                result.activity.flatten::<1>(0, 2),
                result.magnitude.flatten::<1>(0, 1),
                result.state.inner.flatten::<1>(0, 2),
            ],
            0,
        )
    }

    /// The results and the gradients of everything.
    pub fn gradients(
        &self,
        options: (&Device, DType),
        path: ScanPath,
    ) -> (Vec<f64>, Vec<Option<Vec<f64>>>) {
        let x = self.inputs(options, true);
        let out = self.run(x.clone(), path);
        let weighting = Tensor::<1>::from_data(self.weighting.as_slice(), options);
        let grads = (out.clone() * weighting).sum().backward();
        let w = x.weights;
        let dense = match &x.source {
            LayerSource::Dense(x) => Some(host(x.grad(&grads).unwrap())),
            LayerSource::OneHot(_) => None,
        };
        let some = |values: Vec<f64>| Some(values);
        let gradients = vec![
            dense,
            some(host(w.synapses.grad(&grads).unwrap())),
            some(host(w.first_weight.grad(&grads).unwrap())),
            some(host(w.first_bias.grad(&grads).unwrap())),
            // without hidden layers the reference does not read it
            w.packed.grad(&grads).map(host),
            some(host(w.decay.grad(&grads).unwrap())),
            some(host(w.gate.grad(&grads).unwrap())),
            some(host(w.readout.grad(&grads).unwrap())),
            some(host(w.bias.grad(&grads).unwrap())),
            some(host(x.start.inner.grad(&grads).unwrap())),
            some(host(x.start.activity.grad(&grads).unwrap())),
        ];
        (host(out), gradients)
    }

    pub fn value(&self, device: &Device) -> f64 {
        let out = self.run(self.inputs((device, DType::F64), false), ScanPath::Auto);
        host(out)
            .iter()
            .zip(&self.weighting)
            .map(|(a, b)| a * b)
            .sum()
    }
}
