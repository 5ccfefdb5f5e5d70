//! The losses of every recipe's first 20 steps, on tiny files: those of commit cfc5ba6, three days into the project, from
//! the start weights that it drew.
//!
//! A change of the model, its gradient, the optimizer, the schedule, the order of batches or the reading of files shows
//! here. `files/first_losses.toml` says where its numbers come from.
#![allow(clippy::unwrap_used)]

#[path = "common/arrays.rs"]
mod arrays;
mod common;
#[path = "common/named.rs"]
mod named;

use std::path::{Path, PathBuf};

use arrays::{Array, Noise, npz};
use common::{history, stdout};
use tempfile::TempDir;

/// Largest difference to the numbers kept, relative: instruction sets add up in different orders.
const TOLERANCE: f64 = 1e-4;
const STEPS: usize = 20;
/// As batches were made then.
const ONE_ORDER: &str = "train.group_by_length=false";

/// A recipe, where its files are (none: it needs none), and what else is set.
struct Case {
    recipe: &'static str,
    files: Option<PathBuf>,
    set: &'static [&'static str],
}

/// Draws the files of a task by the command.
fn generated(kind: &str, dir: &Path, sizes: &[&str]) -> PathBuf {
    let mut all = vec!["data", "generate", kind, "--out", dir.to_str().unwrap()];
    all.extend(["--seed", "5"]);
    all.extend(sizes);
    stdout(&all);
    dir.to_path_buf()
}

/// 24 sequences of two channels whose sum is the target.
fn sums(path: &Path) -> PathBuf {
    let mut noise = Noise::new(4);
    let x: Vec<f64> = (0..24 * 10 * 2).map(|_| noise.draw()).collect();
    let y: Vec<f64> = x.chunks(20).map(|sample| sample.iter().sum()).collect();
    npz(
        path,
        &[
            Array::floats("x", &[24, 10, 2], x),
            Array::floats("y", &[24, 1], y),
        ],
    );
    path.to_path_buf()
}

fn cases(folder: &Path) -> Vec<Case> {
    let at = |name: &str| folder.join(name);
    named::reviews(&at("text"));
    named::pictures(&at("image"));
    named::pairs(&at("retrieval"));
    std::fs::write(at("a.txt"), "one two three, one two four. ".repeat(200)).unwrap();
    let few = ["--train", "50", "--valid", "10", "--test", "10"];
    let spikes = generated("shd", &at("spikes"), &few);
    let few = ["--train", "24", "--valid", "4", "--test", "4"];
    let listops = generated("listops", &at("listops"), &few);
    let images = |name: &str, size: &str, count: &str| {
        let sizes = ["--size", size, "--count", count];
        generated("pathfinder", &at(name), &sizes)
    };
    let pathfinder = images("pathfinder", "32", "30");
    let pathx = images("pathx", "128", "20");
    let case = |recipe, files: Option<PathBuf>, set| Case { recipe, files, set };
    vec![
        case("quick", None, &["train.window_ms=60"]),
        case("spikes", Some(spikes.clone()), &[]),
        case(
            "spikes-adding",
            Some(spikes.clone()),
            &["data.valid_samples=4", "data.test_samples=4"],
        ),
        case(
            "spikes-adding-network",
            Some(spikes),
            &[
                "data.valid_samples=4",
                "data.test_samples=4",
                "network.hidden_neurons=[6]",
                // its masks are drawn in another way since
                "network.input_dropout=0",
                "network.recurrent_dropout=0",
                "network.memory_dropout=0",
            ],
        ),
        case("listops", Some(listops), &["data.max_length=60", ONE_ORDER]),
        // sizes are those of the file of start weights, in all recipes
        case("text", Some(at("text")), &["data.max_length=80", ONE_ORDER]),
        case("retrieval", Some(at("retrieval")), &[ONE_ORDER]),
        case("image", Some(at("image")), &[]),
        case(
            "pathfinder",
            Some(pathfinder),
            &["data.column_channels=false", "train.learning_rate=1e-3"],
        ),
        case("pathx", Some(pathx), &["train.batch_size=2"]),
        case("arrays", Some(sums(&at("sums.npz"))), &[]),
        case(
            "text-lm",
            Some(at("a.txt")),
            &["network.hidden_neurons=[6]", "text.steps=12"],
        ),
    ]
}

/// The losses of a recipe's first steps, each an epoch of one step.
fn losses(case: &Case, run: &Path) -> Vec<f64> {
    let files = case.files.as_ref().map(|files| match case.recipe {
        "arrays" | "text-lm" => format!("data.train={}", files.display()),
        _ => format!("data.dir={}", files.display()),
    });
    let epochs = format!("train.epochs={STEPS}");
    let mut set: Vec<&str> = files.as_deref().into_iter().collect();
    set.extend([&epochs, "train.batches_per_epoch=1", "train.warmup_steps=3"]);
    set.push("train.batch_size=4");
    if !case.set.iter().any(|key| key.starts_with("network.")) {
        set.push("model.num_memory=5");
    }
    set.extend(case.set);
    let start = kept(&format!("first/{}.safetensors", case.recipe));
    let mut all = vec!["train", "--recipe", case.recipe, "--device", "cpu"];
    all.extend(["--threads", "1", "--out", run.to_str().unwrap()]);
    if start.exists() {
        all.extend(["--init-from", start.to_str().unwrap()]);
    }
    for assignment in set {
        all.extend(["--set", assignment]);
    }
    stdout(&all);
    let rows = history(run);
    let loss = |row: &serde_json::Value| row["train_loss"].as_f64().unwrap();
    rows.iter().map(loss).collect()
}

/// A file that the test goes by.
fn kept(name: &str) -> PathBuf {
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files");
    files.join(name)
}

#[test]
fn the_first_steps_of_every_recipe_are_those_of_before() {
    let folder = TempDir::new().unwrap();
    let expected = std::fs::read_to_string(kept("first_losses.toml")).unwrap();
    let expected: toml::Table = expected.parse().unwrap();
    let cases = cases(folder.path());
    assert_eq!(cases.len(), expected.len());
    for case in cases {
        let recipe = case.recipe;
        let found = losses(&case, &folder.path().join("run").join(recipe));
        let expected = expected[recipe].as_array().unwrap();
        assert_eq!(found.len(), expected.len(), "{recipe}");
        for (step, (loss, expected)) in found.iter().zip(expected).enumerate() {
            let expected = expected.as_float().unwrap();
            let off = (loss - expected).abs();
            assert!(
                off <= TOLERANCE * expected.abs().max(0.1),
                "{recipe}, step {}: {loss}, expected {expected}; all: {found:?}",
                step + 1
            );
        }
    }
}
