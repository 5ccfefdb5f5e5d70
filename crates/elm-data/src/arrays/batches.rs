//! Batches of sequences of about the same length.

use std::sync::{Arc, Mutex};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::data::{InputKind, Inputs, SequenceData, SequenceSample, Target, TargetKind};
use super::scaling::Scaler;
use crate::group::by_length;
use crate::{BatchSource, BatchValues, DataError, Result};

/// Largest batch (values): a mistyped size must not ask for all the memory.
const MOST_VALUES: usize = 1 << 31;

/// Which samples come together in a batch: drawn anew for every epoch, with about the same length, so that little is
/// padded. The plan depends on seed and epoch alone.
#[derive(Debug, Clone)]
pub struct Buckets {
    /// (sample, its steps)
    samples: Vec<(usize, usize)>,
    batch: usize,
    seed: Option<u64>,
}

impl Buckets {
    /// Batches of `batch` of the `samples`; without a seed they come in their order, for evaluation.
    ///
    /// # Errors
    /// If there is no sample, or `batch` is 0.
    pub fn new(
        data: &dyn SequenceData,
        samples: &[usize],
        batch: usize,
        seed: Option<u64>,
    ) -> Result<Self> {
        if batch == 0 || samples.is_empty() {
            return Err(DataError::request(format!(
                "expected at least 1 sample and batches of at least 1, found {} samples and batches of {batch}",
                samples.len()
            )));
        }
        let samples = samples.iter().map(|s| (*s, data.steps(*s))).collect();
        Ok(Self {
            samples,
            batch,
            seed,
        })
    }

    /// Batches of an epoch.
    pub fn batches(&self) -> usize {
        self.samples.len().div_ceil(self.batch)
    }

    /// The samples of every batch of an epoch; each sample comes once.
    pub fn epoch(&self, epoch: u64) -> Vec<Vec<usize>> {
        let batches = self.plan(epoch);
        batches
            .into_iter()
            .map(|b| b.iter().map(|(s, _)| *s).collect())
            .collect()
    }

    /// Share of the steps of an epoch's batches that is padding, 0 to 1.
    pub fn padding(&self, epoch: u64) -> f64 {
        let (mut real, mut all) = (0, 0);
        for batch in self.plan(epoch) {
            let longest = batch.iter().map(|(_, steps)| *steps).max().unwrap_or(0);
            real += batch.iter().map(|(_, steps)| *steps).sum::<usize>();
            all += longest * batch.len();
        }
        1.0 - real as f64 / all.max(1) as f64
    }

    fn plan(&self, epoch: u64) -> Vec<Vec<(usize, usize)>> {
        let Some(seed) = self.seed else {
            return self.samples.chunks(self.batch).map(<[_]>::to_vec).collect();
        };
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(epoch);
        let mut order = self.samples.clone();
        order.shuffle(&mut rng);
        by_length(&mut order, self.batch, |(_, steps)| *steps, &mut rng)
    }
}

/// The targets of a batch, zero past the end of a sequence.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchTargets {
    /// Not known.
    None,
    /// Class of each sample, `[batch]`.
    Classes(Vec<usize>),
    /// Class or symbol of each step, `[batch, time]`.
    ClassSteps(Vec<u16>),
    /// Normalised values of each sample, `[batch, output]`.
    Values(Vec<f32>),
    /// Normalised values of each step, `[batch, time, output]`.
    ValueSteps(Vec<f32>),
}

/// Several sequences side by side, each padded to the longest.
#[derive(Debug, Clone, PartialEq)]
pub struct ArrayBatch {
    /// Normalised values `[batch, time, channel]`, or symbols: symbol `i` is the token `i + 1`, 0 is padding.
    pub values: BatchValues,
    /// `[batch, time, channel]`; the symbols are the channels.
    pub shape: [usize; 3],
    /// Real steps of each sequence, at least 1.
    pub lengths: Vec<usize>,
    /// What is to be learnt.
    pub targets: BatchTargets,
    /// Number of each sample in the data.
    pub samples: Vec<usize>,
}

