//! Baselines against slow formulas, their gradients, causality, masks, states, start values, counts, files, learning.
#![cfg(feature = "flex")]
#![allow(clippy::unwrap_used)]

mod behaviour;
mod common;
mod formulas;
mod learning;
mod modules;
mod oracle;
mod sizes;

use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::{DType, Device, Int, Tensor};
use common::{assert_absolute, assert_relative, host};
use elm_baselines::{
    Adaptation, Attention, ChronoLstm, ChronoLstmConfig, ChronoLstmState, EmbeddingInit, Lif,
    LifConfig, LifState, Positions, Recurrence, Reset, Tcn, TcnConfig, TcnNorm, TransformerEncoder,
    TransformerEncoderConfig,
};
use elm_model::{ElmError, FilterTau};
use modules::{Named, gradients, parameters, scrambled, seeded, tensor, uniform};
use oracle::{Moments, flat, samples};

const SHAPE: [usize; 3] = [2, 7, 3];

fn input(shape: [usize; 3], seed: u64) -> Vec<f64> {
    uniform(shape.iter().product(), -1.0, 1.0, seed)
}

/// A model with start values of one seed.
fn fresh<M: Module>(device: &Device, init: impl FnOnce() -> Result<M, ElmError>) -> M {
    seeded(0, device, || init().unwrap())
}

fn lstm(device: &Device) -> ChronoLstm {
    let config = ChronoLstmConfig::new(3, 2).with_hidden_size(5);
    scrambled(fresh(device, || config.init(device)), 1)
}

fn transformer_config(attention: Attention, positions: Positions) -> TransformerEncoderConfig {
    TransformerEncoderConfig::new(3, 2)
        .with_embedding(6)
        .with_num_heads(2)
        .with_num_layers(2)
        .with_mlp_size(5)
        .with_attention(attention)
        .with_positions(positions)
        .with_dropout(0.0)
        .with_attention_dropout(0.0)
}

fn transformers(device: &Device) -> Vec<TransformerEncoder> {
    let learned = Positions::Learned { max_length: 9 };
    [
        (Attention::Full, Positions::Sinusoidal),
        (Attention::Causal, Positions::Sinusoidal),
        (Attention::Full, learned),
        (Attention::Causal, learned),
    ]
    .into_iter()
    .map(|(attention, positions)| {
        let config = transformer_config(attention, positions);
        scrambled(fresh(device, || config.init(device)), 2)
    })
    .collect()
}

fn tcn_config(norm: TcnNorm) -> TcnConfig {
    TcnConfig::new(3, 2)
        .with_depth(3)
        .with_width(8)
        .with_first_kernel(3)
        .with_kernel(2)
        .with_norm(norm)
}

fn tcns(device: &Device) -> Vec<Tcn> {
    [TcnNorm::None, TcnNorm::Batch, TcnNorm::Layer]
        .into_iter()
        .flat_map(|norm| [1, 2].map(|dilation| tcn_config(norm).with_dilation(Some(dilation))))
        .map(|config| scrambled(fresh(device, || config.init(device)), 3))
        .collect()
}

/// Neurons of every kind, fast enough to spike within a few steps.
fn lifs(device: &Device) -> Vec<Lif> {
    let base = LifConfig::new(3, 2)
        .with_num_neurons(5)
        .with_membrane_tau(5.0)
        .with_threshold(0.05);
    let adaptive = Adaptation::Threshold {
        tau: 8.0,
        strength: 0.4,
        fraction: 0.6,
    };
    [
        base.clone(),
        base.clone().with_recurrence(Recurrence::FeedForward),
        base.clone().with_reset(Reset::Zero),
        base.clone().with_refractory(2.0),
        base.clone()
            .with_adaptation(adaptive)
            .with_refractory(2.2)
            .with_dt(2.0),
        base.with_adaptation(adaptive)
            .with_reset(Reset::Zero)
            .with_readout_tau(FilterTau::Off),
    ]
    .into_iter()
    .map(|config| scrambled(fresh(device, || config.init(device)), 4))
    .collect()
}
