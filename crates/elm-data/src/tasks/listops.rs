//! ListOps of the Long Range Arena (Tay et al. 2021).

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::parts;
use crate::lra::listops;
use crate::lra::listops::generate::{ListOpsOptions, generate_listops};
use crate::task::{NamedTask, Parts, TaskData, TaskInfo, TaskKind, TaskOptions, TaskRecipe};
use crate::{Encoding, Result, Split};

/// Nested operations on lists of digits.
#[derive(Debug)]
pub(super) struct ListOps;

static INFO: TaskInfo = TaskInfo {
    name: "listops",
    about: "Long Range Arena: the value of nested MIN, MAX, MED and SM of digits",
    source: "elm data generate listops --out DIR --seed N, or https://github.com/google-research/long-range-arena",
    files: "basic_train.tsv, basic_val.tsv, basic_test.tsv",
    licence: "generated: that of this project; published: none stated with the files",
    samples: [96_000, 2000, 2000],
    length: listops::MAX_LENGTH,
    channels: listops::SYMBOLS.len(),
    kind: TaskKind::classes(listops::CLASSES),
    uses: &["time step", "folder", "answers", "lengths"],
    arena: Some("list_ops"),
    recipes: &[TaskRecipe {
        name: "listops",
        about: "Long Range Arena: ListOps; its files can be made with elm data generate",
        text: include_str!("recipes/listops.toml"),
        set: &[],
    }],
    ..TaskInfo::EMPTY
};

impl NamedTask for ListOps {
    fn info(&self) -> &'static TaskInfo {
        &INFO
    }

    fn encoding(&self) -> Option<Encoding> {
        Some(listops::ENCODING)
    }

    fn open(&self, dir: &Path, split: Split, options: &TaskOptions) -> Result<Arc<dyn TaskData>> {
        let longest = options.max_length.unwrap_or(listops::MAX_LENGTH);
        Ok(Arc::new(listops::open(dir, split, longest)?))
    }

    fn open_parts(
        &self,
        dir: &Path,
        options: &TaskOptions,
        _: [Option<usize>; 3],
    ) -> Result<Parts> {
        parts(self, dir, options)
    }

    fn make_example(&self, dir: &Path) -> Result<()> {
        let options = ListOpsOptions {
            train: 1000,
            valid: 10,
            test: 10,
            ..ListOpsOptions::new(dir, 1)
        };
        generate_listops(&options, &|_| ControlFlow::Continue(()))?;
        Ok(())
    }

    fn symbols(&self) -> Option<Vec<String>> {
        Some(listops::SYMBOLS.map(str::to_string).into())
    }
}
