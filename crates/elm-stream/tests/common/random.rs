//! Neurons, layers and networks of any form, drawn at random.

use elm_stream::equations::{
    FilterTau, HiddenActivation, MemoryGate, OutputActivation, SynapseRectification,
};
use elm_stream::{InputEmbedding, LayerParts, LinearParts, NetworkParts, NeuronForm, NeuronParts};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// A few dozen cases, the same in every run.
pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(7),
        ..ProptestConfig::default()
    }
}

/// Numbers in ±`size`, different for each seed.
pub struct Draw(pub u64);

impl Draw {
    pub fn next(&mut self) -> u64 {
        // xorshift
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn numbers(&mut self, count: usize, size: f64) -> Vec<f32> {
        let each = |_| ((self.next() >> 11) as f64 / (1u64 << 52) as f64 - 1.0) * size;
        (0..count).map(each).map(|x| x as f32).collect()
    }

    fn indices(&mut self, count: usize, below: usize) -> Vec<u32> {
        (0..count)
            .map(|_| (self.next() % below as u64) as u32)
            .collect()
    }

    /// Inputs of which most are zero.
    pub fn input(&mut self, channels: usize) -> Vec<f32> {
        let mut x = self.numbers(channels, 2.0);
        let many = self.next() % 3 == 0;
        x.iter_mut()
            .filter(|_| !many && self.next() % 4 > 0)
            .for_each(|x| *x = 0.0);
        x
    }

    fn mlp(&mut self, form: &NeuronForm, neurons: usize) -> Vec<LinearParts> {
        let widths: Vec<usize> = form.mlp_widths().collect();
        let map = |w: &[usize]| LinearParts {
            weight: self.numbers(neurons * w[0] * w[1], 1.0 / (w[0] as f64).sqrt()),
            bias: self.numbers(neurons * w[1], 0.3),
        };
        widths.windows(2).map(map).collect()
    }

    pub fn neuron(
        &mut self,
        form: NeuronForm,
        inputs: usize,
        outputs: usize,
        routed: bool,
    ) -> NeuronParts {
        let form = match routed {
            true => form,
            false => form
                .with_num_branches(Some(inputs))
                .with_synapses_per_branch(Some(1)),
        };
        let (s, m) = (form.synapses(), form.num_memory);
        NeuronParts {
            inputs,
            outputs,
            channels: routed.then(|| self.indices(s, inputs)),
            valid: routed.then(|| (0..s).map(|_| self.next() % 8 > 0).collect()),
            proto_weight: self.numbers(s, 1.0),
            mlp: self.mlp(&form, 1),
            proto_tau: self.numbers(m, 6.0),
            readout: self.numbers(m * outputs, 0.7),
            bias: self.numbers(outputs, 0.2),
            form,
        }
    }

    pub fn layer(&mut self, form: NeuronForm, inputs: usize, neurons: usize) -> LayerParts {
        let (s, m) = (form.synapses(), form.num_memory);
        LayerParts {
            inputs,
            neurons,
            connectome: self.indices(neurons * s, inputs + neurons),
            proto_weight: self.numbers(neurons * s, 1.0),
            mlp: self.mlp(&form, neurons),
            proto_tau: self.numbers(neurons * m, 6.0),
            readout: self.numbers(neurons * m, 0.7),
            bias: self.numbers(neurons, 0.2),
            form,
        }
    }

    pub fn network(
        &mut self,
        form: &NeuronForm,
        sizes: &[usize],
        linear: Option<usize>,
    ) -> NetworkParts {
        let layers = sizes
            .windows(2)
            .map(|w| self.layer(form.clone(), w[0], w[1]))
            .collect();
        let last = sizes[sizes.len() - 1];
        NetworkParts {
            input_embedding: InputEmbedding::Scaled { scale: 1.5 },
            layers,
            linear: linear.map(|outputs| LinearParts {
                weight: self.numbers(last * outputs, 0.5),
                bias: self.numbers(outputs, 0.2),
            }),
        }
    }
}

/// Any form; sizes small and around whole lanes.
pub fn form() -> impl Strategy<Value = NeuronForm> {
    let filter = || prop_oneof![Just(FilterTau::Off), (0.5..30.0).prop_map(FilterTau::Ms)];
    let sizes = (1usize..36, 0usize..4, 1usize..40, 1usize..40, 1usize..5);
    let choices = (
        prop::sample::select(HiddenActivation::ALL.to_vec()),
        prop::sample::select(vec![
            SynapseRectification::Identity,
            SynapseRectification::Relu,
            SynapseRectification::Abs,
            SynapseRectification::Exp,
        ]),
        prop::sample::select(vec![MemoryGate::TimescaleRatio, MemoryGate::Scaled]),
        // a spike is a matter of chance where its input is near zero: it has a test of its own
        prop::sample::select(vec![OutputActivation::Identity, OutputActivation::Relu]),
    );
    let numbers = (0.2..2.0, 0.5..3.0, 1.0..4.0, 0.5..2.0);
    (sizes, choices, filter(), filter(), numbers).prop_map(
        |((m, layers, hidden, branches, per_branch), (act, rect, gate, out), trace, high, n)| {
            NeuronForm::network()
                .with_num_memory(m)
                .with_hidden_layers(layers)
                .with_hidden_size(Some(hidden))
                .with_num_branches(Some(branches))
                .with_synapses_per_branch(Some(per_branch))
                .with_activation(act)
                .with_synapse_rectification(rect)
                .with_gate(gate)
                .with_output_activation(out)
                .with_branch_tau(trace)
                .with_high_pass_tau(high)
                .with_input_scale(n.0)
                .with_lambda(n.1)
                .with_tau_range_scale(n.2)
                .with_dt(n.3)
        },
    )
}
