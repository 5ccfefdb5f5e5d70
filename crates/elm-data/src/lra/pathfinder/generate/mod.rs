//! Drawing Pathfinder images and writing them in the published layout.
//!
//! The family of images is that of Linsley et al. (NeurIPS 2018) as the Long Range Arena uses it (Tay et al. 2021): two
//! long dashed contours begin near each other in the middle and wind through the image among shorter ones; two discs
//! mark two ends, and the question is whether they are the ends of the same contour. [`PathfinderRules`] says how they are
//! drawn.

mod family;
mod folder;
mod published;
mod traceable;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub use self::family::PathfinderSize;
use self::family::{Family, dashes};
use self::folder::Folder;
use super::Difficulty;
use crate::made::{FolderLock, NOTE, Provenance};
use crate::{DataError, Result};

/// Raised whenever the same options give other images than before, so that no data set mixes two kinds.
const VERSION: u32 = 1;

/// How images are drawn. Results on one kind are none on the other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathfinderRules {
    /// By the process of the published generator: contours may touch and cross, and where the markers lie hints at the
    /// answer. Benchmarks are on these.
    #[default]
    Published,
    /// Contours keep apart by more than the gaps within them, so that the answer always follows from tracing, and from
    /// nothing else.
    Traceable,
}

impl PathfinderRules {
    /// The word for it in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Traceable => "traceable",
        }
    }
}

/// What is to be drawn.
#[derive(Debug, Clone, Copy)]
struct Plan<'a> {
    family: &'a Family,
    /// Dashes of a long contour.
    dashes: usize,
    /// Are both markers on the same contour?
    joined: bool,
}

/// What [`generate_pathfinder`] is to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathfinderOptions {
    /// Folder that holds, or will hold, `pathfinder<size>`; made if missing.
    pub out: PathBuf,
    /// The same seed gives the same files.
    pub seed: u64,
    /// Number of images. Of an even number, half have each label.
    pub count: usize,
    /// Images in each folder `imgs/<k>`; the last may hold fewer.
    pub per_folder: usize,
    /// Width and height of the images.
    pub size: PathfinderSize,
    /// How long the contours are.
    pub difficulty: Difficulty,
    /// How they are drawn.
    #[serde(default)]
    pub rules: PathfinderRules,
}

impl PathfinderOptions {
    /// The published setting and rules: 200 000 images in 200 folders, contours of 14 dashes.
    pub fn new(out: impl Into<PathBuf>, seed: u64, size: PathfinderSize) -> Self {
        Self {
            out: out.into(),
            seed,
            count: 200_000,
            per_folder: 1000,
            size,
            difficulty: Difficulty::Length14,
            rules: PathfinderRules::default(),
        }
    }

    /// The folder of these images: `<out>/pathfinder<size>/<name of the difficulty>`.
    pub fn root(&self) -> PathBuf {
        let size = format!("pathfinder{}", self.size.pixels());
        self.out.join(size).join(self.difficulty.folder())
    }
}

/// Told after every hundred images and every folder, from several threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathfinderProgress {
    /// Images that are there: drawn so far, or found from an earlier run.
    pub done: usize,
    /// Images in all.
    pub total: usize,
}

/// Result of [`generate_pathfinder`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathfinderSummary {
    /// The folder of the images, with `imgs` and `metadata` in it.
    pub root: PathBuf,
    /// Images drawn.
    pub written: usize,
    /// Images that an earlier run had finished.
    pub kept: usize,
}

/// One drawn image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathfinderImage {
    /// Grey values row by row, 0 (black) to 255 (white).
    pub pixels: Vec<u8>,
    /// 1 if the markers are on the two ends of one contour, 0 if on ends of two contours.
    pub label: u8,
    /// Half the distance from dash to dash (pixels).
    pub margin: u8,
}

impl PathfinderImage {
    /// Draws image `index` of the set of a seed. Images 2n and 2n + 1 have different labels, in random order.
    ///
    /// # Errors
    /// If the contours find no room, which does not happen with the published settings.
    pub fn draw(
        rules: PathfinderRules,
        size: PathfinderSize,
        difficulty: Difficulty,
        seed: u64,
        index: u64,
    ) -> Result<Self> {
        let stream = |number| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(number);
            rng
        };
        let first_is_joined: bool = stream(u64::MAX - index / 2).random();
        let plan = Plan {
            family: &Family::of(size),
            dashes: dashes(difficulty),
            joined: first_is_joined == index.is_multiple_of(2),
        };
        let mut rng = stream(index);
        let (pixels, margin) = match rules {
            PathfinderRules::Published => {
                let scene = published::Scene::draw(size, &plan, &mut rng)?;
                (scene.image(plan.family), scene.margin)
            }
            PathfinderRules::Traceable => {
                let scene = traceable::Scene::draw(&plan, &mut rng)?;
                (scene.image(plan.family), scene.margin)
            }
        };
        Ok(Self {
            pixels,
            label: u8::from(plan.joined),
            margin,
        })
    }
}

