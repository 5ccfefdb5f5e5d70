//! Made data survives processes that are killed and processes that come at the same time.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use elm_data::shd::{SyntheticShdOptions, SyntheticShdRequest, generate_shd};
use elm_data::task::TaskOptions;
use elm_data::{Split, Task};

/// What a process of [`child`] is to make where: the rest of this test does nothing without it.
const FOLDER: &str = "ELM_TEST_MAKING";

fn options(dir: &Path) -> SyntheticShdOptions {
    let mut options = SyntheticShdOptions::new(dir, 5);
    (options.train, options.test) = (400, 100);
    options
}

/// The process that makes a set; run by the other tests.
#[test]
fn child() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    generate_shd(&options(Path::new(&folder)), &|_| ControlFlow::Continue(())).unwrap();
}

/// Starts this test program again, to make a set in `folder`.
fn start(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--test-threads", "1"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Names and contents of the files in a folder, hidden ones too.
fn content(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut all: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(&path).unwrap_or_default())
        })
        .collect();
    all.sort();
    all
}

fn undisturbed() -> Vec<(String, Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    generate_shd(&options(dir.path()), &|_| ControlFlow::Continue(())).unwrap();
    content(dir.path())
}

#[test]
fn processes_at_once_all_succeed_and_the_set_is_the_undisturbed_one() {
    let expected = undisturbed();
    for count in [2, 8] {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("set");
        let children: Vec<Child> = (0..count).map(|_| start(&folder)).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        assert!(content(&folder) == expected, "{count} processes");
    }
}

#[test]
fn killed_processes_are_in_nobodys_way() {
    let expected = undisturbed();
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("set");
    // killed at other moments: before, while and after it writes
    for wait in [1, 5, 10, 20, 30, 40, 60, 80, 100, 150] {
        let mut child = start(&folder);
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    // two at once, one of which is killed as soon as it has begun to write
    let mut first = start(&folder);
    let begun = Instant::now();
    let is_writing = || std::fs::read_dir(&folder).is_ok_and(|entries| entries.count() > 0);
    while !is_writing() && begun.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut second = start(&folder);
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(second.wait().unwrap().success());
    assert!(content(&folder) == expected);
    let opened = Task::SYNTHETIC_SPIKES.open(&folder, Split::Test, &TaskOptions::default());
    assert_eq!(opened.unwrap().len(), 100);
}

#[test]
fn two_that_ask_for_different_sets_get_a_sentence_and_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let ask = |seed| {
        let request = SyntheticShdRequest {
            seed: Some(seed),
            train: Some(60),
            test: Some(20),
        };
        request.make_in(dir.path(), &|_| ControlFlow::Continue(()))
    };
    let results: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = [1, 2]
            .map(|seed| scope.spawn(move || ask(seed)))
            .into_iter()
            .collect();
        asked.into_iter().map(|a| a.join().unwrap()).collect()
    });
    let (made, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), refused.len()), (1, 1));
    let message = refused[0].as_ref().unwrap_err().to_string();
    assert!(
        message.contains("seed is ") && message.contains(", asked for is "),
        "{message}"
    );
    let seed = made[0].as_ref().unwrap().seed;
    let kept = SyntheticShdRequest::default().make_in(dir.path(), &|_| ControlFlow::Continue(()));
    assert_eq!(kept.unwrap().seed, seed);
}
