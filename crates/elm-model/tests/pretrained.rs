//! The published NeuronIO checkpoints: every file loads, and the outputs are those of the published code.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_absolute, host, shared};
use elm_model::weights::{PublishedConfig, StateDict, infer_config, load_neuron, save_neuron};
use elm_model::{ElmNeuronConfig, HiddenActivation, NeuronForm};

fn published_config(folder: &std::path::Path, stem: &str) -> ElmNeuronConfig {
    let text =
        std::fs::read_to_string(folder.join("configs").join(format!("{stem}.json"))).unwrap();
    serde_json::from_str::<PublishedConfig>(&text)
        .unwrap()
        .to_config(NeuronForm::v1())
}

#[test]
fn published_checkpoints_give_the_published_outputs() {
    let (Some(folder), Some(golden)) = (
        shared("pretrained"),
        shared("golden/pretrained_io.safetensors"),
    ) else {
        return;
    };
    let golden = StateDict::read(golden).unwrap();
    let device = Device::flex();
    let x = &golden.tensors["x"];
    let shape: [usize; 3] = x.shape.clone().try_into().unwrap();
    let x = Tensor::<3>::from_data(TensorData::new(x.values.clone(), shape), &device);
    let mut checked = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if !path
            .extension()
            .is_some_and(|e| e == "safetensors" || e == "pt")
        {
            continue;
        }
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let config = published_config(&folder, &stem);
        let neuron = load_neuron(&path, &config, &device).unwrap();
        let y = &golden.tensors[&format!("y.{stem}")].values;
        assert_absolute(
            &path.display().to_string(),
            &host(neuron.forward(x.clone(), None).0),
            y,
            1e-4,
        );
        // what the shapes tell agrees with the published configuration
        let mut inferred = infer_config(&path).unwrap();
        inferred.neuron.memory_tau_max = 150.0;
        inferred.neuron.activation = config.neuron.activation;
        let mut expected = config.clone();
        expected.neuron.hidden_size = Some(config.neuron.hidden());
        assert_eq!(inferred, expected);
        checked += 1;
    }
    assert!(checked >= 15, "only {checked} checkpoints found");
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
    assert!(bad.contains("no valid safetensors"), "{bad}");
    assert!(bad_pt.contains("PyTorch"), "{bad_pt}");
}