/// Draws images and writes them as published: `imgs/<k>/sample_<i>.png` and one text line per image in
/// `metadata/<k>.npy`, under [`PathfinderOptions::root`].
///
/// The files depend on the options alone, not on the number of threads (sines and cosines are the platform's). A folder
/// and its metadata get their names when they are whole. The same call goes on where an earlier one was stopped: finished
/// folders are kept. `generated.json` tells which options a set was made with; another process that writes to it is
/// waited for.
///
/// # Errors
/// If the folder holds images that were made otherwise or more than `count` of them, if `per_folder` is 0, if a file
/// cannot be written, or if `progress` stopped it: finished folders stay, for the next call to go on from.
pub fn generate_pathfinder(
    options: &PathfinderOptions,
    progress: &(dyn Fn(PathfinderProgress) -> ControlFlow<()> + Sync),
) -> Result<PathfinderSummary> {
    let root = options.root();
    if options.per_folder == 0 {
        return Err(DataError::request(
            "expected at least 1 image per folder, found 0",
        ));
    }
    let total = options.count;
    let mut wait = || {
        let flow = progress(PathfinderProgress { done: 0, total });
        DataError::go_on(flow, 0, total, "images")
    };
    let _lock = FolderLock::wait_for(&root, &mut wait)?;
    claim(&root, &options.provenance())?;
    let folders = options.count.div_ceil(options.per_folder);
    folder::refuse_more_than(&root, folders)?;
    let done = AtomicUsize::new(0);
    let tell = |images: usize| {
        let done = done.fetch_add(images, Ordering::Relaxed) + images;
        let flow = progress(PathfinderProgress { done, total });
        DataError::go_on(flow, done, total, "images")
    };
    let mut summary = PathfinderSummary {
        root: root.clone(),
        written: 0,
        kept: 0,
    };
    for number in 0..folders {
        let first = number * options.per_folder;
        let folder = Folder {
            root: &root,
            number,
            images: options.per_folder.min(options.count - first),
        };
        if folder.is_finished()? {
            summary.kept += folder.images;
            tell(folder.images)?;
        } else {
            folder.write(options, first, &tell)?;
            summary.written += folder.images;
        }
    }
    Ok(summary)
}

/// Name of the setting that tells the rules. Notes of older versions do not tell, and know the traceable ones only.
const RULES: &str = "rules";

impl PathfinderOptions {
    /// How the images are made, but for their number.
    pub fn provenance(&self) -> Provenance {
        Provenance::new("elm data generate pathfinder", VERSION, self.seed)
            .with("pixels", self.size.pixels())
            .with("contour_length", dashes(self.difficulty))
            .with("images_per_folder", self.per_folder)
            .with(RULES, self.rules.name())
    }
}

/// How the images in the folder `root` were made, if a program of this project made them.
///
/// # Errors
/// If there is a note on that, and it cannot be read.
pub(super) fn provenance(root: &Path) -> Result<Option<Provenance>> {
    let mut found = Provenance::read(root)?;
    if let Some(found) = &mut found {
        found
            .settings
            .entry(RULES.into())
            .or_insert_with(|| PathfinderRules::Traceable.name().into());
    }
    Ok(found)
}

/// Makes `root` a folder of this kind of set, or checks that it is one.
fn claim(root: &Path, asked: &Provenance) -> Result<()> {
    let path = root.join(NOTE);
    let problem = match provenance(root)? {
        Some(found) => {
            let differences = found.differences(asked);
            if differences.is_empty() {
                return Ok(());
            }
            format!(
                "the images here were made otherwise: {}",
                differences.join("; ")
            )
        }
        None => {
            let mut parts = ["imgs", "metadata"].iter().map(|name| root.join(name));
            if !parts.any(|part| part.exists()) {
                return folder::write_whole(&path, &asked.to_json()?);
            }
            "expected this note on how the images here were made, found none".to_string()
        }
    };
    Err(DataError::format(
        &path,
        format!("{problem}; name another folder, or remove this set of images"),
    ))
}

#[cfg(test)]
mod tests;
