//! Signals, limits, locks, and numbers that are none.

use super::*;

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
