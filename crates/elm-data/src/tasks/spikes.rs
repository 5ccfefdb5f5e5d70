//! Spoken digits as spikes (Cramer et al. 2022), patterns drawn in their place, and sums of two of either.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use crate::shd::{
    self, Draws, ShdAdding, ShdDataset, ShdFile, ShdFolder, ShdKind, SyntheticShdOptions,
    generate_shd,
};
use crate::task::{
    NamedTask, Parts, Published, TaskData, TaskInfo, TaskKind, TaskOptions, TaskRecipe,
};
use crate::{DataError, Encoding, Result, Split};

/// Which of the spike tasks.
#[derive(Debug)]
pub(super) struct Spikes {
    info: TaskInfo,
    /// Is a sample the sum of two, drawn on the fly?
    adding: bool,
}

const USES: &[&str] = &["time step", "folder", "answers", "bins", "seeded split"];
const USES_MADE: &[&str] = &[
    "time step",
    "folder",
    "answers",
    "bins",
    "seeded split",
    "made",
];

const SPOKEN: TaskInfo = TaskInfo {
    source: "https://zenkelab.org/datasets/",
    files: "shd_train.h5, shd_test.h5",
    licence: "CC BY 4.0; cite Cramer et al. 2022",
    in_files: Some(IN_FILES),
    channels: shd::CHANNELS,
    uses: USES,
    ..TaskInfo::EMPTY
};

const DRAWN: TaskInfo = TaskInfo {
    source: "elm data generate shd --out DIR --seed N",
    files: "synthetic_shd_train.elmspk, synthetic_shd_test.elmspk",
    licence: "that of this project",
    in_files: Some(IN_FILES),
    channels: shd::CHANNELS,
    uses: USES_MADE,
    is_synthetic: true,
    notes: &[
        "The data is drawn by a program: no speech, and no result on it is one on the Heidelberg digits.",
    ],
    ..TaskInfo::EMPTY
};

/// A fifth of the training file validates, drawn by a seed.
const SAMPLES: [usize; 3] = [6525, 1631, 2264];
/// Samples of the files.
const IN_FILES: [usize; 3] = [8156, 8156, 2264];

/// Spoken digits.
pub(super) static SHD: Spikes = Spikes {
    adding: false,
    info: TaskInfo {
        name: "shd",
        about: "which digit is spoken, in English or German, from the spikes of a model cochlea",
        samples: SAMPLES,
        length: 100,
        kind: TaskKind::classes(shd::CLASSES),
        classes: &[
            "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "null",
            "eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun",
        ],
        published: Some(Published {
            recipe: "shd",
            accuracy: 86.0,
            samples: 2264,
            source: "Published: Spieler et al., ICLR 2024, the neuron of this size trained with these settings.",
        }),
        recipes: &[TaskRecipe {
            name: "shd",
            about: "published training on the Spiking Heidelberg Digits; needs their files",
            text: include_str!("recipes/shd.toml"),
            set: &[],
        }],
        ..SPOKEN
    },
};

/// The sum of two spoken digits.
pub(super) static SHD_ADDING: Spikes = Spikes {
    adding: true,
    info: TaskInfo {
        name: "shd-adding",
        about: "the sum of two spoken digits, one after the other; pairs drawn on the fly",
        samples: shd::ADDING_SAMPLES,
        length: 200,
        kind: TaskKind::classes(shd::ADDING_CLASSES),
        recipes: &[
            TaskRecipe {
                name: "shd-adding",
                about: "published training on the sum of two Heidelberg digits; needs their files",
                text: include_str!("recipes/shd-adding.toml"),
                set: &[],
            },
            TaskRecipe {
                name: "shd-adding-network",
                about: "published training of a network on the same sums; needs their files",
                text: include_str!("recipes/shd-adding-network.toml"),
                set: &[],
            },
        ],
        ..SPOKEN
    },
};

/// Patterns drawn by this project in the format of SHD; no speech.
pub(super) static SYNTHETIC: Spikes = Spikes {
    adding: false,
    info: TaskInfo {
        name: "synthetic-spikes",
        about: "which of 20 spike patterns drawn by a program; no speech, results are none on SHD",
        samples: SAMPLES,
        length: 100,
        kind: TaskKind::classes(shd::CLASSES),
        recipes: &[TaskRecipe {
            name: "spikes",
            about: "20 synthetic spike patterns, made on first use; minutes on two cores",
            text: include_str!("recipes/spikes.toml"),
            set: &[],
        }],
        ..DRAWN
    },
};

/// The sum of two synthetic patterns.
pub(super) static SYNTHETIC_ADDING: Spikes = Spikes {
    adding: true,
    info: TaskInfo {
        name: "synthetic-spikes-adding",
        about: "the sum of two synthetic patterns, one after the other; pairs drawn on the fly",
        samples: shd::ADDING_SAMPLES,
        length: 200,
        kind: TaskKind::classes(shd::ADDING_CLASSES),
        recipes: &[
            TaskRecipe {
                name: "spikes-adding",
                about: "the sum of two synthetic spike patterns, made on first use",
                text: include_str!("recipes/spikes-adding.toml"),
                set: &[],
            },
            TaskRecipe {
                name: "spikes-adding-network",
                about: "a small network of neurons on the same sums; minutes on two cores",
                text: include_str!("recipes/spikes-adding-network.toml"),
                set: &[],
            },
        ],
        ..DRAWN
    },
};

