//! Who computes what: tiles of samples and ranges of neurons over threads.
//!
//! Threads that work on the same tiles of samples form a group. Within a group the neurons are cut into shares; where
//! synapses are recurrent, a group goes in [rounds](super::rounds) of one time step. Groups never wait for each other.
//!
//! The threads are the operating system's own, made for one call: a pool's may all be busy with something that waits
//! for this call.

use core::ops::Range;

/// The work of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Tiles of each group.
    pub groups: Vec<Range<usize>>,
    /// Neurons of each share, the same in every group.
    pub shares: Vec<Range<usize>>,
}

/// Row operations below which one more thread costs more than it brings: 0.4 ms, of which starting it takes a tenth.
const WORTH_A_THREAD: usize = 1 << 19;

/// Numbers of weights that a core keeps close by; beyond, threads should rather share them.
const CLOSE_BY: usize = 1 << 18;

impl Partition {
    /// Threads that there is work for.
    pub fn threads(&self) -> usize {
        self.groups.len() * self.shares.len()
    }

    /// Shares `tiles` of samples and `neurons` among at most `threads`.
    ///
    /// `work` is the number of row operations of the whole call, `weights` that of all neurons' weights.
    pub fn new(tiles: usize, neurons: usize, threads: usize, work: usize, weights: usize) -> Self {
        let threads = threads.clamp(1, (work / WORTH_A_THREAD).max(1));
        let cost = |groups: usize| {
            let shares = (threads / groups).min(neurons).max(1);
            tiles.div_ceil(groups) * neurons.div_ceil(shares)
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
            shares: split(neurons, (threads / groups).clamp(1, neurons)),
        }
    }
}

/// Cuts `0..len` into parts of nearly equal size.
pub fn split(len: usize, parts: usize) -> Vec<Range<usize>> {
    (0..parts)
        .map(|i| i * len / parts..(i + 1) * len / parts)
        .collect()
}

/// The part of `0..len` of share `index` of `shares`.
pub fn share(len: usize, index: usize, shares: usize) -> Range<usize> {
    index * len / shares..(index + 1) * len / shares
}

/// Runs `work(group, share)` on at most so many threads, one for each share of each group: the thread begins with this
/// share, and does all of the group that the group's other threads leave undone, so that one would do. Where there is no
/// thread for a group, because that is all there may be or the system refuses more, the caller's does its work.
pub fn run(partition: &Partition, threads: usize, work: impl Fn(usize, usize) + Sync) {
    let (groups, shares) = (partition.groups.len(), partition.shares.len());
    std::thread::scope(|scope| {
        let work = &work;
        let others: Vec<_> = (1..groups * shares)
            .take(threads - 1)
            .map_while(|i| {
                let (group, share) = (i / shares, i % shares);
                std::thread::Builder::new()
                    .spawn_scoped(scope, move || work(group, share))
                    .ok()
            })
            .collect();
        work(0, 0);
        for group in (1..groups).filter(|group| group * shares > others.len()) {
            work(group, 0);
        }
        for thread in others {
            if let Err(panic) = thread.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::rounds::Rounds;
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Threads that are not there hang nobody, and what they would have done is done.
    #[test]
    fn any_number_of_threads_does_everything() {
        let partition = Partition {
            groups: split(3, 3),
            shares: split(4, 4),
        };
        for threads in 1..=12 {
            let rounds: Vec<Rounds> = (0..3).map(|_| Rounds::new(4)).collect();
            let done: Vec<AtomicU64> = (0..12).map(|_| AtomicU64::new(0)).collect();
            run(&partition, threads, |group, own| {
                let mut turns = rounds[group].turns(own);
                for _ in 0..50 {
                    while let Some(share) = turns.share() {
                        done[group * 4 + share].fetch_add(1, Ordering::Relaxed);
                    }
                    turns.meet();
                }
            });
            let done: Vec<u64> = done.into_iter().map(AtomicU64::into_inner).collect();
            assert_eq!(done, [50; 12], "{threads} threads");
        }
    }

    #[test]
    fn everything_is_shared_out_once() {
        for tiles in 1..6 {
            for neurons in 1..20 {
                for threads in 1..9 {
                    for weights in [0, usize::MAX] {
                        let p = Partition::new(tiles, neurons, threads, usize::MAX, weights);
                        assert!(p.groups.len() * p.shares.len() <= threads);
                        assert!(p.groups.iter().cloned().flatten().eq(0..tiles));
                        assert!(p.shares.iter().cloned().flatten().eq(0..neurons));
                        assert!(p.shares.iter().all(|share| !share.is_empty()));
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
