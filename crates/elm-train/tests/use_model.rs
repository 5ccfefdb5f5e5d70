//! A trained model is used: predicted with, evaluated, trained further, shown.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::{elm, failure, stdout};
use serde_json::Value;

/// Trains a small model of a recipe; its folder.
fn train(recipe: &str, folder: &Path, name: &str, more: &[&str]) -> PathBuf {
    let out = folder.join(name);
    let mut args = vec!["train", "--recipe", recipe, "--device", "cpu", "--out"];
    args.push(out.to_str().unwrap());
    for set in [
        "train.epochs=1",
        "train.batches_per_epoch=2",
        "train.batch_size=4",
        "train.warmup_steps=0",
    ] {
        args.extend(["--set", set]);
    }
    args.extend(more);
    stdout(&args);
    out
}

fn spikes(folder: &Path) -> (String, String) {
    let dir = folder.join("spikes").to_str().unwrap().to_string();
    let sizes = ["--train", "50", "--valid", "10", "--test", "21"];
    let mut args = vec!["data", "generate", "shd", "--out", &dir, "--seed", "3"];
    args.extend(sizes);
    stdout(&args);
    let set = format!("data.dir={dir}");
    (dir, set)
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in:\n{text}"))
}

fn read_json(path: &Path) -> Value {
    json(&std::fs::read_to_string(path).unwrap())
}

/// `elm` with something on standard input.
fn piped(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_elm"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_string();
    // a command that refuses its input early closes it
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Standard output of a successful call with something on standard input.
fn piped_ok(args: &[&str], input: &str) -> (String, String) {
    let output = piped(args, input);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "elm {args:?}: {error}");
    (String::from_utf8_lossy(&output.stdout).into_owned(), error)
}

fn close(a: f64, b: f64, what: &str) {
    assert!(
        (a - b).abs() <= 1e-5 * b.abs().max(1.0),
        "{what}: {a} and {b}"
    );
}

#[test]
fn a_classifier_is_evaluated_and_predicted_with() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, set) = spikes(folder.path());
    for kind in ["elm", "network", "chrono-lstm", "transformer", "tcn", "lif"] {
        let more = [
            "--set",
            &set,
            "--model",
            kind,
            "--set",
            "train.readout=mean",
        ];
        let run = train("spikes", folder.path(), kind, &more);
        let model = run.join("model.safetensors");
        let model = model.to_str().unwrap();
        let test = read_json(&run.join("test.json"));
        let pictures = folder.path().join(format!("pictures of {kind}"));
        // the same numbers as the training's own test
        let result = json(&stdout(&[
            "eval",
            model,
            "--data",
            &dir,
            "--json",
            "--device",
            "cpu",
            "--pictures",
            pictures.to_str().unwrap(),
        ]));
        let drawn = std::fs::read_dir(&pictures).unwrap().count();
        // one sample rightly answered, one not, as far as there are such; the end of a Transformer's sequence is no end
        assert_eq!(drawn > 0, kind != "transformer", "{kind}");
        assert_eq!(pictures.join("timescales.svg").is_file(), kind == "elm");
        assert_eq!(result["task"], "synthetic-spikes");
        assert_eq!(result["samples"], 21);
        assert_eq!(result["confusion"], test["details"]["confusion"], "{kind}");
        let loss = result["metrics"]["cross_entropy_nats"].as_f64().unwrap();
        close(loss, test["details"]["loss"].as_f64().unwrap(), kind);
        // and each answer
        let text = stdout(&["predict", model, "--data", &dir, "--device", "cpu"]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 22, "{text}");
        assert!(lines[0].starts_with("sample,predicted,p("), "{}", lines[0]);
        for line in &lines[1..] {
            let p: f64 = line
                .split(',')
                .skip(2)
                .map(|v| v.parse::<f64>().unwrap())
                .sum();
            close(p, 1.0, line);
        }
        let info = json(&stdout(&["info", model, "--json"]));
        assert_eq!(info["model"], kind);
        assert_eq!(info["format"], 2);
        assert_eq!(info["task"]["name"], "synthetic-spikes");
        assert_eq!(info["task"]["step_ms"], 10.0);
        let classes = info["task"]["output"]["meaning"]["classes"]
            .as_array()
            .unwrap();
        assert_eq!(classes.len(), 20);
    }
    let model = folder.path().join("elm/model.safetensors");
    let text = stdout(&["info", model.to_str().unwrap()]);
    for part in [
        "synthetic-spikes",
        "mean over the steps",
        "20 classes",
        "form 2",
    ] {
        assert!(text.contains(part), "{part} is missing in:\n{text}");
    }
}

