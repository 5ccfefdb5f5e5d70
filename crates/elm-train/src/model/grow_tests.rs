#![allow(clippy::unwrap_used)]
use burn::tensor::{Distribution, Tensor, Tolerance};
use elm_model::Routing;
use proptest::prelude::*;

use super::*;

/// A fresh neuron as a file.
fn file(config: ElmNeuronConfig, device: &Device) -> ModelFile {
    device.seed(7);
    let model = SequenceToSequence::Elm(config.init(device).unwrap());
    ModelFile {
        card: ModelCard::new(ModelConfig::Elm(config), None),
        model,
        head: None,
    }
}

fn neuron(form: NeuronForm) -> ElmNeuronConfig {
    ElmNeuronConfig::new(3, 2).with_neuron(form.with_num_memory(4).with_memory_tau_max(80.0))
}

/// Timescales (ms) of a file's neuron.
fn taus(file: &ModelFile) -> Vec<f64> {
    let ModelConfig::Elm(config) = &file.card.config else {
        unreachable!("a neuron")
    };
    let dict = state_dict(&file.model, None, &file.card).unwrap();
    let protos = &dict.tensors[TIMESCALES].values;
    protos.iter().map(|p| config.form().tau(*p)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the form and its sizes, a grown neuron computes what it did.
    #[test]
    fn what_was_learnt_stays(
        second in any::<bool>(), layers in 0usize..3, hidden in prop::option::of(1usize..9),
        memory in 4usize..12, more in 0usize..5, routed in any::<bool>(),
    ) {
        let device = Device::flex();
        let form = if second { NeuronForm::v2() } else { NeuronForm::v1() };
        let mut config = neuron(form.with_hidden_layers(layers).with_hidden_size(hidden));
        if routed {
            config.routing = Routing::Neuronio;
            config.neuron = config.neuron.with_num_branches(Some(2)).with_synapses_per_branch(Some(3));
        }
        let small = file(config, &device);
        let growth = Growth {
            num_memory: Some(memory),
            mlp_hidden: hidden.map(|hidden| hidden + more),
            ..Growth::default()
        };
        let large = growth.grow(&small, &device).unwrap();
        let x = Tensor::random([2, 30, 3], Distribution::Normal(0.0, 2.0), &device);
        let [a, b] = [&small, &large].map(|file| file.model.forward(x.clone()).into_data());
        b.assert_approx_eq::<f32>(&a, Tolerance::absolute(1e-5));
        prop_assert_eq!(&taus(&large)[..4], &taus(&small)[..]);
        prop_assert_eq!(taus(&large).len(), memory);
        prop_assert!(taus(&large).iter().all(|tau| (1.0..=80.0).contains(tau)));
    }
}

#[test]
fn what_is_new_can_learn() {
    let device = Device::flex();
    let small = file(neuron(NeuronForm::v2()), &device);
    let growth = Growth {
        num_memory: Some(6),
        ..Growth::default()
    };
    let large = growth.grow(&small, &device).unwrap();
    let tensors = state_dict(&large.model, None, &large.card).unwrap().tensors;
    let (first, last) = (
        &tensors["mlp.network.0.weight"],
        &tensors["mlp.network.2.weight"],
    );
    assert_eq!(
        (&first.shape[..], &last.shape[..]),
        (&[12, 9][..], &[6, 12][..])
    );
    // the old hidden units do not read the new memory, the new ones read all
    for (row, weights) in first.values.chunks(9).enumerate() {
        assert_eq!(weights[7..].iter().all(|w| *w == 0.0), row < 8, "row {row}");
        assert!(weights[..7].iter().all(|w| *w != 0.0), "row {row}");
    }
    // so the new memory takes something in
    assert!(last.values[4 * 12..].iter().all(|w| *w != 0.0));
    assert!(
        tensors["w_y.weight"]
            .values
            .chunks(6)
            .all(|row| row[4..] == [0.0, 0.0])
    );
    // with another seed there are other fresh weights
    let other = Growth { seed: 1, ..growth }.grow(&small, &device).unwrap();
    let other = state_dict(&other.model, None, &other.card).unwrap().tensors;
    assert_ne!(other["mlp.network.0.weight"], *first);
}

#[test]
fn timescales_move_with_their_bounds() {
    let device = Device::flex();
    let small = file(neuron(NeuronForm::v2()), &device);
    let growth = Growth {
        memory_tau_min: Some(2.0),
        memory_tau_max: Some(320.0),
        synapse_tau: Some(9.0),
        ..Growth::default()
    };
    let slow = growth.grow(&small, &device).unwrap();
    // log-spaced they were, and are
    let expected: Vec<f64> = (0..4)
        .map(|i| 2.0 * 160f64.powf(f64::from(i) / 3.0))
        .collect();
    for (tau, expected) in taus(&slow).iter().zip(&expected) {
        assert!(
            (tau / expected - 1.0).abs() < 1e-4,
            "{tau} ms, expected {expected}"
        );
    }
    let ModelConfig::Elm(config) = &slow.card.config else {
        unreachable!("a neuron")
    };
    assert_eq!(config.neuron.branch_tau, FilterTau::Ms(9.0));
}

#[test]
fn what_cannot_be_is_refused() {
    let device = Device::flex();
    let small = file(neuron(NeuronForm::v2()), &device);
    let refused = |growth: Growth| growth.grow(&small, &device).unwrap_err().to_string();
    let fewer = refused(Growth {
        num_memory: Some(3),
        ..Growth::default()
    });
    assert!(
        fewer.contains("--num-memory") && fewer.contains("at least its 4, found 3"),
        "{fewer}"
    );
    let fewer = refused(Growth {
        mlp_hidden: Some(7),
        ..Growth::default()
    });
    assert!(
        fewer.contains("--mlp-hidden") && fewer.contains("8"),
        "{fewer}"
    );
    let bounds = refused(Growth {
        memory_tau_min: Some(f64::NAN),
        ..Growth::default()
    });
    assert!(bounds.contains("memory_tau_min"), "{bounds}");
    let bounds = refused(Growth {
        memory_tau_max: Some(0.5),
        ..Growth::default()
    });
    assert!(bounds.contains("memory_tau"), "{bounds}");
}
