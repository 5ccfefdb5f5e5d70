//! Image of the Long Range Arena (Tay et al. 2021): CIFAR-10 (Krizhevsky 2009) in grey.

use std::path::Path;
use std::sync::Arc;

use super::write;
use crate::lra::image;
use crate::task::{NamedTask, Parts, TaskData, TaskInfo, TaskKind, TaskOptions, TaskRecipe};
use crate::{Encoding, Result, Split};

/// CIFAR-10 pictures, pixel by pixel.
#[derive(Debug)]
pub(super) struct Image;

static INFO: TaskInfo = TaskInfo {
    name: "image",
    about: "Long Range Arena: what a grey CIFAR-10 picture shows, pixel by pixel",
    source: "https://www.cs.toronto.edu/~kriz/cifar.html",
    files: "cifar-10-batches-bin or cifar-10-batches-py",
    licence: "none stated; cite Krizhevsky 2009",
    samples: [45_000, 5000, 10_000],
    length: image::SIDE * image::SIDE,
    channels: 1,
    kind: TaskKind::classes(image::CLASSES),
    classes: &image::CLASS_NAMES,
    side: Some(image::SIDE),
    uses: &["time step", "folder", "answers", "picture"],
    arena: Some("image"),
    recipes: &[TaskRecipe {
        name: "image",
        about: "Long Range Arena: Image; needs CIFAR-10",
        text: include_str!("recipes/image.toml"),
        set: &[],
    }],
    ..TaskInfo::EMPTY
};

impl NamedTask for Image {
    fn info(&self) -> &'static TaskInfo {
        &INFO
    }

    fn encoding(&self) -> Option<Encoding> {
        Some(image::ENCODING)
    }

    fn open(&self, dir: &Path, split: Split, _: &TaskOptions) -> Result<Arc<dyn TaskData>> {
        Ok(Arc::new(image::open(dir, split)?))
    }

    fn open_parts(&self, dir: &Path, _: &TaskOptions, _: [Option<usize>; 3]) -> Result<Parts> {
        Ok(Parts::of(image::open_parts(dir)?))
    }

    fn make_example(&self, dir: &Path) -> Result<()> {
        // a label, then the three colours
        let size = 3 * image::SIDE * image::SIDE;
        let picture = |number: usize| {
            let label = (number % image::CLASSES) as u8;
            std::iter::once(label).chain((0..size).map(move |p| ((p * (number + 3)) % 256) as u8))
        };
        let pictures: Vec<u8> = (0..200).flat_map(picture).collect();
        let batches = (1..=5).map(|i| format!("data_batch_{i}.bin"));
        for name in batches.chain(["test_batch.bin".into()]) {
            write(&dir.join(name), &pictures)?;
        }
        Ok(())
    }
}
