//! A user's own sequences, from files to a report.
#![allow(clippy::unwrap_used)]

#[path = "common/arrays.rs"]
mod arrays;
mod common;

use std::path::{Path, PathBuf};

use arrays::{Array, Noise, npz};
use common::{elm, failure, resume, stdout, timeless};
use serde_json::Value;
use tempfile::TempDir;

/// Arguments of a training on `data` in the folder `out`, quick unless `set` says otherwise.
fn arguments(data: &Path, out: &Path, set: &[&str]) -> Vec<String> {
    let mut all = vec!["train", "--recipe", "arrays", "--device", "cpu", "--out"];
    all.push(out.to_str().unwrap());
    let file = format!("data.train=[{:?}]", data.to_str().unwrap());
    let quick = [file.as_str(), "model.num_memory=12", "train.epochs=8"];
    for assignment in quick.iter().chain(set) {
        all.extend(["--set", assignment]);
    }
    all.into_iter().map(String::from).collect()
}

fn train(data: &Path, out: &Path, set: &[&str]) -> String {
    let arguments = arguments(data, out, set);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    stdout(&arguments)
}

fn refused(data: &Path, set: &[&str]) -> String {
    let folder = TempDir::new().unwrap();
    let arguments = arguments(data, &folder.path().join("run"), set);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (code, message) = failure(&arguments);
    assert_eq!(code, 2, "{message}");
    assert!(!folder.path().join("run").exists(), "{message}");
    message
}

/// A metric of the test.
fn result(run: &Path, metric: &str) -> f64 {
    let text = std::fs::read_to_string(run.join("test.json")).unwrap();
    let test: Value = serde_json::from_str(&text).unwrap();
    let rows = test["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["metric"] == metric);
    row.unwrap_or_else(|| panic!("no {metric} in {text}"))["ours"]
        .as_f64()
        .unwrap()
}

/// Padded sequences of 4 to 12 steps of three channels, one of which is larger than the others: its number is the class.
fn larger_channel(folder: &Path) -> PathBuf {
    let path = folder.join("larger.npz");
    let (samples, time) = (240, 12);
    let mut noise = Noise::new(1);
    let lengths: Vec<usize> = (0..samples).map(|s| 4 + s % 9).collect();
    let mut x = Vec::new();
    for (sample, length) in lengths.iter().enumerate() {
        for step in 0..time {
            for channel in 0..3 {
                // what is past the end would say another class
                let class = if step < *length {
                    sample % 3
                } else {
                    (sample + 1) % 3
                };
                let loud = if step < *length { 1.5 } else { 50.0 };
                x.push(noise.draw() + if channel == class { loud } else { 0.0 });
            }
        }
    }
    npz(
        &path,
        &[
            Array::floats("x", &[samples, time, 3], x),
            Array::integers("lengths", &[samples], lengths.iter().map(|l| *l as i64)),
            Array::integers("y", &[samples], (0..samples as i64).map(|s| 10 + s % 3)),
        ],
    );
    path
}

#[test]
fn a_class_of_each_sequence_is_learnt_whatever_its_length() {
    let folder = TempDir::new().unwrap();
    let data = larger_channel(folder.path());
    for readout in ["last", "mean"] {
        let out = folder.path().join(readout);
        let text = train(&data, &out, &[&format!("train.readout={readout}")]);
        assert!(text.contains("valid accuracy"), "{text}");
        // 33 % by chance
        assert!(result(&out, "Accuracy (%)") > 90.0, "{readout}: {text}");
        let report = std::fs::read_to_string(out.join("report.html")).unwrap();
        for part in ["Confusion matrix", "Memory units", "classify, from"] {
            assert!(report.contains(part), "`{part}` is missing");
        }
        assert!(!report.contains("Spike detection") && !report.contains("NaN"));
    }
    // what goes with the model
    let model = folder.path().join("last/model.safetensors");
    let model = model.to_str().unwrap();
    let card: Value = serde_json::from_str(&stdout(&["info", model, "--json"])).unwrap();
    let task = &card["task"];
    assert_eq!(
        task["output"]["meaning"]["classes"],
        serde_json::json!(["10", "11", "12"])
    );
    assert_eq!(
        task["input"]["arrays"]["normalisation"]["kind"],
        "standardize"
    );
    assert_eq!(task["output"]["readout"], "last");
    // and is enough to use it on the same file: most samples are right
    let text = stdout(&["eval", model, "--data", data.to_str().unwrap(), "--json"]);
    let result: Value = serde_json::from_str(&text).unwrap();
    assert!(text.contains("ccuracy"), "{result}");
}

#[test]
fn every_model_learns_sequences() {
    let folder = TempDir::new().unwrap();
    let data = larger_channel(folder.path());
    for kind in ["network", "chrono-lstm", "transformer", "tcn", "lif"] {
        let out = folder.path().join(kind);
        let size = match kind {
            "network" => "network.hidden_neurons=[8]",
            "chrono-lstm" => "chrono_lstm.hidden_size=12",
            "transformer" => "transformer.embedding=16",
            "tcn" => "tcn.width=8",
            _ => "lif.num_neurons=16",
        };
        let file = format!("data.train=[{:?}]", data.to_str().unwrap());
        let mut args = vec![
            "train", "--recipe", "arrays", "--model", kind, "--device", "cpu",
        ];
        args.extend([
            "--out",
            out.to_str().unwrap(),
            "--set",
            &file,
            "--set",
            size,
        ]);
        args.extend(["--set", "train.epochs=3"]);
        stdout(&args);
        assert!(result(&out, "Loss").is_finite(), "{kind}");
    }
}

#[test]
fn a_class_of_each_step_is_learnt_and_steps_past_the_end_do_not_count() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("steps.npz");
    let mut noise = Noise::new(2);
    let mut all = Vec::new();
    for sample in 0..120 {
        let steps = 5 + sample % 7;
        let signs: Vec<i64> = (0..steps).map(|_| i64::from(noise.draw() > 0.0)).collect();
        let x = signs.iter().map(|s| *s as f64 * 2.0 - 1.0);
        let x: Vec<f64> = x.map(|x| x + 0.2 * noise.draw()).collect();
        all.push(Array::floats(&format!("x_{sample}"), &[steps, 1], x));
        all.push(Array::integers(&format!("y_{sample}"), &[steps], signs));
    }
    npz(&path, &all);
    let out = folder.path().join("run");
    let text = train(&path, &out, &["train.batch_size=8"]);
    assert!(result(&out, "Accuracy (%)") > 90.0, "{text}");
    assert!(result(&out, "AUC") > 0.95, "{text}");
}

