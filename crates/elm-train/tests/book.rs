//! The book in `docs` is true, and so is the README: commands run, its links lead somewhere, what it cites is there.
//!
//! A block of commands (```` ```sh ````) is run as it stands, each page in an empty folder of its own, unless the line before
//! it is a comment: `<!-- not run: REASON -->`, or `<!-- run in short: COMMANDS -->`, which are run in its place. Blocks of
//! Rust are compiled and run as doctests of `elm-examples`.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

const NOT_RUN: &str = "<!-- not run: ";
const IN_SHORT: &str = "<!-- run in short: ";
const FENCE: &str = "```";

/// What is fenced in a page.
#[derive(Debug, Default, PartialEq)]
struct Block {
    language: String,
    line: usize,
    text: String,
    /// The comment before it.
    note: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The README, as a page beside the chapters.
const README: &str = "../README.md";

/// The chapters in the order of SUMMARY.md.
fn chapters() -> Vec<String> {
    let summary = read(&root().join("docs/SUMMARY.md"));
    links(&summary).into_iter().map(|(_, link)| link).collect()
}

fn blocks(text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let (mut is_inside, mut before) = (false, "");
    for (number, line) in text.lines().enumerate() {
        match line.strip_prefix(FENCE) {
            Some(_) if is_inside => is_inside = false,
            Some(language) => {
                is_inside = true;
                let note = if before.starts_with("<!--") {
                    before
                } else {
                    ""
                };
                found.push(Block {
                    language: language.trim().into(),
                    line: number + 1,
                    note: note.into(),
                    text: String::new(),
                });
            }
            None => {
                if let Some(block) = found.last_mut().filter(|_| is_inside) {
                    block.text += line;
                    block.text.push('\n');
                }
            }
        }
        before = line;
    }
    assert!(!is_inside, "a fence is left open");
    found
}

/// What is to be run for a block; none of one that says why not.
fn script(block: &Block) -> Option<String> {
    let inside = |start: &str| {
        let rest = block.note.strip_prefix(start)?;
        Some(rest.trim_end().strip_suffix("-->")?.trim().to_string())
    };
    if let Some(reason) = inside(NOT_RUN) {
        assert!(reason.len() > 10, "line {}: a reason", block.line);
        return None;
    }
    Some(inside(IN_SHORT).unwrap_or_else(|| block.text.clone()))
}

#[test]
fn commands_run() {
    let program = Path::new(env!("CARGO_BIN_EXE_elm")).parent().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", program.display());
    let mut run = 0;
    for chapter in chapters().into_iter().chain([README.into()]) {
        let folder = tempfile::tempdir().unwrap();
        for block in blocks(&read(&root().join("docs").join(&chapter))) {
            if block.language != "sh" {
                continue;
            }
            let Some(script) = script(&block) else {
                continue;
            };
            // what a command says must not depend on where the tests are
            let output = Command::new("bash")
                .args(["-e", "-u", "-o", "pipefail", "-c", &script])
                .current_dir(folder.path())
                .env("PATH", &path)
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "docs/{chapter}, line {}: {}\n{script}\n{}{}",
                block.line,
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            );
            run += 1;
        }
    }
    assert!(run > 20, "{run}");
}

#[test]
fn rust_is_compiled() {
    let examples = read(&root().join("examples/src/lib.rs"));
    for chapter in chapters() {
        let blocks = blocks(&read(&root().join("docs").join(&chapter)));
        if blocks
            .iter()
            .any(|block| block.language.starts_with("rust"))
        {
            assert!(examples.contains(&format!("docs/{chapter}")), "{chapter}");
        }
        // fences without a language would be taken for Rust there
        assert!(
            blocks.iter().all(|block| !block.language.is_empty()),
            "{chapter}"
        );
    }
}

#[test]
fn the_summary_has_all_chapters() {
    let listed: BTreeSet<String> = chapters().into_iter().collect();
    let entries = std::fs::read_dir(root().join("docs")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let there: BTreeSet<String> = names
        .filter(|name| name.ends_with(".md") && name != "SUMMARY.md")
        .collect();
    assert_eq!(listed, there);
}

/// Links of a page with their lines, outside of fences; not those to other servers.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        for part in line.split("](").skip(1) {
            let target = part.split(')').next().unwrap_or_default();
            let target = target.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !target.starts_with("mailto:") {
                found.push((number, target.to_string()));
            }
        }
    }
    found
}

/// Lines outside of fences, with their numbers.
fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut is_inside = false;
    let lines = text.lines().enumerate().filter(|(_, line)| {
        let is_fence = line.starts_with(FENCE);
        is_inside ^= is_fence;
        !is_inside && !is_fence
    });
    lines.map(|(number, line)| (number + 1, line)).collect()
}

