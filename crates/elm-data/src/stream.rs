//! Batches made ahead of time in background threads: one mechanism for every task.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use crate::Result;

/// An endless, numbered sequence of batches; a batch depends on its number alone, so any thread can make it.
pub trait BatchSource: Send + Sync + 'static {
    /// What it makes.
    type Batch: Send + 'static;

    /// Makes batch number `index`.
    ///
    /// # Errors
    /// If the data of the batch cannot be read.
    fn make(&self, index: u64) -> Result<Self::Batch>;
}

/// Threads that build batches unless somebody asks for another number: all but one of the machine's, at most eight.
pub fn default_workers() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cores.saturating_sub(1).clamp(1, 8)
}

/// Batches `first..first + count` of a source, in order, built ahead of time in background threads.
///
/// The batches are those of [`BatchSource::make`] whatever the number of threads, and an error takes the place of its
/// batch. At most two batches per thread are held in memory ahead of the consumer: a thread that is further ahead
/// waits. Dropping the stream ends its threads.
#[derive(Debug)]
pub struct BatchStream<S: BatchSource> {
    source: Arc<S>,
    lanes: Vec<Lane<S::Batch>>,
    first: u64,
    taken: u64,
    count: u64,
}

/// One worker; it makes every `lanes.len()`-th batch. `None` where the system gave no thread.
type Lane<B> = Option<(Receiver<Result<B>>, JoinHandle<()>)>;

impl<S: BatchSource> BatchStream<S> {
    /// Starts `workers` threads; with 0 the batches are built by the thread that asks for them.
    pub fn new(source: Arc<S>, first: u64, count: u64, workers: usize) -> Self {
        let workers = workers.min(usize::try_from(count).unwrap_or(usize::MAX));
        let lanes = (0..workers)
            .map(|lane| {
                let (sender, receiver) = sync_channel(1);
                let source = Arc::clone(&source);
                let numbers = (lane as u64..count).step_by(workers);
                let work = move || {
                    send_batches(&*source, numbers.map(|n| first.wrapping_add(n)), &sender);
                };
                let name = format!("batches-{lane}");
                Some((receiver, Builder::new().name(name).spawn(work).ok()?))
            })
            .collect();
        Self {
            source,
            lanes,
            first,
            taken: 0,
            count,
        }
    }
}

/// Builds the batches of one lane until all are sent or nobody listens any more.
fn send_batches<S: BatchSource>(
    source: &S,
    indices: impl Iterator<Item = u64>,
    sender: &SyncSender<Result<S::Batch>>,
) {
    for index in indices {
        if sender.send(source.make(index)).is_err() {
            return;
        }
    }
}

impl<S: BatchSource> Iterator for BatchStream<S> {
    type Item = Result<S::Batch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.taken == self.count {
            return None;
        }
        let index = self.first.wrapping_add(self.taken);
        let lane = self
            .taken
            .checked_rem(self.lanes.len() as u64)
            .and_then(|l| self.lanes[l as usize].as_ref());
        self.taken += 1;
        // A lane without a thread, or whose thread died, must not lose its batches: build them here.
        let received = lane.and_then(|(receiver, _)| receiver.recv().ok());
        Some(received.unwrap_or_else(|| self.source.make(index)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.count - self.taken);
        (left.unwrap_or(usize::MAX), left.ok())
    }
}

impl<S: BatchSource> Drop for BatchStream<S> {
    fn drop(&mut self) {
        // All receivers go first: a thread that waits for room in its queue then sees that nobody listens.
        let threads: Vec<_> = self
            .lanes
            .drain(..)
            .flatten()
            .map(|(_, thread)| thread)
            .collect();
        for thread in threads {
            // A panic of a worker was reported when it happened.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;
    use crate::DataError;

    /// Makes its own numbers, but not 13, and counts how many it made.
    struct Numbers(AtomicU64);

    impl BatchSource for Numbers {
        type Batch = u64;

        fn make(&self, index: u64) -> Result<u64> {
            self.0.fetch_add(1, Ordering::SeqCst);
            match index {
                13 => Err(DataError::request("thirteen")),
                _ => Ok(index),
            }
        }
    }

    #[test]
    fn an_error_takes_the_place_of_its_batch() {
        for workers in [0, 1, 3] {
            let stream = BatchStream::new(Arc::new(Numbers(0.into())), 10, 6, workers);
            let all: Vec<_> = stream.map(|r| r.map_err(|e| e.to_string())).collect();
            let bad = Err("thirteen".to_string());
            assert_eq!(all, [Ok(10), Ok(11), Ok(12), bad, Ok(14), Ok(15)]);
        }
    }

    #[test]
    fn workers_wait_for_a_slow_consumer() {
        let source = Arc::new(Numbers(0.into()));
        let mut stream = BatchStream::new(Arc::clone(&source), 20, 1000, 2);
        assert_eq!(stream.next().unwrap().unwrap(), 20);
        std::thread::sleep(Duration::from_millis(50));
        // per thread: one in the queue and one that waits for room, after the one that was taken
        assert!(source.0.load(Ordering::SeqCst) <= 5);
    }
}
