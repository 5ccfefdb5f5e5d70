//! What a recipe says about the course of a training.

use super::*;

/// The recipe keys that change how a training goes, each against an undisturbed run when it is gone on with.
#[test]
fn early_stopping_averages_and_accumulation_go_on_where_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let set = [
        "train.average_decay=0.9",
        "train.accumulate=3",
        "train.optimizer=adamw",
        "train.weight_decay=0.01",
        "train.steps=250",
        "train.batches_per_epoch=100",
        "model.learn_memory_tau=true",
        "train.timescale_rate=0.1",
        "train.patience=50",
    ];
    let (part, whole) = (folder.path().join("part"), folder.path().join("whole"));
    common::stop(&part, &small(&part, &set), 20);
    assert!(common::resume(&part).contains("report.html"));
    finished(&small(&whole, &set));
    assert_eq!(timeless(&part), timeless(&whole));
    let steps: Vec<_> = history(&part)
        .iter()
        .map(|row| row["step"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, [100, 200, 250]);
    let model = |run: &Path| std::fs::read(run.join("model.safetensors")).unwrap();
    assert!(model(&part) == model(&whole));
}

#[test]
fn patience_ends_a_training_that_gets_no_better() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    // a rate too small to change anything: the first epoch stays the best
    let set = [
        "train.epochs=30",
        "train.patience=3",
        "train.learning_rate=1e-30",
    ];
    let text = finished(&small(&run, &set));
    assert!(text.contains("report.html"), "{text}");
    assert_eq!(history(&run).len(), 4);
    assert_eq!(json(run.join("test.json"))["best_epoch"], 1);
    // more patience goes on
    let mut args = vec![
        "train",
        "--device",
        "cpu",
        "--resume",
        run.to_str().unwrap(),
    ];
    args.extend(["--set", "train.patience=5"]);
    stdout(&args);
    assert_eq!(history(&run).len(), 6);
}

/// Three batches of two are the gradient of six windows: the same samples, so nearly the same step.
#[test]
fn accumulated_batches_are_a_larger_one() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("spikes");
    let mut args = vec![
        "data", "generate", "shd", "--seed", "3", "--train", "60", "--test", "20",
    ];
    args.extend(["--out", dir.to_str().unwrap()]);
    stdout(&args);
    let data = format!("data.dir={}", dir.display());
    let losses = |name: &str, set: &[&str]| -> Vec<f64> {
        let run = folder.path().join(name);
        let mut args = vec!["train", "--recipe", "spikes", "--device", "cpu"];
        args.extend(["--out", run.to_str().unwrap()]);
        let sizes = [
            &*data,
            "model.num_memory=4",
            "data.bin_ms=50",
            "train.steps=8",
            "train.log_every=1",
        ];
        // no dropout, which is drawn batch by batch
        let all = sizes.iter().chain(&["train.input_dropout=0"]).chain(set);
        args.extend(all.flat_map(|s| ["--set", *s]));
        stdout(&args);
        let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        text.lines()
            .map(|l| {
                serde_json::from_str::<Value>(l).unwrap()["loss"]
                    .as_f64()
                    .unwrap()
            })
            .collect()
    };
    let large = losses("large", &["train.batch_size=6"]);
    let small = losses("small", &["train.batch_size=2", "train.accumulate=3"]);
    assert_eq!((large.len(), small.len()), (8, 8));
    for (a, b) in large.iter().zip(&small) {
        assert!((a - b).abs() < 1e-4 * a.abs(), "{a} {b}");
    }
}

/// A small training on synthetic spikes in `dir`, with a learning rate of nothing: what differs then is the loss alone.
fn still(run: &Path, dir: &Path, set: &[&str]) {
    let data = format!("data.dir={}", dir.display());
    let mut args = vec!["train", "--recipe", "spikes-adding", "--device", "cpu"];
    args.extend(["--out", run.to_str().unwrap()]);
    let sizes = [
        &*data,
        "model.num_memory=4",
        "data.bin_ms=50",
        "data.test_samples=30",
        "data.valid_samples=30",
        "train.warmup_steps=0",
        "train.steps=3",
        "train.learning_rate=1e-30",
    ];
    args.extend(sizes.iter().chain(set).flat_map(|s| ["--set", *s]));
    stdout(&args);
}

