//! The published NeuronIO checkpoints: every file loads, and the outputs are those of the published code.
#![cfg(all(feature = "flex", feature = "weights"))]
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_absolute, host, shared};
use elm_model::weights::{
    PublishedConfig, StateDict, infer_config, load_network, load_neuron, save_neuron,
};
use elm_model::{ElmNeuronConfig, HiddenActivation, NeuronForm, OutputActivation};

fn published_config(folder: &Path, stem: &str) -> ElmNeuronConfig {
    let text =
        std::fs::read_to_string(folder.join("configs").join(format!("{stem}.json"))).unwrap();
    serde_json::from_str::<PublishedConfig>(&text)
        .unwrap()
        .to_config(NeuronForm::v1())
}

/// Three of the published checkpoints, in every clone.
#[test]
fn checkpoints_in_the_project_give_the_published_outputs() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pretrained");
    let checked = check_folder(&folder, &folder.join("io.safetensors"));
    assert_eq!(checked, 3);
}

/// All of them, where they are at hand.
#[test]
fn published_checkpoints_give_the_published_outputs() {
    let (Some(folder), Some(golden)) = (
        shared("pretrained"),
        shared("golden/pretrained_io.safetensors"),
    ) else {
        return;
    };
    let checked = check_folder(&folder, &golden);
    assert!(checked >= 15, "only {checked} checkpoints found");
}

/// Checks every checkpoint of a folder against the published code's outputs; how many there were.
fn check_folder(folder: &Path, golden: &Path) -> usize {
    let golden = StateDict::read(golden).unwrap();
    let device = Device::flex();
    let x = &golden.tensors["x"];
    let shape: [usize; 3] = x.shape.clone().try_into().unwrap();
    let x = Tensor::<3>::from_data(TensorData::new(x.values.clone(), shape), &device);
    let mut checked = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let weights = path
            .extension()
            .is_some_and(|e| e == "safetensors" || e == "pt");
        let Some(y) = golden.tensors.get(&format!("y.{stem}")).filter(|_| weights) else {
            continue;
        };
        let config = published_config(folder, &stem);
        let neuron = load_neuron(&path, &config, &device).unwrap();
        let found = host(neuron.forward(x.clone(), None).0);
        assert_absolute(&path.display().to_string(), &found, &y.values, 1e-4);
        // what the shapes tell agrees with the published configuration
        let mut inferred = infer_config(&path).unwrap();
        inferred.neuron.memory_tau_max = 150.0;
        inferred.neuron.activation = config.neuron.activation;
        let mut expected = config.clone();
        expected.neuron.hidden_size = Some(config.neuron.hidden());
        assert_eq!(inferred, expected);
        checked += 1;
    }
    checked
}

/// Files that the version before this one wrote: they load, and answer as another reader of the same file does.
#[test]
fn files_of_an_earlier_version_load() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    let device = Device::flex();
    let spikes = |inputs: usize| -> Vec<f32> {
        (0..20 * inputs)
            .map(|i| f32::from(u8::from(i % 17 == 0)))
            .collect()
    };
    let check = |path: &Path, inputs: usize, y: Tensor<3>| {
        let bytes = std::fs::read(path).unwrap();
        let mut stream = elm_stream::file::from_safetensors(&bytes)
            .unwrap()
            .stream()
            .unwrap();
        let values = spikes(inputs);
        let mut expected = Vec::new();
        for step in values.chunks_exact(inputs) {
            expected.extend(stream.step(step).unwrap().iter().map(|v| f64::from(*v)));
        }
        assert!(expected.iter().any(|v| v.abs() > 1e-3), "it answers");
        assert_absolute(&path.display().to_string(), &host(y), &expected, 1e-5);
    };
    let input = |inputs: usize| {
        Tensor::<3>::from_data(TensorData::new(spikes(inputs), [1, 20, inputs]), &device)
    };
    let path = folder.join("neuron-0.1.0.safetensors");
    let neuron = load_neuron(&path, None, &device).unwrap();
    let mut expected = ElmNeuronConfig::neuronio(20);
    expected.neuron.memory_tau_max = 150.0;
    assert_eq!(neuron.config(), &expected);
    check(&path, 1278, neuron.forward(input(1278), None).0);
    let path = folder.join("network-0.1.0.safetensors");
    let network = load_network(&path, &device).unwrap();
    let last = &network.config().layers()[1].neuron;
    assert_eq!(
        (last.num_memory, last.output_activation),
        (3, OutputActivation::Identity)
    );
    check(&path, 700, network.forward(input(700), None).0);
}