/// Sequences of two channels whose means are to be told, as CSV in the long form.
fn means(folder: &Path) -> PathBuf {
    let path = folder.join("means.csv");
    let mut noise = Noise::new(3);
    let mut text = "sample,time,a,b,y\n".to_string();
    for sample in 0..120 {
        let mean = 40.0 + 30.0 * noise.draw();
        for step in 0..6 + sample % 3 {
            let (a, b) = (mean + noise.draw(), noise.draw());
            text += &format!("s{sample},{step},{a:.4},{b:.4},{mean:.5}\n");
        }
    }
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn numbers_of_each_sequence_are_told_in_their_own_units() {
    let folder = TempDir::new().unwrap();
    let data = means(folder.path());
    let out = folder.path().join("run");
    let text = train(&data, &out, &["train.epochs=30", "train.batch_size=16"]);
    // the means are spread by 17
    assert!(result(&out, "RMSE") < 6.0, "{text}");
    assert!(result(&out, "Explained variance (%)") > 85.0, "{text}");
    assert!(result(&out, "R²") > 0.8, "{text}");
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(!report.contains("Confusion") && !report.contains("Spike detection"));
}

#[test]
fn the_next_value_and_the_next_symbol_are_predicted() {
    let folder = TempDir::new().unwrap();
    let waves = folder.path().join("waves.npz");
    let x = (0..60).flat_map(|s| (0..40).map(move |t| ((s * 7 + t) as f64 * 0.5).sin() * 3.0));
    npz(&waves, &[Array::floats("x", &[60, 40, 1], x)]);
    let out = folder.path().join("waves");
    let text = train(&waves, &out, &["train.epochs=30", "train.batch_size=8"]);
    assert!(result(&out, "Explained variance (%)") > 60.0, "{text}");
    // answered at every step, the last one too, and named as what they are: about the next step
    let predicted = |run: &Path, data: &Path| {
        let model = run.join("model.safetensors").to_str().unwrap().to_string();
        let data = data.to_str().unwrap().to_string();
        let csv = stdout(&["predict", &model, "--data", &data, "--device", "cpu"]);
        let score = stdout(&["eval", &model, "--data", &data, "--json", "--device", "cpu"]);
        let score: Value = serde_json::from_str(&score).unwrap();
        (csv, score["metrics"].clone(), score["answers"].clone())
    };
    let (csv, metrics, answers) = predicted(&out, &waves);
    assert_eq!(csv.lines().next(), Some("sample,step,next x0"));
    assert_eq!(csv.lines().count(), 1 + 60 * 40);
    // what follows the last step is not known
    assert_eq!(answers, 60 * 39);
    let explained = metrics["explained_variance_percent next x0"].as_f64();
    assert!(explained.unwrap() > 60.0, "{metrics}");
    let symbols = folder.path().join("symbols.npz");
    // each symbol follows from the one before, but for every sixth
    let mut noise = Noise::new(4);
    let mut at = 0;
    let x: Vec<i64> = (0..80 * 20)
        .map(|_| {
            at = if noise.draw() > 0.66 {
                (at + 3) % 5
            } else {
                (at + 1) % 5
            };
            at
        })
        .collect();
    npz(&symbols, &[Array::integers("x", &[80, 20], x)]);
    let out = folder.path().join("symbols");
    let set = ["train.epochs=25", "train.batch_size=4"];
    let text = train(&symbols, &out, &set);
    // 2.32 bits by chance, 0.65 at best
    assert!(result(&out, "Bits per symbol") < 1.3, "{text}");
    let (csv, metrics, answers) = predicted(&out, &symbols);
    let columns: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    assert_eq!(
        columns[..4],
        ["sample", "step", "predicted next", "p(next=0)"]
    );
    assert_eq!((answers, columns.len()), ((80 * 19).into(), 8));
    assert!(
        metrics["bits_per_symbol"].as_f64().unwrap() < 1.3,
        "{metrics}"
    );
}

#[test]
fn probabilities_and_counts_have_losses_of_their_own() {
    let folder = TempDir::new().unwrap();
    let mut noise = Noise::new(5);
    let x: Vec<f64> = (0..150 * 8).map(|_| noise.draw()).collect();
    let sums: Vec<f64> = x.chunks(8).map(|row| row.iter().sum()).collect();
    let file = |name: &str, y: Vec<f64>| {
        let path = folder.path().join(name);
        let x = Array::floats("x", &[150, 8, 1], x.clone());
        npz(&path, &[x, Array::floats("y", &[150, 1], y)]);
        path
    };
    let bce = file(
        "bce.npz",
        sums.iter().map(|s| f64::from(u8::from(*s > 0.0))).collect(),
    );
    let out = folder.path().join("bce");
    let text = train(&bce, &out, &["arrays.loss=bce", "train.epochs=25"]);
    assert!(result(&out, "AUC") > 0.9, "{text}");
    let counts = sums.iter().map(|s| (1.2 * s).exp().min(20.0).floor());
    let poisson = file("poisson.npz", counts.collect());
    let out = folder.path().join("poisson");
    let text = train(&poisson, &out, &["arrays.loss=poisson", "train.epochs=25"]);
    assert!(result(&out, "Bits per event") > 0.2, "{text}");
    let message = refused(&poisson, &["arrays.loss=bce"]);
    assert!(message.contains("bce takes targets of 0 to 1"), "{message}");
    let message = refused(&poisson, &["arrays.loss=cross_entropy"]);
    assert!(
        message.contains("mse, bce or poisson to regress"),
        "{message}"
    );
}

#[test]
fn events_are_binned_and_the_time_step_follows() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("events.npz");
    let (mut sample, mut time, mut channel) = (vec![], vec![], vec![]);
    for s in 0..80i64 {
        for k in 0..6 {
            sample.push(s);
            time.push(5.0 + 10.0 * k as f64);
            channel.push(if s % 2 == 0 { k % 3 } else { 5 - k % 3 });
        }
    }
    let count = [sample.len()];
    npz(
        &path,
        &[
            Array::integers("sample", &count, sample),
            Array::floats("time", &count, time),
            Array::integers("channel", &count, channel),
            Array::integers("y", &[80], (0..80).map(|s| s % 2)),
        ],
    );
    assert!(refused(&path, &[]).contains("`arrays.events` says how"));
    let out = folder.path().join("run");
    let text = train(&path, &out, &["arrays.events={unit='ms', bin_ms=10.0}"]);
    assert!(result(&out, "Accuracy (%)") > 90.0, "{text}");
    let recipe = std::fs::read_to_string(out.join("recipe.toml")).unwrap();
    assert!(recipe.contains("# dt:"), "{recipe}");
    let info = stdout(&[
        "info",
        out.join("model.safetensors").to_str().unwrap(),
        "--json",
    ]);
    assert!(info.contains("10"), "{info}");
}

