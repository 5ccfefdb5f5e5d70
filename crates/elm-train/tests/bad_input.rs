//! Wrong input: one sentence with what is wrong and where, exit code 2, nothing left behind.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "../../elm-data/tests/pickles/mod.rs"]
mod pickles;

use std::io::Write;
use std::path::Path;

use common::{elm, failure, stdout};
use pickles::{Content, python2};

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
fn an_instruction_set_that_is_none() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_elm"))
        .args(["train", "--recipe", "quick"])
        .env("ELM_ISA", "avx3")
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(error.trim().lines().count(), 1, "{error}");
    for part in ["ELM_ISA", "base", "avx2", "avx512", "avx3"] {
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
    eval(&cut(&foreign, &python2(&Content::default())), &["cut off"]);
}

/// Writes the first half of `bytes` beside `path`.
fn cut(path: &Path, bytes: &[u8]) -> std::path::PathBuf {
    let path = path.with_file_name("cut.p");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    path
}

/// A pickle of one simulation of one second, changed by `change`.
fn pickle(folder: &Path, name: &str, change: impl Fn(&mut Content)) -> std::path::PathBuf {
    let mut content = Content {
        seconds: 1.0,
        soma: (0..1000).map(|t| -70.0 + (t % 7) as f32).collect(),
        output: vec![700.5],
        ..Content::default()
    };
    change(&mut content);
    let path = folder.join(name);
    std::fs::write(&path, python2(&content)).unwrap();
    path
}

#[test]
fn simulations_that_are_not_what_they_must_be() {
    let folder = tempfile::tempdir().unwrap();
    let model = small_model(folder.path(), 2);
    let out = folder.path().join("converted");
    let out = out.to_str().unwrap();
    let good = pickle(folder.path(), "good.p", |_| ());
    let good = good.to_str().unwrap();
    stdout(&["eval", "--weights", &model, "--data", good]);
    let bad = |name: &str, change: &dyn Fn(&mut Content), parts: &[&str]| {
        let path = pickle(folder.path(), name, change);
        let path = path.to_str().unwrap();
        let all = [parts, &[path]].concat();
        expect(&["eval", "--weights", &model, "--data", path], &all);
        // what can be converted is, so that this ends as work that failed in part
        let (code, error) = failure(&["data", "convert", path, "--out", out]);
        assert_eq!(code, 1, "{error}");
        for part in all {
            assert!(error.contains(part), "`{part}` is missing in {error}");
        }
        let left = std::fs::read_dir(out).map_or(0, |entries| entries.count());
        assert_eq!(left, 0, "{name} left something in {out}");
    };
    bad("nan.p", &|c| c.soma[7] = f32::NAN, &["at 7 ms, found NaN"]);
    bad(
        "short_voltage.p",
        &|c| c.soma.truncate(999),
        &["expected 1000 voltages"],
    );
    bad(
        "no_input.p",
        &|c| (c.excitatory, c.inhibitory) = (vec![(0, vec![])], vec![]),
        &["expected input spikes, found none"],
    );
    bad(
        "segments.p",
        &|c| c.segments = 5,
        &["expected a list of 639"],
    );
    bad(
        "late.p",
        &|c| c.excitatory = vec![(3, vec![1000])],
        &["a spike at 1000 ms, outside 0 to 999 ms"],
    );
    // what can be read, but not evaluated or trained on
    let silent = pickle(folder.path(), "silent.p", |c| c.output.clear());
    let silent = silent.to_str().unwrap();
    expect(
        &["eval", "--weights", &model, "--data", silent],
        &[silent, "output spike"],
    );
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    let window = "train.window_ms=600";
    let train = |set: &str, parts: &[&str]| {
        expect(
            &["train", "--out", run, "--set", window, "--set", set],
            parts,
        );
        assert!(!Path::new(run).exists(), "{set} left a run folder behind");
    };
    for key in ["train", "valid"] {
        train(
            &format!("data.{key}=['{good}']"),
            &["good.p", "train.window_ms", "600"],
        );
    }
    train(
        &format!("data.test=['{silent}']"),
        &[silent, "output spike"],
    );
}

#[test]
fn options_out_of_range() {
    for threads in ["0", "100000"] {
        expect(
            &["bench", "--threads", threads],
            &["--threads must be 1 to 1024", threads],
        );
    }
    expect(&["bench", "--seconds", "-1"], &["--seconds -1"]);
    let folder = tempfile::tempdir().unwrap();
    let model = small_model(folder.path(), 2);
    expect(
        &["info", &model, "--tau-max", "-5"],
        &["memory_tau_max", "found -5"],
    );
    expect(
        &["info", &model, "--activation", "gelu"],
        &["gelu", "expected relu, silu or squared_relu"],
    );
}