#[test]
fn pairs_are_in_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("retrieval");
    std::fs::create_dir(&dir).unwrap();
    let lines: String = (0..12)
        .map(|i| format!("{}\t{i}\t{i}\tthe first {i}\tand the second {i}\n", i % 2))
        .collect();
    for part in ["train", "eval", "test"] {
        std::fs::write(dir.join(format!("new_aan_pairs.{part}.tsv")), &lines).unwrap();
    }
    let set = format!("data.dir={}", dir.display());
    let run = train(
        "retrieval",
        folder.path(),
        "run",
        &["--set", &set, "--set", "model.num_memory=4"],
    );
    // the file alone, elsewhere
    let model = folder.path().join("elsewhere.safetensors");
    std::fs::copy(run.join("model.safetensors"), &model).unwrap();
    let (model, dir) = (model.to_str().unwrap(), dir.to_str().unwrap());
    let result = json(&stdout(&[
        "eval", model, "--data", dir, "--json", "--device", "cpu",
    ]));
    let test = read_json(&run.join("test.json"));
    assert_eq!(result["confusion"], test["details"]["confusion"]);
    let loss = result["metrics"]["cross_entropy_nats"].as_f64().unwrap();
    close(loss, test["details"]["loss"].as_f64().unwrap(), "loss");
    let (_, error) = failure(&["predict", model, "--stream"]);
    assert!(error.contains("two whole sequences"), "{error}");
}

#[test]
fn neuronio_is_predicted_as_it_is_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    let model = shipped_weights("num_memory_5");
    let out = folder.path().join("p.npz");
    let out = out.to_str().unwrap();
    let text = stdout(&["predict", &model, "--out", out, "--device", "cpu"]);
    assert!(text.contains("8 simulations"), "{text}");
    let lines = stdout(&["predict", &model, "--format", "jsonl", "--device", "cpu"]);
    let first = json(lines.lines().next().unwrap());
    let soma = first["soma (mV)"].as_array().unwrap();
    assert_eq!(soma.len(), 6000);
    let at = |i: usize| soma[i].as_f64().unwrap();
    assert!((500..6000).all(|i| (-100.0..20.0).contains(&at(i))), "mV");
    let p = first["spike probability"].as_array().unwrap();
    assert!(p.iter().all(|p| (0.0..=1.0).contains(&p.as_f64().unwrap())));
}

fn shipped_weights(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../elm-model/tests/pretrained");
    let path = folder.join(format!("{name}.safetensors"));
    path.to_str().unwrap().to_string()
}

/// A small neuron with a card for 3 channels and the names of two classes.
fn small_model(folder: &Path, readout: &str) -> String {
    use burn::tensor::Device;
    use elm_model::{ElmNeuronConfig, NeuronForm};
    use elm_train::model::{self, ModelCard, ModelConfig};
    let device = Device::flex();
    device.seed(1);
    let form = NeuronForm::v2().with_num_memory(4);
    let config = ModelConfig::Elm(ElmNeuronConfig::new(3, 2).with_neuron(form));
    let body = config.init(&device).unwrap();
    let task = serde_json::from_value(serde_json::json!({
        "name": "mine",
        "step_ms": 1.0,
        "input": {"arrays": {
            "inputs": {"values": {"channels": 3}},
            "normalisation": {"kind": "standardize", "offset": [1.0, 0.0, -1.0], "scale": [2.0, 1.0, 0.5]},
            "options": {},
        }},
        "output": {"readout": readout, "meaning": {"classes": ["left", "right"]}},
    }))
    .unwrap();
    let path = folder.join(format!("{readout}.safetensors"));
    let card = ModelCard::new(config, Some(task));
    model::save(&body, None, &card, &path).unwrap();
    path.to_str().unwrap().to_string()
}

