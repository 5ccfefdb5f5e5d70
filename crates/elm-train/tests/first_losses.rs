//! The losses of every recipe's first 20 steps, on tiny files: those of commit cfc5ba6, three days into the project.
//!
//! A change of the model, the optimizer, the schedule, the order of batches or the reading of files shows here. Where a
//! change is meant, `ELM_WRITE_LOSSES=1` writes the numbers anew and `files/first_losses.toml` says which commit they are
//! of; `ELM_PROGRAM` names another version's `elm` to take them from.
#![allow(clippy::unwrap_used)]

#[path = "common/arrays.rs"]
mod arrays;
mod common;
#[path = "common/named.rs"]
mod named;

use std::path::{Path, PathBuf};
use std::process::Command;

use arrays::{Array, Noise, npz};
use common::{history, stdout};
use tempfile::TempDir;

/// Largest difference to the numbers kept, relative: instruction sets add up in different orders.
const TOLERANCE: f64 = 1e-4;
const STEPS: usize = 20;

/// A recipe, where its files are (none: it needs none), and what else is set.
struct Case {
    recipe: &'static str,
    files: Option<PathBuf>,
    set: &'static [&'static str],
    /// Keys that commit cfc5ba6 did not have: they give the order of batches that it had.
    new: &'static [&'static str],
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
    let spikes = generated(
        "shd",
        &at("spikes"),
        &["--train", "50", "--valid", "10", "--test", "10"],
    );
    let listops = ["--train", "24", "--valid", "4", "--test", "4"];
    let one_order = &["train.group_by_length=false"];
    let case = |recipe, files: Option<PathBuf>, set, new| Case {
        recipe,
        files,
        set,
        new,
    };
    let adding = &["data.valid_samples=4", "data.test_samples=4"];
    vec![
        case("quick", None, &["train.window_ms=60"], &[]),
        case("spikes", Some(spikes.clone()), &[], &[]),
        case("spikes-adding", Some(spikes.clone()), adding, &[]),
        case(
            "spikes-adding-network",
            Some(spikes),
            &[
                "data.valid_samples=4",
                "data.test_samples=4",
                "network.hidden_neurons=[6]",
                "network.memory_dropout=0",
            ],
            &[],
        ),
        case(
            "listops",
            Some(generated("listops", &at("listops"), &listops)),
            &["data.max_length=60"],
            one_order,
        ),
        case("text", Some(at("text")), &["data.max_length=80"], one_order),
        case("retrieval", Some(at("retrieval")), &[], one_order),
        case("image", Some(at("image")), &[], &[]),
        case(
            "pathfinder",
            Some(generated(
                "pathfinder",
                &at("pathfinder"),
                &["--size", "32", "--count", "30"],
            )),
            &[],
            &[],
        ),
        case(
            "pathx",
            Some(generated(
                "pathfinder",
                &at("pathx"),
                &["--size", "128", "--count", "20"],
            )),
            &["train.batch_size=2"],
            &[],
        ),
        case("arrays", Some(sums(&at("sums.npz"))), &[], &[]),
        case(
            "text-lm",
            Some(at("a.txt")),
            &["network.hidden_neurons=[6]", "text.steps=12"],
            &[],
        ),
    ]
}

/// The losses of a recipe's first steps, each an epoch of one step.
fn losses(case: &Case, run: &Path, program: Option<&str>) -> Vec<f64> {
    let files = case.files.as_ref().map(|files| match case.recipe {
        "arrays" | "text-lm" => format!("data.train=[{files:?}]"),
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
    if program.is_none() {
        set.extend(case.new);
    }
    let program = program.unwrap_or(env!("CARGO_BIN_EXE_elm"));
    let mut command = Command::new(program);
    command.args(["train", "--recipe", case.recipe, "--device", "cpu"]);
    command.args(["--threads", "1", "--out"]).arg(run);
    for assignment in set {
        command.args(["--set", assignment]);
    }
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", case.recipe);
    let rows = history(run);
    let loss = |row: &serde_json::Value| row["train_loss"].as_f64().unwrap();
    rows.iter().map(loss).collect()
}

#[test]
fn the_first_steps_of_every_recipe_are_those_of_before() {
    let folder = TempDir::new().unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files/first_losses.toml");
    let program = std::env::var("ELM_PROGRAM").ok();
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let kept: toml::Table = kept.parse().unwrap();
    let mut found = toml::Table::new();
    for case in cases(folder.path()) {
        let unknown = program.is_some() && ["arrays", "text-lm"].contains(&case.recipe);
        if unknown {
            continue;
        }
        let run = folder.path().join("run").join(case.recipe);
        let losses = losses(&case, &run, program.as_deref());
        assert_eq!(losses.len(), STEPS, "{}", case.recipe);
        found.insert(case.recipe.into(), losses.into());
    }
    if std::env::var_os("ELM_WRITE_LOSSES").is_some() {
        let text: String = found
            .iter()
            .map(|(name, l)| format!("{name} = {l}\n"))
            .collect();
        std::fs::write(&path, text).unwrap();
        panic!("written: {}", path.display());
    }
    for (recipe, found) in &found {
        let losses = |value: &toml::Value| -> Vec<f64> {
            let list = value.as_array().unwrap().iter();
            list.map(|loss| loss.as_float().unwrap()).collect()
        };
        let (found, kept) = (losses(found), losses(&kept[recipe]));
        for (step, (found, kept)) in found.iter().zip(&kept).enumerate() {
            let off = (found - kept).abs();
            assert!(
                off <= TOLERANCE * kept.abs().max(0.1),
                "{recipe}, step {}: {found}, expected {kept}",
                step + 1
            );
        }
    }
}
