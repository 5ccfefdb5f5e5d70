//! Who computes what: tiles of samples and ranges of neurons over threads, and how threads that depend on each other
//! keep step.
//!
//! Threads that share tiles of samples form a group. Within a group each has a range of neurons; where synapses are
//! recurrent, the group meets once per time step. Groups never wait for each other.
//!
//! The threads are the operating system's own, made for one call: a member that waits for another must be sure that
//! the other runs, which a pool does not promise.

use core::cell::UnsafeCell;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::OnceLock;

use super::lanes::W;

/// Meets all members of a group.
#[derive(Debug)]
pub struct Barrier {
    members: usize,
    arrived: AtomicUsize,
    round: AtomicUsize,
    broken: AtomicBool,
}

/// How often a member looks again before it lets other threads have its core.
const SPINS: usize = 1 << 9;

impl Barrier {
    /// A barrier for so many members.
    pub fn new(members: usize) -> Self {
        Self {
            members,
            arrived: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
        }
    }

    /// Returns once every member has called it. What members wrote before it, all see after it.
    ///
    /// # Panics
    /// If another member panicked, instead of waiting for it for ever.
    pub fn wait(&self) {
        if self.members == 1 {
            return;
        }
        let round = self.round.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.members {
            self.arrived.store(0, Ordering::Relaxed);
            self.round.store(round.wrapping_add(1), Ordering::Release);
            return;
        }
        let mut spins = 0;
        while self.round.load(Ordering::Acquire) == round {
            assert!(
                !self.broken.load(Ordering::Relaxed),
                "another thread of this layer failed"
            );
            spins += 1;
            if spins < SPINS {
                core::hint::spin_loop();
            } else {
                std::thread::yield_now();
            }
        }
    }

    /// Breaks the barrier if the member that holds this panics.
    pub fn guard(&self) -> Guard<'_> {
        Guard(self)
    }
}

/// See [`Barrier::guard`].
#[derive(Debug)]
pub struct Guard<'a>(&'a Barrier);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.broken.store(true, Ordering::Relaxed);
        }
    }
}

/// A buffer whose parts belong to different threads at different times; barriers separate the times.
#[derive(Debug)]
pub struct Shared<T>(Box<[UnsafeCell<T>]>);

// SAFETY: threads only reach elements through the unsafe methods below, whose callers promise that no element is
// written by one thread while another reads or writes it.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T: Copy + Default> Shared<T> {
    /// A buffer of so many default values.
    pub fn new(len: usize) -> Self {
        Self::from_vec(vec![T::default(); len])
    }

    /// A buffer of these values.
    pub fn from_vec(values: Vec<T>) -> Self {
        let values = values.into_boxed_slice();
        // SAFETY: `UnsafeCell<T>` has the layout of `T`.
        Self(unsafe { Box::from_raw(Box::into_raw(values) as *mut [UnsafeCell<T>]) })
    }

    /// The values, once all threads are done.
    pub fn into_vec(self) -> Vec<T> {
        // SAFETY: as in `from_vec`.
        let values = unsafe { Box::from_raw(Box::into_raw(self.0) as *mut [T]) };
        values.into_vec()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A part to read.
    ///
    /// # Safety
    /// No thread writes to it as long as the slice lives.
    pub unsafe fn read(&self, part: Range<usize>) -> &[T] {
        let part = &self.0[part];
        // SAFETY: `UnsafeCell<T>` has the layout of `T`; the caller promises that nothing is written.
        unsafe { core::slice::from_raw_parts(part.as_ptr().cast(), part.len()) }
    }

    /// A part to write.
    ///
    /// # Safety
    /// No other thread reads or writes it, and no other slice to it exists, as long as this one lives.
    #[allow(clippy::mut_from_ref)] // the purpose of this type
    pub unsafe fn write(&self, part: Range<usize>) -> &mut [T] {
        let part = &self.0[part];
        // SAFETY: as above, and the caller promises that this slice is the only way to these elements.
        unsafe { core::slice::from_raw_parts_mut(part.as_ptr() as *mut T, part.len()) }
    }

    /// Writes one element.
    ///
    /// # Safety
    /// No other thread reads or writes it meanwhile.
    pub unsafe fn set(&self, at: usize, value: T) {
        // SAFETY: the caller's promise; the index is checked.
        unsafe { *self.0[at].get() = value }
    }
}

/// The threads of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Tiles of each group.
    pub groups: Vec<Range<usize>>,
    /// Neurons of each member, the same in every group.
    pub members: Vec<Range<usize>>,
}

/// Multiply-adds below which one more thread costs more than it brings.
const WORTH_A_THREAD: usize = 1 << 20;

/// Numbers of weights that a core keeps close by; beyond, threads should rather share them.
const CLOSE_BY: usize = 1 << 18;

impl Partition {
    /// Everything on the caller's own thread.
    pub fn single(tiles: usize, neurons: usize) -> Self {
        Self {
            groups: split(tiles, 1),
            members: split(neurons, 1),
        }
    }

    /// Shares `tiles` of samples and `neurons` among at most `threads`.
    ///
    /// `work` is the number of row operations of the whole call, `weights` that of all neurons' weights.
    pub fn new(tiles: usize, neurons: usize, threads: usize, work: usize, weights: usize) -> Self {
        let threads = threads.clamp(1, (work / WORTH_A_THREAD).max(1));
        let cost = |groups: usize| {
            let members = (threads / groups).min(neurons).max(1);
            tiles.div_ceil(groups) * neurons.div_ceil(members)
        };
        let candidates = 1..=threads.min(tiles);
        // more groups meet less, fewer groups share weights more
        let best = match weights <= CLOSE_BY {
            true => candidates.rev().min_by_key(|g| cost(*g)),
            false => candidates.min_by_key(|g| cost(*g)),
        };
        let groups = best.unwrap_or(1);
        Self {
            groups: split(tiles, groups),
            members: split(neurons, (threads / groups).clamp(1, neurons)),
        }
    }
}