#[test]
fn validation_measures_what_the_test_does_whatever_the_training_is() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("spikes");
    let mut args = vec![
        "data", "generate", "shd", "--seed", "3", "--train", "60", "--test", "20",
    ];
    args.extend(["--out", dir.to_str().unwrap()]);
    stdout(&args);
    let run = |name: &str, set: &[&str]| {
        let run = folder.path().join(name);
        still(&run, &dir, set);
        let test = json(run.join("test.json"));
        (
            history(&run)[0].clone(),
            test["details"]["loss"].as_f64().unwrap(),
        )
    };
    let (plain, plain_test) = run("plain", &["train.label_smoothing=0"]);
    let (smoothed, smoothed_test) = run("smoothed", &["train.label_smoothing=0.5"]);
    assert_ne!(smoothed["train_loss"], plain["train_loss"]);
    assert_eq!(smoothed["valid_loss"], plain["valid_loss"]);
    assert_eq!(smoothed_test, plain_test);
}

/// The same windows and pairs validate whatever the seed: one model, gone on with under another seed, has the same loss.
#[test]
fn what_validates_does_not_depend_on_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("spikes");
    let mut args = vec![
        "data", "generate", "shd", "--seed", "3", "--train", "60", "--test", "20",
    ];
    args.extend(["--out", dir.to_str().unwrap()]);
    stdout(&args);
    let (pairs, windows) = (folder.path().join("pairs"), folder.path().join("windows"));
    still(&pairs, &dir, &["train.batches_per_epoch=1"]);
    finished(&small(&windows, &["train.learning_rate=1e-30"]));
    for (run, longer) in [(pairs, "train.steps=5"), (windows, "train.epochs=5")] {
        let first = history(&run)[0]["valid_loss"].clone();
        let recipe = std::fs::read_to_string(run.join("recipe.toml")).unwrap();
        let other = recipe.replacen("seed = ", "seed = 1", 1);
        assert_ne!(recipe, other);
        std::fs::write(run.join("recipe.toml"), other).unwrap();
        let mut args = vec![
            "train",
            "--device",
            "cpu",
            "--resume",
            run.to_str().unwrap(),
        ];
        args.extend(["--set", longer]);
        stdout(&args);
        let rows = history(&run);
        assert!(rows.len() > 3);
        assert!(
            rows.iter().all(|row| row["valid_loss"] == first),
            "{rows:?}"
        );
    }
}

/// Read by Python's `tensorboard`, where that is installed: two calls of one run, as one curve.
#[test]
fn tensorboard_reads_the_events() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut args = small(&run, &["train.epochs=2"]);
    args.push("--tensorboard".into());
    finished(&args);
    let name = run.to_str().unwrap();
    stdout(&[
        "train",
        "--resume",
        name,
        "--device",
        "cpu",
        "--tensorboard",
        "--set",
        "train.epochs=3",
    ]);
    let files = std::fs::read_dir(run.join("tensorboard")).unwrap();
    assert_eq!(files.count(), 2);
    let script = "
import sys
try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    sys.exit(77)
events = EventAccumulator(sys.argv[1]); events.Reload()
for tag in sorted(events.Tags()['scalars']):
    print(tag, *[e.step for e in events.Scalars(tag)])
";
    let python = Command::new("python3")
        .args(["-c", script])
        .arg(run.join("tensorboard"))
        .output();
    let Some(output) = python.ok().filter(|o| o.status.code() != Some(77)) else {
        let required = std::env::var_os("ELM_REQUIRE_TENSORBOARD").is_some();
        assert!(!required, "python3 has no package tensorboard");
        eprintln!("skipped: python3 has no package tensorboard (pip install tensorboard)");
        return;
    };
    let text = said(&output);
    let steps = "1 2 3 4 5 6 7 8 9 10 11 12";
    for line in [
        format!("train/loss {steps}"),
        format!("train/gradient_norm {steps}"),
        "epoch/valid_loss 4 8 12".into(),
        "epoch/valid_auc 4 8 12".into(),
    ] {
        assert!(text.contains(&line), "`{line}` is missing in:\n{text}");
    }
}
