//! The life of a run: signals and exit codes, one process at a time, numbers that are none, disks that are full.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod common;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{failure, history, stdout, timeless};
use serde_json::Value;

const ELM: &str = env!("CARGO_BIN_EXE_elm");

/// Arguments of a small training in `run`.
fn small(run: &Path, set: &[&str]) -> Vec<String> {
    let mut args = vec!["train", "--device", "cpu", "--out", run.to_str().unwrap()];
    let sizes = [
        "model.num_memory=4",
        "train.epochs=3",
        "train.batches_per_epoch=4",
        "train.batch_size=2",
        "train.window_ms=200",
        "train.log_every=1",
    ];
    for assignment in sizes.iter().chain(set) {
        args.extend(["--set", assignment]);
    }
    args.into_iter().map(String::from).collect()
}

fn finished(args: &[String]) -> String {
    stdout(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

fn start(args: &[String]) -> Child {
    let mut command = Command::new(ELM);
    command
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits until `run` has taken a step.
fn wait_for_steps(run: &Path) {
    let begun = Instant::now();
    let some = || std::fs::metadata(run.join("metrics.jsonl")).is_ok_and(|m| m.len() > 0);
    while !some() && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args([name, &id])
            .status()
            .unwrap()
            .success()
    );
}

fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(out),
        String::from_utf8_lossy(err)
    )
}

fn json(path: PathBuf) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

const LONG: &str = "train.batches_per_epoch=100000";

#[test]
fn signals_and_limits_stop_with_a_checkpoint_and_their_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    for (name, code) in [("-INT", 130), ("-TERM", 143), ("-USR1", 75)] {
        let run = folder.path().join(name);
        let child = start(&small(&run, &[LONG]));
        wait_for_steps(&run);
        signal(&child, name);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        assert!(said(&output).contains("--resume"), "{}", said(&output));
        assert_eq!(
            std::fs::read_dir(run.join("checkpoints")).unwrap().count(),
            1
        );
        let record = json(run.join("run.json"));
        assert_eq!(record["sessions"][0]["ended"]["how"], "stopped");
    }
    let run = folder.path().join("limit");
    let mut args = small(&run, &[LONG]);
    args.extend(["--stop-after".into(), "0.01".into()]);
    let output = start(&args).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
    let (code, error) = failure(&["train", "--stop-after", "-1"]);
    assert!(code == 2 && error.contains("--stop-after"), "{error}");
}

/// What `nohup` does: the signal of a terminal that closes is ignored, and stays so.
#[test]
fn a_run_outlives_its_terminal_under_nohup() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh", ELM]);
    command.args(small(&run, &["train.batches_per_epoch=200"]));
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_steps(&run);
    signal(&child, "-HUP");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(history(&run).len(), 3);
}

#[test]
fn ctrl_c_stops_the_final_test_which_can_be_made_up_for() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    // more memory units, so that the test takes a while
    let child = start(&small(&run, &["model.num_memory=100", "train.epochs=1"]));
    let begun = Instant::now();
    while !run.join("metrics.csv").exists() && begun.elapsed().as_secs() < 60 {
        std::thread::sleep(Duration::from_millis(1));
    }
    signal(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(!run.join("test.json").exists());
    assert!(common::resume(&run).contains("AUC"));
    assert_eq!(
        json(run.join("run.json"))["sessions"][1]["ended"]["how"],
        "finished"
    );
}

#[test]
fn a_run_has_one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let name = run.to_str().unwrap();
    let child = start(&small(&run, &[LONG]));
    wait_for_steps(&run);
    let id = format!("in use by process {}", child.id());
    for args in [&["train", "--resume", name][..], &["train", "--out", name]] {
        let (code, error) = failure(args);
        assert!(
            code == 2 && error.contains(&id) && error.lines().count() == 1,
            "{error}"
        );
    }
    assert!(stdout(&["runs", folder.path().to_str().unwrap()]).contains("running"));
    signal(&child, "-KILL");
    child.wait_with_output().unwrap();
    // the lock went with its process
    let listed = stdout(&["runs", folder.path().to_str().unwrap()]);
    assert!(listed.contains("killed"), "{listed}");
}

