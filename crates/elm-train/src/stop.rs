//! What asks long work to stop: Ctrl-C, a scheduler, or a limit of time.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use elm_data::DataError;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::{Result, TrainError};

/// Why work is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Ctrl-C (SIGINT).
    Interrupt = 1,
    /// SIGTERM, as `kill` and most schedulers send it.
    Terminate = 2,
    /// SIGUSR1, a scheduler's warning that its time is nearly over.
    Warning = 3,
    /// The limit of time that was given to this call.
    TimeLimit = 4,
    /// The end of the epochs that this call was to train.
    Pause = 5,
}

impl StopReason {
    const ALL: [Self; 5] = [
        Self::Interrupt,
        Self::Terminate,
        Self::Warning,
        Self::TimeLimit,
        Self::Pause,
    ];

    /// The exit code that tells a caller of it: 128 and the signal's number, or 75 (`EX_TEMPFAIL`) for "call me again".
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::Warning | Self::TimeLimit | Self::Pause => 75,
        }
    }

    /// Its name in sentences.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "Ctrl-C",
            Self::Terminate => "SIGTERM",
            Self::Warning => "SIGUSR1",
            Self::TimeLimit => "its limit of time",
            Self::Pause => "its limit of epochs",
        }
    }
}

/// A question that long work asks from time to time: am I to stop? Copies are asked and answered together.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    asked: Arc<AtomicUsize>,
    deadline: Option<Instant>,
}

impl Stop {
    /// Stops when [`ask`](Self::ask) is called, and for nothing else.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stops at Ctrl-C and SIGTERM; a Ctrl-C after either ends the program at once. With `warned` at SIGUSR1, too, which
    /// otherwise ends the program, as it does by default. SIGHUP stays what it is: a program under `nohup` outlives its
    /// terminal.
    ///
    /// # Errors
    /// [`TrainError::Run`] if the system does not let signals be handled.
    pub fn on_signals(warned: bool) -> Result<Self> {
        let stop = Self::new();
        let again = Arc::new(AtomicBool::new(false));
        let listen = || -> std::io::Result<()> {
            // asks whether it was armed before the next line arms it
            flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&again))?;
            for (signal, reason) in [
                (SIGINT, StopReason::Interrupt),
                (SIGTERM, StopReason::Terminate),
            ] {
                flag::register(signal, Arc::clone(&again))?;
                flag::register_usize(signal, Arc::clone(&stop.asked), reason as usize)?;
            }
            #[cfg(unix)]
            if warned {
                let flag = Arc::clone(&stop.asked);
                flag::register_usize(
                    signal_hook::consts::SIGUSR1,
                    flag,
                    StopReason::Warning as usize,
                )?;
            }
            let _ = warned;
            Ok(())
        };
        match listen() {
            Ok(()) => Ok(stop),
            Err(e) => Err(TrainError::Run(format!("cannot listen for Ctrl-C: {e}"))),
        }
    }

    /// Stops after `limit` from now, too.
    pub fn within(mut self, limit: Duration) -> Self {
        self.deadline = Instant::now().checked_add(limit);
        self
    }

    /// Asks to stop.
    pub fn ask(&self, reason: StopReason) {
        self.asked.store(reason as usize, Ordering::SeqCst);
    }

    /// Why to stop; none to go on.
    pub fn asked(&self) -> Option<StopReason> {
        let asked = self.asked.load(Ordering::SeqCst);
        let reason = StopReason::ALL.into_iter().find(|r| *r as usize == asked);
        let over = || self.deadline.is_some_and(|end| Instant::now() >= end);
        reason.or_else(|| over().then_some(StopReason::TimeLimit))
    }

    /// Goes on, or ends with [`TrainError::Stopped`] that says `what` was stopped.
    ///
    /// # Errors
    /// If it is to stop.
    pub fn check(&self, what: &str) -> Result<()> {
        match self.asked() {
            None => Ok(()),
            Some(reason) => Err(TrainError::Stopped {
                reason,
                what: what.into(),
            }),
        }
    }

    /// Break if it is to stop.
    pub fn flow(&self) -> ControlFlow<()> {
        match self.asked() {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    }

    /// Names the reason of work on data that was stopped, so that the exit code tells it.
    ///
    /// # Errors
    /// Those of `result`.
    pub fn named<T>(&self, result: std::result::Result<T, impl Into<TrainError>>) -> Result<T> {
        result.map_err(|error| match (error.into(), self.asked()) {
            (TrainError::Data(stopped @ DataError::Stopped { .. }), Some(reason)) => {
                TrainError::Stopped {
                    reason,
                    what: stopped.to_string(),
                }
            }
            (other, _) => other,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn copies_are_asked_together_and_time_runs_out() {
        let stop = Stop::new();
        let copy = stop.clone();
        assert!(copy.asked().is_none() && copy.flow().is_continue());
        stop.ask(StopReason::Terminate);
        assert_eq!(copy.asked(), Some(StopReason::Terminate));
        let error = copy.check("stopped here").unwrap_err();
        assert_eq!(
            (error.exit_code(), error.to_string()),
            (143, "stopped here".into())
        );
        let limited = Stop::new().within(Duration::ZERO);
        assert_eq!(limited.asked(), Some(StopReason::TimeLimit));
        let patient = Stop::new().within(Duration::from_secs(1000));
        assert_eq!(patient.asked(), None);
        // what was asked for counts for more than the time
        limited.ask(StopReason::Interrupt);
        assert_eq!(limited.asked(), Some(StopReason::Interrupt));
    }
}