/// Ten steps of three channels.
fn steps() -> Vec<[f32; 3]> {
    (0..10)
        .map(|t| [t as f32 * 0.3, (t % 3) as f32, -0.5 * t as f32])
        .collect()
}

#[test]
fn arrays_streams_and_standard_input_give_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for readout in ["every-step", "last", "mean"] {
        let model = small_model(folder.path(), readout);
        let lines: Vec<String> = steps()
            .iter()
            .map(|row| row.map(|v| v.to_string()).join(" "))
            .collect();
        let (text, report) = piped_ok(&["predict", &model, "--stream"], &lines.join("\n"));
        assert!(
            report.contains("10 steps") && report.contains("us a step"),
            "{report}"
        );
        let streamed: Vec<Vec<f64>> = text
            .lines()
            .map(|line| line.split(',').map(|v| v.parse().unwrap()).collect())
            .collect();
        assert_eq!(streamed.len(), 10);
        // the same as a table, from a file and from standard input
        let table: String = steps()
            .iter()
            .map(|row| format!("{}\n", row.map(|v| v.to_string()).join(",")))
            .collect();
        let table = format!("a,b,c\n{table}");
        let path = folder.path().join("x.csv");
        std::fs::write(&path, &table).unwrap();
        let path = path.to_str().unwrap();
        let whole = stdout(&["predict", &model, "--data", path, "--device", "cpu"]);
        let (again, _) = piped_ok(
            &["predict", &model, "--data", "-", "--device", "cpu"],
            &table,
        );
        assert_eq!(whole, again);
        let numbers = |line: &str| -> Vec<f64> {
            let cells: Vec<&str> = line.split(',').collect();
            cells[cells.len() - 2..]
                .iter()
                .map(|v| v.parse().unwrap())
                .collect()
        };
        let rows: Vec<Vec<f64>> = whole.lines().skip(1).map(numbers).collect();
        let expected = match readout {
            "every-step" => streamed,
            _ => vec![streamed[9].clone()],
        };
        assert_eq!(rows.len(), expected.len(), "{whole}");
        for (row, expected) in rows.iter().flatten().zip(expected.iter().flatten()) {
            close(*row, *expected, readout);
        }
    }
}

#[test]
fn lines_of_a_stream_that_are_wrong_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let model = small_model(folder.path(), "last");
    let events = piped_ok(&["predict", &model, "--stream"], "0:1 2:-0.5\n\n1:1\n").0;
    assert_eq!(events.lines().count(), 3);
    for (input, says) in [
        ("1 2 3\n1 2\n", "line 2: expected 3 numbers"),
        ("3:1\n", "line 1: channel 3"),
        ("1 2 inf\n", "found `inf`"),
    ] {
        let output = piped(&["predict", &model, "--stream"], input);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn what_is_true_of_arrays_evaluates() {
    let folder = tempfile::tempdir().unwrap();
    let model = small_model(folder.path(), "last");
    let path = folder.path().join("x.csv");
    let mut table = "sample,a,b,c,y\n".to_string();
    for sample in 0..4 {
        for row in steps() {
            let label = ["left", "right"][sample % 2];
            table += &format!("{sample},{},{},{sample},{label}\n", row[0], row[1]);
        }
    }
    std::fs::write(&path, &table).unwrap();
    let path = path.to_str().unwrap();
    let result = json(&stdout(&[
        "eval", &model, "--data", path, "--json", "--device", "cpu",
    ]));
    assert_eq!(
        (&result["samples"], &result["task"]),
        (&4.into(), &"mine".into())
    );
    let confusion = result["confusion"].as_array().unwrap();
    let count = |row: &Value| {
        row.as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_u64().unwrap())
            .sum::<u64>()
    };
    assert_eq!(confusion.iter().map(count).collect::<Vec<_>>(), [2, 2]);
    // channels that do not fit, classes that are not known, nothing to evaluate by
    let refuse = |table: &str, says: &str| {
        std::fs::write(path, table).unwrap();
        let (code, error) = failure(&["eval", &model, "--data", path]);
        assert_eq!(code, 2, "{error}");
        assert!(error.contains(says) && error.contains("x.csv"), "{error}");
    };
    refuse("a,b\n1,2\n1,2\n", "expected 3 channels");
    refuse(&table.replace("left", "up"), "up");
    refuse("a,b,c\n1,2,3\n1,2,3\n", "nothing to evaluate by");
}

