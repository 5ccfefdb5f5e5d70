//! Whether the threads of a call help each other, or one would be done sooner.
//!
//! Threads that keep step wait for each other. On a machine that does other work too, each of them is put aside now and
//! then, and all wait for it. When that has cost a call much, the next calls of the layer run on one thread, which does
//! the shares of all, so that nothing changes but the time; after some of them it is tried again.

use core::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Share of a call's time, summed over its threads, that waiting may take: two threads that wait for a quarter of their
/// time are one and a half, three eighths leave little.
const MOST_WAITING: f64 = 0.3;
/// Calls on one thread before another try.
const ALONE: usize = 12;

/// The pace of a layer's calls in one direction.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    alone: AtomicUsize,
}

impl Pace {
    /// The threads to start for a call that could use so many.
    pub fn threads(&self, most: usize) -> usize {
        let left = self.alone.load(Ordering::Relaxed);
        if most == 1 || left == 0 {
            return most;
        }
        // two calls at once may count as one
        self.alone.store(left - 1, Ordering::Relaxed);
        1
    }

    /// What a call on so many threads was like: how long it took, and how long its threads have waited in all.
    pub fn report(&self, threads: usize, took: Duration, waited: Duration) {
        if threads > 1 && waited > took.mul_f64(MOST_WAITING * threads as f64) {
            self.alone.store(ALONE, Ordering::Relaxed);
        }
    }
}

/// The device that paces are kept for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cpu;

/// The paces of a layer.
#[derive(Debug, Default)]
pub(crate) struct Paces {
    /// Of forward passes.
    pub forward: Pace,
    /// Of backward passes.
    pub backward: Pace,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_waiting_makes_the_next_calls_run_alone() {
        let pace = Pace::default();
        let took = Duration::from_millis(10);
        pace.report(2, took, took / 2);
        assert_eq!(pace.threads(2), 2);
        pace.report(2, took, took);
        for _ in 0..ALONE {
            assert_eq!(pace.threads(2), 1);
        }
        assert_eq!(pace.threads(2), 2);
        // alone nobody waits, whatever is said
        pace.report(1, took, took);
        assert_eq!(pace.threads(8), 8);
    }
}
