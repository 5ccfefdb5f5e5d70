//! Wrong input: one sentence with what is wrong and where, exit code 2, nothing left behind.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write;
use std::path::Path;

use common::{elm, failure, stdout};

/// A weight file of a small NeuronIO neuron, made by a training of one step.
fn small_model(folder: &Path, memory: usize) -> String {
    let run = folder.join(format!("run{memory}"));
    stdout(&[
        "train",
        "--out",
        run.to_str().unwrap(),
        "--device",
        "cpu",
        "--set",
        &format!("model.num_memory={memory}"),
        "--set",
        "train.epochs=1",
        "--set",
        "train.batches_per_epoch=1",
        "--set",
        "train.batch_size=1",
    ]);
    run.join("model.safetensors").to_str().unwrap().to_string()
}

fn expect(args: &[&str], parts: &[&str]) {
    let (code, error) = failure(args);
    assert_eq!(code, 2, "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    for part in parts {
        assert!(error.contains(part), "`{part}` is missing in: {error}");
    }
}

#[test]
fn data_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let model = small_model(folder.path(), 2);
    let eval = |path: &Path, parts: &[&str]| {
        let name = path.to_str().unwrap();
        let mut all = parts.to_vec();
        all.push(name);
        expect(&["eval", "--weights", &model, "--data", name], &all);
    };
    eval(&folder.path().join("missing.p"), &[]);
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    eval(&empty, &[]);
    let text = folder.path().join("text.p");
    std::fs::write(&text, "no pickle at all").unwrap();
    eval(&text, &[]);
    let gz = folder.path().join("cut.p.gz");
    std::fs::write(&gz, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2]).unwrap();
    eval(&gz, &[]);
    // A protocol-2 pickle that would call os.system.
    let foreign = folder.path().join("foreign.p");
    std::fs::write(&foreign, b"\x80\x02cos\nsystem\nU\x04true\x85R.").unwrap();
    eval(&foreign, &["os", "system"]);
}

#[test]
fn weights_that_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("none.safetensors");
    expect(&["info", missing.to_str().unwrap()], &["none.safetensors"]);
    expect(
        &["info", folder.path().to_str().unwrap()],
        &[folder.path().to_str().unwrap()],
    );
    let broken = folder.path().join("broken.safetensors");
    std::fs::File::create(&broken)
        .unwrap()
        .write_all(b"\xff\xff\xff\xff\xff\xff\xff\xff{}")
        .unwrap();
    expect(&["info", broken.to_str().unwrap()], &["broken.safetensors"]);
    // A published configuration of another size than the weights.
    let model = small_model(folder.path(), 3);
    let config = folder.path().join("config.json");
    std::fs::write(
        &config,
        r#"{"num_input": 1278, "num_output": 2, "num_memory": 5, "num_branch": 45,
        "num_synapse_per_branch": 100, "input_to_synapse_routing": "neuronio_routing"}"#,
    )
    .unwrap();
    expect(
        &["info", &model, "--config", config.to_str().unwrap()],
        &["_proto_tau_m", "[3]", "[5]"],
    );
}

#[test]
fn recipes_and_options_that_are_mistyped() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    let train = |args: &[&str], parts: &[&str]| {
        let mut all = vec!["train", "--out", out];
        all.extend(args);
        expect(&all, parts);
        assert!(
            !Path::new(out).exists(),
            "{args:?} left a run folder behind"
        );
    };
    train(
        &["--set", "train.epoch=3"],
        &["train.epoch", "did you mean `train.epochs`"],
    );
    train(&["--set", "train.epochs=many"], &["train.epochs"]);
    train(&["--recipe", "quik"], &["did you mean `quick`"]);
    train(&["--recipe", "missing.toml"], &["missing.toml"]);
    train(&["--recipe", "neuronio-m10"], &["data.train"]);
    train(&["--device", "gpux"], &["gpux", "did you mean `gpu`"]);
    train(
        &["--set", "train.window_ms=7000"],
        &["train.window_ms", "7000"],
    );
    // the shipped simulations leave 5500 ms after the first 500
    train(&["--set", "train.window_ms=5800"], &["5800 ms", "5500 ms"]);
    train(&["--set", "data.train=[\"nowhere\"]"], &["nowhere"]);
    let typo = folder.path().join("typo.toml");
    std::fs::write(&typo, "[train]\nlearning_rat = 0.1\n").unwrap();
    train(
        &["--recipe", typo.to_str().unwrap()],
        &["typo.toml", "learning_rate"],
    );
}

#[test]
fn a_run_folder_is_never_overwritten_and_resuming_needs_a_run() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("precious.txt"), "mine").unwrap();
    let name = folder.path().to_str().unwrap();
    expect(&["train", "--out", name], &[name, "empty"]);
    expect(&["train", "--resume", name], &[name, "recipe.toml"]);
}

#[test]
fn without_arguments_elm_says_what_it_can_do() {
    let output = elm(&[]);
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout);
    for command in ["train", "eval", "info", "recipes", "data", "bench"] {
        assert!(text.contains(command), "{command} is missing in:\n{text}");
    }
}
