//! Working on the members of a sweep, here or in several processes, as `elm sweep` and `elm compare` do.

use std::process::Command;

use super::train::limited;
use crate::compare::{self, Plan};
use crate::device;
use crate::error::{Result, TrainError};
use crate::stop::{Stop, StopReason};
use crate::sweep::{
    Jobs, Member, Share, Sweep, SweepFolder, Worker, stop_with_parent, write_report,
};
use crate::{say, tell};

/// What the commands that train members have in common.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Workers {
    /// Processes that work side by side on this machine
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) jobs: usize,
    /// Try members that failed once more
    #[arg(long)]
    retry: bool,
    /// Say how far it is
    #[arg(long, group = "print")]
    pub(super) status: bool,
    /// Stop after so many minutes with checkpoints and exit code 75
    #[arg(long, value_name = "MINUTES", allow_negative_numbers = true)]
    stop_after: Option<f64>,
    /// Where to compute: names as in `elm train`; processes take turns on several, e.g. flex,cuda
    #[arg(long, value_name = "DEVICES", default_value = "auto")]
    device: String,
    /// CPU threads, divided among the processes [default: all]
    #[arg(long, allow_negative_numbers = true)]
    pub(super) threads: Option<usize>,
}

/// Members that a call is to train.
pub(super) struct Call<'a> {
    pub(super) sweep: &'a Sweep,
    pub(super) folder: &'a SweepFolder,
    pub(super) members: Vec<&'a Member>,
    /// The share of the members that these are.
    pub(super) share: Share,
    /// One of several processes, which another one speaks for.
    pub(super) is_worker: bool,
}

impl Workers {
    /// Refuses numbers that are none.
    ///
    /// # Errors
    /// [`TrainError::Usage`] for no process at all, or no thread.
    pub(super) fn check(&self) -> Result<()> {
        super::check_threads(self.threads)?;
        match self.jobs {
            0 => Err(TrainError::Usage(
                "--jobs must be 1 or more, found 0".into(),
            )),
            _ => Ok(()),
        }
    }

    /// Stops on signals, and after the time of --stop-after.
    pub(super) fn stop(&self) -> Result<Stop> {
        limited(Stop::on_signals(true)?, self.stop_after)
    }

    /// Names of the devices.
    pub(super) fn devices(&self) -> Vec<String> {
        let names = self.device.split(',').map(str::trim);
        names.map(String::from).collect()
    }