#[test]
fn a_model_is_trained_further_and_parts_of_it_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (_, set) = spikes(folder.path());
    let memory = ["--set", &set, "--set", "model.num_memory=4"];
    let first = train("spikes", folder.path(), "first", &memory);
    let model = first.join("model.safetensors");
    let model = model.to_str().unwrap();
    // with the sizes of that model
    let mut more = memory[..2].to_vec();
    more.extend([
        "--init-from",
        model,
        "--freeze",
        "mlp",
        "--freeze",
        "*proto_weight",
    ]);
    let second = train("spikes", folder.path(), "second", &more);
    let tensors = |run: &Path| {
        let path = run.join("model.safetensors");
        elm_model::weights::StateDict::read(path).unwrap().tensors
    };
    let (a, b) = (tensors(&first), tensors(&second));
    for (name, tensor) in &a {
        let same = tensor == &b[name];
        let frozen = name.starts_with("mlp") || name == "_proto_w_s";
        let trained = name.starts_with("w_y");
        assert_eq!(same, frozen || !trained, "{name}");
    }
    // gone on with, they stay as well
    let text = stdout(&[
        "train",
        "--resume",
        second.to_str().unwrap(),
        "--set",
        "train.epochs=2",
        "--device",
        "cpu",
    ]);
    assert!(text.contains("frozen: "), "{text}");
    let c = tensors(&second);
    assert_eq!(c["mlp.network.0.weight"], a["mlp.network.0.weight"]);
    // another task, with other outputs: the rest is taken
    let adding = train(
        "spikes-adding",
        folder.path(),
        "adding",
        &[
            &memory[..2],
            &[
                "--init-from",
                model,
                "--set",
                "data.valid_samples=4",
                "--set",
                "data.test_samples=4",
                "--freeze",
                "mlp",
            ],
        ]
        .concat(),
    );
    let d = tensors(&adding);
    assert_eq!(d["mlp.network.0.weight"], a["mlp.network.0.weight"]);
    assert_ne!(d["w_y.weight"].shape, a["w_y.weight"].shape);
    // a pattern that stands for nothing lists what there is
    let refuse = |args: &[&str], says: &[&str]| {
        let out = folder.path().join("no");
        let mut all = vec![
            "train", "--recipe", "spikes", "--device", "cpu", "--set", &set,
        ];
        all.extend(["--out", out.to_str().unwrap()]);
        all.extend(args);
        let (code, error) = failure(&all);
        assert_eq!(code, 2, "{error}");
        assert!(says.iter().all(|s| error.contains(s)), "{error}");
        assert!(!out.exists());
    };
    refuse(&["--freeze", "layerz"], &["layerz", "readout.weight"]);
    refuse(&["--freeze", "*"], &["nothing is left to train"]);
    refuse(
        &["--init-from", model, "--set", "model.num_memory=5"],
        &["first", "num_memory is 4", "5"],
    );
    refuse(
        &["--init-from", model, "--model", "tcn"],
        &["kind elm", "--model elm"],
    );
}

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
