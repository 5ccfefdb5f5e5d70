//! The models written once more, one number after the other in f64, from their formulas and their parameters by name.

use elm_baselines::{
    Adaptation, Attention, LifConfig, Positions, Reset, TcnConfig, TcnNorm,
    TransformerEncoderConfig,
};
use elm_model::FilterTau;

use crate::modules::Named;

/// Steps of one sample, each with its channels.
pub type Sequence = Vec<Vec<f64>>;

/// `[batch, time, channel]` as samples.
pub fn samples(x: &[f64], [_, time, channels]: [usize; 3]) -> Vec<Sequence> {
    x.chunks(time * channels)
        .map(|sample| sample.chunks(channels).map(<[f64]>::to_vec).collect())
        .collect()
}

/// The other way round.
pub fn flat(samples: &[Sequence]) -> Vec<f64> {
    samples.iter().flatten().flatten().copied().collect()
}

/// `x W + b` with W `[input, output]`; no b if there is none.
fn affine(p: &Named, map: &str, x: &[f64]) -> Vec<f64> {
    let weight = &p[&format!("{map}.weight")];
    let outputs = weight.len() / x.len();
    let bias = p.get(&format!("{map}.bias"));
    (0..outputs)
        .map(|o| {
            let product: f64 = (0..x.len()).map(|i| x[i] * weight[i * outputs + o]).sum();
            product + bias.map_or(0.0, |bias| bias[o])
        })
        .collect()
}

