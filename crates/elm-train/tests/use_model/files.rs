//! Weight files of all forms and programs.

use super::*;

/// Weights as people have them: published ones in odd clothes.
#[test]
fn odd_clothes_come_off() {
    use elm_model::weights::{NumberFormat, StateDict, StateTensor};
    let folder = tempfile::tempdir().unwrap();
    let published = StateDict::read(shipped_weights("num_memory_1")).unwrap();
    let configs = folder.path().join("configs");
    std::fs::create_dir(&configs).unwrap();
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../elm-model/tests/pretrained/configs/num_memory_1.json");
    let config = std::fs::read_to_string(from).unwrap();
    let expected = json(&stdout(&[
        "info",
        &shipped_weights("num_memory_1"),
        "--json",
    ]));
    let check = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let output = elm(&["info", path.to_str().unwrap(), "--json"]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {error}");
        assert_eq!(error, "", "{name}: nothing is assumed");
        let found = json(&String::from_utf8_lossy(&output.stdout));
        assert_eq!(found["config"], expected["config"], "{name}");
        assert_eq!(found["assumed"].as_array().unwrap().len(), 0);
    };
    let renamed = |prefix: &str| StateDict {
        tensors: published
            .tensors
            .iter()
            .map(|(name, tensor)| (format!("{prefix}{name}"), tensor.clone()))
            .collect(),
        ..published.clone()
    };
    // the configuration's text as other tools write it
    let marked = format!("\u{feff}{}", config.replace(": 1278", ": 1278.0"));
    std::fs::write(configs.join("marked.json"), marked).unwrap();
    check("marked.safetensors", &published.to_safetensors().unwrap());
    std::fs::write(configs.join("any.json"), &config).unwrap();
    for name in ["any.pt", "any.PT", "any.ckpt", "any.pth.tar", "any"] {
        check(name, &published.to_pytorch().unwrap());
        check(name, &published.to_safetensors().unwrap());
    }
    for prefix in ["module.", "_orig_mod.", "state_dict.model.module."] {
        check("any.pt", &renamed(prefix).to_pytorch().unwrap());
        check(
            "any.safetensors",
            &renamed(prefix).to_safetensors().unwrap(),
        );
    }
    for format in [
        NumberFormat::U16,
        NumberFormat::U32,
        NumberFormat::U64,
        NumberFormat::I16,
    ] {
        let mut dict = published.clone();
        let indices = dict.tensors.get_mut("input_to_synapse_indices").unwrap();
        indices.format = format;
        check("any.safetensors", &dict.to_safetensors().unwrap());
    }
    // under the published names, in one folder
    std::fs::write(folder.path().join("model_config.json"), &config).unwrap();
    check(
        "neuronio_best_model_state.pt",
        &published.to_pytorch().unwrap(),
    );
    std::fs::remove_file(folder.path().join("model_config.json")).unwrap();
    // with no configuration at all it is said what was assumed
    let path = folder.path().join("alone.pt");
    std::fs::write(&path, published.to_pytorch().unwrap()).unwrap();
    let found = json(&stdout(&[
        "eval",
        path.to_str().unwrap(),
        "--json",
        "--device",
        "cpu",
    ]));
    let assumed = found["assumed"].as_array().unwrap();
    assert_eq!(assumed.len(), 2, "{assumed:?}");
    assert!(assumed[0].as_str().unwrap().contains("relu"));
    // what is no number is named with its file and tensor, wherever it is
    for (name, value) in [
        ("_proto_tau_m", f64::NAN),
        ("_proto_w_s", f64::INFINITY),
        ("mlp.network.0.weight", f64::NAN),
        ("w_y.bias", f64::NEG_INFINITY),
        ("tau_s", f64::NAN),
    ] {
        let mut dict = published.clone();
        let tensor: &mut StateTensor = dict.tensors.get_mut(name).unwrap();
        *tensor.values.last_mut().unwrap() = value;
        let path = folder.path().join("any.safetensors");
        dict.save_safetensors(&path).unwrap();
        for command in ["info", "eval"] {
            let (code, error) = failure(&[command, path.to_str().unwrap()]);
            assert_eq!(code, 2);
            assert!(
                error.contains("any.safetensors") && error.contains(&format!("`{name}`")),
                "{error}"
            );
        }
    }
    // an infinite parameter is the longest timescale
    let mut dict = published.clone();
    let tensor = dict.tensors.get_mut("_proto_tau_m").unwrap();
    *tensor.values.last_mut().unwrap() = f64::INFINITY;
    check("any.safetensors", &dict.to_safetensors().unwrap());
}

