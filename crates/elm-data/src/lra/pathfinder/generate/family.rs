//! The published family of images: what is drawn at each size.

use serde::{Deserialize, Serialize};

use crate::lra::pathfinder::Difficulty;
use crate::{DataError, Result};

/// Width and height of the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathfinderSize {
    /// 32 × 32 pixels: Pathfinder, sequences of 1024.
    Px32,
    /// 64 × 64 pixels, sequences of 4096.
    Px64,
    /// 128 × 128 pixels: Path-X, sequences of 16 384.
    Px128,
}

impl PathfinderSize {
    /// All sizes.
    pub const ALL: [Self; 3] = [Self::Px32, Self::Px64, Self::Px128];

    /// Pixels in a row, and rows.
    pub fn pixels(self) -> usize {
        match self {
            Self::Px32 => 32,
            Self::Px64 => 64,
            Self::Px128 => 128,
        }
    }
}

impl TryFrom<usize> for PathfinderSize {
    type Error = DataError;

    fn try_from(pixels: usize) -> Result<Self> {
        let mut sizes = Self::ALL.into_iter();
        sizes.find(|size| size.pixels() == pixels).ok_or_else(|| {
            DataError::request(format!(
                "expected an image size of 32, 64 or 128 pixels, found {pixels}"
            ))
        })
    }
}

/// Dashes of the long contours; distractors have a third of that.
pub(super) fn dashes(difficulty: Difficulty) -> usize {
    match difficulty {
        Difficulty::Length3 => 3,
        Difficulty::Baseline => 6,
        Difficulty::Length9 => 9,
        Difficulty::Length14 => 14,
    }
}

/// The setting of one size, lengths in pixels: what the documentation of the published data tells, and for the traceable
/// rules `gain` and two distances, `link` and `clear`, which make the label follow from the image.
#[derive(Debug, Clone)]
pub(super) struct Family {
    /// Width and height of the image.
    pub(super) pixels: usize,
    /// Length of a dash.
    pub(super) dash: f64,
    /// Width of a dash.
    pub(super) thickness: f64,
    /// An image has one of these margins: half the distance from the end of a dash to the start of the next.
    pub(super) margins: &'static [u8],
    /// How straight contours are: the turn from dash to dash is at most 90° over this.
    pub(super) continuity: f64,
    /// Distance between the first ends of the long contours; they are twice that away from the image's edge.
    pub(super) seed_distance: f64,
    /// Radius of the markers.
    pub(super) marker_radius: f64,
    /// Grey of a dash, as a part of white.
    pub(super) contrast: f64,
    /// Published rules: fine pixels in a pixel, along an edge, that a dash is drawn with. The documentation does not tell
    /// that of the smallest size.
    pub(super) fine: usize,
    /// Traceable rules: a pixel has that grey if it is covered by one over this, so that a thin dash is seen wherever it lies.
    pub(super) gain: f64,
    /// Dashes in all distractors together, if they find room.
    pub(super) distractor_dashes: usize,
    /// Traceable rules: largest squared distance between the visible pixels of neighbouring dashes of a contour.
    pub(super) link: u32,
    /// Traceable rules: least squared distance between the pixels of all other dashes, faint ones included.
    pub(super) clear: u32,
}

impl Family {
    /// No size has more margins.
    pub(super) const MOST_MARGINS: usize = 2;

    /// The setting for a size.
    pub(super) fn of(size: PathfinderSize) -> Self {
        match size {
            PathfinderSize::Px32 => Self {
                pixels: 32,
                dash: 2.0,
                thickness: 0.5,
                margins: &[1],
                continuity: 1.0,
                seed_distance: 7.0,
                marker_radius: 1.5,
                contrast: 0.75,
                fine: 4,
                gain: 3.0,
                distractor_dashes: 20,
                link: 8,
                clear: 13,
            },
            PathfinderSize::Px64 => Self {
                pixels: 64,
                dash: 5.0,
                thickness: 1.0,
                margins: &[1],
                continuity: 1.8,
                seed_distance: 12.0,
                marker_radius: 2.5,
                contrast: 0.8,
                fine: 2,
                gain: 1.6,
                distractor_dashes: 22,
                link: 8,
                clear: 25,
            },
            PathfinderSize::Px128 => Self {
                pixels: 128,
                dash: 5.0,
                thickness: 1.5,
                margins: &[2, 3],
                continuity: 1.8,
                seed_distance: 20.0,
                marker_radius: 3.0,
                contrast: 0.9,
                fine: 2,
                gain: 1.25,
                distractor_dashes: 35,
                link: 41,
                clear: 81,
            },
        }
    }
}
