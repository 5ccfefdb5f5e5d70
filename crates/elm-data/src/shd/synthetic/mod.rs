//! A synthetic set of spoken-digit-like spikes with the sizes of SHD, so that its tasks run without a
//! download. It is no speech, and a result on it is none on SHD.

mod pattern;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::pattern::{Speaker, Word};
use super::archive::{Sample, writer};
use super::{CLASSES, SYNTHETIC_FILES};
use crate::made::{Made, Provenance, make_files};
use crate::{DataError, Result};

/// Raised whenever the same options give other files than before.
const VERSION: u32 = 1;
/// Samples that are drawn in parallel before they are written.
const BLOCK: usize = 128;
/// Speakers; the last ones speak in the test file only.
const SPEAKERS: u8 = 12;
const TRAINING_SPEAKERS: u8 = 10;

/// What [`generate_shd`] is to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyntheticShdOptions {
    /// Folder for the files; made if missing.
    pub out: PathBuf,
    /// Draws speakers and samples: the same seed gives the same files. The classes are the same for every seed.
    pub seed: u64,
    /// Samples in `synthetic_shd_train.elmspk`.
    pub train: usize,
    /// Samples in `synthetic_shd_test.elmspk`.
    pub test: usize,
}

impl SyntheticShdOptions {
    /// As many samples as SHD has: 8156 and 2264.
    pub fn new(out: impl Into<PathBuf>, seed: u64) -> Self {
        Self {
            out: out.into(),
            seed,
            train: 8156,
            test: 2264,
        }
    }

    /// How the files are made.
    pub fn provenance(&self) -> Provenance {
        Provenance::new("elm data generate shd", VERSION, self.seed)
            .with("train", self.train)
            .with("test", self.test)
    }
}

/// What a user wants of a synthetic set; what is left open may be as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SyntheticShdRequest {
    /// Seed; of a new set 0 unless asked for.
    pub seed: Option<u64>,
    /// Samples in the training file; of a new set as many as SHD has.
    pub train: Option<usize>,
    /// Samples in the test file; of a new set as many as SHD has.
    pub test: Option<usize>,
}

impl SyntheticShdRequest {
    /// Makes the set in the folder `dir` unless it is there, and gives how it was made.
    ///
    /// # Errors
    /// If the set there is other than asked for, with both values, or as [`generate_shd`].
    pub fn make_in(
        &self,
        dir: &Path,
        progress: &dyn Fn(SyntheticShdProgress) -> ControlFlow<()>,
    ) -> Result<Provenance> {
        let there = Provenance::read(dir)?;
        let known = |name| there.as_ref().and_then(|there| there.count(name));
        let default = SyntheticShdOptions::new(dir, 0);
        let known_seed = there.as_ref().map(|there| there.seed);
        let options = SyntheticShdOptions {
            seed: self.seed.or(known_seed).unwrap_or(default.seed),
            train: self.train.or(known("train")).unwrap_or(default.train),
            test: self.test.or(known("test")).unwrap_or(default.test),
            out: default.out,
        };
        generate_shd(&options, progress)?;
        Ok(options.provenance())
    }
}

/// Told after every block of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntheticShdProgress {
    /// Samples written so far.
    pub done: usize,
    /// Samples in both files.
    pub total: usize,
}

/// Result of [`generate_shd`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntheticShdSummary {
    /// The files written: training and test.
    pub files: [PathBuf; 2],
    /// Their spikes, together; 0 if they were there.
    pub spikes: u64,
    /// Their size in bytes, together.
    pub bytes: u64,
    /// Whether they were there already, made by the same options.
    pub kept: bool,
}

