#![allow(clippy::unwrap_used)]
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;

use super::*;

const NAMES: [&str; 2] = ["a.txt", "b.txt"];

fn asked(seed: u64) -> Provenance {
    Provenance::new("a test", 3, seed).with("count", 2)
}

/// Makes both files; the first one says `first`.
fn make(out: &Path, seed: u64, first: &str) -> Result<Made<()>> {
    make_files(out, &NAMES, &asked(seed), &mut || Ok(()), |part| {
        std::fs::write(part.join("a.txt"), first).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        std::fs::write(part.join("b.txt"), "b").unwrap();
        Ok(())
    })
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn files_appear_together_with_their_note() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("new/set");
    assert!(matches!(make(&out, 1, "first").unwrap(), Made::Now(())));
    assert_eq!(names(&out), ["a.txt", "b.txt", NOTE]);
    assert_eq!(Provenance::read(&out).unwrap(), Some(asked(1)));
    // again, they are taken as they are
    assert!(matches!(make(&out, 1, "again").unwrap(), Made::Before));
    assert_eq!(asked(1).count("count"), Some(2));
    assert_eq!(std::fs::read(out.join("a.txt")).unwrap(), b"first");
}

#[test]
fn what_was_made_otherwise_is_refused_with_both_values() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 1, "first").unwrap();
    let error = make(dir.path(), 7, "other").err().unwrap().to_string();
    assert!(error.contains("seed is 1, asked for is 7"), "{error}");
    let other = asked(1).with("count", 5).with("rules", "new");
    let differences = asked(1).differences(&other);
    assert_eq!(
        differences,
        [
            "count is 2, asked for is 5",
            "rules is not told, asked for is \"new\""
        ]
    );
    // a file without a note is not ours to touch
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("b.txt"), "mine").unwrap();
    let error = make(dir.path(), 1, "first").err().unwrap().to_string();
    assert!(error.contains("b.txt: expected no such file"), "{error}");
    assert_eq!(names(dir.path()), ["b.txt"]);
}

#[test]
fn a_making_that_fails_or_is_stopped_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let failed = make_files(dir.path(), &NAMES, &asked(1), &mut || Ok(()), |part| {
        std::fs::write(part.join("a.txt"), "half").unwrap();
        Err::<(), _>(DataError::request("stopped"))
    });
    assert!(failed.is_err());
    assert!(names(dir.path()).is_empty());
    make(dir.path(), 1, "first").unwrap();
}

#[test]
fn eight_at_once_make_it_once_and_all_have_it() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("set");
    let (barrier, made) = (Barrier::new(8), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (out, barrier, made) = (&out, &barrier, &made);
            scope.spawn(move || {
                barrier.wait();
                if matches!(make(out, 1, &thread.to_string()).unwrap(), Made::Now(())) {
                    made.fetch_add(1, Ordering::SeqCst);
                }
                assert!(out.join("b.txt").exists());
            });
        }
    });
    assert_eq!(made.load(Ordering::SeqCst), 1);
    assert_eq!(names(&out), ["a.txt", "b.txt", NOTE]);
}

#[test]
fn who_waits_can_be_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let lock = FolderLock::wait_for(dir.path(), &mut || Ok(())).unwrap();
    let mut stop = || Err(DataError::request("enough"));
    let error = make_files(dir.path(), &NAMES, &asked(1), &mut stop, |_| Ok(()));
    assert_eq!(error.err().unwrap().to_string(), "enough");
    drop(lock);
    assert!(names(dir.path()).is_empty());
}

#[test]
fn what_a_killed_process_left_is_not_in_the_way() {
    let dir = tempfile::tempdir().unwrap();
    // killed while it wrote: an unfinished folder, and a lock that nobody holds
    std::fs::create_dir(dir.path().join(".making-1-0")).unwrap();
    std::fs::write(dir.path().join(".making-1-0/a.txt"), "half").unwrap();
    std::fs::write(dir.path().join(LOCK), "").unwrap();
    make(dir.path(), 1, "first").unwrap();
    assert_eq!(names(dir.path()), ["a.txt", "b.txt", NOTE]);
    // killed between the names of two files
    std::fs::remove_file(dir.path().join(NOTE)).unwrap();
    std::fs::remove_file(dir.path().join("b.txt")).unwrap();
    std::fs::write(dir.path().join(LOCK), RENAMING).unwrap();
    make(dir.path(), 2, "second").unwrap();
    assert_eq!(std::fs::read(dir.path().join("a.txt")).unwrap(), b"second");
    assert_eq!(names(dir.path()), ["a.txt", "b.txt", NOTE]);
}

#[test]
fn notes_of_other_tools_and_versions_are_read() {
    let text =
        b"\xef\xbb\xbf{\"generator\": \"g\", \"version\": 1.0, \"seed\": 5, \"pixels\": 32.0}";
    let found = Provenance::from_json(text).unwrap();
    assert_eq!(found, Provenance::new("g", 1, 5).with("pixels", 32));
    assert!(
        Provenance::from_json(b"[]")
            .unwrap_err()
            .contains("expected a note")
    );
    let back = Provenance::from_json(&found.to_json().unwrap()).unwrap();
    assert_eq!(back, found);
}
