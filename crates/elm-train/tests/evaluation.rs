//! The published evaluation of every published checkpoint on the shared simulations.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{shared, stdout};
use serde_json::Value;

/// Name to value of each metric.
type Metrics = BTreeMap<String, f64>;

struct Reference {
    simulations: PathBuf,
    pretrained: PathBuf,
    json: Value,
}

impl Reference {
    /// The shared reference data, if this machine has them.
    fn open() -> Option<Self> {
        let (simulations, pretrained) = (shared("neuronio")?, shared("pretrained")?);
        let text = std::fs::read_to_string(simulations.join("eval_reference.json")).unwrap();
        Some(Self {
            json: serde_json::from_str(&text).unwrap(),
            simulations,
            pretrained,
        })
    }

    /// Checkpoint to metrics under a key of the reference.
    fn metrics(&self, value: &Value) -> BTreeMap<String, Metrics> {
        serde_json::from_value(value.clone()).unwrap()
    }

    /// The file of eight simulations that the reference calls by its seed.
    fn file(&self, seed: &str) -> PathBuf {
        let ending = format!("randomSeed_{seed}.p.gz");
        std::fs::read_dir(&self.simulations)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.to_string_lossy().ends_with(&ending))
            .unwrap()
    }

    fn weights(&self, name: &str) -> PathBuf {
        self.pretrained.join(format!("{name}.safetensors"))
    }
}

fn evaluate(weights: &Path, data: &[PathBuf], options: &[&str]) -> Metrics {
    let mut arguments = vec!["eval", "--weights", weights.to_str().unwrap(), "--json"];
    arguments.extend(options);
    arguments.push("--data");
    arguments.extend(data.iter().map(|path| path.to_str().unwrap()));
    let result: Value = serde_json::from_str(&stdout(&arguments)).unwrap();
    serde_json::from_value(result["metrics"].clone()).unwrap()
}

fn check(what: &str, found: &Metrics, expected: &Metrics) {
    for (metric, value) in expected {
        let ours = found[metric];
        assert!(
            (ours - value).abs() < 1e-3,
            "{what}, {metric}: {ours}, the published code gives {value}"
        );
    }
}

#[test]
fn published_checkpoints_reach_the_reference_metrics() {
    let Some(reference) = Reference::open() else {
        return;
    };
    let expected = reference.metrics(&reference.json["test_file_103"]);
    assert!(expected.len() >= 15, "{} checkpoints", expected.len());
    for (name, expected) in expected {
        let found = evaluate(&reference.weights(&name), &[reference.file("103")], &[]);
        check(&name, &found, &expected);
    }
}

#[test]
fn single_files_and_all_together_reach_the_reference_metrics() {
    let Some(reference) = Reference::open() else {
        return;
    };
    let seeds: BTreeMap<String, Value> =
        serde_json::from_value(reference.json["single_files"].clone()).unwrap();
    for (seed, metrics) in &seeds {
        for (name, expected) in reference.metrics(metrics) {
            let found = evaluate(&reference.weights(&name), &[reference.file(seed)], &[]);
            check(&format!("{name} on {seed}"), &found, &expected);
        }
    }
    let all: Vec<PathBuf> = seeds.keys().map(|seed| reference.file(seed)).collect();
    // the files are read as one data set: the voltage is aligned file by file
    let name = "num_memory_5";
    let expected = &reference.metrics(&reference.json["all_five_files"])[name];
    let found = evaluate(&reference.weights(name), &all, &[]);
    check(&format!("{name} on all files"), &found, expected);
}

#[test]
fn converted_files_and_weights_without_a_configuration_give_the_same() {
    let Some(reference) = Reference::open() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let converted = folder.path().join("converted");
    let (pickle, name) = (reference.file("103"), "best_elm_neuron");
    let (from, to) = (pickle.to_str().unwrap(), converted.to_str().unwrap());
    stdout(&["data", "convert", from, "--out", to]);
    let alone = folder.path().join("alone.safetensors");
    std::fs::copy(reference.weights(name), &alone).unwrap();
    // the published timescales are assumed, the activation has to be said
    let found = evaluate(&alone, &[converted], &["--activation", "silu"]);
    let direct = evaluate(&reference.weights(name), &[pickle], &[]);
    assert_eq!(found, direct);
}

/// Weights as people have them: the same neuron in odd clothes gives the same numbers.
#[test]
fn odd_clothes_give_the_same_metrics() {
    let (Some(cases), Some(reference)) = (shared("cases"), Reference::open()) else {
        return;
    };
    let evaluated = |path: &Path| -> Metrics {
        let args = ["eval", path.to_str().unwrap(), "--json", "--device", "cpu"];
        let result: Value = serde_json::from_str(&stdout(&args)).unwrap();
        assert_eq!(
            result["assumed"],
            Value::Array(vec![]),
            "{}",
            path.display()
        );
        serde_json::from_value(result["metrics"].clone()).unwrap()
    };
    let check = |path: &Path, auc: f64, rmse: f64| {
        let found = evaluated(path);
        for (metric, expected) in [("AUC", auc), ("soma_RMSE", rmse)] {
            let found = found[metric];
            assert!(
                (found - expected).abs() < 1e-5,
                "{}: {metric} {found}",
                path.display()
            );
        }
    };
    for name in [
        "pt/dataparallel.pt",
        "pt/plain.ckpt",
        "pt/upper.PT",
        "st/u32.safetensors",
        "st/cfg_bom.safetensors",
    ] {
        check(&cases.join(name), 0.980012, 0.858950);
    }
    // laid out as the published repository is
    let folder = tempfile::tempdir().unwrap();
    let best = folder.path().join("neuronio_best_model_state.pt");
    let published = &reference.pretrained;
    std::fs::copy(published.join("best_elm_neuron.pt"), &best).unwrap();
    let config = published.join("configs/best_elm_neuron.json");
    std::fs::copy(config, folder.path().join("model_config.json")).unwrap();
    std::fs::write(folder.path().join("train_config.json"), "{\"lr\": 1}").unwrap();
    check(&best, 0.986258, 0.765138);
}