impl NamedTask for Spikes {
    fn info(&self) -> &TaskInfo {
        &self.info
    }

    fn encoding(&self) -> Option<Encoding> {
        Some(shd::ENCODING)
    }

    fn open(&self, dir: &Path, split: Split, options: &TaskOptions) -> Result<Arc<dyn TaskData>> {
        let folder = ShdFolder::find(dir)?;
        let part = match split {
            Split::Test => self.file(&folder, &folder.test, options)?,
            Split::Train | Split::Valid => {
                let [train, valid] = self.divided(&folder, options)?;
                if split == Split::Train { train } else { valid }
            }
        };
        self.part(part, split, options)
    }

    fn open_parts(
        &self,
        dir: &Path,
        options: &TaskOptions,
        pairs: [Option<usize>; 3],
    ) -> Result<Parts> {
        let folder = ShdFolder::find(dir)?;
        let [train, valid] = self.divided(&folder, options)?;
        let test = self.file(&folder, &folder.test, options)?;
        let [of_train, of_valid, of_test] = pairs.map(|pairs| TaskOptions { pairs, ..*options });
        Ok(Parts {
            train: self.part(train, Split::Train, &of_train)?,
            valid: self.part(valid, Split::Valid, &of_valid)?,
            test: self.part(test, Split::Test, &of_test)?,
        })
    }

    fn make_example(&self, dir: &Path) -> Result<()> {
        if !self.info.is_synthetic {
            return Err(DataError::request(format!(
                "no program makes the files of {}: {}",
                self.info.name, self.info.source
            )));
        }
        let options = SyntheticShdOptions {
            train: 500,
            test: 20,
            ..SyntheticShdOptions::new(dir, 1)
        };
        generate_shd(&options, &|_| ControlFlow::Continue(()))?;
        Ok(())
    }
}

impl Spikes {
    /// The samples of a part, or their sums.
    fn part(
        &self,
        source: ShdDataset,
        split: Split,
        options: &TaskOptions,
    ) -> Result<Arc<dyn TaskData>> {
        Ok(match self.adding {
            true => Arc::new(pairs(source, split, options)?),
            false => Arc::new(source),
        })
    }

    /// The training file, divided into training and validation.
    fn divided(&self, folder: &ShdFolder, options: &TaskOptions) -> Result<[ShdDataset; 2]> {
        let all = self.file(folder, &folder.train, options)?;
        let (train, valid) = all.split(shd::VALIDATION_FRACTION, options.split_seed)?;
        for (split, part) in [(Split::Train, &train), (Split::Valid, &valid)] {
            if part.is_empty() {
                return Err(DataError::format(
                    &folder.train,
                    format!(
                        "expected at least one sample for the part `{split}`, found none: of {} samples, seed {} gave {} \
                         to `train` and {} to `valid` (each validates with probability {})",
                        all.len(),
                        options.split_seed,
                        train.len(),
                        valid.len(),
                        shd::VALIDATION_FRACTION
                    ),
                ));
            }
        }
        Ok([train, valid])
    }

    /// All samples of a file of spikes: never drawn ones for spoken ones.
    fn file(&self, folder: &ShdFolder, path: &Path, options: &TaskOptions) -> Result<ShdDataset> {
        let file = ShdFile::open(path)?;
        let synthetic = folder.kind == ShdKind::Synthetic || file.is_synthetic();
        if synthetic != self.info.is_synthetic {
            let (found, other) = match (synthetic, self.adding) {
                (true, false) => ("spikes drawn by a program", &SYNTHETIC),
                (true, true) => ("spikes drawn by a program", &SYNTHETIC_ADDING),
                (false, false) => ("spoken digits", &SHD),
                (false, true) => ("spoken digits", &SHD_ADDING),
            };
            return Err(DataError::format(
                path,
                format!(
                    "these are {found}, not the data of {}: their task is {}",
                    self.info.name, other.info.name
                ),
            ));
        }
        let all = ShdDataset::read(&file, options.binning)?;
        if all.is_empty() {
            let part = if path == folder.test { "test" } else { "train" };
            return Err(DataError::format(
                path,
                format!("expected at least one sample for the part `{part}`, found 0 samples"),
            ));
        }
        if all.statistics().nothing_is_used() {
            return Err(DataError::format(path, all.statistics().notes().join("; ")));
        }
        let provenance = file.provenance().cloned();
        Ok(all.about(path, provenance))
    }
}

/// Pairs of the samples of a part. Those to train on are drawn by the seed of the training, the others by that of the
/// split, so that the losses of seeds compare.
fn pairs(source: ShdDataset, split: Split, options: &TaskOptions) -> Result<ShdAdding> {
    let draws = match split {
        Split::Train => Draws::EachEpoch,
        Split::Valid | Split::Test => Draws::Once,
    };
    let place = split as usize;
    let pairs = options.pairs.unwrap_or(shd::ADDING_SAMPLES[place]);
    let seed = match split {
        Split::Train => options.draw_seed,
        Split::Valid | Split::Test => options.split_seed,
    };
    // each part draws other pairs
    let seed = seed.wrapping_mul(3).wrapping_add(place as u64);
    ShdAdding::new(source, pairs, seed, draws)
}