#[test]
fn a_saved_neuron_loads_back_equal_with_its_configuration() {
    let device = Device::flex();
    let form = NeuronForm::v2()
        .with_num_memory(3)
        .with_num_branches(Some(45))
        .with_synapses_per_branch(Some(100))
        .with_hidden_layers(2)
        .with_activation(HiddenActivation::SquaredRelu)
        .with_memory_tau_max(77.0);
    let config = ElmNeuronConfig::neuronio(3).with_neuron(form);
    let neuron = config.init(&device).unwrap();
    let path = std::env::temp_dir().join(format!("elm-save-{}.safetensors", std::process::id()));
    save_neuron(&neuron, &path).unwrap();
    let found = infer_config(&path).unwrap();
    assert_eq!(found, config);
    let loaded = load_neuron(&path, &found, &device).unwrap();
    std::fs::remove_file(&path).unwrap();
    let x = Tensor::random([1, 20, 1278], burn::tensor::Distribution::Default, &device);
    assert_absolute(
        "output",
        &host(loaded.forward(x.clone(), None).0),
        &host(neuron.forward(x, None).0),
        0.0,
    );
}

#[test]
fn a_checkpoint_of_another_size_lists_every_tensor_at_fault() {
    let device = Device::flex();
    let neuron = ElmNeuronConfig::new(4, 2)
        .with_neuron(NeuronForm::v1().with_num_memory(3))
        .init(&device)
        .unwrap();
    let path = std::env::temp_dir().join(format!("elm-size-{}.safetensors", std::process::id()));
    save_neuron(&neuron, &path).unwrap();
    let form = NeuronForm::v1().with_num_memory(5).with_hidden_layers(2);
    let other = ElmNeuronConfig::new(4, 2).with_neuron(form);
    let error = load_neuron(&path, &other, &device).unwrap_err().to_string();
    std::fs::remove_file(&path).unwrap();
    for part in [
        "`_proto_tau_m` has shape [3], expected [5]",
        "`mlp.network.0.weight` has shape [6, 7], expected [10, 9]",
        "`mlp.network.4.weight` [5, 10] is missing",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!error.contains('\n'));
}

#[test]
fn unreadable_files_name_the_path_and_what_was_expected() {
    let missing = infer_config("/nowhere/at/all.safetensors")
        .unwrap_err()
        .to_string();
    assert!(
        missing.starts_with("/nowhere/at/all.safetensors: "),
        "{missing}"
    );
    let folder = infer_config(std::env::temp_dir()).unwrap_err().to_string();
    assert!(folder.contains("is a folder"), "{folder}");
    let path = std::env::temp_dir().join(format!("elm-bad-{}.safetensors", std::process::id()));
    std::fs::write(&path, b"not a weight file").unwrap();
    let bad = infer_config(&path).unwrap_err().to_string();
    let pt = path.with_extension("pt");
    std::fs::rename(&path, &pt).unwrap();
    let bad_pt = infer_config(&pt).unwrap_err().to_string();
    std::fs::remove_file(&pt).unwrap();
    // the content decides what a file is, not its name
    for bad in [bad, bad_pt] {
        assert!(
            bad.contains("expected weights (safetensors, or what torch.save writes)"),
            "{bad}"
        );
    }
}
