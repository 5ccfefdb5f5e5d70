//! Every classification task from its files to a report, on tiny sets.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/named.rs"]
mod named;

use std::path::{Path, PathBuf};

use common::{failure, stdout};

/// Trains two steps of a recipe on the files in `dir`; the folder of the run.
fn train(recipe: &str, dir: &Path, out: &Path, set: &[&str]) -> String {
    let dir = format!("data.dir={}", dir.display());
    let mut args = vec!["train", "--recipe", recipe, "--device", "cpu", "--out"];
    args.push(out.to_str().unwrap());
    for assignment in [
        &dir,
        "model.num_memory=4",
        "train.epochs=1",
        "train.batches_per_epoch=2",
        "train.batch_size=4",
        "train.warmup_steps=0",
    ]
    .iter()
    .chain(set)
    {
        args.extend(["--set", assignment]);
    }
    stdout(&args)
}

/// What every run leaves.
fn check_run(out: &Path, text: &str) {
    for part in ["Accuracy (%)", "report.html", "valid accuracy"] {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
    for file in [
        "recipe.toml",
        "run.json",
        "model.safetensors",
        "metrics.csv",
        "test.json",
    ] {
        assert!(out.join(file).is_file(), "{file} is missing");
    }
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    for part in [
        "Confusion matrix",
        "Test samples and answers",
        "Memory timescales",
    ] {
        assert!(report.contains(part), "`{part}` is missing in the report");
    }
    assert!(!report.contains("NaN") && !report.contains("<script"));
    let test: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("test.json")).unwrap()).unwrap();
    let accuracy = test["details"]["accuracy"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&accuracy));
}

/// Generates synthetic spikes in `folder`.
fn spikes(folder: &Path) -> PathBuf {
    let dir = folder.join("spikes");
    let out = dir.to_str().unwrap();
    let sizes = ["--train", "50", "--valid", "10", "--test", "20"];
    let mut args = vec!["data", "generate", "shd", "--out", out, "--seed", "3"];
    args.extend(sizes);
    assert!(stdout(&args).contains("no speech"));
    dir
}

fn info(task: &str, dir: &Path, picture: &Path) -> String {
    let (dir, file) = (dir.to_str().unwrap(), picture.to_str().unwrap());
    let text = stdout(&["data", "info", task, "--data", dir, "--picture", file]);
    let svg = std::fs::read_to_string(picture).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    text
}

#[test]
fn spikes_are_made_described_and_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let dir = spikes(folder.path());
    let text = info("synthetic-spikes", &dir, &folder.path().join("a.svg"));
    assert!(text.contains("test          20"), "{text}");
    let out = folder.path().join("run");
    let text = train("spikes", &dir, &out, &[]);
    check_run(&out, &text);
    let out = folder.path().join("adding");
    let text = train(
        "spikes-adding",
        &dir,
        &out,
        &["data.valid_samples=8", "data.test_samples=10"],
    );
    check_run(&out, &text);
}

#[test]
fn spikes_that_are_not_there_are_made_on_first_use() {
    let folder = tempfile::tempdir().unwrap();
    let (dir, out) = (folder.path().join("new"), folder.path().join("run"));
    let text = train(
        "spikes",
        &dir,
        &out,
        &["data.make_train=60", "data.make_test=12"],
    );
    assert!(text.contains("drawing synthetic spikes"), "{text}");
    check_run(&out, &text);
    assert!(dir.join("synthetic_shd_test.elmspk").is_file());
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(
        report.contains("seed 1") && report.contains("train 60"),
        "how it was made"
    );
    let recipe = std::fs::read_to_string(out.join("recipe.toml")).unwrap();
    let listed = format!(
        "# data: {}",
        dir.join("synthetic_shd_test.elmspk").display()
    );
    assert!(recipe.contains(&listed), "{recipe}");
    // other data are not what is there
    let other = folder.path().join("other");
    for (set, words) in [
        ("data.make_train=400", "train is 60, asked for is 400"),
        ("data.make_seed=7", "seed is 1, asked for is 7"),
    ] {
        let dir = format!("data.dir={}", dir.display());
        let mut args = vec!["train", "--recipe", "spikes", "--set", &dir, "--set", set];
        args.extend(["--out", other.to_str().unwrap()]);
        let (code, message) = failure(&args);
        assert_eq!(code, 2, "{message}");
        assert!(message.contains(words), "{message}");
        assert!(!other.exists());
    }
}

