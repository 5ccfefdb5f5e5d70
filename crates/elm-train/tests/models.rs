//! Every model through `elm train`: from a recipe to a report, resumed, and read again.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::{Path, PathBuf};

use common::{failure, history, stdout, timeless};

/// Models with sizes that train in no time.
const SMALL: [(&str, &[&str]); 6] = [
    ("elm", &["model.num_memory=4"]),
    (
        "network",
        &[
            "network.hidden_neurons=[4]",
            "network.num_branches=3",
            "network.synapses_per_branch=5",
        ],
    ),
    ("chrono-lstm", &["chrono_lstm.hidden_size=6"]),
    (
        "transformer",
        &[
            "transformer.embedding=8",
            "transformer.num_heads=2",
            "transformer.mlp_size=8",
        ],
    ),
    (
        "tcn",
        &["tcn.width=4", "tcn.kernel=3", "tcn.first_kernel=3"],
    ),
    ("lif", &["lif.num_neurons=6"]),
];

/// Arguments of a training of `model` by a recipe.
fn arguments(recipe: &str, model: &str, out: &Path, set: &[&str]) -> Vec<String> {
    let mut args = vec!["train", "--recipe", recipe, "--model", model];
    args.extend(["--device", "cpu", "--out", out.to_str().unwrap()]);
    for assignment in set {
        args.extend(["--set", assignment]);
    }
    args.into_iter().map(String::from).collect()
}

fn run(arguments: &[String]) -> String {
    stdout(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Synthetic spikes in `folder`, as an assignment of a recipe key.
fn spikes(folder: &Path) -> String {
    let dir = folder.join("spikes");
    let out = dir.to_str().unwrap();
    let mut args = vec!["data", "generate", "shd", "--out", out, "--seed", "3"];
    args.extend(["--train", "60", "--test", "20"]);
    stdout(&args);
    format!("data.dir={out}")
}

/// What every run leaves; the model's file.
fn check_run(out: &Path, text: &str, model: &str) -> PathBuf {
    for file in [
        "recipe.toml",
        "run.json",
        "model.safetensors",
        "metrics.csv",
        "test.json",
    ] {
        assert!(out.join(file).is_file(), "{model}: {file} is missing");
    }
    assert!(text.contains("report.html"), "{text}");
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(!report.contains("NaN") && report.contains("Trained parameters"));
    let remembers = ["elm", "network"].contains(&model);
    assert_eq!(report.contains("Memory timescales"), remembers, "{model}");
    // those of one neuron: a network of NeuronIO's recipes is one, too
    let single = model == "elm" || report.contains("of the networks");
    assert_eq!(report.contains("Memory traces"), single, "{model}");
    let file = out.join("model.safetensors");
    let info = stdout(&["info", file.to_str().unwrap()]);
    assert!(info.contains("trained parameters"), "{info}");
    let run = std::fs::read_to_string(out.join("run.json")).unwrap();
    let run: serde_json::Value = serde_json::from_str(&run).unwrap();
    assert_eq!(run["model"], model);
    let trained = run["trained_parameters"].to_string();
    assert!(info.contains(&trained), "{trained} is missing in:\n{info}");
    file
}

#[test]
fn every_model_classifies() {
    let folder = tempfile::tempdir().unwrap();
    let data = spikes(folder.path());
    for (model, sizes) in SMALL {
        let out = folder.path().join(model);
        let mut set = vec![
            &*data,
            "data.bin_ms=50",
            "train.epochs=2",
            "train.batches_per_epoch=2",
            "train.batch_size=3",
        ];
        set.extend(sizes);
        let text = run(&arguments("spikes", model, &out, &set));
        let file = check_run(&out, &text, model);
        let (code, error) = failure(&["eval", "--weights", file.to_str().unwrap()]);
        assert!(
            code == 2 && error.contains("--data: expected the files of the task synthetic-spikes"),
            "{error}"
        );
    }
}

#[test]
fn every_model_learns_from_simulations_and_is_evaluated() {
    let folder = tempfile::tempdir().unwrap();
    for (model, sizes) in SMALL {
        let out = folder.path().join(model);
        let mut set = vec![
            "train.epochs=1",
            "train.batches_per_epoch=2",
            "train.batch_size=1",
            "train.window_ms=200",
        ];
        // one neuron of the networks' form there
        match model {
            "network" => set.push("network.num_memory=4"),
            _ => set.extend(sizes),
        }
        let text = run(&arguments("quick", model, &out, &set));
        assert_eq!(text.contains("published, M ="), model == "elm", "{text}");
        let file = check_run(&out, &text, model);
        if ["network", "tcn"].contains(&model) {
            // the test of the run itself, once more
            let text = stdout(&["eval", "--weights", file.to_str().unwrap(), "--json"]);
            let again: serde_json::Value = serde_json::from_str(&text).unwrap();
            let test = std::fs::read_to_string(out.join("test.json")).unwrap();
            let test: serde_json::Value = serde_json::from_str(&test).unwrap();
            assert_eq!(again["metrics"]["AUC"], test["rows"][0]["ours"], "{text}");
        }
    }
}

/// Padded sequences of different lengths, and pairs, for what masks them and what does not.
#[test]
fn tokens_are_classified() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("listops");
    let name = dir.to_str().unwrap();
    let mut args = vec!["data", "generate", "listops", "--out", name, "--seed", "1"];
    args.extend(["--train", "40", "--valid", "8", "--test", "10"]);
    args.extend(["--min-length", "10", "--max-length", "40"]);
    stdout(&args);
    let data = format!("data.dir={name}");
    for (model, sizes) in &SMALL[1..] {
        let out = folder.path().join(model);
        let mut set = vec![
            &*data,
            "data.max_length=40",
            "train.epochs=1",
            "train.batches_per_epoch=2",
            "train.batch_size=4",
            "train.warmup_steps=0",
        ];
        set.extend(*sizes);
        let text = run(&arguments("listops", model, &out, &set));
        check_run(&out, &text, model);
    }
}

/// A run stopped within an epoch ends with the history and the model of one that was not, whatever the model, dropout
/// included.
#[cfg(unix)]
#[test]
fn a_stopped_run_of_any_model_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let data = spikes(folder.path());
    for (model, sizes) in &SMALL {
        let (part, whole) = (
            folder.path().join(format!("{model}-part")),
            folder.path().join(format!("{model}-whole")),
        );
        let mut set = vec![
            &*data,
            "data.bin_ms=100",
            "train.epochs=2",
            "train.batches_per_epoch=150",
            "train.batch_size=2",
            "train.input_dropout=0.2",
        ];
        set.extend(*sizes);
        if *model == "network" {
            set.extend([
                "network.input_dropout=0.2",
                "network.recurrent_dropout=0.2",
                "network.memory_dropout=0.2",
            ]);
        }
        common::stop(&part, &arguments("spikes", model, &part, &set), 20);
        assert!(common::resume(&part).contains("report.html"));
        run(&arguments("spikes", model, &whole, &set));
        assert_eq!(timeless(&part).len(), 2, "{model}");
        assert_eq!(timeless(&part), timeless(&whole), "{model}");
        let file = |run: &Path| std::fs::read(run.join("model.safetensors")).unwrap();
        assert!(file(&part) == file(&whole), "{model}");
    }
}