#[test]
fn of_many_starts_at_once_one_gets_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let args = small(&run, &["train.epochs=1"]);
    let children: Vec<Child> = (0..20).map(|_| start(&args)).collect();
    let outputs: Vec<Output> = children
        .into_iter()
        .map(|c| c.wait_with_output().unwrap())
        .collect();
    let good = outputs.iter().filter(|output| output.status.success());
    assert_eq!(good.count(), 1);
    for output in outputs.iter().filter(|output| !output.status.success()) {
        let text = said(output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(
            text.contains("in use by process") || text.contains("must be empty"),
            "{text}"
        );
    }
    assert_eq!(history(&run).len(), 1);
    // folders of no given name are numbered, each for itself
    let unnamed: Vec<String> = [&args[..3], &args[5..]].concat();
    let children = (0..6).map(|_| {
        let mut command = Command::new(ELM);
        command.args(&unnamed).current_dir(folder.path());
        command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    });
    let children: Vec<Child> = children.collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    for n in 1..=6 {
        let run = folder.path().join(format!("runs/quick-{n}"));
        assert_eq!(history(&run).len(), 1, "{n}");
    }
}

#[test]
fn a_number_that_is_none_stops_the_run_within_its_step() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let name = run.to_str().unwrap();
    // good steps, then a loss whose gradient is infinite
    finished(&small(&run, &["train.epochs=1"]));
    let model = std::fs::read(run.join("model.safetensors")).unwrap();
    let recipe = std::fs::read_to_string(run.join("recipe.toml")).unwrap();
    let spoilt = recipe
        .replace("soma_weight = 0.5", "soma_weight = 3e38")
        .replace("epochs = 1 ", "epochs = 3 ");
    assert_ne!(recipe, spoilt);
    std::fs::write(run.join("recipe.toml"), spoilt).unwrap();
    let (code, error) = failure(&["train", "--resume", name, "--device", "cpu"]);
    assert_eq!((code, error.lines().count()), (1, 1), "{error}");
    for part in [
        "step 5:",
        "the gradient of `body.",
        "not a number",
        "that of step 4",
        "--resume",
    ] {
        assert!(error.contains(part), "`{part}` is missing in: {error}");
    }
    assert!(std::fs::read(run.join("model.safetensors")).unwrap() == model);
    let names = std::fs::read_dir(run.join("checkpoints")).unwrap();
    assert_eq!(names.count(), 1, "nothing that is not finite is saved");
    let record = json(run.join("run.json"));
    assert_eq!(record["sessions"][1]["ended"]["how"], "failed");
    // it goes on once the fault is mended
    std::fs::write(
        run.join("recipe.toml"),
        recipe.replace("epochs = 1 ", "epochs = 3 "),
    )
    .unwrap();
    common::resume(&run);
    assert_eq!(history(&run).len(), 3);
}

#[test]
fn what_may_change_changes_and_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let name = run.to_str().unwrap();
    finished(&small(&run, &["train.epochs=1"]));
    let (code, error) = failure(&["train", "--resume", name, "--set", "model.num_memory=9"]);
    assert!(
        code == 2 && error.contains("weights of the model"),
        "{error}"
    );
    let (code, error) = failure(&["train", "--resume", name, "--set", "train.epoch=9"]);
    assert!(code == 2 && error.contains("did you mean"), "{error}");
    let set = [
        "--set",
        "train.epochs=4",
        "--set",
        "train.learning_rate=1e-4",
    ];
    let mut args = vec!["train", "--resume", name, "--device", "cpu"];
    args.extend(set);
    stdout(&args);
    assert_eq!(history(&run).len(), 4);
    let record = json(run.join("run.json"));
    let sessions = record["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[1]["from_step"], 4);
    assert_eq!(sessions[1]["changed"]["train.epochs"][1], "4");
    assert!(sessions[1]["changed"].as_object().unwrap().len() == 2);
    assert!(sessions[1]["command"].as_array().unwrap().len() > 5);
    let shown = stdout(&["runs", "show", name]);
    for part in [
        "finished",
        "call 2",
        "train.epochs: 1 -> 4",
        "4946 trained",
        "valid loss",
    ] {
        assert!(
            shown.to_lowercase().contains(part),
            "`{part}` is missing in:\n{shown}"
        );
    }
    // and it stays changed
    assert!(common::resume(&run).contains("report.html"));
    assert_eq!(history(&run).len(), 4);
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let full = || Stdio::from(std::fs::File::create("/dev/full").unwrap());
    if !Path::new("/dev/full").exists() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let train = small(&run, &["train.epochs=1"]);
    finished(&train);
    let model = run.join("model.safetensors");
    let model = model.to_str().unwrap();
    let more = small(&folder.path().join("more"), &["train.epochs=1"]);
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    let name = folder.path().to_str().unwrap();
    for args in [
        &["eval", "--json", "--weights", model][..],
        &["eval", "--weights", model],
        &["info", model],
        &["info", "--json", model],
        &["data", "list"],
        &["data", "info"],
        &["recipes"],
        &["recipes", "quick"],
        &["runs", name],
        &["runs", "show", run.to_str().unwrap()],
        &["--help"],
        &["--version"],
        &[],
        &more,
    ] {
        let mut command = Command::new(ELM);
        let output = command
            .args(args)
            .stdout(full())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let text = said(&output);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {text}");
        assert!(
            text.contains("cannot write to standard output"),
            "{args:?}: {text}"
        );
    }
    // the training itself was not disturbed
    assert_eq!(history(&folder.path().join("more")).len(), 1);
}