/// The pages of the repository.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in [
        "",
        "docs",
        "benches",
        "web",
        "fuzz",
        "models",
        "crates/elm-data/data",
    ] {
        let entries = std::fs::read_dir(root().join(folder)).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        found.extend(paths.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    assert!(found.len() > 15, "{found:?}");
    found
}

#[test]
fn links_lead_to_files() {
    for page in pages() {
        for (line, link) in links(&read(&page)) {
            let target = page.parent().unwrap().join(&link);
            assert!(target.exists(), "{}, line {line}: {link}", page.display());
        }
    }
}

#[test]
fn cited_files_are_there() {
    // what is made by building, or is a name for any of several
    let is_made = |path: &str| path.contains(['*', '{', '<', '…']) || path.starts_with("web/dist");
    let folders = [
        "crates/",
        "benches/",
        "examples/",
        "docs/",
        "web/",
        "fuzz/",
        ".ci/",
    ];
    for page in pages() {
        for (line, text) in prose(&read(&page)) {
            let spans = text.split('`').skip(1).step_by(2);
            let paths = spans.filter_map(|span| span.split_whitespace().next());
            for path in paths.filter(|path| folders.iter().any(|folder| path.starts_with(folder))) {
                assert!(
                    is_made(path) || root().join(path).exists(),
                    "{}, line {line}: {path}",
                    page.display()
                );
            }
        }
    }
}

#[test]
fn cited_keys_are_those_of_recipes() {
    let program = Command::new(env!("CARGO_BIN_EXE_elm"))
        .args(["recipes", "keys"])
        .output()
        .unwrap();
    let listed = String::from_utf8(program.stdout).unwrap();
    let keys: BTreeSet<&str> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let sections: BTreeSet<&str> = keys
        .iter()
        .filter_map(|key| key.split_once('.'))
        .map(|(s, _)| s)
        .collect();
    let mut cited = 0;
    for chapter in chapters() {
        let page = read(&root().join("docs").join(&chapter));
        for (line, text) in prose(&page) {
            for span in text.split('`').skip(1).step_by(2) {
                let key = span.split(['=', ' ']).next().unwrap_or_default();
                let is_name = key
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || "._".contains(c));
                let section = key.split_once('.').map(|(section, _)| section);
                let is_file = [
                    ".toml",
                    ".csv",
                    ".json",
                    ".jsonl",
                    ".html",
                    ".npz",
                    ".safetensors",
                    ".py",
                    ".rs",
                    ".yml",
                ];
                if is_name
                    && section.is_some_and(|s| sections.contains(s))
                    && !is_file.iter().any(|e| key.ends_with(e))
                {
                    assert!(keys.contains(key), "docs/{chapter}, line {line}: {key}");
                    cited += 1;
                }
            }
        }
    }
    assert!(cited > 15, "{cited}");
}

/// Sources of the crates.
fn sources(folder: &Path, found: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            *found += &read(&path);
        }
    }
}

#[test]
fn messages_are_those_of_the_program() {
    let mut code = String::new();
    for name in ["elm-train", "elm-model", "elm-data", "elm-stream"] {
        sources(&root().join("crates").join(name).join("src"), &mut code);
    }
    // a text that is broken in two is one
    let code: String = code.split("\\\n").map(str::trim_start).collect();
    let page = read(&root().join("docs/troubleshooting.md"));
    let mut checked = 0;
    for (line, text) in prose(&page) {
        let Some(cell) = text
            .strip_prefix("| `")
            .and_then(|rest| rest.split('`').next())
        else {
            continue;
        };
        for part in cell.split('…') {
            let part = part.trim();
            assert!(code.contains(part), "line {line}: no message has `{part}`");
            checked += 1;
        }
    }
    assert!(checked > 25, "{checked}");
}

#[test]
fn blocks_are_found_with_their_notes() {
    let text = "a\n```sh\none\n```\n<!-- not run: it needs a card -->\n```sh\ntwo\n```\n<!-- run in short: three -->\n```sh\nlong\n```\n";
    let found = blocks(text);
    let scripts: Vec<Option<String>> = found.iter().map(script).collect();
    assert_eq!(scripts, [Some("one\n".into()), None, Some("three".into())]);
    assert_eq!(
        links("[a](b.md#c) ![d](e.svg) [f](https://g)\n```\n[x](y)\n```"),
        [(1, "b.md".into()), (1, "e.svg".into())]
    );
}
