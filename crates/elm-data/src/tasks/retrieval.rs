//! Retrieval of the Long Range Arena (Tay et al. 2021): papers of the AAN (Radev et al. 2013).

use std::path::Path;
use std::sync::Arc;

use super::{babble, parts, write};
use crate::lra::retrieval;
use crate::task::{NamedTask, Parts, TaskData, TaskInfo, TaskKind, TaskOptions, TaskRecipe};
use crate::{Encoding, Result, Split};

/// Pairs of papers, byte by byte.
#[derive(Debug)]
pub(super) struct Retrieval;

static INFO: TaskInfo = TaskInfo {
    name: "retrieval",
    about: "Long Range Arena: does one of two papers (AAN) cite the other, byte by byte",
    source: "https://github.com/google-research/long-range-arena",
    files: "new_aan_pairs.{train,eval,test}.tsv",
    licence: "see the publishers' page; cite Radev et al. 2013, Tay et al. 2021",
    samples: [147_086, 18_090, 17_437],
    length: retrieval::MAX_LENGTH,
    channels: 256,
    kind: TaskKind::Classification {
        classes: retrieval::CLASSES,
        inputs: 2,
    },
    classes: &["unrelated", "related"],
    uses: &["time step", "folder", "answers", "lengths"],
    arena: Some("retrieval"),
    recipes: &[TaskRecipe {
        name: "retrieval",
        about: "Long Range Arena: Retrieval; needs the AAN pairs",
        text: include_str!("recipes/retrieval.toml"),
        set: &[],
    }],
    ..TaskInfo::EMPTY
};

impl NamedTask for Retrieval {
    fn info(&self) -> &'static TaskInfo {
        &INFO
    }

    fn encoding(&self) -> Option<Encoding> {
        Some(retrieval::ENCODING)
    }

    fn open(&self, dir: &Path, split: Split, options: &TaskOptions) -> Result<Arc<dyn TaskData>> {
        let longest = options.max_length.unwrap_or(retrieval::MAX_LENGTH);
        Ok(Arc::new(retrieval::Retrieval::open(dir, split, longest)?))
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
        let mut lines = Vec::new();
        for pair in 0..100 {
            lines.extend(format!("{}\ta\tb\t", pair % 2).into_bytes());
            lines.extend(babble(pair, retrieval::MAX_LENGTH));
            lines.push(b'\t');
            lines.extend(babble(pair + 100, retrieval::MAX_LENGTH));
            lines.push(b'\n');
        }
        for part in ["train", "eval", "test"] {
            write(&dir.join(format!("new_aan_pairs.{part}.tsv")), &lines)?;
        }
        Ok(())
    }
}