impl ArrayBatch {
    /// Reads `samples` and puts them side by side. Where the next step is the target, a sequence of `n` steps gives
    /// `n − 1`.
    ///
    /// # Errors
    /// If there is none, one cannot be read or has no step, samples differ in what they hold, or the batch would be
    /// larger than 8 GiB.
    pub fn new(
        data: &dyn SequenceData,
        samples: &[usize],
        inputs: &Scaler,
        targets: &Scaler,
    ) -> Result<Self> {
        let read: Vec<SequenceSample> = samples
            .iter()
            .map(|s| data.sample(*s))
            .collect::<Result<_>>()?;
        let kind = data.targets().kind;
        let form = data.inputs();
        let channels = form.channels();
        let mut lengths = Vec::with_capacity(samples.len());
        for (sample, number) in read.iter().zip(samples) {
            let steps =
                steps_of(&sample.inputs, &form).ok_or_else(|| mismatch(*number, "inputs"))?;
            let target = usize::from(kind.is_next());
            if steps <= target {
                return Err(DataError::request(format!(
                    "sample {number}: expected at least {} steps to {kind}, found {steps}",
                    target + 1
                )));
            }
            lengths.push(steps - target);
        }
        let time = lengths.iter().copied().max().ok_or_else(|| {
            DataError::request("expected at least one sample in a batch, found none")
        })?;
        let width = match form {
            InputKind::Values { .. } => channels,
            InputKind::Symbols(_) => 1,
        };
        let most = width.max(data.targets().outputs);
        if samples.len().saturating_mul(time).saturating_mul(most) > MOST_VALUES {
            return Err(DataError::request(format!(
                "a batch of {} sequences of {time} steps and {most} channels has more than {MOST_VALUES} values; make \
                 the batch smaller or cut the sequences into windows",
                samples.len()
            )));
        }
        let shape = [samples.len(), time, channels];
        Ok(Self {
            values: batch_values(&read, &form, &lengths, time, inputs),
            targets: Layout {
                data,
                samples,
                lengths: &lengths,
                time,
                inputs,
                targets,
            }
            .targets(&read)?,
            shape,
            lengths,
            samples: samples.to_vec(),
        })
    }
}

fn mismatch(sample: usize, what: &str) -> DataError {
    DataError::request(format!(
        "sample {sample}: its {what} are not of the kind and size that the data says"
    ))
}

/// Steps of a sample, if it is of the form that the data says.
fn steps_of(inputs: &Inputs, form: &InputKind) -> Option<usize> {
    match (inputs, form) {
        (Inputs::Values(values), InputKind::Values { channels }) => (*channels > 0
            && values.len().is_multiple_of(*channels))
        .then(|| values.len() / channels),
        (Inputs::Symbols(symbols), InputKind::Symbols(names)) => {
            let known = symbols.iter().all(|s| usize::from(*s) < names.len());
            known.then_some(symbols.len())
        }
        _ => None,
    }
}

fn batch_values(
    read: &[SequenceSample],
    form: &InputKind,
    lengths: &[usize],
    time: usize,
    scaler: &Scaler,
) -> BatchValues {
    if let InputKind::Symbols(_) = form {
        let mut tokens = vec![0; read.len() * time];
        for ((row, sample), length) in tokens.chunks_exact_mut(time).zip(read).zip(lengths) {
            if let Inputs::Symbols(symbols) = &sample.inputs {
                for (token, symbol) in row.iter_mut().zip(&symbols[..*length]) {
                    *token = symbol + 1;
                }
            }
        }
        return BatchValues::Tokens(tokens);
    }
    let channels = form.channels();
    let row = time * channels;
    let mut x = vec![0.0; read.len() * row];
    for ((out, sample), length) in x.chunks_exact_mut(row).zip(read).zip(lengths) {
        if let Inputs::Values(values) = &sample.inputs {
            scaled(&values[..length * channels], scaler, out);
        }
    }
    BatchValues::Dense(x)
}

/// Writes normalised values.
fn scaled(values: &[f64], scaler: &Scaler, out: &mut [f32]) {
    let mut values = values.to_vec();
    scaler.apply(&mut values);
    for (out, value) in out.iter_mut().zip(values) {
        *out = value as f32;
    }
}

/// Where the targets of a batch go.
struct Layout<'a> {
    data: &'a dyn SequenceData,
    samples: &'a [usize],
    lengths: &'a [usize],
    time: usize,
    inputs: &'a Scaler,
    targets: &'a Scaler,
}

