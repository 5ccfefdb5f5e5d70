//! Anyone's arrays: npy, npz, safetensors, CSV, events.

use std::io::Read;
use std::path::{Path, PathBuf};

use elm_data::arrays::{
    ArrayBatch, ArrayData, ArrayOptions, BatchTargets, ClassNames, EventBinning, InputKind, Inputs,
    Known, Scaler, SequenceData, TargetKind, Targets, TimeUnit,
};
use elm_data::{BatchValues, SequenceBatch};

use super::source::{Piece, Predicting, SampleAnswer, Source, Truth, batch_size};
use crate::error::{Result, TrainError};
use crate::model::ModelFile;
use crate::model::card::{InputCard, Meaning, ReadoutCard};
use crate::task::sequence::SequenceInput;

/// Endings of the names of files that hold arrays.
const ENDINGS: [&str; 6] = ["npy", "npz", "safetensors", "csv", "tsv", "txt"];

/// Sequences in files of arrays, tables or events. For a model that was trained on arrays they are normalised as its
/// training data were; for any other they are what goes into its channels.
pub struct ArraySource {
    data: ArrayData,
    inputs: Scaler,
    targets: Scaler,
}

/// Does a path look like a file of arrays, rather than like the files of a named task?
pub fn looks_like_arrays(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str());
    let ending = ending.map(str::to_ascii_lowercase);
    path.is_file() && ending.is_some_and(|e| ENDINGS.contains(&e.as_str()))
}

impl ArraySource {
    /// Opens files for a model. With `events`, they hold events at times of this unit, which are counted in steps of the
    /// model's length.
    ///
    /// # Errors
    /// If a file cannot be read, or has other channels than the model.
    pub fn open(file: &ModelFile, paths: &[PathBuf], events: Option<TimeUnit>) -> Result<Self> {
        let card = &file.card;
        let (channels, outputs) = card.config.sizes();
        let trained = match card.task.as_ref().map(|task| &task.input) {
            Some(InputCard::Arrays {
                inputs,
                normalisation,
                options,
            }) => Some((inputs.clone(), normalisation.clone(), options.clone())),
            _ => None,
        };
        let (kind, inputs, mut options) = trained.unwrap_or_else(|| {
            let inputs = InputKind::Values { channels };
            (inputs, Scaler::none(channels), ArrayOptions::default())
        });
        if let Some(unit) = events {
            options.events = Some(binning(file, unit, channels)?);
        }
        let targets = targets(file, outputs)?;
        let known = Known {
            inputs: &kind,
            targets: &targets,
        };
        let data = ArrayData::open(paths, &options, Some(known))?;
        Ok(Self {
            // what is true stays in its units
            targets: Scaler::none(targets.outputs),
            data,
            inputs,
        })
    }
}

/// How events become steps of the model.
fn binning(file: &ModelFile, unit: TimeUnit, channels: usize) -> Result<EventBinning> {
    let step = file.card.task.as_ref().and_then(|task| task.step_ms);
    let bin_ms = step.ok_or_else(|| {
        TrainError::Usage(
            "--events: the model does not say how long its steps are; bin the events before".into(),
        )
    })?;
    Ok(EventBinning {
        unit,
        bin_ms,
        duration_ms: None,
        channels: Some(channels),
        binary: false,
    })
}

/// What the model gives, as the data are to name it.
fn targets(file: &ModelFile, outputs: usize) -> Result<Targets> {
    let output = file.card.output();
    let every = output.readout == ReadoutCard::EveryStep;
    let (kind, outputs, classes) = match &output.meaning {
        Meaning::Classes(names) => (
            match every {
                true => TargetKind::ClassifySteps,
                false => TargetKind::Classify,
            },
            names.len(),
            ClassNames::try_from(names.clone())?,
        ),
        Meaning::Values(values) => (
            match every {
                true => TargetKind::RegressSteps,
                false => TargetKind::Regress,
            },
            values.len().min(outputs),
            ClassNames::default(),
        ),
    };
    Ok(Targets {
        kind,
        outputs,
        classes,
    })
}

impl Source for ArraySource {
    fn samples(&self) -> usize {
        self.data.len()
    }

