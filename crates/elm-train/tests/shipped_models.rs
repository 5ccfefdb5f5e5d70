#![allow(clippy::unwrap_used)]
//! The models that ship: each loads, says how it came about, and predicts what it predicted.

mod common;

use std::path::Path;

use common::{elm, failure, stdout};
use elm_train::{model, shipped};
use serde_json::Value;

/// The last two columns of what a model predicts of the table below: at its last step, or of it as a whole.
const PREDICTED: &[(&str, [f64; 2])] = &[
    ("image", [0.004_884_572_7, 0.005_567_380_7]),
    ("listops", [0.000_114_326_336, 0.000_045_190_307]),
    ("neuronio-m20", [0.000_000_016_821, -74.686_94]),
    ("pathfinder", [0.683_089_6, 0.316_910_4]),
    ("pathfinder-contours", [0.0, 1.0]),
    ("text", [0.999_989_7, 0.000_010_310_721]),
    ("spoken-digits-10-ms", [0.000_002_899_7, 0.000_002_584_2]),
];

/// 200 steps of so many channels: at each, every seventh is 1 (even channels) or -1, the next one at the next step.
fn table(channels: usize) -> String {
    let names = (0..channels).map(|channel| format!("c{channel}"));
    let mut lines = vec![names.collect::<Vec<_>>().join(",")];
    for step in 0..200 {
        let values = (0..channels).map(|channel| match channel % 7 == step % 7 {
            true if channel % 2 == 0 => "1",
            true => "-1",
            false => "0",
        });
        lines.push(values.collect::<Vec<_>>().join(","));
    }
    lines.join("\n")
}

#[test]
fn every_model_loads_and_predicts_what_it_predicted() {
    let folder = tempfile::tempdir().unwrap();
    let device = elm_train::device::open("cpu").unwrap();
    let models = shipped::list().unwrap();
    assert!(!models.is_empty());
    for shipped in &models {
        let name = &shipped.name;
        let dict = shipped::read(name.as_ref()).unwrap();
        let file = model::from_state_dict(dict, shipped.card.clone(), &device).unwrap();
        let training = shipped.card.training.as_ref().unwrap();
        assert!(training.command.starts_with("elm train"), "{name}");
        assert!(!training.licence.is_empty(), "{name}");
        assert!(!training.test.metrics.is_empty(), "{name}");
        assert_eq!(file.num_trained(), training.parameters, "{name}");
        let path = folder.path().join(format!("{name}.csv"));
        std::fs::write(&path, table(shipped.card.config.sizes().0)).unwrap();
        let path = path.to_str().unwrap();
        let text = stdout(&["predict", name, "--data", path, "--arrays"]);
        let last = text.lines().last().unwrap();
        let mut columns = last.rsplit(',').map(|v| v.parse::<f64>().unwrap());
        let found = [columns.next().unwrap(), columns.next().unwrap()];
        let expected = PREDICTED.iter().find(|(known, _)| known == name);
        let Some((_, [before, after])) = expected else {
            panic!("{name}: no predictions to compare with; it gives {last}");
        };
        for (found, expected) in found.iter().zip([after, before]) {
            let error = (found - expected).abs();
            assert!(error < 1e-5 * expected.abs().max(0.01), "{name}: {last}");
        }
    }
    let bytes: u64 = models
        .iter()
        .filter_map(|m| std::fs::metadata(m.path.as_ref()?).ok())
        .map(|m| m.len())
        .sum();
    assert!(bytes < 8_000_000, "{bytes}");
}

#[test]
fn names_stand_for_models_wherever_the_program_is_called() {
    let text = stdout(&["models"]);
    assert!(text.contains("neuronio-m20: neuronio"), "{text}");
    let json: Value = serde_json::from_str(&stdout(&["models", "--json"])).unwrap();
    let mut models = json.as_array().unwrap().iter();
    let one = models
        .find(|model| model["name"] == "neuronio-m20")
        .unwrap();
    assert_eq!(one["card"]["training"]["seed"].as_u64(), Some(1), "{json}");
    let folder = tempfile::tempdir().unwrap();
    let pictures = folder.path().join("new/pictures");
    let pictures = pictures.to_str().unwrap();
    let json: Value = serde_json::from_str(&stdout(&[
        "eval",
        "--model",
        "neuronio-m20",
        "--json",
        "--pictures",
        pictures,
    ]))
    .unwrap();
    assert!(Path::new(pictures).join("voltage-1.svg").is_file());
    // a model that guesses has 0.5; the shipped test has eight simulations
    assert!(json["metrics"]["AUC"].as_f64().unwrap() > 0.95, "{json}");
    let output = elm(&["predict", "--model", "neuronio-m20", "--part", "valid"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).lines().count() > 1000);
    let (code, error) = failure(&["info", "no-such-model"]);
    assert_eq!(code, 2);
    assert!(error.contains("neuronio-m20"), "{error}");
}

#[test]
fn a_run_becomes_a_model_with_a_card() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    let args = [
        "train",
        "--set",
        "train.epochs=1",
        "--set",
        "train.batches_per_epoch=2",
    ];
    stdout(&[&args[..], &["--out", run]].concat());
    let into = folder.path().join("models");
    let into = into.to_str().unwrap();
    let add = [
        "models",
        "add",
        run,
        "--into",
        into,
        "--licence",
        "of a test",
    ];
    stdout(&[&add[..], &["--name", "small"]].concat());
    let file = format!("{into}/small.safetensors");
    let json: Value = serde_json::from_str(&stdout(&["info", &file, "--json"])).unwrap();
    let training = &json["training"];
    assert_eq!(training["licence"], "of a test");
    assert_eq!(training["seed"], 1);
    let command = training["command"].as_str().unwrap();
    assert!(command.ends_with("train.batches_per_epoch=2"), "{command}");
    assert!(
        training["test"]["metrics"].as_object().unwrap().len() > 1,
        "{training}"
    );
    // the same weights
    let weights = |path: &str| {
        let dict = elm_model::weights::StateDict::read_model(path).unwrap();
        dict.tensors
            .into_iter()
            .map(|(n, t)| (n, t.values))
            .collect::<Vec<_>>()
    };
    assert_eq!(weights(&file), weights(&format!("{run}/model.safetensors")));
    let (code, error) = failure(&[&add[..], &["--name", "a/b"]].concat());
    assert_eq!(code, 2);
    assert!(error.contains("letters, digits and hyphens"), "{error}");
    std::fs::remove_file(format!("{run}/test.json")).unwrap();
    let (_, error) = failure(&[&add[..], &["--name", "small"]].concat());
    assert!(error.contains("test.json"), "{error}");
}
