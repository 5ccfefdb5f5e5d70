//! Layers, networks and single neurons of the third form as modules: sizes, errors, files, dropout, monitors.
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;
mod configs;
mod modules;

use burn::module::Module;
use burn::tensor::{Device, Distribution, Int, Tensor, TensorData};
use common::{assert_absolute, assert_relative, host};
use elm_model::layer::{
    Connectome, LayerSource, Monitor, Regulariser, RegulariserScaling, RegulariserTarget, Wiring,
};
use elm_model::network::{InputEmbedding, LayerOverrides, OutputEmbedding};
use elm_model::weights::{load_network, save_network};
use elm_model::{
    ElmError, ElmLayerConfig, ElmNetwork, ElmNetworkConfig, ElmNeuronConfig, FilterTau, NeuronForm,
    NeuronOverrides, OutputActivation, Routing, ScanPath, SynapseInit, SynapseRectification,
};

/// SHD-Adding as published: 96 neurons, then 19 of a smaller form, then a linear map.
fn shd_adding(neurons: usize, memory: usize) -> ElmNetworkConfig {
    let form = NeuronForm::network()
        .with_num_memory(memory)
        .with_num_branches(Some(30))
        .with_synapses_per_branch(Some(10))
        .with_memory_tau_max(500.0)
        .with_input_scale(10.0)
        .with_dt(2.0);
    ElmNetworkConfig::new(700, 19)
        .with_hidden_neurons(vec![neurons])
        .with_neuron(form)
        .with_wiring(Wiring::Random {
            recurrent_connect: Some(0.25),
        })
        .with_output_embedding(OutputEmbedding::Linear)
        .with_last(last())
}

/// The published last layer, a readout of smaller neurons.
fn last() -> LayerOverrides {
    LayerOverrides {
        neuron: NeuronOverrides {
            num_memory: Some(3),
            hidden_layers: Some(0),
            ..NeuronOverrides::default()
        },
        ..LayerOverrides::default()
    }
}
