//! `elm sweep`: members are run once, taken over, shared out and reported.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod calls;
#[path = "../common/mod.rs"]
mod common;
mod halving;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use calls::*;
use common::timeless;
use serde_json::Value;

#[test]
fn two_processes_run_each_member_once_and_report_them() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = sweep_file(folder.path(), SHORT, SIX);
    let both = [0, 1].map(|_| command(&file, &out, &[]).spawn().unwrap());
    for child in both {
        let output = wait(child);
        assert!(output.status.success(), "{}", said(&output));
    }
    let all = members(&out);
    let names: Vec<_> = all
        .iter()
        .map(|m| m.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names.len(), 6);
    assert_eq!(
        (names[0], names[5]),
        ("000-num_memory-3-seed-0", "005-num_memory-5-seed-1")
    );
    for run in &all {
        assert_eq!(endings(run), ["finished"], "{}", run.display());
    }
    // whoever was last wrote the report of all; a call that finds nothing to do tells it again
    let text = ends_with(0, command(&file, &out, &[]));
    assert!(
        text.contains("6 finished") && text.contains("2 of 2"),
        "{text}"
    );
    let csv = std::fs::read_to_string(out.join("results.csv")).unwrap();
    assert_eq!(csv.lines().count(), 7, "{csv}");
    assert!(csv.starts_with("member,setting,seed,model.num_memory,valid_loss\n"));
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert_eq!(report.matches("<circle").count(), 6);
    let best = std::fs::read_to_string(out.join("best.toml")).unwrap();
    let escaped = best
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    assert!(
        report.contains(&escaped.replace("&amp;", "&")),
        "the best recipe is ready to copy"
    );
    // by hand: means of the table are those of the runs
    let loss = |run: &Path| {
        let losses = common::history(run);
        let losses = losses
            .iter()
            .map(|epoch| epoch["valid_loss"].as_f64().unwrap());
        losses.fold(f64::INFINITY, f64::min)
    };
    let means: Vec<f64> = all
        .chunks(2)
        .map(|pair| (loss(&pair[0]) + loss(&pair[1])) / 2.0)
        .collect();
    let least = means.iter().copied().fold(f64::INFINITY, f64::min);
    let place = means.iter().position(|m| *m == least).unwrap();
    assert!(
        best.contains(&format!("num_memory = {}", place + 3)),
        "{best}"
    );
    assert!(text.contains(&format!("{least:.4}")), "{text}");
    let status = ends_with(0, command(&file, &out, &["--status"]));
    assert!(status.contains("6 members: 6 finished"), "{status}");
}

#[test]
fn a_list_for_xargs_gives_the_runs_of_the_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("one"), folder.path().join("it's two"));
    let file = sweep_file(folder.path(), SHORT, "[grid]\nmodel.num_memory = [3, 4, 5]");
    ends_with(0, command(&file, &one, &["--jobs", "2"]));
    let list = ends_with(0, command(&file, &two, &["--list"]));
    assert_eq!(list.lines().count(), 3);
    assert!(!two.exists(), "a list writes nothing");
    let calls = folder.path().join("calls");
    std::fs::write(&calls, &list).unwrap();
    let mut xargs = Command::new("xargs");
    xargs.args([
        "-a",
        calls.to_str().unwrap(),
        "-d",
        "\\n",
        "-P2",
        "-I{}",
        "sh",
        "-c",
        "{}",
    ]);
    let text = ends_with(0, xargs);
    assert!(text.contains("1 finished"), "{text}");
    let (ones, twos) = (members(&one), members(&two));
    assert_eq!((ones.len(), twos.len()), (3, 3));
    for (a, b) in ones.iter().zip(&twos) {
        assert_eq!(a.file_name(), b.file_name());
        assert_eq!(timeless(a), timeless(b));
        for name in ["model.safetensors", "recipe.toml"] {
            assert_eq!(
                std::fs::read(a.join(name)).unwrap(),
                std::fs::read(b.join(name)).unwrap()
            );
        }
    }
    ends_with(0, command(&file, &two, &["--report"]));
    let csv = |out: &Path| std::fs::read_to_string(out.join("results.csv")).unwrap();
    assert_eq!(csv(&one), csv(&two));
}

#[test]
fn what_a_killed_process_leaves_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = sweep_file(folder.path(), LONG, "");
    let child = command(&file, &out, &[]).spawn().unwrap();
    wait_for_checkpoints(&out, 1);
    signal(child.id(), "-KILL");
    wait(child);
    let status = ends_with(0, command(&file, &out, &["--status"]));
    assert!(status.contains("1 begun"), "{status}");
    ends_with(0, command(&out, &out, &[]));
    let run = &members(&out)[0];
    assert_eq!(endings(run), [Value::Null, "finished".into()]);
    let record = json(run.join("run.json"));
    assert!(record["sessions"][1]["from_step"].as_u64().unwrap() >= 10);
}

