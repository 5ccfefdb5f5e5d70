//! Batches in parts: samples next to each other, for devices that share a batch.

use crate::arrays::{ArrayBatch, BatchTargets};
use crate::neuronio::{NUM_CHANNELS, SparseWindows};
use crate::sequence::{BatchValues, SequenceBatch};
use crate::text::StreamBatch;

/// A batch that can be cut into parts. A part is padded as the whole was, so that nothing a model makes of a sample depends
/// on the part that it is in.
pub trait Cut: Sized {
    /// Samples.
    fn samples(&self) -> usize;

    /// Terms that the mean loss is over: samples, or steps where each has a target of its own.
    fn terms(&self) -> usize {
        self.samples()
    }

    /// Its first `sizes[0]` samples, the next `sizes[1]`, and so on; the sizes add up to [`samples`](Self::samples).
    fn cut(self, sizes: &[usize]) -> Vec<Self>;
}

/// Sizes of at most `parts` parts of `samples` samples: as equal as can be, larger ones first, none empty.
pub fn part_sizes(samples: usize, parts: usize) -> Vec<usize> {
    let parts = parts.clamp(1, samples.max(1));
    let (each, more) = (samples / parts, samples % parts);
    (0..parts)
        .map(|part| each + usize::from(part < more))
        .collect()
}

/// Values `[sample, width]`, row by row, in parts.
fn rows<T>(values: Vec<T>, width: usize, sizes: &[usize]) -> impl Iterator<Item = Vec<T>> {
    let mut values = values.into_iter();
    sizes
        .iter()
        .map(move |size| values.by_ref().take(size * width).collect())
}

fn value_rows(values: BatchValues, shape: [usize; 3], sizes: &[usize]) -> Vec<BatchValues> {
    let [_, time, channels] = shape;
    match values {
        BatchValues::Dense(x) => rows(x, time * channels, sizes)
            .map(BatchValues::Dense)
            .collect(),
        BatchValues::Tokens(x) => rows(x, time, sizes).map(BatchValues::Tokens).collect(),
    }
}

impl Cut for SequenceBatch {
    fn samples(&self) -> usize {
        self.shape[0]
    }

    fn cut(self, sizes: &[usize]) -> Vec<Self> {
        let [_, time, channels] = self.shape;
        let values = value_rows(self.values, self.shape, sizes);
        let mut lengths = rows(self.lengths, 1, sizes);
        let mut labels = rows(self.labels, 1, sizes);
        values
            .into_iter()
            .zip(sizes)
            .map(|(values, size)| Self {
                values,
                shape: [*size, time, channels],
                lengths: lengths.next().unwrap_or_default(),
                labels: labels.next().unwrap_or_default(),
            })
            .collect()
    }
}

/// The inputs of the same samples.
impl Cut for Vec<SequenceBatch> {
    fn samples(&self) -> usize {
        self.first().map_or(0, Cut::samples)
    }

    fn cut(self, sizes: &[usize]) -> Vec<Self> {
        let mut parts: Vec<Self> = sizes.iter().map(|_| Vec::new()).collect();
        for input in self {
            for (part, input) in parts.iter_mut().zip(input.cut(sizes)) {
                part.push(input);
            }
        }
        parts
    }
}

impl Cut for ArrayBatch {
    fn samples(&self) -> usize {
        self.shape[0]
    }

    fn terms(&self) -> usize {
        match self.targets {
            BatchTargets::ClassSteps(_) | BatchTargets::ValueSteps(_) => self.lengths.iter().sum(),
            BatchTargets::None | BatchTargets::Classes(_) | BatchTargets::Values(_) => {
                self.samples()
            }
        }
    }

    fn cut(self, sizes: &[usize]) -> Vec<Self> {
        let [samples, time, channels] = self.shape;
        let width = |values: &Vec<f32>| values.len() / samples.max(1);
        let targets: Vec<BatchTargets> = match self.targets {
            BatchTargets::None => sizes.iter().map(|_| BatchTargets::None).collect(),
            BatchTargets::Classes(x) => rows(x, 1, sizes).map(BatchTargets::Classes).collect(),
            BatchTargets::ClassSteps(x) => {
                rows(x, time, sizes).map(BatchTargets::ClassSteps).collect()
            }
            BatchTargets::Values(x) => {
                let width = width(&x);
                rows(x, width, sizes).map(BatchTargets::Values).collect()
            }
            BatchTargets::ValueSteps(x) => {
                let width = width(&x);
                rows(x, width, sizes)
                    .map(BatchTargets::ValueSteps)
                    .collect()
            }
        };
        let values = value_rows(self.values, self.shape, sizes);
        let mut lengths = rows(self.lengths, 1, sizes);
        let mut numbers = rows(self.samples, 1, sizes);
        values
            .into_iter()
            .zip(targets)
            .zip(sizes)
            .map(|((values, targets), size)| Self {
                values,
                shape: [*size, time, channels],
                lengths: lengths.next().unwrap_or_default(),
                targets,
                samples: numbers.next().unwrap_or_default(),
            })
            .collect()
    }
}

impl Cut for SparseWindows {
    fn samples(&self) -> usize {
        self.batch
    }

