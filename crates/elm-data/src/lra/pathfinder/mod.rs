//! Pathfinder and Path-X: are two markers joined by a dashed contour? Grey images, pixel by pixel in raster order
//! (Linsley et al., NeurIPS 2018; Kim et al., ICLR 2020).
//!
//! A published data set is a folder for each size, `pathfinder32`, `pathfinder64` or `pathfinder128` (Path-X, 16 384
//! steps), with a folder for each [`Difficulty`]. In it, `metadata/<k>.npy` holds lines of text (it is no numpy array)
//! `imgs/<k> sample_<i>.png <i> <label> <continuity> ...`, one for each image. The images, 200 000 in each such folder,
//! are read as they are asked for. [`convert`] puts all of one folder into one file, which is read faster and easier
//! to move; it gives the same samples in the same order.

mod folder;
pub mod generate;
mod packed;
mod picture;

pub use packed::{ConvertProgress, ConvertSummary, PackedImages, convert};
pub use picture::decode_png;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::folder::ImageFolder;
use crate::made::Provenance;
use crate::{DataError, Encoding, Result, Sample, Sequence, Split};

/// 1: the markers are joined, 0: they are not.
pub const CLASSES: usize = 2;
/// One channel: the grey value, from -1 (black) to 1 (white), as state-space models of the arena do (Gu et al., ICLR
/// 2022).
pub const ENCODING: Encoding = Encoding::Grey {
    mean: 0.5,
    std: 0.5,
    columns: None,
};
/// Largest width and height of an image.
pub const MAX_SIDE: usize = 1024;

/// How long the contours are, and so how hard the task is. The arena's results are on [`Self::Length14`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Difficulty {
    /// Contours of 3 dashes, `curv_contour_length_3`. None were published: it is for the beginning of a training.
    Length3,
    /// Contours of 6 dashes, `curv_baseline`.
    Baseline,
    /// Contours of 9 dashes, `curv_contour_length_9`.
    Length9,
    /// Contours of 14 dashes, `curv_contour_length_14`.
    #[default]
    Length14,
}

impl Difficulty {
    /// All of them, from easy to hard.
    pub const ALL: [Self; 4] = [Self::Length3, Self::Baseline, Self::Length9, Self::Length14];

    /// Name of the folder.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Length3 => "curv_contour_length_3",
            Self::Baseline => "curv_baseline",
            Self::Length9 => "curv_contour_length_9",
            Self::Length14 => "curv_contour_length_14",
        }
    }
}

/// Which images, and how they are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PathfinderConfig {
    /// Width and height (pixels): 32, 64 or 128 (Path-X) of the published images.
    pub side: usize,
    /// Difficulty.
    #[serde(default)]
    pub difficulty: Difficulty,
    /// Seed of the split; the images themselves come in the order of the metadata.
    #[serde(default)]
    pub split_seed: u64,
}

impl PathfinderConfig {
    /// The hardest images of this size, split by seed 0.
    pub fn new(side: usize) -> Self {
        Self {
            side,
            difficulty: Difficulty::default(),
            split_seed: 0,
        }
    }

    /// Checks the size.
    ///
    /// # Errors
    /// If it is 0 or above [`MAX_SIDE`].
    pub fn check(&self) -> Result<()> {
        if (1..=MAX_SIDE).contains(&self.side) {
            return Ok(());
        }
        Err(DataError::request(format!(
            "side: expected images of 1 to {MAX_SIDE} pixels, found {}",
            self.side
        )))
    }
}

/// One part of Pathfinder or Path-X: 80 % of the images to train on, 10 % each to validate and to test.
///
/// Images are decoded as they are asked for; only their names and labels are in memory (about 10 MB), or nothing of a
/// converted file, which is mapped and must not be changed while it is in use.
#[derive(Debug)]
pub struct Pathfinder {
    source: Arc<Source>,
    side: usize,
    /// Images of this part, in the order of the metadata.
    images: Vec<u32>,
    warnings: Vec<String>,
}

#[derive(Debug)]
enum Source {
    Folder(ImageFolder),
    Packed(PackedImages),
}

impl Pathfinder {
    /// Opens a part of the images at `path`: a converted file, or a published folder (the one with `metadata` in it, or
    /// one above it).
    ///
    /// # Errors
    /// If the path is missing, the metadata are missing or not lines of text as published, a converted file is damaged
    /// or of another size than `config` says, or there are too few images (10) to split. The images themselves are
    /// checked as they are read.
    pub fn open(path: &Path, split: Split, config: &PathfinderConfig) -> Result<Self> {
        let whole = Whole::open(path, config)?;
        whole.part(split)
    }