#[test]
fn sigterm_stops_all_processes_with_checkpoints_and_75() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = sweep_file(folder.path(), LONG, "seeds = [0, 1, 2]");
    let child = command(&file, &out, &["--jobs", "2"]).spawn().unwrap();
    wait_for_checkpoints(&out, 2);
    signal(child.id(), "-TERM");
    let output = wait(child);
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
    let begun = members(&out);
    assert_eq!(begun.len(), 2);
    for run in &begun {
        assert_eq!(endings(run), ["stopped"]);
    }
    // the process that started them is gone without a word: they stop all the same
    let child = command(&file, &out, &["--jobs", "2"]).spawn().unwrap();
    wait_until("both to go on", || {
        begun.iter().all(|run| endings(run).len() == 2)
    });
    signal(child.id(), "-KILL");
    wait(child);
    wait_until("both to stop", || {
        begun.iter().all(|run| endings(run)[1] == "stopped")
    });
    // claims of processes that are just ending are left to them
    wait_until("claims", || {
        let output = command(&out, &out, &["--jobs", "2"]).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        members(&out)
            .iter()
            .all(|run| endings(run).last().unwrap() == "finished")
    });
    for run in &begun {
        assert_eq!(endings(run), ["stopped", "stopped", "finished"]);
    }
    assert_eq!(members(&out).len(), 3);
    // a single process, too, and by its limit of time
    let other = folder.path().join("other");
    let child = command(&file, &other, &[]).spawn().unwrap();
    wait_for_checkpoints(&other, 1);
    signal(child.id(), "-TERM");
    assert_eq!(wait(child).status.code(), Some(75));
    ends_with(
        75,
        command(&file, &other, &["--jobs", "2", "--stop-after", "0.005"]),
    );
}

#[test]
fn a_process_that_dies_is_started_again_until_its_member_is_hopeless() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    // no checkpoint before the end
    let set = "train.epochs = 1\ntrain.batches_per_epoch = 100000";
    let file = sweep_file(folder.path(), set, "seeds = [0, 1]");
    let child = command(&file, &out, &["--jobs", "2"]).spawn().unwrap();
    wait_until("two runs", || {
        let begun = members(&out);
        begun.len() == 2 && begun.iter().all(|run| run.join("metrics.jsonl").exists())
    });
    let run = members(&out)[0].clone();
    for death in 1..=3 {
        wait_until("another call", || {
            endings(&run).len() == death
                && json(run.join("run.json"))["sessions"][death - 1]["process"] == process_of(&run)
        });
        signal(process_of(&run), "-KILL");
    }
    let hopeless = || {
        let status = ends_with(0, command(&file, &out, &["--status"]));
        status.contains("1 failed") && status.contains("died 3 times")
    };
    wait_until("the member to have failed", hopeless);
    // the other one goes on undisturbed
    assert_eq!(endings(&members(&out)[1]), [Value::Null]);
    signal(child.id(), "-TERM");
    assert_eq!(wait(child).status.code(), Some(75));
}

#[test]
fn tasks_of_an_array_have_shares() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = sweep_file(folder.path(), SHORT, "seeds = [0, 1, 2, 3, 4]");
    let mut seen = BTreeSet::new();
    for task in ["1", "2", "3"] {
        let mut call = command(&file, &out, &[]);
        call.env("SLURM_ARRAY_TASK_ID", task)
            .env("SLURM_ARRAY_TASK_COUNT", "3");
        let text = ends_with(0, {
            call.env("SLURM_ARRAY_TASK_MIN", "1");
            call
        });
        assert_eq!(text.contains("5 finished"), task == "3", "{text}");
        let now: BTreeSet<PathBuf> = members(&out).into_iter().collect();
        let new: Vec<&PathBuf> = now.difference(&seen).collect();
        let numbers: Vec<usize> = new
            .iter()
            .map(|run| {
                run.file_name().unwrap().to_str().unwrap()[..3]
                    .parse()
                    .unwrap()
            })
            .collect();
        let first: usize = task.parse::<usize>().unwrap() - 1;
        assert_eq!(numbers, (first..5).step_by(3).collect::<Vec<_>>());
        seen = now;
    }
    for run in members(&out) {
        assert_eq!(endings(&run), ["finished"]);
    }
    let other = folder.path().join("other");
    let mut call = command(&file, &other, &["--shard", "5"]);
    call.env("PBS_ARRAY_INDEX", "4");
    ends_with(0, call);
    assert_eq!(members(&other).len(), 1);
    // as bash runs the script of --slurm
    let script = ends_with(0, command(&file, &other, &["--slurm=2"]));
    for line in script.lines().filter(|line| line.starts_with("#SBATCH")) {
        assert!(line.starts_with("#SBATCH --"), "{line}");
    }
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).env("SLURM_ARRAY_TASK_ID", "0");
    ends_with(0, bash);
    assert_eq!(members(&other).len(), 3);
}

