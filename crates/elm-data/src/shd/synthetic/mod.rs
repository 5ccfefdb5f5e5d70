//! A synthetic set of spoken-digit-like spikes in the files and with the sizes of SHD, so that its tasks run without a
//! download. It is no speech, and a result on it is none on SHD.

mod pattern;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::pattern::{Speaker, Word};
use super::file::SYNTHETIC_MARK;
use super::{CLASSES, SYNTHETIC_FILES};
use crate::hdf5::{Hdf5Writer, StoredType};
use crate::part_folder::PartFolder;
use crate::{DataError, Result};

/// Samples that are drawn in parallel before they are written.
const BLOCK: usize = 128;
/// Speakers; the last ones speak in the test file only.
const SPEAKERS: u8 = 12;
const TRAINING_SPEAKERS: u8 = 10;
/// What the mark on the files says.
const MARK: &str = "drawn by a program (elm), not recorded: this is not SHD";
/// Bytes of a class name.
const KEY: usize = 12;

/// What [`generate_shd`] is to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyntheticShdOptions {
    /// Folder for the files; made if missing.
    pub out: PathBuf,
    /// Draws speakers and samples: the same seed gives the same files. The classes are the same for every seed.
    pub seed: u64,
    /// Samples in `synthetic_shd_train.h5`.
    pub train: usize,
    /// Samples in `synthetic_shd_test.h5`.
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
    /// Their spikes, together.
    pub spikes: u64,
    /// Their size in bytes, together.
    pub bytes: u64,
}

/// Writes `synthetic_shd_train.h5` and `synthetic_shd_test.h5` in the format of SHD, marked as synthetic by their names
/// and by an attribute `synthetic` of their root group.
///
/// A class is a word: three ridges of spikes that move over the 700 channels like the formants of speech. Speakers
/// differ in pitch, tempo and width of the ridges, samples in onset, length, loudness, the place of each ridge and every
/// single spike; 20 % of the spikes are noise. The words of classes 10 to 19 are those of classes 0 to 9 backwards.
/// Ten speakers are in both files, two in the test file alone. The classes of a file differ by at most one sample in
/// their number.
///
/// The files depend on the options alone, not on the number of threads. They get their names when both are whole; a run
/// that is killed leaves at most the hidden folder `.synthetic_shd.part`, which the next run removes.
///
/// # Errors
/// If one of the files is there already, if a file cannot be written, or if `progress` stopped it.
pub fn generate_shd(
    options: &SyntheticShdOptions,
    progress: &dyn Fn(SyntheticShdProgress) -> ControlFlow<()>,
) -> Result<SyntheticShdSummary> {
    let files = SYNTHETIC_FILES.map(|name| options.out.join(name));
    if let Some(there) = files.iter().find(|file| file.exists()) {
        return Err(DataError::format(
            there,
            "expected no such file, found one: name another folder, or remove it",
        ));
    }
    let part = PartFolder::make(&options.out, "synthetic_shd")?;
    let generator = Generator::new(options.seed);
    let (mut spikes, mut bytes) = (0, 0);
    let (mut done, total) = (0, options.train + options.test);
    let mut tell = |more| {
        done += more;
        let flow = progress(SyntheticShdProgress { done, total });
        DataError::go_on(flow, done, total, "samples")
    };
    let parts = [(options.train, TRAINING_SPEAKERS), (options.test, SPEAKERS)];
    for ((stream, name), (samples, speakers)) in (1..).zip(SYNTHETIC_FILES).zip(parts) {
        let path = part.path().join(name);
        let written = generator.write(&path, stream, samples, speakers, &mut tell)?;
        spikes += written.spikes;
        bytes += written.bytes;
    }
    for (name, file) in SYNTHETIC_FILES.iter().zip(&files) {
        part.release_file(name, file)?;
    }
    Ok(SyntheticShdSummary {
        files,
        spikes,
        bytes,
    })
}

/// What all samples are drawn from.
struct Generator {
    seed: u64,
    words: Vec<Word>,
    speakers: Vec<Speaker>,
}

/// What one file came to.
struct Written {
    spikes: u64,
    bytes: u64,
}

/// One sample, ready to be written.
struct Drawn {
    speaker: u8,
    spikes: usize,
    times: Vec<u8>,
    units: Vec<u8>,
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
    fn draw(&self, file: u64, index: usize, speakers: u8) -> Drawn {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(file << 56 | index as u64);
        let speaker = rng.random_range(0..speakers);
        let word = &self.words[usize::from(class(index))];
        let spikes = self.speakers[usize::from(speaker)].say(word, &mut rng);
        let (times, units): (Vec<_>, Vec<_>) = spikes
            .iter()
            .map(|(time, unit)| (time.to_le_bytes(), unit.to_le_bytes()))
            .unzip();
        Drawn {
            speaker,
            spikes: spikes.len(),
            times: times.into_flattened(),
            units: units.into_flattened(),
        }
    }

    /// Writes file number `file` of `samples` samples by the first `speakers`, and tells how many more are written.
    fn write(
        &self,
        path: &Path,
        file: u64,
        samples: usize,
        speakers: u8,
        tell: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<Written> {
        let mut writer = Hdf5Writer::create(path)?;
        let (mut times, mut units, mut speaker) = (vec![], vec![], vec![]);
        let mut spikes = 0;
        for start in (0..samples).step_by(BLOCK) {
            let block: Vec<Drawn> = (start..samples.min(start + BLOCK))
                .into_par_iter()
                .map(|index| self.draw(file, index, speakers))
                .collect();
            for sample in &block {
                let count = sample.spikes;
                let both = [(count, &sample.times[..]), (count, &sample.units[..])];
                let [time, unit] = writer.elements(both)?;
                times.push(time);
                units.push(unit);
                speaker.push(sample.speaker);
                spikes += count as u64;
            }
            tell(block.len())?;
        }
        let labels: Vec<u8> = (0..samples).map(class).collect();
        let train = [
            writer.ragged("times", StoredType::F16, &times)?,
            writer.ragged("units", StoredType::U16, &units)?,
        ];
        let extra = [
            writer.list("speaker", StoredType::U8, samples, &speaker)?,
            writer.list("keys", StoredType::Text(KEY as u32), CLASSES, &keys())?,
        ];
        let root = [
            writer.group("spikes", &train, &[])?,
            writer.list("labels", StoredType::U8, samples, &labels)?,
            writer.group("extra", &extra, &[])?,
        ];
        let root = writer.group("", &root, &[(SYNTHETIC_MARK, MARK)])?;
        let bytes = writer.finish(root)?;
        Ok(Written { spikes, bytes })
    }
}

/// Names of the classes, each of [`KEY`] bytes.
fn keys() -> Vec<u8> {
    let name = |class| {
        let mut name = format!("synthetic {class}").into_bytes();
        name.resize(KEY, 0);
        name
    };
    (0..CLASSES).flat_map(name).collect()
}
