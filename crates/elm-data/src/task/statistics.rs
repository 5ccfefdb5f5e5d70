//! What the samples of a part are like.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::{Task, TaskData};
use crate::shd::SpikeStatistics;
use crate::{DataError, Result, Sample, Split};

/// Counts and lengths of the samples of a part of a classification task.
#[derive(Debug, Clone, PartialEq)]
pub struct PartStatistics {
    /// The task.
    pub task: Task,
    /// The part.
    pub split: Split,
    /// Samples.
    pub samples: usize,
    /// Steps of the shortest sequence.
    pub shortest: usize,
    /// Steps of the longest sequence.
    pub longest: usize,
    /// Steps of all sequences.
    pub steps: u64,
    /// Sequences: one of each sample, or two where a pair is compared.
    pub sequences: usize,
    /// Samples of each class.
    pub classes: Vec<usize>,
    /// What the spikes are like, where the samples are spikes.
    pub spikes: Option<SpikeStatistics>,
    /// Samples in the files that this part is of.
    pub(super) in_files: usize,
    /// Whether a program of this project made the files.
    pub(super) made: bool,
}

impl PartStatistics {
    /// Reads all samples of `data`, which is part `split` of `task`, on all threads.
    ///
    /// # Errors
    /// If a sample cannot be read.
    pub fn of(task: Task, split: Split, data: &dyn TaskData) -> Result<Self> {
        Self::with_progress(task, split, data, &|_| ControlFlow::Continue(()))
    }

    /// As [`Self::of`]; `progress` is told the number of samples read so far, from several threads, and may stop it.
    ///
    /// # Errors
    /// If a sample cannot be read, or `progress` stopped it.
    pub fn with_progress(
        task: Task,
        split: Split,
        data: &dyn TaskData,
        progress: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
    ) -> Result<Self> {
        let empty = || Self {
            task,
            split,
            samples: 0,
            shortest: usize::MAX,
            longest: 0,
            steps: 0,
            sequences: 0,
            classes: vec![0; task.classes()],
            spikes: None,
            in_files: 0,
            made: false,
        };
        let (done, total) = (AtomicUsize::new(0), data.len());
        let mut all = (0..total)
            .into_par_iter()
            .map(|index| {
                let sample = data.read(0, index)?;
                let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                DataError::go_on(progress(done), done, total, "samples")?;
                let mut one = empty();
                one.add(&sample);
                Ok(one)
            })
            .try_reduce(empty, |a, b| Ok(a.join(&b)))?;
        if all.sequences == 0 {
            all.shortest = 0;
        }
        all.spikes = data.spikes();
        all.in_files = data.in_files();
        all.made = task.is_synthetic() || data.provenance().is_some();
        Ok(all)
    }

    fn add(&mut self, sample: &Sample) {
        for input in &sample.inputs {
            self.shortest = self.shortest.min(input.len());
            self.longest = self.longest.max(input.len());
            self.steps += input.len() as u64;
            self.sequences += 1;
        }
        self.samples += 1;
        if let Some(count) = self.classes.get_mut(sample.label) {
            *count += 1;
        }
    }

    fn join(mut self, other: &Self) -> Self {
        self.shortest = self.shortest.min(other.shortest);
        self.longest = self.longest.max(other.longest);
        self.steps += other.steps;
        self.sequences += other.sequences;
        self.samples += other.samples;
        for (a, b) in self.classes.iter_mut().zip(&other.classes) {
            *a += b;
        }
        self
    }

    /// Mean length of a sequence (steps).
    pub fn mean_length(&self) -> f64 {
        self.steps as f64 / self.sequences.max(1) as f64
    }

    /// Classes without a sample.
    pub fn empty_classes(&self) -> Vec<usize> {
        let classes = self.classes.iter().enumerate();
        let empty = classes.filter(|(_, count)| **count == 0);
        empty.map(|(class, _)| class).collect()
    }

    /// What a user should be told, a sentence each: other numbers of samples than published (unless a program of this
    /// project made them), classes without a sample, spikes that are not where they are expected.
    pub fn notes(&self) -> Vec<String> {
        let Self { task, split, .. } = *self;
        let mut notes = Vec::new();
        let expected = task.published_in_files(split);
        if expected != self.in_files && !self.made {
            let drawn = match expected == task.info().samples[split as usize] {
                true => "",
                false => " in the file that this part is drawn from",
            };
            notes.push(format!(
                "{split}: {} samples{drawn}, published are {expected}",
                self.in_files
            ));
        }
        let empty = self.empty_classes();
        if !empty.is_empty() {
            let names: Vec<String> = empty.iter().map(|c| task.class_name(*c)).collect();
            let (word, names) = match names.len() {
                1 => ("class", names),
                _ => ("classes", names),
            };
            notes.push(format!(
                "{split}: no sample of the {word} {}",
                names.join(", ")
            ));
        }
        let spikes = self.spikes.map_or_else(Vec::new, |spikes| spikes.notes());
        notes.extend(spikes.into_iter().map(|note| format!("{split}: {note}")));
        notes
    }
}

impl Task {
    /// Samples that the published files have of which part `split` is: all of a file where a seed divides it.
    fn published_in_files(self, split: Split) -> usize {
        let info = self.info();
        info.in_files.unwrap_or(info.samples)[split as usize]
    }
}
