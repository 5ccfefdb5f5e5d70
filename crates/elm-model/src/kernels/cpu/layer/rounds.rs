//! How threads that depend on each other keep step: the work of a group goes in rounds, and a round begins when all
//! shares of the one before are done.
//!
//! A share belongs to no thread. Each thread takes its own share first, for the sake of its cache, and then those that
//! nobody has taken: a thread that the system has put aside for another program holds up only what it was working on,
//! one that the system has refused holds up nothing, and any number of threads comes to the same result.

use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a thread looks again at once, some 20 µs, before it offers its core to others.
const SPINS: usize = 1 << 9;
/// How often it offers its core before it sleeps: a thread that waits for one that does not run must not take time that
/// the other could have.
const OFFERS: usize = 1 << 6;
/// A sleeper looks again after this long, whatever it has been told.
const NAP: Duration = Duration::from_millis(5);

/// The rounds of a group of threads.
#[derive(Debug)]
pub struct Rounds {
    /// For each share, the rounds in which somebody has taken it.
    taken: Vec<AtomicUsize>,
    /// Shares that are done, over all rounds.
    done: AtomicUsize,
    /// Nanoseconds for which threads have had nothing to do.
    waited: AtomicU64,
    sleepers: AtomicUsize,
    bed: Mutex<()>,
    bell: Condvar,
    broken: AtomicBool,
}

impl Rounds {
    /// Rounds of so many shares.
    pub fn new(shares: usize) -> Self {
        Self {
            taken: (0..shares).map(|_| AtomicUsize::new(0)).collect(),
            done: AtomicUsize::new(0),
            waited: AtomicU64::new(0),
            sleepers: AtomicUsize::new(0),
            bed: Mutex::new(()),
            bell: Condvar::new(),
            broken: AtomicBool::new(false),
        }
    }

    /// The way of a thread through all rounds, from the first on; it begins each with share `own`.
    pub fn turns(&self, own: usize) -> Turns<'_> {
        Turns {
            rounds: self,
            own: own % self.taken.len(),
            round: 0,
            working: false,
        }
    }

    /// How long threads have had nothing to do so far, in all; short waits are not counted.
    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.waited.load(Ordering::Relaxed))
    }

    fn finish_share(&self) {
        let done = self.done.fetch_add(1, Ordering::SeqCst) + 1;
        if done.is_multiple_of(self.taken.len()) && self.sleepers.load(Ordering::SeqCst) > 0 {
            self.ring();
        }
    }

    fn ring(&self) {
        // with the lock no sleeper is between its last look and its sleep
        drop(lock(&self.bed));
        self.bell.notify_all();
    }

    fn sleep_until(&self, done: usize) {
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let mut bed = lock(&self.bed);
        while self.done.load(Ordering::SeqCst) < done && !self.broken.load(Ordering::SeqCst) {
            bed = match self.bell.wait_timeout(bed, NAP) {
                Ok((bed, _)) => bed,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        drop(bed);
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Locks what a thread that panicked may have held: its panic ends the call anyway.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// See [`Rounds::turns`].
#[derive(Debug)]
pub struct Turns<'a> {
    rounds: &'a Rounds,
    own: usize,
    round: usize,
    working: bool,
}

impl Turns<'_> {
    /// The next share of this round to work on, until all are taken; the one before counts as done.
    #[inline]
    pub fn share(&mut self) -> Option<usize> {
        if self.working {
            self.working = false;
            self.rounds.finish_share();
        }
        let shares = self.rounds.taken.len();
        let found = (0..shares)
            .map(|i| (self.own + i) % shares)
            .find(|&share| self.take(share))?;
        self.working = true;
        Some(found)
    }

    fn take(&self, share: usize) -> bool {
        let next = self.round + 1;
        self.rounds.taken[share]
            .compare_exchange(self.round, next, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Returns once all shares of this round are done. What was written in it, all see in the next.
    ///
    /// # Panics
    /// If another thread panicked, instead of waiting for it for ever.
    #[inline]
    pub fn meet(&mut self) {
        self.round += 1;
        let done = self.round * self.rounds.taken.len();
        for _ in 0..SPINS {
            if self.rounds.done.load(Ordering::Acquire) >= done {
                return;
            }
            core::hint::spin_loop();
        }
        self.wait_long(done);
    }

    #[cold]
    fn wait_long(&self, done: usize) {
        let from = Instant::now();
        let mut offers = 0;
        while self.rounds.done.load(Ordering::Acquire) < done {
            assert!(
                !self.rounds.broken.load(Ordering::Relaxed),
                "another thread of this layer failed"
            );
            offers += 1;
            match offers {
                0..OFFERS => std::thread::yield_now(),
                _ => self.rounds.sleep_until(done),
            }
        }
        let waited = from.elapsed().as_nanos() as u64;
        self.rounds.waited.fetch_add(waited, Ordering::Relaxed);
    }
}

impl Drop for Turns<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.rounds.broken.store(true, Ordering::SeqCst);
            self.rounds.ring();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    /// Every share is done once in every round, and no round begins before the one before has ended, whatever threads
    /// there are.
    #[test]
    fn rounds_follow_each_other() {
        for threads in [1, 2, 3, 7] {
            let rounds = Rounds::new(3);
            let counters: Vec<AtomicU64> = (0..3).map(|_| AtomicU64::new(0)).collect();
            std::thread::scope(|scope| {
                for thread in 0..threads {
                    let (rounds, counters) = (&rounds, &counters);
                    scope.spawn(move || {
                        let mut turns = rounds.turns(thread);
                        for round in 0..300u64 {
                            if thread == 1 && round % 100 == 50 {
                                // as if the system had put it aside
                                std::thread::sleep(Duration::from_millis(2));
                            }
                            while let Some(share) = turns.share() {
                                assert_eq!(counters[share].fetch_add(1, Ordering::Relaxed), round);
                            }
                            turns.meet();
                            for counter in counters {
                                assert!(counter.load(Ordering::Relaxed) > round);
                            }
                        }
                    });
                }
            });
            for counter in counters {
                assert_eq!(counter.into_inner(), 300, "{threads} threads");
            }
        }
    }

    /// The work of one that sleeps is not waited for, unless it sleeps at its work.
    #[test]
    fn one_thread_is_enough() {
        let rounds = Rounds::new(4);
        let mut turns = rounds.turns(2);
        for _ in 0..5 {
            let mut shares = Vec::new();
            while let Some(share) = turns.share() {
                shares.push(share);
            }
            assert_eq!(shares, [2, 3, 0, 1]);
            turns.meet();
        }
    }

    #[test]
    #[should_panic(expected = "the first failed")]
    fn a_failed_thread_stops_the_others() {
        let rounds = Rounds::new(2);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let mut turns = rounds.turns(1);
                assert!(turns.share().is_some());
                // the other takes its share before this one looks for more
                while rounds.taken[0].load(Ordering::Relaxed) == 0 {
                    std::thread::yield_now();
                }
                assert!(turns.share().is_none());
                turns.meet();
            });
            let failing = scope.spawn(|| {
                let mut turns = rounds.turns(0);
                assert!(turns.share().is_none(), "the first failed");
            });
            assert!(waiting.join().is_err(), "it must not wait for ever");
            if let Err(panic) = failing.join() {
                std::panic::resume_unwind(panic);
            }
        });
    }
}
