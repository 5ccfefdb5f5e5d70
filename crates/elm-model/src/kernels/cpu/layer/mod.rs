//! The fused layer on the CPU, for Flex and NdArray, f32 and f64.
//!
//! Eight samples lie side by side ([`lanes`]): a weight is read once for all of them, and a synapse reads its source as
//! one row. A neuron's whole step, synapses, MLP, memory, readout, high-pass and activation, is one function over rows
//! that stay in the first-level cache (`neuron`, `neuron_backward`). Threads share neurons (`schedule`) and wait for each
//! other once per step where synapses are recurrent (`rounds`).
//! A single sample of which nothing is kept, as in a step of real-time use, runs by itself through the same functions.
//!
//! The forward pass keeps the activities, which are its result, and the state before every block of steps. The backward
//! pass computes a block anew from there, so that memory grows with neither branches nor hidden units times steps.

mod backward;
mod exchange;
mod forward;
mod frame;
mod host;
pub mod lanes;
mod neuron;
mod neuron_backward;
mod neuron_gradients;
mod pace;
mod product;
mod rounds;
mod schedule;
mod shared;
mod source;
mod view;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::backward::{BackwardInputs, backward};
    use super::forward::forward;
    use super::lanes::OneSample;
    use super::schedule::{Partition, split};
    use super::view::{Givens, LayerSlices, SynapseOrder, View};
    use crate::equations::{FilterTau, NeuronForm};
    use crate::layer::{Wiring, WiringSizes};
    use crate::scan::layer::{ConnectomePlan, LayerCall, LayerSpec, Masked, SourceKind};

    fn call(recurrent: f64) -> LayerCall {
        let form = NeuronForm::network()
            .with_num_memory(3)
            .with_num_branches(Some(4))
            .with_synapses_per_branch(Some(3))
            .with_branch_tau(FilterTau::Ms(3.0));
        let (inputs, neurons, batch, time) = (5, 11, 19, 70);
        let sizes = WiringSizes {
            inputs,
            neurons,
            synapses: form.synapses(),
        };
        let wiring = Wiring::Random {
            recurrent_connect: Some(recurrent),
        };
        let connectome = wiring.sample(sizes, 1).unwrap();
        let connectome = connectome.into_iter().map(|s| s as i64).collect();
        let spec = LayerSpec::new(&form, inputs, neurons);
        LayerCall {
            plan: Arc::new(ConnectomePlan::new(connectome, &spec).unwrap()),
            source: SourceKind::Dense,
            gain: 0.5,
            masked: Masked {
                input: true,
                recurrent: true,
                memory: true,
            },
            spec,
            batch,
            time,
            block: time,
            kept: 0,
        }
    }

    /// Threads that share neurons, tiles or both yield what one thread does, and rows of one sample what rows of eight do.
    #[test]
    fn every_partition_yields_the_same() {
        for recurrent in [0.0, 0.6] {
            let call = call(recurrent);
            let (spec, batch, time) = (&call.spec, call.batch, call.time);
            let n = spec.neurons;
            let mut rng = ChaCha8Rng::seed_from_u64(5);
            let mut random = |len: usize, low: f64, high: f64| -> Vec<f64> {
                (0..len).map(|_| rng.random_range(low..high)).collect()
            };
            let x = random(batch * time * spec.inputs, -1.0, 1.0);
            let synapses = random(n * spec.synapses(), -0.5, 0.5);
            let first_weight = random(n * spec.joined() * spec.first(), -0.4, 0.4);
            let first_bias = random(n * spec.first(), -0.4, 0.4);
            let packed = random(n * spec.packed_len(), -0.4, 0.4);
            let decay = random(n * spec.memory, 0.3, 0.99);
            let gate = random(n * spec.memory, 0.1, 1.0);
            let readout = random(n * spec.memory, -0.5, 0.5);
            let bias = random(n, -0.1, 0.1);
            let inner = random(batch * n * spec.state_width(), -0.5, 0.5);
            let activity = random(batch * n, 0.0, 0.5);
            let slices = LayerSlices {
                x: &x,
                synapses: &synapses,
                first_weight: &first_weight,
                first_bias: &first_bias,
                packed: &packed,
                decay: &decay,
                gate: &gate,
                readout: &readout,
                bias: &bias,
                inner: &inner,
                activity: &activity,
            };
            let mask: Vec<f64> = (0..batch * n * spec.memory.max(spec.inputs))
                .map(|i| (i % 3) as f64)
                .collect();
            let givens = Givens {
                tokens: &[],
                input_mask: &mask,
                recurrent_mask: &mask,
                memory_mask: &mask,
            };
            let view: View<f64> = View::new(&call, slices, givens, SynapseOrder::FeedForwardFirst);
            let read: View<f64> = View::new(&call, slices, givens, SynapseOrder::Connectome);
            let single: View<f64, OneSample<f64>> =
                View::new(&call, slices, givens, SynapseOrder::Connectome);
            assert!(view.blocks() > 1 && view.tiles() == 3 && single.tiles() == batch);
            let grad = random(spec.result_len(batch, time), -1.0, 1.0);
            let run = |groups: usize, shares: usize| {
                let partition = Partition {
                    groups: split(3, groups),
                    shares: split(n, shares),
                };
                let (result, checkpoints) = forward(&read, true, &partition);
                let kept = BackwardInputs {
                    result: &result,
                    checkpoints: &checkpoints,
                    grad: &grad,
                    input: true,
                    timescales: true,
                };
                let gradients = backward(&view, &kept, &partition);
                (result, gradients)
            };
            let (result, gradients) = run(1, 1);
            assert!(result.iter().all(|v| v.is_finite()));
            for (groups, shares) in [(1, 1), (batch, 1), (2, 3)] {
                let partition = Partition {
                    groups: split(batch, groups),
                    shares: split(n, shares),
                };
                assert_eq!(forward(&single, false, &partition).0, result);
            }
            for (groups, shares) in [(1, 2), (3, 1), (2, 3), (1, 11)] {
                let (other, others) = run(groups, shares);
                assert_eq!(result, other, "{groups} groups of {shares}");
                for (a, b) in gradients
                    .clone()
                    .into_array()
                    .iter()
                    .zip(others.into_array())
                {
                    assert!(!a.is_empty() && a.len() == b.len());
                    let largest = a.iter().fold(0.0f64, |m, v| m.max(v.abs()));
                    for (a, b) in a.iter().zip(&b) {
                        assert!(
                            (a - b).abs() <= 1e-12 * largest,
                            "{groups} groups of {shares}"
                        );
                    }
                }
            }
        }
    }
}
