//! Requests to `elm board`: no file is sent that does not lie in its folder.
#![no_main]

use std::io::Read;
use std::sync::LazyLock;

use elm_train::board::Answers;

const SECRET: &str = "nothing of the folder";

/// A folder with a run, and beside it and in it, hidden or behind a link, what is nobody's business.
static BOARD: LazyLock<Answers> = LazyLock::new(|| {
    let runs = elm_fuzz::folder().join("runs");
    std::fs::create_dir_all(runs.join("a/.b")).expect("folders");
    for (file, text) in [
        ("recipe.toml", SECRET),
        ("runs/a/recipe.toml", "seed = 1"),
        ("runs/a/run.json", "{}"),
        ("runs/a/report.html", "<p>"),
        ("runs/a/.b/recipe.toml", SECRET),
        ("runs/.toml", SECRET),
    ] {
        std::fs::write(elm_fuzz::folder().join(file), text).expect("a file");
    }
    #[cfg(unix)]
    {
        let _ = std::os::unix::fs::symlink(elm_fuzz::folder(), runs.join("up"));
        let _ = std::os::unix::fs::symlink("../../recipe.toml", runs.join("a/metrics.csv"));
    }
    Answers::of(&runs).expect("a board")
});

libfuzzer_sys::fuzz_target!(|head: &[u8]| {
    let (status, file) = BOARD.answer(head);
    assert!(matches!(status, 200 | 400..=431), "{status}");
    if let Some(mut file) = file {
        let mut text = String::new();
        file.read_to_string(&mut text).expect("texts");
        assert_ne!(text, SECRET);
    }
});