    /// Opens all parts, in the order of [`Split`]: the metadata are read once.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_parts(path: &Path, config: &PathfinderConfig) -> Result<[Self; 3]> {
        let whole = Whole::open(path, config)?;
        Ok([
            whole.part(Split::Train)?,
            whole.part(Split::Valid)?,
            whole.part(Split::Test)?,
        ])
    }

    /// How the images were made, if a program of this project made them: then a result on them is none on the published
    /// images. The setting `rules` tells by which rules.
    pub fn provenance(&self) -> Option<&Provenance> {
        match &*self.source {
            Source::Folder(folder) => folder.provenance(),
            Source::Packed(packed) => packed.provenance(),
        }
    }

    /// Did a program of this project make the images?
    pub fn is_generated(&self) -> bool {
        self.provenance().is_some()
    }

    /// Reads sample `index`: `side * side` pixels.
    ///
    /// # Errors
    /// If the image is missing, empty, not a PNG, damaged, or of another size.
    ///
    /// # Panics
    /// If there is no such sample, as a slice does.
    pub fn sample(&self, index: usize) -> Result<Sample> {
        let image = self.images[index] as usize;
        let pixels = match &*self.source {
            Source::Folder(folder) => folder.pixels(image, self.side),
            Source::Packed(packed) => packed.pixels(image),
        }?;
        Ok(Sample {
            inputs: vec![Sequence::Pixels(pixels)],
            label: self.label(index),
        })
    }

    /// Class of sample `index`, without reading the image.
    ///
    /// # Panics
    /// If there is no such sample, as a slice does.
    pub fn label(&self, index: usize) -> usize {
        let image = self.images[index] as usize;
        match &*self.source {
            Source::Folder(folder) => folder.label(image),
            Source::Packed(packed) => packed.label(image),
        }
    }

    /// What a user should be told: one sentence for each image of the whole data set that was left out.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Pathfinder {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.images.len()
    }

    /// Is there none?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// All images of a data set, before they are split.
struct Whole {
    source: Arc<Source>,
    config: PathfinderConfig,
    images: usize,
    path: PathBuf,
    warnings: Vec<String>,
}

impl Whole {
    fn open(path: &Path, config: &PathfinderConfig) -> Result<Self> {
        config.check()?;
        let kind = std::fs::metadata(path).map_err(|e| DataError::io(path, "open it", e))?;
        let mut warnings = Vec::new();
        let source = if kind.is_dir() {
            let (folder, left_out) = ImageFolder::open(path, config)?;
            warnings.extend(left_out);
            Source::Folder(folder)
        } else {
            let packed = PackedImages::open(path)?;
            if packed.side() != config.side {
                let (side, found) = (config.side, packed.side());
                return Err(DataError::format(
                    path,
                    format!("expected images of {side} x {side} pixels, found {found} x {found}"),
                ));
            }
            Source::Packed(packed)
        };
        let images = match &source {
            Source::Folder(folder) => folder.len(),
            Source::Packed(packed) => packed.len(),
        };
        Ok(Self {
            source: Arc::new(source),
            config: *config,
            images,
            path: path.to_path_buf(),
            warnings,
        })
    }

    fn part(&self, split: Split) -> Result<Pathfinder> {
        let images = part(self.images, split, self.config.split_seed).ok_or_else(|| {
            let problem = format!(
                "expected at least 10 images to divide into three parts, found {}",
                self.images
            );
            DataError::format(&self.path, problem)
        })?;
        Ok(Pathfinder {
            source: Arc::clone(&self.source),
            side: self.config.side,
            images,
            warnings: self.warnings.clone(),
        })
    }
}

/// The images of a part, sorted; none if there are fewer than 10 images in all.
fn part(count: usize, split: Split, seed: u64) -> Option<Vec<u32>> {
    let tenth = count / 10;
    let last = u32::try_from(count).ok().filter(|_| tenth > 0)?;
    let mut order: Vec<u32> = (0..last).collect();
    order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let (train, rest) = order.split_at(count - 2 * tenth);
    let (valid, test) = rest.split_at(tenth);
    let mut part = match split {
        Split::Train => train,
        Split::Valid => valid,
        Split::Test => test,
    }
    .to_vec();
    part.sort_unstable();
    Some(part)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_image_is_in_one_part_and_the_seed_decides_in_which() {
        let parts =
            |seed| [Split::Train, Split::Valid, Split::Test].map(|s| part(1013, s, seed).unwrap());
        let [train, valid, test] = parts(1);
        assert_eq!([train.len(), valid.len(), test.len()], [811, 101, 101]);
        let mut all = [train.clone(), valid, test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..1013).collect::<Vec<u32>>());
        assert_eq!(parts(1)[2], test);
        assert_ne!(parts(2)[2], test);
        assert_ne!(test, (912..1013).collect::<Vec<u32>>());
        assert_eq!(part(9, Split::Train, 1), None);
    }
}