/// A training of a thousand minutes, stopped after some steps. Once its checkpoint says that they are used up but for a
/// hundredth of a second, the second session has no more than that, at the end of the schedule.
#[cfg(unix)]
#[test]
fn a_training_that_ends_with_its_time_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let data = spikes(folder.path());
    let out = folder.path().join("run");
    let set = [
        &*data,
        "data.bin_ms=100",
        "train.minutes=1000",
        "train.batches_per_epoch=4",
        "train.warmup_steps=0",
        "train.batch_size=2",
        "chrono_lstm.hidden_size=6",
    ];
    let args = arguments("spikes", "chrono-lstm", &out, &set);
    common::stop(&out, &args, 22);
    let before = history(&out);
    let spent = 60.0 * 1000.0 - 0.01;
    common::say_spent(&out, spent);
    assert!(common::resume(&out).contains("report.html"));
    let records = history(&out);
    assert_eq!(records[..before.len()], before);
    let number = |record: &serde_json::Value, key: &str| record[key].as_f64().unwrap();
    for pair in records.windows(2) {
        assert!(number(&pair[0], "seconds") < number(&pair[1], "seconds"));
        assert!(number(&pair[0], "train_seconds") < number(&pair[1], "train_seconds"));
    }
    // in the first session the rate has hardly begun to fall, in the second it is at its end
    let peak = number(&before[0], "learning_rate");
    for record in &records[before.len()..] {
        assert!(number(record, "seconds") >= spent);
        assert!(number(record, "train_seconds") < spent);
        if number(record, "step") > number(before.last().unwrap(), "step") + 4.0 {
            assert!(number(record, "learning_rate") < 1e-3 * peak);
        }
    }
    // a finished run is only tested once more
    assert!(common::resume(&out).contains("report.html"));
    assert_eq!(history(&out), records);
}

#[test]
fn wrong_models_are_told_in_one_line() {
    for (args, words) in [
        (
            &["train", "--model", "lstm"][..],
            &["unknown model `lstm`", "chrono-lstm"][..],
        ),
        (
            &["train", "--model", "tcn", "--set", "model.num_memory=3"],
            &["`model.num_memory` has no use in the model tcn"],
        ),
        (
            &["train", "--set", "tcn.width=3"],
            &["`tcn.width` has no use in the model elm"],
        ),
        (
            &[
                "train",
                "--recipe",
                "pathx",
                "--model",
                "transformer",
                "--set",
                "data.dir=x",
            ],
            &[
                "`train.batch_size` must be at most",
                "attention over 16384 steps",
            ],
        ),
        (
            &["train", "--resume", "x", "--model", "tcn"],
            &["cannot be used with"],
        ),
    ] {
        let (code, error) = failure(args);
        assert_eq!(code, 2, "{error}");
        for word in words {
            assert!(error.contains(word), "`{word}` is missing in: {error}");
        }
    }
}

#[test]
fn a_file_that_is_no_neuron_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let set = [
        "train.epochs=1",
        "train.batches_per_epoch=1",
        "train.batch_size=1",
        "train.window_ms=50",
        "lif.num_neurons=3",
    ];
    run(&arguments("quick", "lif", &out, &set));
    let file = out.join("model.safetensors");
    let file = file.to_str().unwrap();
    let (code, error) = failure(&["info", file, "--tau-max", "100"]);
    assert!(
        code == 2 && error.contains("--tau-max is for neurons") && error.contains("LIF neurons, 3"),
        "{error}"
    );
    let json = stdout(&["info", file, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["model"], "lif");
    assert_eq!(json["config"]["lif"]["num_neurons"], 3);
}