/// A limit on the size of files is a disk that is full for those that are larger.
#[test]
fn a_full_disk_is_one_sentence_and_the_last_checkpoint_is_intact() {
    let folder = tempfile::tempdir().unwrap();
    let (run, whole) = (folder.path().join("run"), folder.path().join("whole"));
    let set = [
        "checkpoint.every_steps=1",
        "train.epochs=2",
        "train.batches_per_epoch=30",
    ];
    finished(&small(&whole, &set));
    // room for a checkpoint, but not for the step metrics of the whole training
    let largest = std::fs::read_dir(whole.join("checkpoints/step-60")).unwrap();
    let largest = largest
        .map(|f| f.unwrap().metadata().unwrap().len())
        .max()
        .unwrap();
    let blocks = largest.div_ceil(512) + 4;
    let limited = |args: &[String]| {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh", ELM]).args(args);
        command.output().unwrap()
    };
    let output = limited(&small(&run, &[&set[..], &["train.log_every=1"]].concat()));
    let text = said(&output);
    if output.status.success() {
        // nothing grew large enough: a smaller limit, which no checkpoint passes
        panic!("the limit of {blocks} blocks stopped nothing: {text}");
    }
    assert_eq!(output.status.code(), Some(1), "{text}");
    let errors: Vec<_> = text.lines().filter(|l| l.starts_with("error:")).collect();
    assert_eq!(errors.len(), 1, "{text}");
    assert!(
        errors[0].contains("File too large") || errors[0].contains("No space"),
        "{text}"
    );
    common::resume(&run);
    assert_eq!(timeless(&run), timeless(&whole));
    let model = |run: &Path| std::fs::read(run.join("model.safetensors")).unwrap();
    assert!(model(&run) == model(&whole));
}

/// Room for less than a checkpoint.
#[test]
fn a_checkpoint_that_does_not_fit_leaves_the_one_before() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let child = start(&small(&run, &[LONG, "checkpoint.every_steps=5"]));
    while std::fs::read_dir(run.join("checkpoints")).map_or(0, Iterator::count) < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    signal(&child, "-INT");
    child.wait_with_output().unwrap();
    let names = || {
        let entries = std::fs::read_dir(run.join("checkpoints")).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let script = "trap '' XFSZ; ulimit -f 40; exec \"$@\"";
    let mut command = Command::new("sh");
    command
        .args([
            "-c", script, "sh", ELM, "train", "--device", "cpu", "--resume",
        ])
        .arg(&run);
    let output = command.output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.lines().filter(|l| l.starts_with("error:")).count() == 1,
        "{text}"
    );
    assert_eq!(names(), before, "{text}");
}

/// Room for nothing at all, then for the first files only: what is begun is no obstacle to beginning again.
#[test]
fn a_disk_that_is_full_from_the_start_is_a_failure_and_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let args = small(&run, &["train.epochs=1"]);
    for blocks in [0, 1] {
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh", ELM]).args(&args);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.lines().count() == 1 && text.contains("cannot write it"),
            "{text}"
        );
        assert!(!run.join("recipe.toml").exists());
    }
    finished(&args);
    assert_eq!(history(&run).len(), 1);
}

#[test]
fn a_folder_that_may_not_be_written_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let inside = file.join("run");
    for place in [&file, &inside] {
        let (code, error) =
            failure(&["train", "--out", place.to_str().unwrap(), "--device", "cpu"]);
        assert!(
            code == 2 && error.contains("file") && error.lines().count() == 1,
            "{error}"
        );
    }
}

#[test]
fn names_need_not_be_text() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join(std::ffi::OsStr::from_bytes(b"b\xe4d"));
    let mut args = small(Path::new("RUN"), &["train.epochs=1"]);
    args.retain(|a| a != "--out" && a != "RUN");
    let mut command = Command::new(ELM);
    let output = command.args(&args).arg("--out").arg(&run).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let output = Command::new(ELM)
        .args(["data", "info"])
        .arg(&run)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(
        !said(&output).contains("unexpected argument"),
        "{}",
        said(&output)
    );
}

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
