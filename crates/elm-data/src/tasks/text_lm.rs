//! The next byte of a text: any text, or an English Wikipedia dump.

use crate::task::{NamedTask, TaskInfo, TaskKind, TaskRecipe};

/// The next byte of an encyclopedia.
#[derive(Debug)]
pub(super) struct Enwik8;

/// The next byte of any text ([`crate::text`]).
#[derive(Debug)]
pub(super) struct TextLm;

const USES: &[&str] = &["time step", "files", "text"];

static ENWIK8: TaskInfo = TaskInfo {
    name: "enwik8",
    about: "the next byte of an English Wikipedia dump",
    source: "https://mattmahoney.net/dc/textdata.html",
    files: "enwik8, enwik8.zip or enwik8.gz",
    licence: "text of Wikipedia: CC BY-SA 3.0 and GFDL",
    samples: [90_000_000, 5_000_000, 5_000_000],
    length: 100_000_000,
    // bytes that occur, as published
    channels: 204,
    kind: TaskKind::Language,
    uses: USES,
    recipes: &[TaskRecipe {
        name: "enwik8",
        about: "published network on an English Wikipedia dump, byte by byte; needs its file and a graphics card",
        text: include_str!("recipes/enwik8.toml"),
        set: &[],
    }],
    ..TaskInfo::EMPTY
};

static TEXT_LM: TaskInfo = TaskInfo {
    name: "text-lm",
    about: "the next byte of any text: one file, or the files of a folder",
    source: "your own files: --set data.train=FOLDER",
    files: "any text, packed with gzip or zip or not",
    licence: "that of the text",
    kind: TaskKind::Language,
    uses: USES,
    recipes: &[TaskRecipe {
        name: "text-lm",
        about: "a small network that learns to write; needs a text or a folder of texts; minutes on two cores",
        text: include_str!("recipes/text-lm.toml"),
        set: &[],
    }],
    ..TaskInfo::EMPTY
};

impl NamedTask for Enwik8 {
    fn info(&self) -> &'static TaskInfo {
        &ENWIK8
    }
}

impl NamedTask for TextLm {
    fn info(&self) -> &'static TaskInfo {
        &TEXT_LM
    }
}
