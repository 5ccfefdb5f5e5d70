//! Spiking Heidelberg Digits (Cramer et al., "The Heidelberg Spiking Data Sets", IEEE TNNLS 2022), and SHD-Adding made
//! of them (Spieler et al., "The Expressive Leaky Memory Neuron", ICLR 2024).
//!
//! A sample is a spoken digit as spikes of 700 cochlear channels; the classes 0 to 9 are the English digits, 10 to 19
//! the German ones. [`ShdFile`] reads the published HDF5 files, [`ShdDataset`] bins their first second, [`ShdAdding`]
//! pairs samples, and [`generate_shd`] writes a synthetic set of the same form.

mod adding;
mod archive;
mod binning;
mod dataset;
mod file;
mod folder;
mod statistics;
mod synthetic;

pub use adding::{ADDING_CLASSES, ADDING_SAMPLES, Draws, ShdAdding};
pub use binning::{BinValue, Binning};
pub use dataset::{ShdDataset, VALIDATION_FRACTION};
pub use file::{ShdFile, SpikeTrain};
pub use folder::{PUBLISHED_FILES, SYNTHETIC_FILES, ShdFolder, ShdKind};
pub use statistics::SpikeStatistics;
pub use synthetic::{
    SyntheticShdOptions, SyntheticShdProgress, SyntheticShdRequest, SyntheticShdSummary,
    generate_shd,
};

use crate::Encoding;

/// Number of classes: ten digits in two languages.
pub const CLASSES: usize = 20;
/// Number of cochlear channels.
pub const CHANNELS: usize = 700;
/// Every step has one channel per cochlear channel, the number of its spikes.
pub const ENCODING: Encoding = Encoding::Counts { channels: CHANNELS };

/// The digit of a class, 0 to 9, whatever its language.
pub fn digit(class: usize) -> usize {
    class % 10
}

#[cfg(test)]
mod tests;