/// Cuts `0..len` into parts of nearly equal size.
pub fn split(len: usize, parts: usize) -> Vec<Range<usize>> {
    (0..parts)
        .map(|i| i * len / parts..(i + 1) * len / parts)
        .collect()
}

/// The part of `0..len` of member `index` of `members`.
pub fn share(len: usize, index: usize, members: usize) -> Range<usize> {
    index * len / members..(index + 1) * len / members
}

/// Tiles of a batch.
pub fn tiles(batch: usize) -> usize {
    batch.div_ceil(W)
}

/// Runs `work(group, member)` for every group and member, each on a thread of its own, and returns what they yield,
/// group by group. `None`, and nothing has run, where the system has no threads for all of them.
pub fn run<T: Send>(
    partition: &Partition,
    work: impl Fn(usize, usize) -> T + Sync,
) -> Option<Vec<Vec<T>>> {
    run_up_to(usize::MAX, partition, work)
}

/// The same where the system refuses every thread after the first `most`.
fn run_up_to<T: Send>(
    most: usize,
    partition: &Partition,
    work: impl Fn(usize, usize) -> T + Sync,
) -> Option<Vec<Vec<T>>> {
    let (groups, members) = (partition.groups.len(), partition.members.len());
    if groups * members == 1 {
        return Some(vec![vec![work(0, 0)]]);
    }
    // no member starts before all threads are there: it would wait for the missing ones at a barrier
    let all_there = OnceLock::<bool>::new();
    std::thread::scope(|scope| {
        let (work, start) = (&work, &all_there);
        let spawned: Result<Vec<_>, _> = (1..groups * members)
            .map(|i| {
                if i > most {
                    return Err(std::io::ErrorKind::WouldBlock.into());
                }
                std::thread::Builder::new().spawn_scoped(scope, move || {
                    (*start.wait()).then(|| work(i / members, i % members))
                })
            })
            .collect();
        // set exactly once, so that every thread that was made goes on or ends
        let _ = all_there.set(spawned.is_ok());
        let mut results = vec![spawned.is_ok().then(|| work(0, 0))?];
        for handle in spawned.ok()? {
            match handle.join() {
                Ok(result) => results.push(result?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        let mut results = results.into_iter();
        Some(
            (0..groups)
                .map(|_| results.by_ref().take(members).collect())
                .collect(),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    #[test]
    fn members_keep_step() {
        let barrier = Barrier::new(3);
        let counters: Vec<AtomicU64> = (0..3).map(|_| AtomicU64::new(0)).collect();
        let partition = Partition {
            groups: split(1, 1),
            members: split(3, 3),
        };
        run(&partition, |_, member| {
            for step in 0..200u64 {
                counters[member].store(step, Ordering::Relaxed);
                barrier.wait();
                for other in &counters {
                    assert_eq!(other.load(Ordering::Relaxed), step);
                }
                barrier.wait();
            }
        });
    }

    /// Members that wait for each other must not wait for threads that the system refused.
    #[test]
    fn refused_threads_hang_nobody() {
        let partition = Partition {
            groups: split(1, 1),
            members: split(4, 4),
        };
        for most in 0..3 {
            let (barrier, ran) = (Barrier::new(4), AtomicU64::new(0));
            let result = run_up_to(most, &partition, |_, _| {
                ran.fetch_add(1, Ordering::Relaxed);
                barrier.wait();
            });
            assert!(result.is_none(), "{most} threads of 3");
            assert_eq!(ran.into_inner(), 0);
        }
        let barrier = Barrier::new(4);
        let result = run_up_to(3, &partition, |_, member| {
            barrier.wait();
            member
        });
        assert_eq!(result, Some(vec![vec![0, 1, 2, 3]]));
        let single = Partition::single(2, 5);
        assert_eq!(
            run_up_to(0, &single, |g, m| (g, m)),
            Some(vec![vec![(0, 0)]])
        );
    }

    #[test]
    #[should_panic(expected = "the first failed")]
    fn a_failed_member_stops_the_others() {
        let barrier = Barrier::new(2);
        let partition = Partition {
            groups: split(1, 1),
            members: split(2, 2),
        };
        run(&partition, |_, member| {
            let _guard = barrier.guard();
            assert!(member != 0, "the first failed");
            barrier.wait();
        });
    }

    #[test]
    fn everything_is_shared_out_once() {
        for tiles in 1..6 {
            for neurons in 1..20 {
                for threads in 1..9 {
                    for weights in [0, usize::MAX] {
                        let p = Partition::new(tiles, neurons, threads, usize::MAX, weights);
                        assert!(p.groups.len() * p.members.len() <= threads);
                        assert!(p.groups.iter().cloned().flatten().eq(0..tiles));
                        assert!(p.members.iter().cloned().flatten().eq(0..neurons));
                        assert!(p.members.iter().all(|m| !m.is_empty()));
                    }
                }
            }
        }
        assert_eq!(
            Partition::new(4, 9, 8, 10, 0).groups.len(),
            1,
            "little work, one thread"
        );
    }
}
