//! Disks that are full, and output that cannot be written.

use super::*;

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