    fn cut(self, sizes: &[usize]) -> Vec<Self> {
        let time = self.time;
        let mut spikes = rows(self.spikes, time, sizes);
        let mut soma = rows(self.soma, time, sizes);
        let mut first = 0;
        sizes
            .iter()
            .map(|size| {
                let inputs = |samples: usize| (samples * time * NUM_CHANNELS) as u32;
                let (from, to) = (inputs(first), inputs(first + size));
                first += size;
                // in ascending order
                let place = |limit| self.places.partition_point(|place| *place < limit);
                let range = place(from)..place(to);
                Self {
                    places: self.places[range.clone()]
                        .iter()
                        .map(|place| place - from)
                        .collect(),
                    values: self.values[range].to_vec(),
                    spikes: spikes.next().unwrap_or_default(),
                    soma: soma.next().unwrap_or_default(),
                    batch: *size,
                    time,
                }
            })
            .collect()
    }
}

/// Its samples are the streams.
impl Cut for StreamBatch {
    fn samples(&self) -> usize {
        self.shape[0]
    }

    fn cut(self, sizes: &[usize]) -> Vec<Self> {
        let [_, time] = self.shape;
        let mut inputs = rows(self.inputs, time, sizes);
        let mut targets = rows(self.targets, time, sizes);
        let mut fresh = rows(self.fresh, 1, sizes);
        sizes
            .iter()
            .map(|size| Self {
                inputs: inputs.next().unwrap_or_default(),
                targets: targets.next().unwrap_or_default(),
                shape: [*size, time],
                fresh: fresh.next().unwrap_or_default(),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::neuronio::{Split, WindowConfig, WindowSampler, shipped};

    #[test]
    fn parts_are_as_equal_as_can_be_and_none_is_empty() {
        assert_eq!(part_sizes(5, 2), [3, 2]);
        assert_eq!(part_sizes(8, 3), [3, 3, 2]);
        assert_eq!(part_sizes(2, 4), [1, 1]);
        assert_eq!(part_sizes(7, 1), [7]);
        assert_eq!(part_sizes(0, 3), [0]);
        for samples in 1..40 {
            for parts in 1..10 {
                let sizes = part_sizes(samples, parts);
                assert_eq!(sizes.iter().sum::<usize>(), samples);
                assert_eq!(sizes.len(), parts.min(samples));
                assert!(sizes[0] - sizes[sizes.len() - 1] <= 1);
            }
        }
    }

    #[test]
    fn windows_in_parts_are_the_same_windows() {
        let config = WindowConfig {
            batch_size: 5,
            window_ms: 40,
            ignore_first_ms: 500,
        };
        let sampler = WindowSampler::new(shipped(Split::Valid).unwrap().into(), config, 3).unwrap();
        let whole = sampler.sparse(2).unwrap();
        let dense = whole.clone().dense();
        let parts = whole.cut(&[3, 2]);
        assert_eq!(parts[0].batch, 3);
        let parts: Vec<_> = parts.into_iter().map(SparseWindows::dense).collect();
        let joined = |of: fn(&crate::neuronio::NeuronIoBatch) -> &Vec<f32>| -> Vec<f32> {
            parts.iter().flat_map(|part| of(part).clone()).collect()
        };
        assert!(dense.inputs.iter().any(|value| *value != 0.0));
        assert_eq!(joined(|b| &b.inputs), dense.inputs);
        assert_eq!(joined(|b| &b.spikes), dense.spikes);
        assert_eq!(joined(|b| &b.soma), dense.soma);
    }

    #[test]
    fn padding_and_targets_go_with_their_samples() {
        let batch = ArrayBatch {
            values: BatchValues::Dense((0..12).map(|v| v as f32).collect()),
            shape: [3, 2, 2],
            lengths: vec![2, 1, 2],
            targets: BatchTargets::ValueSteps((0..6).map(|v| v as f32).collect()),
            samples: vec![7, 8, 9],
        };
        assert_eq!(batch.terms(), 5);
        let parts = batch.cut(&[2, 1]);
        assert_eq!(
            parts[0].values,
            BatchValues::Dense((0..8).map(|v| v as f32).collect())
        );
        assert_eq!((parts[0].shape, parts[0].terms()), ([2, 2, 2], 3));
        assert_eq!(parts[1].targets, BatchTargets::ValueSteps(vec![4.0, 5.0]));
        assert_eq!((&parts[1].lengths, &parts[1].samples), (&vec![2], &vec![9]));
        let pair = |first: u16| SequenceBatch {
            values: BatchValues::Tokens((first..first + 4).collect()),
            shape: [2, 2, 9],
            lengths: vec![2, 1],
            labels: vec![3, 4],
        };
        let parts = vec![pair(0), pair(4)].cut(&[1, 1]);
        assert_eq!(parts[1][1].values, BatchValues::Tokens(vec![6, 7]));
        assert_eq!(
            (&parts[1][0].labels, &parts[1][0].lengths),
            (&vec![4], &vec![1])
        );
    }

    #[test]
    fn streams_stay_whole() {
        let batch = StreamBatch {
            inputs: (0..6).collect(),
            targets: (1..7).collect(),
            shape: [3, 2],
            fresh: vec![true, false, true],
        };
        let parts = batch.cut(&[2, 1]);
        assert_eq!(parts[1].inputs, [4, 5]);
        assert_eq!(
            (parts[0].shape, &parts[0].fresh),
            ([2, 2], &vec![true, false])
        );
    }
}