    /// CPU threads of each of `jobs` processes.
    pub(super) fn threads_each(&self, jobs: usize) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        (self.threads.unwrap_or(cores) / jobs.max(1)).max(1)
    }

    /// Trains the members of a call; the reason if it was stopped.
    ///
    /// # Errors
    /// If the folder cannot be written, or a process not be started.
    pub(super) fn train(&self, call: &Call<'_>, stop: &Stop) -> Result<Option<StopReason>> {
        let stopped = match self.jobs {
            1 => self.work(call, stop)?,
            _ => self.supervise(call, stop)?,
        };
        // requeued by schedulers, which stop by SIGTERM
        Ok(stopped.map(|reason| match reason {
            StopReason::Terminate => StopReason::Warning,
            other => other,
        }))
    }

    /// Works on the members in this process.
    fn work(&self, call: &Call<'_>, stop: &Stop) -> Result<Option<StopReason>> {
        if call.is_worker {
            stop_with_parent(stop);
        }
        // processes of a job array, and calls for one member, take turns on the devices
        let devices = self.devices();
        let first = call.members.first().map_or(0, |member| member.index);
        let worker = Worker {
            sweep: call.sweep,
            folder: call.folder,
            device: device::open(&devices[first % devices.len()])?,
            stop: stop.clone(),
            retry: self.retry,
            announce: match call.is_worker {
                // what is said goes nowhere, as each run has its log
                true => |line| tell!("{line}"),
                false => |line| say!("{line}"),
            },
        };
        worker.work(&call.members)
    }

    /// Lets several processes work on the members.
    fn supervise(&self, call: &Call<'_>, stop: &Stop) -> Result<Option<StopReason>> {
        let failed = |e| TrainError::Run(format!("cannot start the workers of the sweep: {e}"));
        let program = std::env::current_exe().map_err(failed)?;
        // no more than can have a member
        let jobs = self.jobs.min(call.members.len()).max(1);
        let threads = self.threads_each(jobs);
        say!(
            "sweep of {} members, {} of them here, by {jobs} processes with {threads} threads each; folder {}",
            call.sweep.members.len(),
            call.members.len(),
            call.folder.path().display()
        );
        let devices = self.devices();
        let commands = (0..jobs).map(|job| {
            let mut command = Command::new(&program);
            command.arg("sweep").arg(call.folder.path()).arg("--worker");
            command.args(["--threads", &threads.to_string()]);
            command.args(["--device", &devices[job % devices.len()]]);
            if self.retry {
                command.arg("--retry");
            }
            let Share { index, of } = call.share;
            command.args(["--shard", &format!("{index}/{of}")]);
            command
        });
        Jobs::new(commands.collect()).run(stop)
    }

    /// Says how far the sweep is, and writes the report if it is over, or one of a comparison.
    pub(super) fn conclude(
        &self,
        call: &Call<'_>,
        stopped: Option<StopReason>,
        is_single: bool,
    ) -> Result<Option<StopReason>> {
        let Call { sweep, folder, .. } = call;
        let progress = folder.progress(sweep)?;
        let own = progress.tally(folder, call.members.iter().copied());
        // a call for one member does not look at all of them
        let is_over = !is_single && progress.tally(folder, &sweep.members).is_over();
        let is_comparison = Plan::of(folder.path())?.is_some();
        if is_over || (is_comparison && !is_single) {
            report(sweep, folder)?;
        } else {
            say!("{}: {}", folder.path().display(), own.sentence());
        }
        if let Some(reason) = stopped {
            let again = match is_comparison {
                true => format!(
                    "go on with: elm compare --resume {}",
                    folder.path().display()
                ),
                false => "call again to go on".into(),
            };
            match reason {
                StopReason::Pause => say!(
                    "members here wait for those of other shards, which nobody works on; {again}"
                ),
                _ => say!("stopped by {}; {again}", reason.name()),
            }
            return Ok(Some(reason));
        }
        for (name, why) in &own.failed {
            tell!("member {name} failed: {why}");
        }
        match own.failed.len() {
            0 => Ok(None),
            n => Err(TrainError::Run(format!(
                "{n} of {} members failed; --retry tries them again",
                call.members.len()
            ))),
        }
    }
}

/// Says how far a sweep is.
pub(super) fn status(sweep: &Sweep, folder: &SweepFolder) -> Result<()> {
    let tally = folder.progress(sweep)?.tally(folder, &sweep.members);
    say!(
        "{}: {} members: {}",
        folder.path().display(),
        sweep.members.len(),
        tally.sentence()
    );
    for (state, names) in [("running", &tally.running), ("begun", &tally.begun)] {
        for name in names {
            say!("  {state:<9} {name}");
        }
    }
    for (name, why) in &tally.failed {
        say!("  {:<9} {name}: {why}", "failed");
    }
    Ok(())
}

/// Writes the report of a sweep, or that of a comparison where it is one.
pub(super) fn report(sweep: &Sweep, folder: &SweepFolder) -> Result<()> {
    if let Some(plan) = Plan::of(folder.path())? {
        let (comparison, path) = compare::write_report(plan, sweep, folder)?;
        say!("\n{}", comparison.table().trim_end());
        say!("report {}", path.display());
        return Ok(());
    }
    let (results, path) = write_report(sweep, folder)?;
    say!("{}", results.table(sweep).trim_end());
    say!("{}; report {}", results.tally.sentence(), path.display());
    Ok(())
}