fn add(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

pub fn chrono_lstm(p: &Named, x: &Sequence) -> Sequence {
    let units = p["lstm.cell_gate.input_transform.bias"].len();
    let (mut cell, mut hidden) = (vec![0.0; units], vec![0.0; units]);
    x.iter()
        .map(|x| {
            let gate = |name: &str| {
                let input = affine(p, &format!("lstm.{name}.input_transform"), x);
                let own = affine(p, &format!("lstm.{name}.hidden_transform"), &hidden);
                add(&input, &own)
            };
            let [i, f, o, g] = ["input_gate", "forget_gate", "output_gate", "cell_gate"].map(gate);
            for u in 0..units {
                cell[u] = sigmoid(f[u]) * cell[u] + sigmoid(i[u]) * g[u].tanh();
                hidden[u] = sigmoid(o[u]) * cell[u].tanh();
            }
            affine(p, "readout", &hidden)
        })
        .collect()
}

/// Mean and variance.
fn moments(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    (mean, values.map(|v| (v - mean).powi(2)).sum::<f64>() / n)
}

fn layer_norm(p: &Named, norm: &str, x: &[f64]) -> Vec<f64> {
    let (mean, variance) = moments(x.iter().copied());
    let (gamma, beta) = (&p[&format!("{norm}.gamma")], &p[&format!("{norm}.beta")]);
    (0..x.len())
        .map(|i| gamma[i] * (x[i] - mean) / (variance + 1e-5).sqrt() + beta[i])
        .collect()
}

/// The error function by its power series.
fn erf(x: f64) -> f64 {
    if x.abs() > 5.0 {
        return x.signum();
    }
    let (mut sum, mut power) = (x, x);
    for n in 1..100 {
        power *= -x * x / n as f64;
        sum += power / (2 * n + 1) as f64;
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

fn gelu(z: f64) -> f64 {
    0.5 * z * (1.0 + erf(z / 2f64.sqrt()))
}

/// One sample whose steps from `length` on are padding.
pub fn transformer(
    config: &TransformerEncoderConfig,
    p: &Named,
    x: &Sequence,
    length: usize,
) -> Sequence {
    let e = config.embedding;
    let mut h: Sequence = x
        .iter()
        .enumerate()
        .map(|(t, x)| {
            let position: Vec<f64> = match config.positions {
                Positions::Learned { .. } => p["positions"][t * e..][..e].to_vec(),
                Positions::Sinusoidal => (0..e)
                    .map(|j| {
                        let pair = j - j % 2;
                        let angle = t as f64 / 10_000f64.powf(pair as f64 / e as f64);
                        [angle.sin(), angle.cos()][j % 2]
                    })
                    .collect(),
            };
            add(&affine(p, "embedding", x), &position)
        })
        .collect();
    for l in 0..config.num_layers {
        let layer = format!("encoder.layers.{l}");
        let attended = attention(config, p, &layer, &h, length);
        for (h, attended) in h.iter_mut().zip(attended) {
            *h = add(h, &attended);
            let normed = layer_norm(p, &format!("{layer}.norm_1"), h);
            let hidden = affine(p, &format!("{layer}.pwff.linear_inner"), &normed);
            let hidden: Vec<f64> = hidden.into_iter().map(gelu).collect();
            *h = add(
                h,
                &affine(p, &format!("{layer}.pwff.linear_outer"), &hidden),
            );
        }
    }
    h.iter()
        .map(|h| affine(p, "readout", &layer_norm(p, "norm", h)))
        .collect()
}

fn attention(
    config: &TransformerEncoderConfig,
    p: &Named,
    layer: &str,
    h: &Sequence,
    length: usize,
) -> Sequence {
    let part = |name: &str| -> Sequence {
        h.iter()
            .map(|h| {
                let normed = layer_norm(p, &format!("{layer}.norm_2"), h);
                affine(p, &format!("{layer}.mha.{name}"), &normed)
            })
            .collect()
    };
    let (query, key, value) = (part("query"), part("key"), part("value"));
    let width = config.embedding / config.num_heads;
    (0..h.len())
        .map(|t| {
            let seen = match config.attention {
                Attention::Full => length,
                Attention::Causal => length.min(t + 1),
            };
            let mut context = vec![0.0; config.embedding];
            for first in (0..config.embedding).step_by(width) {
                let own = first..first + width;
                let scores: Vec<f64> = (0..seen)
                    .map(|s| {
                        let product: f64 = own.clone().map(|j| query[t][j] * key[s][j]).sum();
                        (product / (width as f64).sqrt()).exp()
                    })
                    .collect();
                let total: f64 = scores.iter().sum();
                for j in own {
                    context[j] = (0..seen).map(|s| scores[s] / total * value[s][j]).sum();
                }
            }
            affine(p, &format!("{layer}.mha.output"), &context)
        })
        .collect()
}

/// Where batch normalisation takes its moments from.
#[derive(Clone, Copy, PartialEq)]
pub enum Moments {
    Running,
    Batch,
}

pub fn tcn(config: &TcnConfig, p: &Named, x: &[Sequence], moments_of: Moments) -> Vec<Sequence> {
    let mut h = x.to_vec();
    for l in 0..config.depth {
        let layer = format!("layers.{l}");
        let taps = if l == 0 {
            config.first_kernel
        } else {
            config.kernel
        };
        h = h
            .iter()
            .map(|sample| convolution(config, p, &layer, taps, sample))
            .collect();
        match config.norm {
            TcnNorm::None => {}
            TcnNorm::Batch => batch_norm(p, &format!("{layer}.batch_norm"), &mut h, moments_of),
            TcnNorm::Layer => {
                for step in h.iter_mut().flatten() {
                    *step = layer_norm(p, &format!("{layer}.layer_norm"), step);
                }
            }
        }
    }
    h.iter()
        .map(|sample| sample.iter().map(|h| affine(p, "readout", h)).collect())
        .collect()
}

/// Causal and rectified; tap `taps − 1` of the kernel reads the step itself.
fn convolution(config: &TcnConfig, p: &Named, layer: &str, taps: usize, x: &Sequence) -> Sequence {
    let (weight, bias) = (
        &p[&format!("{layer}.conv.weight")],
        &p[&format!("{layer}.conv.bias")],
    );
    let inputs = x[0].len();
    (0..x.len())
        .map(|t| {
            let channel = |o: usize| {
                let mut sum = bias[o];
                for tap in 0..taps {
                    if let Some(from) = t.checked_sub((taps - 1 - tap) * config.dilation()) {
                        for i in 0..inputs {
                            sum += weight[(o * inputs + i) * taps + tap] * x[from][i];
                        }
                    }
                }
                sum.max(0.0)
            };
            (0..config.width).map(channel).collect()
        })
        .collect()
}

fn batch_norm(p: &Named, norm: &str, h: &mut [Sequence], moments_of: Moments) {
    for channel in 0..h[0][0].len() {
        let of = |name: &str| p[&format!("{norm}.{name}")][channel];
        let (mean, variance) = match moments_of {
            Moments::Running => (of("running_mean"), of("running_var")),
            Moments::Batch => moments(h.iter().flatten().map(|step| step[channel])),
        };
        for step in h.iter_mut().flatten() {
            let v = &mut step[channel];
            *v = of("gamma") * (*v - mean) / (variance + 1e-5).sqrt() + of("beta");
        }
    }
}

/// A number and its derivative along one parameter.
#[derive(Debug, Clone, Copy)]
pub struct Dual(pub f64, pub f64);

impl std::ops::Add for Dual {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1)
    }
}

impl std::ops::Sub for Dual {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0, self.1 - other.1)
    }
}

