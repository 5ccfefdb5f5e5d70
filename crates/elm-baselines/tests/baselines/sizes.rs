//! Parameter counts, configurations and how modules print.

use burn::module::Module;
use burn::tensor::Device;
use elm_baselines::{
    Adaptation, ChronoLstmConfig, EmbeddingInit, LifConfig, LraTask, Positions, Recurrence, Reset,
    TcnConfig, TcnNorm, TransformerEncoderConfig,
};
use elm_model::ElmError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::modules::{parameters, seeded};

fn count<M: Module>(module: &M) -> usize {
    let running = |name: &str| name.contains("running_");
    let named = parameters(module);
    named
        .iter()
        .filter(|(name, _)| !running(name))
        .map(|(_, values)| values.len())
        .sum()
}

#[test]
fn counted_parameters_are_those_of_the_module() {
    let device = Device::flex();
    for config in [
        ChronoLstmConfig::new(3, 2),
        ChronoLstmConfig::new(1, 5).with_hidden_size(7),
    ] {
        let model = seeded(0, &device, || config.init(&device).unwrap());
        assert_eq!(count(&model), config.num_trained(), "{config:?}");
    }
    for norm in [TcnNorm::None, TcnNorm::Batch, TcnNorm::Layer] {
        let config = TcnConfig::new(3, 2).with_width(8).with_norm(norm);
        let model = seeded(0, &device, || config.init(&device).unwrap());
        assert_eq!(count(&model), config.num_trained(), "{config:?}");
    }
    for positions in [Positions::Sinusoidal, Positions::Learned { max_length: 50 }] {
        let config = TransformerEncoderConfig::new(3, 2).with_positions(positions);
        let model = seeded(0, &device, || config.init(&device).unwrap());
        assert_eq!(count(&model), config.num_trained(), "{config:?}");
    }
    for recurrence in [Recurrence::Recurrent, Recurrence::FeedForward] {
        let config = LifConfig::lsnn(3, 2).with_recurrence(recurrence);
        let model = seeded(0, &device, || config.init(&device).unwrap());
        assert_eq!(count(&model), config.num_trained(), "{config:?}");
    }
}

#[test]
fn published_sizes() {
    let list_ops = TransformerEncoderConfig::lra(LraTask::ListOps, 16, 10);
    let layer = 4 * (512 * 512 + 512) + (512 * 2048 + 2048) + (2048 * 512 + 512) + 4 * 512;
    let ends = (16 * 512 + 512) + 2 * 512 + (512 * 10 + 10);
    assert_eq!(list_ops.num_trained(), 6 * layer + ends);
    assert_eq!(list_ops.num_trained(), 18_929_162);
    let image = TransformerEncoderConfig::lra(LraTask::Image, 1, 10);
    let layer = 4 * (32 * 32 + 32) + (32 * 64 + 64) + (64 * 32 + 32) + 4 * 32;
    assert_eq!(
        image.num_trained(),
        64 + 1024 * 32 + layer + 64 + (32 * 10 + 10)
    );
    for task in [
        LraTask::ListOps,
        LraTask::Text,
        LraTask::Retrieval,
        LraTask::Image,
        LraTask::Pathfinder,
        LraTask::PathX,
    ] {
        TransformerEncoderConfig::lra(task, 1, 2)
            .validate()
            .unwrap();
    }
    // 1278 synapses, 54 ms: the first layer is most of the network
    let tcn = TcnConfig::new(1278, 2);
    let first = 128 * (1278 * 54 + 1) + 2 * 128;
    let later = 128 * (128 * 24 + 1) + 2 * 128;
    assert_eq!(tcn.num_trained(), first + 6 * later + 2 * 129);
    let lstm = ChronoLstmConfig::new(700, 20).with_hidden_size(100);
    assert_eq!(lstm.num_trained(), 4 * (70_000 + 10_000 + 100) + 2_020);
    let lsnn = LifConfig::lsnn(700, 20);
    assert_eq!(lsnn.num_adaptive(), 64);
    assert_eq!(lsnn.refractory_steps(), 5);
    assert_eq!(lsnn.num_trained(), 701 * 128 + 128 * 128 + 129 * 20);
}

fn field<T>(result: Result<T, ElmError>) -> &'static str {
    match result.map(|_| ()).unwrap_err() {
        ElmError::Config { field, .. } => field,
        other => panic!("{other}"),
    }
}