#[test]
fn a_stopped_run_ends_with_the_same_numbers() {
    let folder = TempDir::new().unwrap();
    let data = larger_channel(folder.path());
    let set = [
        "train.epochs=40",
        "data.workers=2",
        "checkpoint.every_steps=7",
    ];
    let whole = folder.path().join("whole");
    train(&data, &whole, &set);
    let stopped = folder.path().join("stopped");
    let arguments = arguments(&data, &stopped, &set);
    common::stop(&stopped, &arguments, 20);
    let text = resume(&stopped);
    assert!(text.contains("from step"), "{text}");
    assert_eq!(timeless(&whole), timeless(&stopped));
    let model = |run: &Path| std::fs::read(run.join("model.safetensors")).unwrap();
    assert!(model(&whole) == model(&stopped));
}

#[test]
fn models_are_compared_on_sequences_at_equal_sizes() {
    let folder = TempDir::new().unwrap();
    let data = larger_channel(folder.path());
    let out = folder.path().join("compare");
    let file = format!("data.train=[{:?}]", data.to_str().unwrap());
    let mut args = vec![
        "compare",
        "--recipe",
        "arrays",
        "--models",
        "elm,chrono-lstm",
    ];
    args.extend([
        "--steps", "8", "--params", "1500", "--device", "cpu", "--set", &file,
    ]);
    args.extend(["--out", out.to_str().unwrap()]);
    stdout(&args);
    let text = std::fs::read_to_string(out.join("compare.json")).unwrap();
    let comparison: Value = serde_json::from_str(&text).unwrap();
    let results = comparison["results"].as_array().unwrap();
    assert_eq!(results.len(), 2);
    for result in results {
        let count = result["trained_parameters"].as_u64().unwrap();
        assert!((1200..1800).contains(&count), "{result}");
        assert_eq!(result["runs"][0]["test"][0]["metric"], "Accuracy (%)");
    }
}

