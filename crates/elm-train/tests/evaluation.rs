//! The published evaluation of every published checkpoint on the shared simulations.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::{shared, stdout};
use serde_json::Value;

#[test]
fn published_checkpoints_reach_the_reference_metrics() {
    let (Some(simulations), Some(pretrained)) = (shared("neuronio"), shared("pretrained")) else {
        return;
    };
    let reference: Value = serde_json::from_str(
        &std::fs::read_to_string(simulations.join("eval_reference.json")).unwrap(),
    )
    .unwrap();
    // the file of eight simulations that the reference calls 103
    let file = std::fs::read_dir(&simulations)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().ends_with("randomSeed_103.p.gz"))
        .unwrap();
    let expected: BTreeMap<String, BTreeMap<String, f64>> =
        serde_json::from_value(reference["test_file_103"].clone()).unwrap();
    assert!(expected.len() >= 15, "{} checkpoints", expected.len());
    for (name, metrics) in expected {
        let weights = pretrained.join(format!("{name}.safetensors"));
        let json = stdout(&[
            "eval",
            "--weights",
            weights.to_str().unwrap(),
            "--data",
            file.to_str().unwrap(),
            "--json",
        ]);
        let result: Value = serde_json::from_str(&json).unwrap();
        for (metric, value) in metrics {
            let ours = result["metrics"][&metric].as_f64().unwrap();
            assert!(
                (ours - value).abs() < 1e-3,
                "{name}, {metric}: {ours}, the published code gives {value}"
            );
        }
    }
}