#[test]
fn a_model_of_a_text_answers_about_the_next_byte_whatever_wrote_it() {
    use elm_model::ElmNeuronConfig;
    use elm_train::model::{ModelCard, ModelConfig};
    // as files have it that are older than the word for it
    let task = serde_json::json!({
        "name": "text-lm",
        "input": {"text": {"vocabulary": [97, 98]}},
        "output": {"readout": "every-step", "meaning": {"classes": ["a", "b"]}},
    });
    let task = serde_json::from_value(task).unwrap();
    let config = ModelConfig::Elm(ElmNeuronConfig::new(2, 2));
    let output = ModelCard::new(config, Some(task)).output();
    assert_eq!(output.columns(), ["p(next=a)", "p(next=b)"]);
}

/// A record of Burn, which Burn reads, and back.
#[test]
fn records_of_burn_are_written_and_read() {
    use burn::store::ModuleRecord;
    use burn::tensor::Device;
    use elm_model::{ElmNetwork, ElmNeuron};
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    let network = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../elm-model/tests/files/network-0.1.0.safetensors");
    for model in [
        shipped_weights("num_memory_1"),
        network.to_str().unwrap().into(),
    ] {
        let (burn, back) = (at("model.bpk"), at("back.safetensors"));
        stdout(&["weights", "convert", &model, &burn]);
        let record = || ModuleRecord::load(&burn).unwrap();
        let neuron = ElmNeuron::from_record(record(), &Device::flex());
        let network = ElmNetwork::from_record(record(), &Device::flex());
        assert!(neuron.is_ok() != network.is_ok());
        // the content says what it is
        let renamed = at("renamed.pt");
        std::fs::rename(&burn, &renamed).unwrap();
        stdout(&["weights", "convert", &renamed, &back]);
        let (first, again) = (
            json(&stdout(&["info", &model, "--json"])),
            json(&stdout(&["info", &back, "--json"])),
        );
        assert_eq!(first["config"], again["config"]);
        let tensors = |path: &str| elm_model::weights::StateDict::read(path).unwrap().tensors;
        for (name, tensor) in tensors(&model) {
            assert_eq!(tensor.values, tensors(&back)[&name].values, "{name}");
        }
    }
    let (code, error) = failure(&["info", &at("renamed.pt"), "--tau-max", "100"]);
    assert!(
        code == 2 && error.contains("holds a whole model"),
        "{error}"
    );
    let half = std::fs::read(at("renamed.pt")).unwrap();
    std::fs::write(at("half.bpk"), &half[..half.len() / 2]).unwrap();
    let (code, error) = failure(&["info", &at("half.bpk")]);
    assert!(code == 2 && error.contains("half.bpk"), "{error}");
}

#[test]
fn what_is_no_weight_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, says) in [
        ("empty.pt", &b""[..], "an empty file"),
        ("page.pt", b"<!DOCTYPE html>", "a web page"),
        (
            "pointer.safetensors",
            b"version https://git-lfs.github.com/spec/v1\n",
            "Git LFS",
        ),
        ("x.safetensors", b"\x89HDF\r\n\x1a\n........", "HDF5"),
        ("x.gz", b"\x1f\x8b\x08\x00", "gzip"),
        ("x.npy", b"\x93NUMPY\x01\x00", "numpy"),
        ("x.json", b"{\"num_input\": 3}", "JSON"),
        (
            "short.safetensors",
            b"\x00\x10\x00\x00\x00\x00\x00\x00{\"a\"",
            "cut short",
        ),
        ("x.pt", b"PK\x03\x04 and nothing more", "zip archive"),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let (code, error) = failure(&["info", path.to_str().unwrap()]);
        assert_eq!(code, 2);
        assert!(error.contains(says) && error.contains(name), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn files_of_form_1_load() {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../elm-model/tests/files");
    for (name, kind) in [("neuron-0.1.0", "elm"), ("network-0.1.0", "network")] {
        let path = files.join(format!("{name}.safetensors"));
        let info = json(&stdout(&["info", path.to_str().unwrap(), "--json"]));
        assert_eq!((&info["model"], &info["format"]), (&kind.into(), &1.into()));
        // and become files of form 2
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("new.safetensors");
        let out = out.to_str().unwrap();
        stdout(&["weights", "convert", path.to_str().unwrap(), out]);
        let again = json(&stdout(&["info", out, "--json"]));
        assert_eq!(again["format"], 2);
        assert_eq!(again["config"], info["config"]);
    }
}
