//! Batches as tensors, one window sampler behind Burn's data loader trait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::{Device, Tensor, TensorData};
use elm_data::neuronio::{BatchStream, NUM_CHANNELS, NeuronIoBatch, WindowSampler};

/// One batch on a device.
#[derive(Debug, Clone)]
pub struct NeuronIoTensors {
    /// Input spikes, `[batch, time, 1278]`.
    pub inputs: Tensor<3>,
    /// Spike targets, `[batch, time]`.
    pub spikes: Tensor<2>,
    /// Scaled soma targets, `[batch, time]`.
    pub soma: Tensor<2>,
}

impl NeuronIoTensors {
    /// Moves a batch to a device.
    pub fn new(batch: NeuronIoBatch, device: &Device) -> Self {
        let shape = [batch.batch, batch.time];
        Self {
            inputs: Tensor::from_data(
                TensorData::new(batch.inputs, [batch.batch, batch.time, NUM_CHANNELS]),
                device,
            ),
            spikes: Tensor::from_data(TensorData::new(batch.spikes, shape), device),
            soma: Tensor::from_data(TensorData::new(batch.soma, shape), device),
        }
    }
}

/// Position of a loader in its endless sequence of batches.
#[derive(Debug, Clone)]
enum Position {
    /// Each epoch goes on where the last one ended; shared, so that a stopped run knows how far it came.
    Running(Arc<AtomicU64>),
    /// Each epoch is the same.
    Fixed,
}

/// Random windows, `batches` of them an epoch, built in background threads.
#[derive(Clone)]
pub struct WindowLoader {
    sampler: Arc<WindowSampler>,
    batches: u64,
    position: Position,
    device: Device,
}

/// Threads that build batches: one keeps well ahead of a training step.
const WORKERS: usize = 1;

impl WindowLoader {
    /// A loader for training: epoch after epoch of new windows, from batch `position` on.
    pub fn running(
        sampler: Arc<WindowSampler>,
        batches: u64,
        position: Arc<AtomicU64>,
        device: &Device,
    ) -> Self {
        Self {
            sampler,
            batches,
            position: Position::Running(position),
            device: device.clone(),
        }
    }

    /// A loader for validation: the same windows each epoch.
    pub fn fixed(sampler: Arc<WindowSampler>, batches: u64, device: &Device) -> Self {
        Self {
            sampler,
            batches,
            position: Position::Fixed,
            device: device.clone(),
        }
    }
}

impl DataLoader<NeuronIoTensors> for WindowLoader {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<NeuronIoTensors> + 'a> {
        let first = match &self.position {
            Position::Running(position) => position.load(Ordering::SeqCst),
            Position::Fixed => 0,
        };
        let done = first % self.batches;
        Box::new(WindowIterator {
            stream: BatchStream::new(self.sampler.clone(), first, self.batches - done, WORKERS),
            loader: self,
            done,
        })
    }

    fn num_items(&self) -> usize {
        self.batches as usize
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<NeuronIoTensors>> {
        Arc::new(Self {
            device: device.clone(),
            ..self.clone()
        })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<NeuronIoTensors>> {
        Arc::new(Self {
            batches: (end - start) as u64,
            ..self.clone()
        })
    }
}

struct WindowIterator<'a> {
    stream: BatchStream,
    loader: &'a WindowLoader,
    done: u64,
}

impl Iterator for WindowIterator<'_> {
    type Item = Result<NeuronIoTensors, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.stream.next()?;
        self.done += 1;
        if let Position::Running(position) = &self.loader.position {
            position.fetch_add(1, Ordering::SeqCst);
        }
        Some(Ok(NeuronIoTensors::new(batch, &self.loader.device)))
    }
}

impl DataLoaderIterator<NeuronIoTensors> for WindowIterator<'_> {
    fn progress(&self) -> Progress {
        Progress::new(
            self.done as usize,
            self.loader.batches as usize,
            Some("batches".into()),
        )
    }
}