#[test]
fn invalid_configurations_name_the_field() {
    let device = Device::flex();
    let lstm = ChronoLstmConfig::new(3, 2);
    for (name, config) in [
        ("num_inputs", ChronoLstmConfig::new(0, 2)),
        ("num_outputs", ChronoLstmConfig::new(3, 0)),
        ("hidden_size", lstm.clone().with_hidden_size(0)),
        ("hidden_size", lstm.clone().with_hidden_size(1 << 20)),
        ("num_inputs", ChronoLstmConfig::new(usize::MAX, 2)),
        ("t_max", lstm.with_t_max(Some(2))),
    ] {
        assert_eq!(field(config.init(&device)), name);
    }
    let tcn = TcnConfig::new(3, 2);
    for (name, config) in [
        ("num_inputs", TcnConfig::new(0, 2)),
        ("depth", tcn.clone().with_depth(0)),
        ("depth", tcn.clone().with_depth(usize::MAX)),
        ("width", tcn.clone().with_width(0)),
        ("first_kernel", tcn.clone().with_first_kernel(0)),
        ("first_kernel", tcn.clone().with_first_kernel(1 << 40)),
        ("kernel", tcn.clone().with_kernel(0)),
        ("dilation", tcn.clone().with_dilation(Some(0))),
        ("dilation", tcn.with_dilation(Some(usize::MAX))),
    ] {
        assert_eq!(field(config.init(&device)), name);
    }
    let encoder = TransformerEncoderConfig::new(3, 2);
    let learned = |max_length| {
        encoder
            .clone()
            .with_positions(Positions::Learned { max_length })
    };
    let normal = |std| {
        encoder
            .clone()
            .with_embedding_init(EmbeddingInit::Normal { std })
    };
    for (name, config) in [
        ("num_outputs", TransformerEncoderConfig::new(3, 0)),
        ("embedding", encoder.clone().with_embedding(0)),
        ("num_heads", encoder.clone().with_num_heads(0)),
        ("num_heads", encoder.clone().with_num_heads(3)),
        ("num_layers", encoder.clone().with_num_layers(usize::MAX)),
        ("mlp_size", encoder.clone().with_mlp_size(usize::MAX)),
        ("positions.max_length", learned(0)),
        ("positions.max_length", learned(usize::MAX)),
        ("embedding_init.std", normal(f64::NAN)),
        ("dropout", encoder.clone().with_dropout(1.0)),
        (
            "attention_dropout",
            encoder.clone().with_attention_dropout(-0.1),
        ),
    ] {
        assert_eq!(field(config.init(&device)), name);
    }
    let lif = LifConfig::new(3, 2);
    let adaptive = |tau, strength, fraction| {
        lif.clone().with_adaptation(Adaptation::Threshold {
            tau,
            strength,
            fraction,
        })
    };
    for (name, config) in [
        ("num_neurons", lif.clone().with_num_neurons(0)),
        ("num_neurons", lif.clone().with_num_neurons(1 << 20)),
        ("membrane_tau", lif.clone().with_membrane_tau(0.0)),
        ("threshold", lif.clone().with_threshold(-1.0)),
        (
            "surrogate_steepness",
            lif.clone().with_surrogate_steepness(0.0),
        ),
        ("dt", lif.clone().with_dt(f64::INFINITY)),
        ("refractory", lif.clone().with_refractory(-1.0)),
        ("refractory", lif.clone().with_refractory(f64::NAN)),
        ("refractory", lif.clone().with_refractory(1e12)),
        ("adaptation.tau", adaptive(0.0, 1.0, 0.5)),
        ("adaptation.strength", adaptive(10.0, f64::NAN, 0.5)),
        ("adaptation.fraction", adaptive(10.0, 1.0, 1.5)),
    ] {
        assert_eq!(field(config.init(&device)), name);
    }
}

fn check_round_trip<C: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(config: C) {
    let text = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<C>(&text).unwrap(), config, "{text}");
}

#[test]
fn configurations_survive_serde() {
    check_round_trip(ChronoLstmConfig::new(3, 2).with_t_max(Some(77)));
    check_round_trip(TcnConfig::new(3, 2).with_norm(TcnNorm::Layer));
    check_round_trip(TransformerEncoderConfig::lra(LraTask::PathX, 1, 2));
    check_round_trip(LifConfig::lsnn(3, 2).with_reset(Reset::Zero));
}

#[test]
fn modules_print_their_sizes() {
    let device = Device::flex();
    let lstm = ChronoLstmConfig::new(3, 2).with_hidden_size(4);
    let text = seeded(0, &device, || lstm.init(&device).unwrap()).to_string();
    for part in [
        "ChronoLstm",
        "inputs: 3",
        "outputs: 2",
        "hidden: 4",
        "trained: 138",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    let tcn = TcnConfig::new(3, 2).with_width(4).init(&device).unwrap();
    let encoder = TransformerEncoderConfig::new(3, 2).init(&device).unwrap();
    let lif = LifConfig::lsnn(3, 2).init(&device).unwrap();
    for (text, parts) in [
        (tcn.to_string(), ["Tcn", "depth: 7", "norm: Batch"]),
        (
            encoder.to_string(),
            ["TransformerEncoder", "heads: 4", "attention: Full"],
        ),
        (lif.to_string(), ["Lif", "adaptive: 64", "reset: Subtract"]),
    ] {
        for part in parts {
            assert!(text.contains(part), "no `{part}` in {text}");
        }
    }
}
