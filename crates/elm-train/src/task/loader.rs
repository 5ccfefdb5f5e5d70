//! One data loader for every task: batches from background threads behind Burn's data loader trait.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use burn::data::dataloader::{DataLoader, DataLoaderIterator, Progress};
use burn::data::dataset::DatasetError;
use burn::tensor::Device;
use elm_data::{BatchSource, BatchStream};

/// A batch on a device, made from one in memory.
pub trait OnDevice<B>: Sized + Send + 'static {
    /// Moves a batch to a device.
    fn on_device(batch: B, device: &Device) -> Self;
}

/// Position of a loader in its source's sequence of batches.
#[derive(Debug, Clone)]
enum Position {
    /// Each epoch goes on where the last one ended; shared, so that a stopped run knows how far it came.
    Running(Arc<AtomicU64>),
    /// Each epoch is the same.
    Fixed,
}

/// Batches of a source, `batches` of them an epoch, built in background threads and moved to a device as `T`.
pub struct StreamLoader<S: BatchSource, T> {
    source: Arc<S>,
    batches: u64,
    position: Position,
    workers: usize,
    device: Device,
    item: PhantomData<fn() -> T>,
}

// by hand: neither the source nor its items need to be clonable
impl<S: BatchSource, T> Clone for StreamLoader<S, T> {
    fn clone(&self) -> Self {
        Self {
            source: Arc::clone(&self.source),
            batches: self.batches,
            position: self.position.clone(),
            workers: self.workers,
            device: self.device.clone(),
            item: PhantomData,
        }
    }
}

/// Threads that build batches: one keeps well ahead of a training step (`elm bench --loading` measures by how much).
const WORKERS: usize = 1;

impl<S: BatchSource, T> StreamLoader<S, T> {
    /// A loader for training: epoch after epoch of new batches, from batch `position` on.
    pub fn running(
        source: Arc<S>,
        batches: u64,
        position: Arc<AtomicU64>,
        device: &Device,
    ) -> Self {
        Self {
            source,
            batches,
            position: Position::Running(position),
            workers: WORKERS,
            device: device.clone(),
            item: PhantomData,
        }
    }

    /// A loader for validation: the same batches each epoch.
    pub fn fixed(source: Arc<S>, batches: u64, device: &Device) -> Self {
        Self {
            source,
            batches,
            position: Position::Fixed,
            workers: WORKERS,
            device: device.clone(),
            item: PhantomData,
        }
    }
}

impl<S: BatchSource, T: OnDevice<S::Batch>> DataLoader<T> for StreamLoader<S, T> {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<T> + 'a> {
        let first = match &self.position {
            Position::Running(position) => position.load(Ordering::SeqCst),
            Position::Fixed => 0,
        };
        let done = first % self.batches;
        let source = Arc::clone(&self.source);
        Box::new(StreamIterator {
            stream: BatchStream::new(source, first, self.batches - done, self.workers),
            loader: self,
            done,
        })
    }

    fn num_items(&self) -> usize {
        self.batches as usize
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<T>> {
        Arc::new(Self {
            device: device.clone(),
            ..self.clone()
        })
    }

    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<T>> {
        Arc::new(Self {
            batches: (end - start) as u64,
            ..self.clone()
        })
    }
}

struct StreamIterator<'a, S: BatchSource, T> {
    stream: BatchStream<S>,
    loader: &'a StreamLoader<S, T>,
    done: u64,
}

impl<S: BatchSource, T: OnDevice<S::Batch>> Iterator for StreamIterator<'_, S, T> {
    type Item = Result<T, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = match self.stream.next()? {
            Ok(batch) => batch,
            // what cannot be read is not counted as trained
            Err(error) => return Some(Err(DatasetError::new(error))),
        };
        self.done += 1;
        if let Position::Running(position) = &self.loader.position {
            position.fetch_add(1, Ordering::SeqCst);
        }
        Some(Ok(T::on_device(batch, &self.loader.device)))
    }
}

impl<S: BatchSource, T: OnDevice<S::Batch>> DataLoaderIterator<T> for StreamIterator<'_, S, T> {
    fn progress(&self) -> Progress {
        Progress::new(
            self.done as usize,
            self.loader.batches as usize,
            Some("batches".into()),
        )
    }
}
