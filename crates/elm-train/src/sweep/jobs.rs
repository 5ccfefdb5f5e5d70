//! Several workers on one machine, each a process of its own.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use crate::error::{Result, TrainError};
use crate::stop::{Stop, StopReason};
use crate::tell;

/// How often the workers are looked at.
const PAUSE: Duration = Duration::from_millis(20);
/// A worker that died is started again so many times.
const MOST_STARTS: u32 = 100;

/// Workers, each a process that claims members until none is left.
///
/// Their standard input is a pipe that nothing is written to: when it closes, because this process closes it or is gone,
/// they stop with a checkpoint.
pub struct Jobs {
    workers: Vec<Worker>,
}

struct Worker {
    command: Command,
    child: Option<Child>,
    starts: u32,
}

impl Jobs {
    /// A worker for each command.
    pub fn new(commands: Vec<Command>) -> Self {
        let worker = |mut command: Command| {
            command.stdin(Stdio::piped()).stdout(Stdio::null());
            Worker {
                command,
                child: None,
                starts: 0,
            }
        };
        Self {
            workers: commands.into_iter().map(worker).collect(),
        }
    }

    /// Starts the workers and waits for all of them; the reason if they were stopped.
    ///
    /// One that dies without a word, such as one that was killed for its memory, is started again.
    ///
    /// # Errors
    /// [`TrainError::Run`] if a worker cannot be started, or ended with an error of its own.
    pub fn run(mut self, stop: &Stop) -> Result<Option<StopReason>> {
        for worker in &mut self.workers {
            worker.start()?;
        }
        let (mut problem, mut left) = (None, None);
        loop {
            let asked = stop.asked();
            let mut alive = false;
            for worker in &mut self.workers {
                if asked.is_some() || problem.is_some() {
                    worker.ask_to_stop();
                }
                let Some(ended) = worker.ended()? else {
                    alive |= worker.child.is_some();
                    continue;
                };
                worker.child = None;
                if asked.is_some() || problem.is_some() || ended.success() {
                    continue;
                }
                if was_stopped(ended) {
                    // what it left is for another call
                    left = Some(StopReason::Warning);
                    continue;
                }
                if !died(ended) || worker.starts >= MOST_STARTS {
                    problem = Some(format!("a worker of the sweep ended with {ended}"));
                    continue;
                }
                tell!("note: a worker ended with {ended} and is started again");
                worker.start()?;
                alive = true;
            }
            if !alive {
                return match problem {
                    Some(problem) => Err(TrainError::Run(problem)),
                    None => Ok(asked.or(left)),
                };
            }
            std::thread::sleep(PAUSE);
        }
    }
}

impl Worker {
    fn start(&mut self) -> Result<()> {
        self.starts += 1;
        let child = self.command.spawn();
        self.child =
            Some(child.map_err(|e| {
                TrainError::Run(format!("cannot start a worker of the sweep: {e}"))
            })?);
        Ok(())
    }

    fn ask_to_stop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.stdin.take());
        }
    }

    fn ended(&mut self) -> Result<Option<ExitStatus>> {
        match &mut self.child {
            None => Ok(None),
            Some(child) => child
                .try_wait()
                .map_err(|e| TrainError::Run(format!("cannot wait for a worker: {e}"))),
        }
    }
}

/// Stopped with a checkpoint, by a signal that this worker alone was sent.
fn was_stopped(ended: ExitStatus) -> bool {
    let reasons = [
        StopReason::Interrupt,
        StopReason::Terminate,
        StopReason::Warning,
    ];
    let codes = reasons.map(|reason| i32::from(reason.exit_code()));
    ended.code().is_some_and(|code| codes.contains(&code))
}

/// Ended by a signal, or by a panic.
fn died(ended: ExitStatus) -> bool {
    ended.code().is_none_or(|code| code == 101)
}

/// Asks to stop when standard input ends: when the process that started this one closes it, or is gone.
pub fn stop_with_parent(stop: &Stop) {
    let stop = stop.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        let mut input = std::io::stdin().lock();
        while input.read(&mut buffer).is_ok_and(|n| n > 0) {}
        stop.ask(StopReason::Terminate);
    });
}