impl std::ops::Mul for Dual {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0, self.1 * other.0 + self.0 * other.1)
    }
}

fn constant(value: f64) -> Dual {
    Dual(value, 0.0)
}

/// What one sample does to the neurons.
pub struct LifTrace {
    /// Output of each step.
    pub output: Vec<Vec<Dual>>,
    /// Spikes of each step.
    pub spikes: Sequence,
    /// Smallest distance of a potential to its threshold: closer, and f32 may see a spike where f64 sees none.
    pub margin: f64,
}

/// Neurons with the surrogate's slope, and the derivative of everything along entry `along.1` of parameter `along.0`.
pub fn lif(config: &LifConfig, p: &Named, x: &Sequence, along: Option<(&str, usize)>) -> LifTrace {
    let get = |name: &str, i: usize| {
        let slope = if along == Some((name, i)) { 1.0 } else { 0.0 };
        Dual(p[name][i], slope)
    };
    let (n, outputs) = (config.num_neurons, config.num_outputs);
    let alpha = constant((-config.dt / config.membrane_tau).exp());
    let one = constant(1.0);
    let (rho, beta, adaptive) = match config.adaptation {
        Adaptation::None => (0.0, 0.0, 0),
        Adaptation::Threshold { tau, strength, .. } => {
            ((-config.dt / tau).exp(), strength, config.num_adaptive())
        }
    };
    let kappa = match config.readout_tau {
        FilterTau::Off => 0.0,
        FilterTau::Ms(tau) => (-config.dt / tau).exp(),
    };
    let silent_for = (config.refractory / config.dt).round() as usize;
    let zeros = vec![constant(0.0); n];
    let (mut v, mut a, mut z) = (zeros.clone(), zeros.clone(), zeros);
    let mut silent = vec![0usize; n];
    let mut r = vec![constant(0.0); outputs];
    let mut trace = LifTrace {
        output: Vec::new(),
        spikes: Vec::new(),
        margin: f64::INFINITY,
    };
    for x in x {
        let before = z.clone();
        for j in 0..n {
            let beta = constant(if j >= n - adaptive { beta } else { 0.0 });
            let threshold = |a: Dual| constant(config.threshold) + beta * a;
            let mut drive = get("input.bias", j);
            for (i, &x) in x.iter().enumerate() {
                drive = drive + constant(x) * get("input.weight", i * n + j);
            }
            if p.contains_key("recurrent.weight") {
                for (k, &z) in before.iter().enumerate() {
                    drive = drive + z * get("recurrent.weight", k * n + j);
                }
            }
            let kept = match config.reset {
                Reset::Subtract => alpha * v[j] - threshold(a[j]) * before[j],
                Reset::Zero => alpha * v[j] * (one - before[j]),
            };
            a[j] = constant(rho) * a[j] + constant(1.0 - rho) * before[j];
            v[j] = kept + (one - alpha) * drive;
            let distance = v[j] - threshold(a[j]);
            trace.margin = trace.margin.min(distance.0.abs() / config.threshold);
            z[j] = constant(0.0);
            if silent[j] > 0 {
                silent[j] -= 1;
                continue;
            }
            let u = distance * constant(1.0 / config.threshold);
            let s = config.surrogate_steepness;
            let slope = s / 100.0 / (s * u.0.abs() + 1.0).powi(2);
            z[j] = Dual(f64::from(u.0 > 0.0), slope * u.1);
            if u.0 > 0.0 {
                silent[j] = silent_for;
            }
        }
        let output = (0..outputs).map(|o| {
            let mut sum = constant(0.0);
            for (j, &z) in z.iter().enumerate() {
                sum = sum + z * get("readout.weight", j * outputs + o);
            }
            r[o] = constant(kappa) * r[o] + constant(1.0 - kappa) * sum;
            r[o] + get("readout.bias", o)
        });
        trace.output.push(output.collect());
        trace.spikes.push(z.iter().map(|z| z.0).collect());
    }
    trace
}