    fn items(&self) -> &'static str {
        "sequences"
    }

    fn predict(
        &self,
        with: &Predicting<'_>,
        take: &mut dyn FnMut(SampleAnswer) -> Result<()>,
    ) -> Result<()> {
        let channels = self.data.inputs().channels();
        let mut first = 0;
        while first < self.data.len() {
            let size = batch_size(self.data.steps(first), channels);
            // neighbours that are much longer than the first go into a batch of their own
            let longest = 2 * self.data.steps(first).max(64);
            let fits = |i: &usize| self.data.steps(*i) <= longest;
            let samples: Vec<usize> = (first..self.data.len())
                .take(size)
                .take_while(fits)
                .collect();
            let samples = match samples.is_empty() {
                true => vec![first],
                false => samples,
            };
            first += samples.len();
            let batch = ArrayBatch::new(&self.data, &samples, &self.inputs, &self.targets)?;
            with.answer(self.piece(batch, with)?, take)?;
        }
        Ok(())
    }
}

impl ArraySource {
    /// What follows each step of a sequence: all but the first.
    fn following(&self, sample: usize) -> Result<Truth> {
        let channels = self.data.inputs().channels();
        Ok(match self.data.sample(sample)?.inputs {
            Inputs::Values(values) if values.len() > channels => {
                Truth::Values(values[channels..].to_vec())
            }
            Inputs::Symbols(symbols) if symbols.len() > 1 => {
                Truth::Classes(symbols[1..].iter().copied().map(usize::from).collect())
            }
            _ => Truth::Unknown,
        })
    }

    fn piece(&self, batch: ArrayBatch, with: &Predicting<'_>) -> Result<Piece> {
        let next = with.file.card.output().next;
        let [_, time, _] = batch.shape;
        let outputs = self.data.targets().outputs.max(1);
        let truth = |sample: usize| {
            if next {
                return self.following(batch.samples[sample]);
            }
            let steps = batch.lengths[sample];
            Ok(match &batch.targets {
                BatchTargets::None => Truth::Unknown,
                BatchTargets::Classes(classes) => Truth::Classes(vec![classes[sample]]),
                BatchTargets::ClassSteps(classes) => {
                    let all = &classes[sample * time..][..steps];
                    Truth::Classes(all.iter().map(|c| usize::from(*c)).collect())
                }
                BatchTargets::Values(values) => {
                    let all = &values[sample * outputs..][..outputs];
                    Truth::Values(all.iter().copied().map(f64::from).collect())
                }
                BatchTargets::ValueSteps(values) => {
                    let all = &values[sample * time * outputs..][..steps * outputs];
                    Truth::Values(all.iter().copied().map(f64::from).collect())
                }
            })
        };
        let truths = (0..batch.samples.len()).map(truth).collect::<Result<_>>()?;
        let names = batch.samples.iter().map(|s| self.data.name(*s)).collect();
        let tokens_or_values: BatchValues = batch.values;
        let input = SequenceBatch {
            values: tokens_or_values,
            shape: batch.shape,
            lengths: batch.lengths,
            labels: Vec::new(),
        };
        Ok(Piece {
            inputs: vec![SequenceInput::new(input, with.device)],
            names,
            truths,
        })
    }
}

/// A table from standard input, kept in a file while it is read.
pub struct TableFromInput {
    folder: tempfile::TempDir,
}

impl TableFromInput {
    /// Reads standard input to its end.
    ///
    /// # Errors
    /// If it cannot be read, is empty, or a file for it cannot be written.
    pub fn read() -> Result<Self> {
        let failed = |e: std::io::Error| {
            TrainError::Run(format!("standard input cannot be kept in a file: {e}"))
        };
        let mut bytes = Vec::new();
        std::io::stdin()
            .lock()
            .read_to_end(&mut bytes)
            .map_err(|e| TrainError::Usage(format!("standard input cannot be read: {e}")))?;
        if bytes.is_empty() {
            return Err(TrainError::Usage(
                "standard input is empty, expected a table or an array".into(),
            ));
        }
        let input = Self {
            folder: tempfile::tempdir().map_err(failed)?,
        };
        std::fs::write(input.path(), bytes).map_err(failed)?;
        Ok(input)
    }

    /// The file.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("standard-input")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_arrays_from_the_files_of_tasks() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, expected) in [
            ("x.NPZ", true),
            ("x.csv", true),
            ("x.h5", false),
            ("x.p.gz", false),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, "x").expect("written");
            assert_eq!(looks_like_arrays(&path), expected, "{name}");
        }
        assert!(!looks_like_arrays(folder.path()));
    }
}
