//! Successive halving: who goes on does not depend on who trains.

use std::collections::BTreeMap;
use std::path::Path;

use super::calls::*;
use super::common::timeless;

const NINE: &str =
    "halving = 3\n[grid]\nmodel.num_memory = [3, 4, 5]\ntrain.learning_rate = [1e-7, 1e-6, 0.01]";
const EPOCHS: &str = "train.epochs = 9\ntrain.batches_per_epoch = 2";

/// Epochs of each member.
fn epochs(out: &Path) -> BTreeMap<String, usize> {
    let one = |run: &std::path::PathBuf| {
        let text = std::fs::read_to_string(run.join("metrics.csv")).unwrap();
        let name = run.file_name().unwrap().to_string_lossy().into_owned();
        (name, text.lines().count() - 1)
    };
    members(out).iter().map(one).collect()
}

#[test]
fn a_third_goes_on_after_each_rung_whoever_trains_and_the_last_is_a_plain_run() {
    let folder = tempfile::tempdir().unwrap();
    let file = sweep_file(folder.path(), EPOCHS, NINE);
    let alone = folder.path().join("alone");
    let text = ends_with(0, command(&file, &alone, &[]));
    assert!(text.contains("1 finished, 8 stopped early"), "{text}");
    let found = epochs(&alone);
    let mut counts: Vec<usize> = found.values().copied().collect();
    counts.sort();
    assert_eq!(counts, [1, 1, 1, 1, 1, 1, 3, 3, 9], "{found:?}");
    // those that went on were the better ones after the first rung
    let first_loss = |name: &String| {
        let run = alone.join("members").join(name);
        timeless(&run)[0]["valid_loss"].as_f64().unwrap()
    };
    let going = found.iter().filter(|(_, epochs)| **epochs > 1);
    let worst = going.map(|(name, _)| first_loss(name)).fold(0.0, f64::max);
    let stopped = found.iter().filter(|(_, epochs)| **epochs == 1);
    let best = stopped
        .map(|(name, _)| first_loss(name))
        .fold(f64::INFINITY, f64::min);
    assert!(worst <= best, "{worst} {best}");
    // again: nothing is left to do
    let again = ends_with(0, command(&file, &alone, &[]));
    assert!(again.contains("1 finished, 8 stopped early"), "{again}");
    assert_eq!(epochs(&alone), found);
    // several processes
    let together = folder.path().join("together");
    let text = ends_with(0, command(&file, &together, &["--jobs", "3"]));
    assert!(text.contains("1 finished, 8 stopped early"), "{text}");
    assert_eq!(epochs(&together), found);
    // two shards at once wait for each other
    let shards = folder.path().join("shards");
    let both = ["0/2", "1/2"].map(|shard| {
        command(&file, &shards, &["--shard", shard])
            .spawn()
            .unwrap()
    });
    for child in both {
        let output = wait(child);
        assert!(output.status.success(), "{}", said(&output));
    }
    assert_eq!(epochs(&shards), found);
    // the last one as it would have been without
    let best = found.iter().find(|(_, epochs)| **epochs == 9).unwrap().0;
    let run = alone.join("members").join(best);
    let plain = folder.path().join("plain");
    let mut train = std::process::Command::new(ELM);
    train.args(["train", "--device", "cpu", "--threads", "1", "--recipe"]);
    train.arg(run.join("recipe.toml")).arg("--out").arg(&plain);
    train
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    ends_with(0, train);
    assert_eq!(timeless(&run), timeless(&plain));
    let results = std::fs::read_to_string(alone.join("results.csv")).unwrap();
    assert_eq!(
        results.lines().filter(|line| line.ends_with(",1")).count(),
        6
    );
    assert_eq!(
        results.lines().filter(|line| line.ends_with(",3")).count(),
        2
    );
    let report = std::fs::read_to_string(alone.join("report.html")).unwrap();
    assert!(report.contains("one setting in 3 went on"));
}

#[test]
fn a_shard_alone_stops_where_it_needs_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = sweep_file(folder.path(), EPOCHS, NINE);
    let out = folder.path().join("out");
    let text = ends_with(75, command(&file, &out, &["--shard", "0/2"]));
    assert!(text.contains("wait for those of other shards"), "{text}");
    assert_eq!(epochs(&out).values().copied().collect::<Vec<_>>(), [1; 5]);
    ends_with(0, command(&file, &out, &[]));
    assert_eq!(epochs(&out).len(), 9);
    for alone in [&["--only", "0"][..], &["--list"]] {
        let text = ends_with(2, command(&file, &out, alone));
        assert!(text.contains("depends on the others"), "{text}");
    }
}