#[test]
fn a_task_that_is_warned_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = sweep_file(folder.path(), LONG, "");
    let script = ends_with(0, command(&file, &out, &["--slurm"]));
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let scontrol = bin.join("scontrol");
    let told = folder.path().join("told");
    std::fs::write(
        &scontrol,
        format!("#!/bin/sh\necho \"$@\" > {}\n", told.display()),
    )
    .unwrap();
    std::fs::set_permissions(
        &scontrol,
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-c", &script]).env("PATH", path);
    bash.env("SLURM_ARRAY_JOB_ID", "77")
        .env("SLURM_ARRAY_TASK_ID", "0");
    let child = bash
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_checkpoints(&out, 1);
    signal(child.id(), "-TERM");
    let output = wait(child);
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
    assert_eq!(std::fs::read_to_string(told).unwrap(), "requeue 77_0\n");
    assert_eq!(endings(&members(&out)[0]), ["stopped"]);
}

#[test]
fn a_member_that_fails_stops_no_other_and_is_listed() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let missing = folder.path().join("later.elmsim");
    let rest = format!(
        "seeds = [0, 1]\n[grid]\ndata.test = [\"shipped\", [{:?}]]",
        missing
    );
    let file = sweep_file(folder.path(), SHORT, &rest);
    for jobs in ["1", "2"] {
        let text = ends_with(1, command(&file, &out, &["--jobs", jobs]));
        assert!(text.contains("2 of 4 members failed"), "{text}");
        assert!(
            text.contains("later.elmsim") && text.contains("--retry"),
            "{text}"
        );
    }
    for run in members(&out) {
        assert_eq!(endings(&run), ["finished"]);
    }
    let report = std::fs::read_to_string(out.join("report.html")).unwrap();
    assert!(report.contains("Members that failed") && report.contains("later.elmsim"));
    let status = ends_with(0, command(&file, &out, &["--status"]));
    assert!(status.contains("2 finished, 2 failed"), "{status}");
    // one member by its number fails by itself
    ends_with(0, command(&file, &out, &["--only", "0"]));
    let text = ends_with(1, command(&file, &out, &["--only", "2", "--retry"]));
    assert!(text.contains("1 of 1 members failed"), "{text}");
}

#[test]
fn spikes_are_drawn_as_by_a_run_of_its_own_whoever_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("spikes");
    let file = folder.path().join("s.toml");
    let text = format!(
        "base = \"spikes\"\nseeds = [5, 6, 7]\nmetric = \"test.Accuracy (%)\"\n[set]\ndata.dir = {data:?}\ndata.make_train = 40\n\
         data.make_test = 20\ndata.bin_ms = 100\nmodel.num_memory = 3\ntrain.epochs = 1\ntrain.batch_size = 4\n"
    );
    std::fs::write(&file, text).unwrap();
    let out = folder.path().join("out");
    ends_with(0, command(&file, &out, &["--only", "2"]));
    let note = json(data.join("generated.json"));
    // by the seed of the data, not by that of the member
    assert_eq!(note["seed"], 1, "{note}");
    let both = [0, 1].map(|_| command(&file, &out, &[]).spawn().unwrap());
    for child in both {
        let output = wait(child);
        assert!(output.status.success(), "{}", said(&output));
    }
    let text = ends_with(0, command(&file, &out, &[]));
    assert!(
        text.contains("test.Accuracy (%)") && text.contains("3 of 3"),
        "{text}"
    );
}

#[test]
fn wrong_input_is_told_before_anything_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let file = sweep_file(folder.path(), SHORT, "[grid]\nmodel.num_memory = [3, 0]");
    let text = ends_with(2, command(&file, &out, &[]));
    assert!(text.contains("member 001-num_memory-0"), "{text}");
    assert!(!out.exists());
    let file = sweep_file(folder.path(), SHORT, "[grid]\nmodel.num_memory = [3]");
    for (more, words) in [
        (&["--only", "1"][..], "from 0 to 0"),
        (&["--shard", "1/1"], "I from 0 to N - 1"),
        (&["--jobs", "0"], "--jobs"),
        (&["--slurm=0"], "--slurm"),
        (&["--status"], "expected the folder of a sweep"),
    ] {
        let text = ends_with(2, command(&file, &folder.path().join("new"), more));
        assert!(text.contains(words), "{text}");
    }
    let text = ends_with(2, command(&folder.path().join("none.toml"), &out, &[]));
    assert!(text.contains("none.toml"), "{text}");
    // a folder of something else, and one of another sweep
    std::fs::create_dir(&out).unwrap();
    std::fs::write(out.join("notes.txt"), "").unwrap();
    let text = ends_with(2, command(&file, &out, &[]));
    assert!(text.contains("choose another --out"), "{text}");
    let other = folder.path().join("other");
    ends_with(0, command(&file, &other, &[]));
    let file = sweep_file(folder.path(), SHORT, "[grid]\nmodel.num_memory = [3, 4]");
    let text = ends_with(2, command(&file, &other, &[]));
    assert!(text.contains("another sweep"), "{text}");
    assert_eq!(members(&other).len(), 1);
}