/// A run stopped within an epoch ends with the history of one that was not: shuffling, pairs and dropout go on, too.
#[cfg(unix)]
#[test]
fn a_stopped_classification_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let dir = format!("data.dir={}", spikes(folder.path()).display());
    let (run, whole) = (folder.path().join("run"), folder.path().join("whole"));
    let arguments = |out: &Path| -> Vec<String> {
        let mut args = vec!["train", "--recipe", "spikes-adding", "--device", "cpu"];
        for assignment in [
            &dir,
            "model.num_memory=4",
            "train.epochs=2",
            "train.batches_per_epoch=500",
            "train.batch_size=2",
            "data.valid_samples=20",
            "data.test_samples=20",
        ] {
            args.extend(["--set", assignment]);
        }
        args.extend(["--out", out.to_str().unwrap()]);
        args.into_iter().map(String::from).collect()
    };
    common::stop(&run, &arguments(&run), 20);
    assert!(common::resume(&run).contains("report.html"));
    let args = arguments(&whole);
    stdout(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(common::timeless(&run), common::timeless(&whole));
}

#[test]
fn listops_is_generated_and_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("listops");
    let out = dir.to_str().unwrap();
    let mut args = vec!["data", "generate", "listops", "--out", out, "--seed", "1"];
    args.extend(["--train", "20", "--valid", "8", "--test", "8"]);
    let text = stdout(&args);
    assert!(text.contains("20 + 8 + 8 expressions"), "{text}");
    let text = info("listops", &dir, &folder.path().join("a.svg"));
    assert!(text.contains("train         20"), "{text}");
    let run = folder.path().join("run");
    let text = train("listops", &dir, &run, &["data.max_length=60"]);
    check_run(&run, &text);
}

#[test]
fn pathfinder_is_generated_converted_and_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let args = [
        "data",
        "generate",
        "pathfinder",
        "--out",
        out,
        "--seed",
        "1",
    ];
    let mut all = args.to_vec();
    all.extend(["--count", "40"]);
    let text = stdout(&all);
    assert!(text.contains("40 images made"), "{text}");
    assert!(stdout(&all).contains("0 images made, 40 there already"));
    all.extend(["--rules", "traceable"]);
    let (code, error) = failure(&all);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("asked for is \"traceable\""), "{error}");
    let picture = folder.path().join("a.svg");
    let from_folder = info("pathfinder", folder.path(), &picture);
    let packed = folder.path().join("all.elmimg");
    let packed_name = packed.to_str().unwrap();
    let convert = [
        "data",
        "convert",
        out,
        "--task",
        "pathfinder",
        "--out",
        packed_name,
    ];
    assert!(stdout(&convert).contains("40 images"));
    let from_file = info("pathfinder", &packed, &picture);
    assert_eq!(
        from_folder.lines().skip(2).collect::<Vec<_>>(),
        from_file.lines().skip(2).collect::<Vec<_>>()
    );
    let run = folder.path().join("run");
    let text = train("pathfinder", &packed, &run, &["train.batch_size=2"]);
    assert!(text.contains("by the published rules"), "{text}");
    let report = std::fs::read_to_string(run.join("report.html")).unwrap();
    assert!(report.contains("by the process of the published images"));
    check_run(&run, &text);
}

