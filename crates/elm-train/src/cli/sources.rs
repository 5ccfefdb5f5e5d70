//! `--data` of `elm predict` and `elm eval`: which files, and what is in them.

use std::path::PathBuf;
use std::sync::Arc;

use elm_data::arrays::TimeUnit;
use elm_data::neuronio::{Simulation, open_simulations, shipped};
use elm_data::task::TaskData;
use elm_data::{Split, Task};

use crate::error::{Result, TrainError};
use crate::model::ModelFile;
use crate::model::card::InputCard;
use crate::predict::{
    ArraySource, SimulationSource, Source, TableFromInput, TaskSource, TextSource,
    looks_like_arrays,
};

/// Which data, and how it is read.
#[derive(Debug, clap::Args)]
pub(super) struct DataArgs {
    /// Files or folders as the model was trained on, or arrays (.npy, .npz, .safetensors, .csv); of a model of a text, texts;
    /// - is standard input [default, NeuronIO: the shipped test simulations]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub data: Vec<PathBuf>,
    /// Part of a named task's files
    #[arg(long, value_enum, default_value_t = Part::Test)]
    part: Part,
    /// At most so many samples of a named task
    #[arg(long, value_name = "N")]
    samples: Option<usize>,
    /// The data are arrays, whatever their names
    #[arg(long)]
    arrays: bool,
    /// The arrays hold events (sample, time, channel) at times in this unit
    #[arg(long, value_enum, value_name = "s|ms|us")]
    events: Option<Unit>,
}

/// Part of a task's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Train,
    Valid,
    Test,
}

/// Unit of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Unit {
    S,
    Ms,
    Us,
}

/// Opened data.
pub(super) struct Data {
    pub source: Box<dyn Source>,
    /// What standard input was kept in; its file goes with it.
    _input: Option<TableFromInput>,
}

impl DataArgs {
    /// Are the data simulations of NeuronIO, which are evaluated by the published protocol?
    pub(super) fn are_simulations(&self, file: &ModelFile) -> bool {
        file.card.named_task().is_some_and(Task::is_neuronio) && !self.are_arrays()
    }

    /// The simulations.
    pub(super) fn simulations(&self) -> Result<Vec<Simulation>> {
        Ok(match self.data.is_empty() {
            true => shipped(self.split())?,
            false => open_simulations(&self.data)?,
        })
    }

    /// The part of a named task of sequences with one class each; none if the data are something else.
    pub(super) fn task_part(&self, file: &ModelFile) -> Result<Option<(Task, Arc<dyn TaskData>)>> {
        let task = file.card.named_task().filter(|task| task.classifies());
        match (task, self.are_arrays(), &self.data[..]) {
            (Some(task), false, [dir]) => {
                let options = file.card.reading().options(self.samples);
                Ok(Some((task, task.open(dir, self.split(), &options)?)))
            }
            _ => Ok(None),
        }
    }

    fn split(&self) -> Split {
        match self.part {
            Part::Train => Split::Train,
            Part::Valid => Split::Valid,
            Part::Test => Split::Test,
        }
    }

    fn are_arrays(&self) -> bool {
        let given = |p: &PathBuf| is_input(p) || looks_like_arrays(p);
        self.arrays || self.events.is_some() || self.data.iter().any(given)
    }

    /// Opens the data for a model.
    pub(super) fn open(&self, file: &ModelFile) -> Result<Data> {
        if self.are_simulations(file) {
            let source = Box::new(SimulationSource::new(self.simulations()?));
            return Ok(Data {
                source,
                _input: None,
            });
        }
        let input = file.card.task.as_ref().map(|task| &task.input);
        if self.data.is_empty() {
            let what = match (input, file.card.task.as_ref()) {
                (Some(InputCard::Text { .. }), _) => "texts".into(),
                (_, Some(task)) => format!("the files of the task {}, or arrays", task.name),
                (_, None) => "arrays".into(),
            };
            return Err(TrainError::Usage(format!("--data: expected {what}")));
        }
        if let Some(InputCard::Text { vocabulary }) = input {
            let (paths, input) = self.paths()?;
            let names = self.data.iter().map(|path| path.display().to_string());
            let named: Vec<_> = names.zip(paths).collect();
            return Ok(Data {
                source: Box::new(TextSource::open(&named, vocabulary)?),
                _input: input,
            });
        }
        let task = file.card.named_task().filter(|task| task.classifies());
        match (task, self.are_arrays(), &self.data[..]) {
            (Some(task), false, [dir]) => {
                let source = TaskSource::open(file, task, dir, self.split(), self.samples)?;
                Ok(Data {
                    source: Box::new(source),
                    _input: None,
                })
            }
            (Some(task), false, _) => Err(TrainError::Usage(format!(
                "--data: expected one folder with the files of the task {task}, found {} paths",
                self.data.len()
            ))),
            _ => self.open_arrays(file),
        }
    }

    /// The paths, and what standard input is kept in where it is one of them.
    fn paths(&self) -> Result<(Vec<PathBuf>, Option<TableFromInput>)> {
        let input = match self.data.iter().any(is_input) {
            true => Some(TableFromInput::read()?),
            false => None,
        };
        let paths = self
            .data
            .iter()
            .map(|path| match &input {
                Some(input) if is_input(path) => input.path(),
                _ => path.clone(),
            })
            .collect();
        Ok((paths, input))
    }

    fn open_arrays(&self, file: &ModelFile) -> Result<Data> {
        let (paths, input) = self.paths()?;
        let unit = self.events.map(|unit| match unit {
            Unit::S => TimeUnit::Seconds,
            Unit::Ms => TimeUnit::Milliseconds,
            Unit::Us => TimeUnit::Microseconds,
        });
        Ok(Data {
            source: Box::new(ArraySource::open(file, &paths, unit)?),
            _input: input,
        })
    }
}

/// Is it `-`, standard input?
#[allow(clippy::ptr_arg)] // as `any` asks for it
fn is_input(path: &PathBuf) -> bool {
    path.as_os_str() == "-"
}
