//! Each model learns a task of its kind: the loss falls by the stated factor.

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor};
use elm_baselines::{
    Adaptation, Attention, ChronoLstmConfig, LifConfig, TcnConfig, TcnNorm,
    TransformerEncoderConfig,
};

use crate::modules::{seeded, tensor, uniform};

/// Mean squared error before and after training on one batch.
fn train<M: Module>(
    mut model: M,
    rate: f64,
    steps: usize,
    error: impl Fn(&M) -> Tensor<3>,
) -> (f64, f64) {
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let loss = |model: &M| error(model).square().mean();
    let value = |model: &M| loss(model).into_scalar::<f32>() as f64;
    let before = value(&model);
    for _ in 0..steps {
        let gradients = GradientsParams::from_grads(loss(&model).backward(), &model);
        model = optimizer.step(rate, model, gradients);
    }
    (before, value(&model))
}

fn check_learnt(what: &str, (before, after): (f64, f64), factor: f64) {
    println!("{what}: {before:.4} to {after:.6}");
    assert!(after * factor < before, "{what}: {before} to {after}");
}

const BATCH: usize = 16;

/// A sign at the first step, noise on another channel after it, and the sign as the answer at the last step.
fn recall(time: usize, device: &Device) -> (Tensor<3>, Tensor<3>) {
    let mut x = uniform(BATCH * time * 2, -0.5, 0.5, 20);
    let mut y = vec![0.0; BATCH];
    for sample in 0..BATCH {
        y[sample] = if sample % 2 == 0 { 1.0 } else { -1.0 };
        for t in 0..time {
            x[(sample * time + t) * 2] = if t == 0 { y[sample] } else { 0.0 };
        }
    }
    (
        tensor(&x, [BATCH, time, 2], device),
        tensor(&y, [BATCH, 1, 1], device),
    )
}

#[test]
fn chrono_lstm_learns_to_recall() {
    let device = Device::flex().autodiff();
    let config = ChronoLstmConfig::new(2, 1)
        .with_hidden_size(16)
        .with_t_max(Some(30));
    let (x, y) = recall(30, &device);
    let model = seeded(21, &device, || config.init(&device).unwrap());
    let losses = train(model, 1e-2, 60, |model| {
        model.forward(x.clone(), None).0.narrow(1, 29, 1) - y.clone()
    });
    check_learnt("lstm", losses, 10.0);
}

#[test]
fn transformer_learns_to_recall() {
    let device = Device::flex().autodiff();
    for attention in [Attention::Full, Attention::Causal] {
        let config = TransformerEncoderConfig::new(2, 1)
            .with_embedding(16)
            .with_num_heads(2)
            .with_num_layers(2)
            .with_mlp_size(32)
            .with_attention(attention)
            .with_dropout(0.0)
            .with_attention_dropout(0.0);
        let (x, y) = recall(30, &device);
        let model = seeded(22, &device, || config.init(&device).unwrap());
        let losses = train(model, 1e-2, 60, |model| {
            model.forward(x.clone()).narrow(1, 29, 1) - y.clone()
        });
        check_learnt("transformer", losses, 10.0);
    }
}

/// Noise, and what it was five steps before.
fn delay(time: usize, device: &Device) -> (Tensor<3>, Tensor<3>) {
    let x = uniform(BATCH * time, -1.0, 1.0, 23);
    let y: Vec<f64> = (0..BATCH * time)
        .map(|i| if i % time < 5 { 0.0 } else { x[i - 5] })
        .collect();
    let shape = [BATCH, time, 1];
    (tensor(&x, shape, device), tensor(&y, shape, device))
}

#[test]
fn tcn_learns_a_delay() {
    let device = Device::flex().autodiff();
    for norm in [TcnNorm::None, TcnNorm::Batch, TcnNorm::Layer] {
        let config = TcnConfig::new(1, 1)
            .with_depth(2)
            .with_width(16)
            .with_first_kernel(6)
            .with_kernel(3)
            .with_norm(norm);
        let (x, y) = delay(30, &device);
        let model = seeded(24, &device, || config.init(&device).unwrap());
        let losses = train(model, 1e-2, 80, |model| {
            model.forward(x.clone()) - y.clone()
        });
        check_learnt(&format!("tcn {norm:?}"), losses, 10.0);
    }
}

/// Two channels of slow waves, and their difference a little later, as a leaky readout of rates can follow it.
fn waves(time: usize, device: &Device) -> (Tensor<3>, Tensor<3>) {
    let phase = uniform(BATCH * 2, 0.0, std::f64::consts::TAU, 25);
    let wave =
        |sample: usize, channel: usize, t: f64| (t / 12.0 + phase[sample * 2 + channel]).sin();
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for sample in 0..BATCH {
        for t in 0..time {
            x.extend([0, 1].map(|channel| wave(sample, channel, t as f64)));
            let late = t as f64 - 12.0;
            y.push(wave(sample, 0, late) - wave(sample, 1, late));
        }
    }
    (
        tensor(&x, [BATCH, time, 2], device),
        tensor(&y, [BATCH, time, 1], device),
    )
}

#[test]
fn spiking_neurons_learn_to_follow() {
    let device = Device::flex().autodiff();
    let adaptive = Adaptation::Threshold {
        tau: 50.0,
        strength: 0.1,
        fraction: 0.5,
    };
    for adaptation in [Adaptation::None, adaptive] {
        let config = LifConfig::new(2, 1)
            .with_num_neurons(24)
            .with_adaptation(adaptation);
        let (x, y) = waves(60, &device);
        let model = seeded(26, &device, || config.init(&device).unwrap());
        let losses = train(model, 1e-2, 100, |model| {
            model.forward(x.clone(), None).0 - y.clone()
        });
        check_learnt(&format!("lif {adaptation:?}"), losses, 4.0);
    }
}