#[test]
fn text_image_and_retrieval_are_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("text");
    named::reviews(&dir);
    info("text", &dir, &folder.path().join("a.svg"));
    let run = folder.path().join("text-run");
    let text = train("text", &dir, &run, &["data.max_length=80"]);
    check_run(&run, &text);

    let dir = folder.path().join("image");
    named::pictures(&dir);
    let text = info("image", &dir, &folder.path().join("a.svg"));
    assert!(text.contains("frog"), "{text}");
    let run = folder.path().join("image-run");
    let text = train("image", &dir, &run, &["train.batch_size=2"]);
    check_run(&run, &text);

    // the columns of pixels are told by two more channels, and pictures are made smaller, in training as in use
    let columns = folder.path().join("columns");
    let clock = [
        "train.batch_size=2",
        "data.column_channels=true",
        "data.shrink=4",
    ];
    check_run(&columns, &train("image", &dir, &columns, &clock));
    let model = columns.join("model.safetensors");
    let model = model.to_str().unwrap();
    let about: serde_json::Value =
        serde_json::from_str(&stdout(&["info", model, "--json"])).unwrap();
    assert_eq!(about["config"]["num_inputs"], 3, "{about}");
    let data = ["--data", dir.to_str().unwrap(), "--json"];
    let again: serde_json::Value =
        serde_json::from_str(&stdout(&[&["eval", model], &data[..]].concat())).unwrap();
    let test: serde_json::Value =
        serde_json::from_slice(&std::fs::read(columns.join("test.json")).unwrap()).unwrap();
    let percent = again["metrics"]["accuracy_percent"].as_f64().unwrap();
    let trained = test["details"]["accuracy"].as_f64().unwrap();
    assert!((percent - 100.0 * trained).abs() < 1e-9, "{again}");

    let dir = folder.path().join("retrieval");
    named::pairs(&dir);
    info("retrieval", &dir, &folder.path().join("a.svg"));
    let run = folder.path().join("retrieval-run");
    let text = train("retrieval", &dir, &run, &[]);
    check_run(&run, &text);
    assert!(
        !run.join("head.bpk").exists(),
        "the head is in the model file"
    );
    // model and head together, gone on with: two epochs in two calls are those of one
    let file = |run: &Path, name: &str| std::fs::read(run.join(name)).unwrap();
    let constant = ["train.learning_rate=1e-3", "train.final_learning_rate=1e-3"];
    let (parts, whole) = (folder.path().join("parts"), folder.path().join("whole"));
    train("retrieval", &dir, &parts, &constant);
    let mut args = vec![
        "train",
        "--resume",
        parts.to_str().unwrap(),
        "--device",
        "cpu",
    ];
    args.extend(["--set", "train.epochs=3"]);
    stdout(&args);
    train(
        "retrieval",
        &dir,
        &whole,
        &[&constant[..], &["train.epochs=3"]].concat(),
    );
    assert_eq!(common::timeless(&parts), common::timeless(&whole));
    for name in ["model.safetensors", "test.json"] {
        assert!(file(&parts, name) == file(&whole, name), "{name}");
    }
}

#[test]
fn the_table_of_tasks_is_printed() {
    let text = stdout(&["data", "list"]);
    for task in [
        "neuronio",
        "shd-adding",
        "synthetic-spikes",
        "pathx",
        "enwik8",
        "text-lm",
        "arrays",
    ] {
        assert!(text.contains(task), "{task} is missing in:\n{text}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&stdout(&["data", "list", "--json"])).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 14);
}

#[test]
fn enwik8_is_described() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("enwik8"),
        "to be or not to be ".repeat(100),
    )
    .unwrap();
    let dir = folder.path().to_str().unwrap();
    let text = stdout(&["data", "info", "enwik8", "--data", dir]);
    assert!(text.contains("train         1710 bytes"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_generator_that_is_stopped_leaves_nothing_behind() {
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("new");
    let child = Command::new(env!("CARGO_BIN_EXE_elm"))
        .args(["data", "generate", "listops", "--seed", "1", "--out"])
        .arg(&dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // it has begun when its lock is there
    let begun = std::time::Instant::now();
    while !dir.join(".making.lock").exists() && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{error}");
    assert!(error.contains("stopped after"), "{error}");
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
}
