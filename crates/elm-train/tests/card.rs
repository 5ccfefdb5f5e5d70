//! Trainings on a graphics card, which may be a software driver, against the same on the CPU.
#![allow(clippy::unwrap_used)]
#![cfg(all(feature = "wgpu", feature = "flex"))]

mod common;

use std::path::{Path, PathBuf};

use common::{assert_steps_close, stdout, steps};
use serde_json::Value;

/// Sums are added in another order on a card, and exponentials are other approximations: what twenty steps of Adam may
/// make of that, relative to the loss.
const TOLERANCE: f64 = 1e-3;

/// Is there a card? Where there is none, a word why, or a failure if `ELM_REQUIRE_CARD` is set.
fn card() -> bool {
    match elm_train::device::open("wgpu") {
        Ok(_) => true,
        Err(error) => {
            assert!(
                std::env::var_os("ELM_REQUIRE_CARD").is_none(),
                "{error}, and ELM_REQUIRE_CARD is set"
            );
            eprintln!("skipped: {error} (a software card: Debian's mesa-vulkan-drivers)");
            false
        }
    }
}

/// What a training takes beside its folder, device and start weights.
fn arguments(start: &[&str], set: &[&str]) -> Vec<String> {
    let set = set.iter().flat_map(|assignment| ["--set", assignment]);
    start.iter().copied().chain(set).map(String::from).collect()
}

/// Trains in the folder `run`.
fn train(run: &Path, device: &str, arguments: &[String], more: &[&str]) {
    let mut args = vec!["train", "--device", device, "--out", run.to_str().unwrap()];
    args.extend(arguments.iter().map(String::as_str));
    args.extend(more);
    stdout(&args);
}

/// One start, and the trainings from it on the CPU and on the card; both write a report and test.
fn both(folder: &Path, arguments: &[String]) -> [PathBuf; 2] {
    // the devices' generators draw other start weights: a training on the CPU makes them for both
    let start = folder.join("start");
    train(&start, "flex", arguments, &["--set", "train.steps=2"]);
    let start = start.join("model.safetensors");
    ["flex", "wgpu"].map(|device| {
        let run = folder.join(device);
        let from = ["--init-from", start.to_str().unwrap()];
        train(&run, device, arguments, &from);
        let report = std::fs::read_to_string(run.join("report.html")).unwrap();
        assert!(
            report.contains("</html>"),
            "{device}: the report has no end"
        );
        run
    })
}

/// The test's cross entropy. (An accuracy of few samples may change by one of them where two classes are as likely.)
fn tested(run: &Path) -> f64 {
    let test: Value =
        serde_json::from_str(&std::fs::read_to_string(run.join("test.json")).unwrap()).unwrap();
    let rows = test["rows"].as_array().unwrap();
    let row = rows
        .iter()
        .find(|row| row["metric"] == "Cross entropy (nats)");
    row.unwrap()["ours"].as_f64().unwrap()
}

/// The trainings took the same steps, and learnt something.
fn assert_close([cpu, card]: &[PathBuf; 2], count: usize) {
    let [cpu, card] = [cpu, card].map(|run| steps(run));
    assert_steps_close(&card, &cpu, count, TOLERANCE, "the card");
    assert!(cpu.first() != cpu.last(), "nothing was learnt");
}

/// Twenty steps of a recipe on synthetic spikes, of these sizes, here and there. Everything is small: a software driver compiles
/// each kernel for seconds, and a test or report of many windows takes it minutes.
fn learns_the_same(recipe: &str, sizes: &[&str]) {
    if !card() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let data = format!("data.dir={}", folder.path().join("data").display());
    let mut set = vec![
        data.as_str(),
        "data.make_train=40",
        "data.make_test=8",
        "data.valid_samples=8",
        "data.test_samples=8",
        "data.bin_ms=40",
        "train.steps=20",
        "train.warmup_steps=1",
        "train.batch_size=4",
        "train.log_every=1",
    ];
    set.extend(sizes);
    let runs = both(folder.path(), &arguments(&["--recipe", recipe], &set));
    assert_close(&runs, 20);
    let [cpu, card] = runs.map(|run| tested(&run));
    assert!((card - cpu).abs() <= 1e-2 * cpu, "test: {card} and {cpu}");
}

#[test]
fn a_neuron_learns_on_a_card_what_it_learns_on_the_cpu() {
    learns_the_same("spikes-adding", &["model.num_memory=6"]);
}

#[test]
fn a_network_learns_on_a_card_what_it_learns_on_the_cpu() {
    let sizes = [
        "network.hidden_neurons=[6]",
        "network.num_memory=3",
        "network.num_branches=4",
        "network.synapses_per_branch=3",
    ];
    learns_the_same("spikes-adding-network", &sizes);
}