#[test]
fn what_cannot_be_learnt_is_told_in_a_sentence() {
    let folder = TempDir::new().unwrap();
    let data = larger_channel(folder.path());
    for (set, words) in [
        ("train.label_smoothing=1", "below 1"),
        ("arrays.kind=regress-steps", "larger.npz"),
        ("arrays.kind=sort", "`classify`"),
        ("arrays.keys={y='label'}", "`label`"),
        ("arrays.keys={group='subject'}", "`subject`"),
        ("arrays.keys={split='part'}", "`part`"),
        (
            "arrays.split={by='fractions', valid=0.0, test=0.2}",
            "valid",
        ),
        ("arrays.window=1", "window"),
        ("data.valid=['none.npz']", "none.npz"),
        ("data.test=shipped", "only neuronio has"),
        ("network.num_memory=3", "no use in the model elm"),
        ("data.dir=folder", "no use in the task arrays"),
        ("model.num_memory=100000000", "too large"),
        ("data.workers=0", "1 to"),
    ] {
        let message = refused(&data, &[set]);
        assert!(message.contains(words), "{set}: {message}");
    }
    let long = folder.path().join("long.npz");
    npz(
        &long,
        &[Array::floats("x", &[1, 50, 1], (0..50).map(f64::from))],
    );
    assert!(refused(&long, &[]).contains("`arrays.window` cuts"));
    let message = refused(&folder.path().join("no.npz"), &[]);
    assert!(message.contains("no.npz"), "{message}");
    let (code, message) = failure(&["train", "--recipe", "arrays"]);
    assert_eq!(code, 2);
    assert!(message.contains("--set data.train=FILE"), "{message}");
}

#[test]
fn sequences_are_described() {
    let folder = TempDir::new().unwrap();
    let data = larger_channel(folder.path());
    let data = data.to_str().unwrap();
    let text = stdout(&["data", "info", "arrays", "--data", data]);
    assert_eq!(stdout(&["data", "info", data]), text);
    for part in [
        "240 sequences of 4 to 12 steps",
        "3 channels",
        "classify: 3 classes",
        "80",
    ] {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
    // names and a kind of their own are told as to a training
    let table = folder.path().join("table.csv");
    let rows = (0..40).map(|i| format!("{i},0,{},{}\n", i % 7, ["up", "down"][i % 2]));
    let rows: String = rows.collect();
    std::fs::write(&table, format!("sample,time,a,label\n{rows}")).unwrap();
    let table = table.to_str().unwrap();
    let (_, message) = failure(&["data", "info", table]);
    assert!(message.contains("{ y = \"label\" }"), "{message}");
    let text = stdout(&["data", "info", table, "--set", "arrays.keys={y='label'}"]);
    assert!(text.contains("classify: 2 classes"), "{text}");
    // classes that were saved as numbers with a point
    let path = folder.path().join("floats.npz");
    let y = (0..40).map(|i| f64::from(i % 3));
    let x = (0..40 * 4).map(f64::from);
    npz(
        &path,
        &[
            Array::floats("data", &[40, 4, 1], x.clone()),
            Array::floats("y", &[40], y.clone()),
        ],
    );
    let path = path.to_str().unwrap();
    let (_, message) = failure(&["data", "info", path]);
    assert!(message.contains("{ x = \"data\" }"), "{message}");
    let keys = ["--set", "arrays.keys={x='data'}"];
    let told = elm(&[&["data", "info", path], &keys[..]].concat());
    let note = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(
        note.contains("all of 0, 1, 2") && note.contains("\"classify\""),
        "{note}"
    );
    let mut all = [&["data", "info", path], &keys[..]].concat();
    all.extend(["--set", "arrays.kind=classify"]);
    let told = elm(&all);
    assert!(told.stderr.is_empty() && told.status.success());
}
