//! Text of the Long Range Arena (Tay et al. 2021): film reviews (Maas et al. 2011).

use std::path::Path;
use std::sync::Arc;

use super::{babble, write};
use crate::lra::text;
use crate::task::{NamedTask, Parts, TaskData, TaskInfo, TaskKind, TaskOptions, TaskRecipe};
use crate::{DataError, Encoding, Result, Split};

/// Film reviews, byte by byte.
#[derive(Debug)]
pub(super) struct Text;

static INFO: TaskInfo = TaskInfo {
    name: "text",
    about: "Long Range Arena: is a film review (IMDb) good or bad, byte by byte",
    source: "https://ai.stanford.edu/~amaas/data/sentiment/",
    files: "aclImdb/{train,test}/{pos,neg}/*.txt",
    licence: "none stated; cite Maas et al. 2011",
    samples: [25_000, 25_000, 25_000],
    length: text::MAX_LENGTH,
    channels: 256,
    kind: TaskKind::classes(text::CLASSES),
    classes: &["bad", "good"],
    uses: &["time step", "folder", "answers", "lengths"],
    arena: Some("text"),
    notes: &["As in the arena, the test reviews also validate: they chose the epoch."],
    recipes: &[TaskRecipe {
        name: "text",
        about: "Long Range Arena: Text; needs the IMDb reviews",
        text: include_str!("recipes/text.toml"),
        set: &[],
    }],
    ..TaskInfo::EMPTY
};

impl NamedTask for Text {
    fn info(&self) -> &'static TaskInfo {
        &INFO
    }

    fn encoding(&self) -> Option<Encoding> {
        Some(text::ENCODING)
    }

    fn open(&self, dir: &Path, split: Split, options: &TaskOptions) -> Result<Arc<dyn TaskData>> {
        let longest = options.max_length.unwrap_or(text::MAX_LENGTH);
        Ok(Arc::new(text::open(dir, split, longest)?))
    }

    /// The test reviews also validate.
    fn open_parts(
        &self,
        dir: &Path,
        options: &TaskOptions,
        _: [Option<usize>; 3],
    ) -> Result<Parts> {
        let test = self.open(dir, Split::Test, options)?;
        Ok(Parts {
            train: self.open(dir, Split::Train, options)?,
            valid: Arc::clone(&test),
            test,
        })
    }

    fn make_example(&self, dir: &Path) -> Result<()> {
        for part in ["train/pos", "train/neg", "test/pos", "test/neg"] {
            let folder = dir.join(part);
            std::fs::create_dir_all(&folder).map_err(|e| DataError::io(&folder, "create it", e))?;
            for review in 0..50 {
                let path = folder.join(format!("{review}_7.txt"));
                write(&path, &babble(review, text::MAX_LENGTH))?;
            }
        }
        Ok(())
    }
}