#[test]
fn a_closed_pipe_is_no_failure() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_elm"))
        .args(["data", "info"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && error.is_empty(), "{error}");
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
    train(
        &["--set", "train.lr=1"],
        &["did you mean `train.learning_rate`"],
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
    train(&["--set", "train.window_ms=5800"], &["5800", "5500 ms"]);
    train(&["--set", "data.train=[\"nowhere\"]"], &["nowhere"]);
    train(&["--set", "train=3"], &["`train`", "such as `train."]);
    train(
        &["--set", "train.batch_size=9223372036854775807"],
        &["train.batch_size", "at most"],
    );
    train(
        &["--set", "model.num_memory=100000000"],
        &["model.num_memory", "too large"],
    );
    train(
        &["--set", "train.learning_rate=5"],
        &["train.learning_rate", "at most 1"],
    );
    let typo = folder.path().join("typo.toml");
    std::fs::write(&typo, "[train]\nlearning_rat = 0.1\n").unwrap();
    train(
        &["--recipe", typo.to_str().unwrap()],
        &["typo.toml", "learning_rate"],
    );
}

#[test]
fn data_of_tasks_that_is_not_there_or_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let nowhere = folder.path().join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    let info = |task: &str, dir: &str, parts: &[&str]| {
        expect(&["data", "info", task, "--data", dir], parts);
    };
    info("sdh", dir, &["unknown task `sdh`", "shd-adding"]);
    for task in [
        "shd",
        "listops",
        "text",
        "retrieval",
        "image",
        "pathfinder",
        "enwik8",
        "neuronio",
    ] {
        info(task, nowhere, &["nowhere"]);
        info(task, dir, &[dir]);
    }
    expect(&["data", "info", "listops"], &["--data DIR"]);
    // --data forgotten
    expect(&["data", "info", "text", dir], &[&format!("--data {dir}")]);
    expect(&["data", "info", "shd", "imdb"], &["--data imdb"]);
    expect(&["data", "info", "--data", dir], &["one task"]);
    expect(&["data", "info", nowhere], &["nowhere"]);
    let shd = folder.path().join("shd_train.h5");
    std::fs::write(&shd, b"\x89HDF\r\n\x1a\nand no superblock").unwrap();
    info("shd", dir, &["shd_train.h5"]);
    let listops = folder.path().join("basic_train.tsv");
    std::fs::write(&listops, "Source\tTarget\n( [MAX 2 ) 9 ) ]\t12\n").unwrap();
    info("listops", dir, &["basic_train.tsv", "line 2"]);
}

#[test]
fn data_that_cannot_be_made_or_converted() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let generate = |args: &[&str], parts: &[&str]| {
        let mut all = vec!["data", "generate"];
        all.extend(args);
        expect(&all, parts);
    };
    let (code, error) = failure(&["data", "generate", "listops", "--out", dir]);
    assert_eq!(code, 2);
    assert!(error.contains("--seed"), "{error}");
    let small = ["--train", "1", "--valid", "1", "--test", "1"];
    let mut listops = vec!["listops", "--out", dir, "--seed", "1"];
    listops.extend(small);
    std::fs::write(folder.path().join("basic_val.tsv"), "mine").unwrap();
    generate(&listops, &["basic_val.tsv", "expected no such file"]);
    assert!(!folder.path().join("basic_train.tsv").exists());
    let images = ["pathfinder", "--out", dir, "--seed", "1", "--size", "48"];
    generate(&images, &["32, 64 or 128", "48"]);
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let file = file.to_str().unwrap();
    generate(&["shd", "--out", file, "--seed", "1"], &[file]);
    let convert = |args: &[&str], parts: &[&str]| {
        let mut all = vec!["data", "convert", "--task", "pathfinder"];
        all.extend(args);
        expect(&all, parts);
    };
    let out = folder.path().join("out.elmimg");
    let out = out.to_str().unwrap();
    convert(&[dir, "--out", out], &[dir]);
    convert(&[dir, "--out", dir], &["found a folder"]);
    convert(&[dir, dir, "--out", out], &["one folder"]);
    convert(&["nowhere", "--out", out], &["nowhere"]);
    assert!(!Path::new(out).exists());
}

#[test]
fn classification_recipes_that_cannot_be_trained() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    let train = |recipe: &str, set: &[&str], parts: &[&str]| {
        let mut all = vec!["train", "--recipe", recipe, "--out", out];
        all.extend(set.iter().flat_map(|s| ["--set", *s]));
        expect(&all, parts);
        assert!(
            !Path::new(out).exists(),
            "{recipe} left a run folder behind"
        );
    };
    train("listops", &[], &["data.dir", "elm data generate listops"]);
    train("shd", &["data.dir=nowhere"], &["nowhere"]);
    train(
        "shd",
        &["train.window_ms=5"],
        &["train.window_ms", "no use in the task shd"],
    );
    train("quick", &["task=shd"], &["start from a recipe"]);
    train(
        "spikes",
        &["train.label_smoothing=1"],
        &["train.label_smoothing"],
    );
    train(
        "spikes",
        &["data.bin_ms=3"],
        &["data.bin_ms", "divides 1000"],
    );
    train("spikes", &["task=enwik8"], &["enwik8"]);
    // synthetic spikes are no digits, and a schedule has to fit the training
    let dir = folder.path().join("spikes");
    let name = dir.to_str().unwrap();
    let sizes = ["--train", "30", "--valid", "10", "--test", "5"];
    let mut generate = vec!["data", "generate", "shd", "--out", name, "--seed", "1"];
    generate.extend(sizes);
    stdout(&generate);
    let dir = format!("data.dir={name}");
    train("shd", &[&dir], &["their task is synthetic-spikes"]);
    train(
        "spikes",
        &[&dir, "train.epochs=1", "train.warmup_steps=500"],
        &["train.warmup_steps", "500", "--set train.warmup_steps="],
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
