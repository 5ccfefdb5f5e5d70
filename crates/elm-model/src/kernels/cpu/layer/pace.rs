//! Whether the threads of a call help each other, or one would be done sooner.
//!
//! Threads that keep step wait for each other. On a machine that does other work too, each of them is put aside now and
//! then, and all wait for it. When a call's threads have waited much, the next call of the layer tries one thread, which
//! does the shares of all, so that nothing changes but the time; if that is faster, some more calls follow its example.

use core::time::Duration;
use std::sync::Mutex;

use super::rounds::lock;

/// Share of a call's time that its threads may wait, for each thread after the first: where two threads wait for half
/// of the time, the one that they wait for has been away as long, and nothing is gained.
const MUCH: f64 = 0.35;
/// Calls on one thread before all are tried again.
const ALONE: u32 = 12;
/// Calls on all threads, whatever they wait, after one thread has been slower.
const TOGETHER: u32 = 40;

/// The pace of a layer's calls in one direction.
#[derive(Debug, Default)]
pub(crate) struct Pace(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Seconds per step and sample of the last call on all threads.
    together: f64,
    /// Calls that are to run on one thread.
    alone: u32,
    /// Is the next of them the one that decides?
    trial: bool,
    /// Calls on all threads that are not judged.
    patience: u32,
}

/// What a call was like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    /// Threads that it could use.
    pub most: usize,
    /// Threads that it had.
    pub threads: usize,
    /// Steps times samples.
    pub size: usize,
    /// Time that it took.
    pub took: Duration,
    /// Time that its threads have waited, in all.
    pub waited: Duration,
}

impl Pace {
    /// The threads to start for a call that could use so many.
    pub fn threads(&self, most: usize) -> usize {
        let mut state = lock(&self.0);
        if most == 1 || state.alone == 0 {
            return most;
        }
        state.alone -= 1;
        1
    }

    /// Takes a call into account.
    pub fn report(&self, call: Course) {
        if call.most == 1 {
            return;
        }
        let mut state = lock(&self.0);
        let took = call.took.as_secs_f64() / call.size.max(1) as f64;
        if call.threads > 1 {
            state.together = took;
            let allowed = MUCH * (call.threads - 1) as f64;
            if state.patience > 0 {
                state.patience -= 1;
            } else if call.waited > call.took.mul_f64(allowed) {
                (state.alone, state.trial) = (1, true);
            }
        } else if state.trial {
            state.trial = false;
            match took < state.together {
                true => state.alone = ALONE,
                false => state.patience = TOGETHER,
            }
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

    /// The next call, which takes so long and whose threads wait so long if there are two; its threads.
    fn call(pace: &Pace, together: u64, waited: u64, alone: u64) -> usize {
        let threads = pace.threads(2);
        let (took, waited) = match threads {
            1 => (alone, 0),
            _ => (together, waited),
        };
        pace.report(Course {
            most: 2,
            threads,
            size: 7,
            took: Duration::from_millis(took),
            waited: Duration::from_millis(waited),
        });
        threads
    }

    #[test]
    fn much_waiting_makes_calls_run_alone_if_that_is_faster() {
        let pace = Pace::default();
        // two that wait little, whether one would be faster or not
        for _ in 0..5 {
            assert_eq!(call(&pace, 10, 3, 9), 2);
        }
        // two that wait much, on a machine where one is faster
        for _ in 0..2 {
            assert_eq!(call(&pace, 10, 6, 9), 2);
            for _ in 0..ALONE + 1 {
                assert_eq!(call(&pace, 10, 6, 9), 1);
            }
        }
        // and where it is not: one try for many calls
        assert_eq!(call(&pace, 10, 6, 11), 2);
        assert_eq!(call(&pace, 10, 6, 11), 1);
        for _ in 0..TOGETHER {
            assert_eq!(call(&pace, 10, 6, 11), 2);
        }
    }

    #[test]
    fn a_call_for_one_thread_is_left_alone() {
        let pace = Pace::default();
        assert_eq!(call(&pace, 10, 6, 9), 2);
        assert_eq!(pace.threads(1), 1);
        assert_eq!(pace.threads(2), 1);
    }
}