impl Layout<'_> {
    fn targets(&self, read: &[SequenceSample]) -> Result<BatchTargets> {
        let kind = self.data.targets().kind;
        if !kind.is_next() && read.iter().all(|s| s.target == Target::None) {
            return Ok(BatchTargets::None);
        }
        match kind {
            TargetKind::Classify => self.classes(read),
            TargetKind::ClassifySteps | TargetKind::NextSymbol => self.class_steps(read, kind),
            TargetKind::Regress => self.values(read),
            TargetKind::RegressSteps | TargetKind::NextValue => self.value_steps(read, kind),
        }
    }

    fn classes(&self, read: &[SequenceSample]) -> Result<BatchTargets> {
        let outputs = self.data.targets().outputs;
        let class = |(sample, number): (&SequenceSample, &usize)| match sample.target {
            Target::Class(class) if class < outputs => Ok(class),
            _ => Err(mismatch(*number, "targets")),
        };
        let classes = read.iter().zip(self.samples).map(class);
        classes.collect::<Result<_>>().map(BatchTargets::Classes)
    }

    fn class_steps(&self, read: &[SequenceSample], kind: TargetKind) -> Result<BatchTargets> {
        let outputs = self.data.targets().outputs;
        let mut all = vec![0; read.len() * self.time];
        let rows = all.chunks_exact_mut(self.time).zip(read);
        for (row, ((out, sample), length)) in rows.zip(self.lengths).enumerate() {
            let classes = match (&sample.target, &sample.inputs) {
                (Target::ClassSteps(classes), _) if classes.len() == *length => &classes[..],
                (_, Inputs::Symbols(symbols)) if kind.is_next() => &symbols[1..],
                _ => return Err(mismatch(self.samples[row], "targets")),
            };
            if classes.iter().any(|c| usize::from(*c) >= outputs) {
                return Err(mismatch(self.samples[row], "targets"));
            }
            out[..*length].copy_from_slice(classes);
        }
        Ok(BatchTargets::ClassSteps(all))
    }

    fn values(&self, read: &[SequenceSample]) -> Result<BatchTargets> {
        let outputs = self.data.targets().outputs;
        let mut all = vec![0.0; read.len() * outputs];
        for (row, sample) in read.iter().enumerate() {
            match &sample.target {
                Target::Values(values) if values.len() == outputs => {
                    scaled(
                        values,
                        self.targets,
                        &mut all[row * outputs..(row + 1) * outputs],
                    );
                }
                _ => return Err(mismatch(self.samples[row], "targets")),
            }
        }
        Ok(BatchTargets::Values(all))
    }

    fn value_steps(&self, read: &[SequenceSample], kind: TargetKind) -> Result<BatchTargets> {
        let outputs = self.data.targets().outputs;
        let width = self.time * outputs;
        let mut all = vec![0.0; read.len() * width];
        for (row, (sample, length)) in read.iter().zip(self.lengths).enumerate() {
            let out = &mut all[row * width..][..length * outputs];
            match (&sample.target, &sample.inputs) {
                (Target::ValueSteps(values), _) if values.len() == out.len() => {
                    scaled(values, self.targets, out);
                }
                (_, Inputs::Values(values)) if kind.is_next() => {
                    let channels = values.len() / (length + 1);
                    if channels != outputs {
                        return Err(mismatch(self.samples[row], "targets"));
                    }
                    // the very numbers that the model reads in the next step
                    scaled(&values[channels..], self.inputs, out);
                }
                _ => return Err(mismatch(self.samples[row], "targets")),
            }
        }
        Ok(BatchTargets::ValueSteps(all))
    }
}

/// The batches of epoch after epoch, numbered from 0: number `n` is batch `n % batches` of epoch `n / batches`, so that a
/// training goes on exactly where it stopped.
pub struct ArrayBatches {
    data: Arc<dyn SequenceData>,
    buckets: Buckets,
    inputs: Scaler,
    targets: Scaler,
    plans: Mutex<Vec<(u64, Arc<Plan>)>>,
}

/// The samples of the batches of an epoch.
type Plan = Vec<Vec<usize>>;

impl ArrayBatches {
    /// The batches of `buckets`, which were made of `data`, normalised by `inputs` and `targets`.
    ///
    /// # Errors
    /// If a scaler was learnt for another number of channels.
    pub fn new(
        data: Arc<dyn SequenceData>,
        buckets: Buckets,
        inputs: Scaler,
        targets: Scaler,
    ) -> Result<Self> {
        for (what, scaler, expected) in [
            ("inputs", &inputs, data.inputs().channels()),
            ("targets", &targets, data.targets().outputs),
        ] {
            let found = scaler.channels();
            if found != expected {
                return Err(DataError::request(format!(
                    "normalisation of the {what}: expected {expected} channels, found {found}"
                )));
            }
        }
        Ok(Self {
            data,
            buckets,
            inputs,
            targets,
            plans: Mutex::new(vec![]),
        })
    }

    /// Batches of an epoch.
    pub fn batches(&self) -> usize {
        self.buckets.batches()
    }

    /// The samples of the batches of an epoch; the last two epochs are kept, as several threads work around the end of
    /// one.
    fn plan(&self, epoch: u64) -> Arc<Plan> {
        // a thread that panicked left the list whole: it only ever gets or loses entries
        let mut plans = self.plans.lock().unwrap_or_else(|e| e.into_inner());
        if let Some((_, plan)) = plans.iter().find(|(of, _)| *of == epoch) {
            return Arc::clone(plan);
        }
        let plan = Arc::new(self.buckets.epoch(epoch));
        if plans.len() >= 2 {
            plans.remove(0);
        }
        plans.push((epoch, Arc::clone(&plan)));
        plan
    }
}

impl BatchSource for ArrayBatches {
    type Batch = ArrayBatch;

    fn make(&self, index: u64) -> Result<ArrayBatch> {
        let batches = self.batches() as u64;
        let plan = self.plan(index / batches);
        let samples = &plan[(index % batches) as usize];
        ArrayBatch::new(&*self.data, samples, &self.inputs, &self.targets)
    }
}