/// Writes `synthetic_shd_train.elmspk` and `synthetic_shd_test.elmspk`, in a format of this project that [`ShdFile`] reads
/// beside the published one: nobody takes them for SHD, and how they were made is in them.
///
/// [`ShdFile`]: super::ShdFile
///
/// A class is a word: three ridges of spikes that move over the 700 channels like the formants of speech. Speakers
/// differ in pitch, tempo and width of the ridges, samples in onset, length, loudness, the place of each ridge and every
/// single spike; 20 % of the spikes are noise. The words of classes 10 to 19 are those of classes 0 to 9 backwards.
/// Ten speakers are in both files, two in the test file alone. The classes of a file differ by at most one sample in
/// their number.
///
/// The files depend on the options alone, not on the number of threads. They get their names when both are whole, with
/// a note `generated.json` beside them on how they were made. Files that are there and were made by the same options
/// are kept; another process that makes them is waited for. What a killed process leaves the next one removes.
///
/// # Errors
/// If files are there that were made otherwise or have no note, if a file cannot be written, or if `progress` stopped
/// it.
pub fn generate_shd(
    options: &SyntheticShdOptions,
    progress: &dyn Fn(SyntheticShdProgress) -> ControlFlow<()>,
) -> Result<SyntheticShdSummary> {
    let files = SYNTHETIC_FILES.map(|name| options.out.join(name));
    let total = options.train + options.test;
    let tell = |done| {
        let flow = progress(SyntheticShdProgress { done, total });
        DataError::go_on(flow, done, total, "samples")
    };
    let made = make_files(
        &options.out,
        &SYNTHETIC_FILES,
        &options.provenance(),
        &mut || tell(0),
        |part| write_files(options, part, &tell),
    )?;
    let size = |file: &PathBuf| std::fs::metadata(file).map_or(0, |m| m.len());
    Ok(SyntheticShdSummary {
        bytes: files.iter().map(size).sum(),
        files,
        kept: matches!(made, Made::Before),
        spikes: match made {
            Made::Now(spikes) => spikes,
            Made::Before => 0,
        },
    })
}

/// Writes both files into the folder `part`; the number of their spikes.
fn write_files(
    options: &SyntheticShdOptions,
    part: &Path,
    tell: &dyn Fn(usize) -> Result<()>,
) -> Result<u64> {
    let generator = Generator::new(options.seed);
    let made = options.provenance();
    let (mut spikes, mut done) = (0, 0);
    let mut tell_more = |more| {
        done += more;
        tell(done)
    };
    let parts = [(options.train, TRAINING_SPEAKERS), (options.test, SPEAKERS)];
    for ((stream, name), (samples, speakers)) in (1..).zip(SYNTHETIC_FILES).zip(parts) {
        let path = part.join(name);
        spikes += generator.write(&path, stream, samples, speakers, &made, &mut tell_more)?;
    }
    Ok(spikes)
}

/// What all samples are drawn from.
struct Generator {
    seed: u64,
    words: Vec<Word>,
    speakers: Vec<Speaker>,
}

/// The class of a sample.
fn class(index: usize) -> u8 {
    (index % CLASSES) as u8
}

impl Generator {
    fn new(seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        Self {
            seed,
            words: Word::all(),
            speakers: (0..SPEAKERS).map(|_| Speaker::draw(&mut rng)).collect(),
        }
    }

    /// Sample `index` of the file number `file`, said by one of the first `speakers`.
    fn draw(&self, file: u64, index: usize, speakers: u8) -> Sample {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(file << 56 | index as u64);
        let speaker = rng.random_range(0..speakers);
        let label = class(index);
        let word = &self.words[usize::from(label)];
        let spikes = self.speakers[usize::from(speaker)].say(word, &mut rng);
        Sample {
            label,
            speaker,
            spikes,
        }
    }

    /// Writes file number `file` of `samples` samples by the first `speakers`, and tells how many more are written; the
    /// number of its spikes.
    fn write(
        &self,
        path: &Path,
        file: u64,
        samples: usize,
        speakers: u8,
        provenance: &Provenance,
        tell: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<u64> {
        let cannot_write = |e| DataError::io(path, "write it", e);
        let mut writer = writer(path, samples, provenance)?;
        let mut spikes = 0;
        for start in (0..samples).step_by(BLOCK) {
            let block: Vec<_> = (start..samples.min(start + BLOCK))
                .into_par_iter()
                .map(|index| {
                    let sample = self.draw(file, index, speakers);
                    sample.record().map(|record| (sample.spikes.len(), record))
                })
                .collect::<std::io::Result<_>>()
                .map_err(cannot_write)?;
            for (count, record) in &block {
                writer.append(record).map_err(cannot_write)?;
                spikes += *count as u64;
            }
            tell(block.len())?;
        }
        writer.finish().map_err(cannot_write)?;
        Ok(spikes)
    }
}
