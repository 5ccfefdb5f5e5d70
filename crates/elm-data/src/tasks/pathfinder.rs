//! Pathfinder and Path-X of the Long Range Arena (Linsley et al. 2018, Tay et al. 2021).

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::lra::pathfinder::generate::{PathfinderOptions, PathfinderSize, generate_pathfinder};
use crate::lra::pathfinder::{self, ConvertProgress, ConvertSummary, Pathfinder, PathfinderConfig};
use crate::task::{NamedTask, Parts, TaskData, TaskInfo, TaskKind, TaskOptions, TaskRecipe};
use crate::{Encoding, Result, Split};

/// Are two markers joined by a contour?
#[derive(Debug)]
pub(super) struct Contours(TaskInfo);

/// 32 × 32 pixels.
pub(super) static PATHFINDER: Contours = Contours(TaskInfo {
    name: "pathfinder",
    about: "Long Range Arena: are two markers joined by a dashed contour, 32 x 32 pixels",
    source: "elm data generate pathfinder --size 32 --out DIR --seed N, or https://github.com/google-research/long-range-arena",
    files: "pathfinder32/curv_contour_length_14/{imgs,metadata}, or converted *.elmimg",
    length: 32 * 32,
    side: Some(32),
    arena: Some("pathfinder"),
    recipes: &[TaskRecipe {
        name: "pathfinder",
        about: "Long Range Arena: Pathfinder; its files can be made with elm data generate",
        text: include_str!("recipes/pathfinder.toml"),
        set: &[],
    }],
    ..COMMON
});

/// 128 × 128 pixels.
pub(super) static PATHX: Contours = Contours(TaskInfo {
    name: "pathx",
    about: "Long Range Arena: Pathfinder of 128 x 128 pixels",
    source: "elm data generate pathfinder --size 128 --out DIR --seed N, or https://github.com/google-research/long-range-arena",
    files: "pathfinder128/curv_contour_length_14/{imgs,metadata}, or converted *.elmimg",
    length: 128 * 128,
    side: Some(128),
    arena: Some("path_x"),
    recipes: &[TaskRecipe {
        name: "pathx",
        about: "Long Range Arena: Path-X; its files can be made with elm data generate",
        text: include_str!("recipes/pathx.toml"),
        set: &[],
    }],
    ..COMMON
});

const COMMON: TaskInfo = TaskInfo {
    licence: "none stated with the files; cite Linsley et al. 2018, Tay et al. 2021",
    // 80, 10 and 10 % of 200 000 images
    samples: [160_000, 20_000, 20_000],
    channels: 1,
    kind: TaskKind::classes(pathfinder::CLASSES),
    classes: &["apart", "joined"],
    converts: true,
    uses: &[
        "time step",
        "folder",
        "answers",
        "seeded split",
        "difficulty",
        "picture",
    ],
    ..TaskInfo::EMPTY
};

impl Contours {
    fn config(&self, options: &TaskOptions) -> PathfinderConfig {
        PathfinderConfig {
            side: self.0.side.unwrap_or_default(),
            difficulty: options.difficulty,
            split_seed: options.split_seed,
        }
    }
}

impl NamedTask for Contours {
    fn info(&self) -> &TaskInfo {
        &self.0
    }

    fn encoding(&self) -> Option<Encoding> {
        Some(pathfinder::ENCODING)
    }

    fn open(&self, dir: &Path, split: Split, options: &TaskOptions) -> Result<Arc<dyn TaskData>> {
        Ok(Arc::new(Pathfinder::open(
            dir,
            split,
            &self.config(options),
        )?))
    }

    fn open_parts(
        &self,
        dir: &Path,
        options: &TaskOptions,
        _: [Option<usize>; 3],
    ) -> Result<Parts> {
        Ok(Parts::of(Pathfinder::open_parts(
            dir,
            &self.config(options),
        )?))
    }

    fn convert(
        &self,
        dir: &Path,
        out: &Path,
        options: &TaskOptions,
        progress: &mut dyn FnMut(ConvertProgress) -> ControlFlow<()>,
    ) -> Result<ConvertSummary> {
        pathfinder::convert(dir, out, &self.config(options), progress)
    }

    fn make_example(&self, dir: &Path) -> Result<()> {
        let side = self.0.side.unwrap_or_default();
        let options = PathfinderOptions {
            // two batches at least, and not much more to draw where they are large
            count: (500_000 / (side * side).max(1)).max(80),
            ..PathfinderOptions::new(dir, 1, PathfinderSize::try_from(side)?)
        };
        generate_pathfinder(&options, &|_| ControlFlow::Continue(()))?;
        Ok(())
    }
}
