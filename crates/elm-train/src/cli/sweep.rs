//! `elm sweep`.

use std::path::{Path, PathBuf};

use super::workers::{Call, Workers, report, status};
use crate::error::{Result, TrainError};
use crate::say;
use crate::stop::StopReason;
use crate::sweep::{BUILT_IN, Calls, Share, Sweep, SweepFolder, text_of};

/// Train many runs by one file: settings of recipe keys, and seeds.
///
/// Every member is a run in DIR/members. Any number of processes may work on one sweep, here or on machines that see DIR:
/// each member is claimed by a lock, what a killed process leaves is taken over, and a member that fails stops no other.
/// Called again, it goes on. Exit codes: 0 done, 1 members failed, 2 wrong input, 130 after Ctrl-C, 75 after SIGTERM,
/// SIGUSR1 or --stop-after: checkpoints are kept, call again.
#[derive(Debug, clap::Args)]
#[command(after_help = HELP, after_long_help = LONG_HELP)]
pub(super) struct Args {
    /// Sweep file (TOML), the folder of a sweep, or `scaling`: how networks scale, built in
    file: PathBuf,
    /// Folder of the sweep [default: runs/<name of FILE>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Only every N-th member from I on: I/N; N alone inside of a job array
    #[arg(long, value_name = "I/N", allow_hyphen_values = true)]
    shard: Option<String>,
    /// Only the member with this number, from 0
    #[arg(long, value_name = "K", conflicts_with_all = ["shard", "jobs"])]
    only: Option<usize>,
    /// Print a command for each member
    #[arg(long, group = "print")]
    list: bool,
    /// Print a script for sbatch, an array of N tasks [default: a task for each member, at most 1000]
    #[arg(long, group = "print", value_name = "N", num_args = 0..=1, require_equals = true)]
    slurm: Option<Option<usize>>,
    /// Write report.html, results.csv and best.toml of what is finished
    #[arg(long, group = "print")]
    report: bool,
    #[command(flatten)]
    workers: Workers,
    /// One of the processes of --jobs: stops when its standard input ends
    #[arg(long, hide = true)]
    worker: bool,
}

const HELP: &str = "\
Examples:
  elm sweep my.toml --jobs 2
  elm sweep scaling --jobs 2    # built in; its file is then runs/scaling/sweep.toml
  elm sweep my.toml --slurm=8 | sbatch
  elm sweep my.toml --list | xargs -P4 -d '\\n' -I{} sh -c '{}'
See --help for the file and for schedulers.";

const LONG_HELP: &str = r#"A sweep file:
  base = "spikes"              # a name from `elm recipes`, or a recipe file beside this one
  seeds = [0, 1, 2]            # every setting with each of them [default: the base's]
  metric = "valid_loss"        # a column of metrics.csv at the best epoch, or test.<name in test.json>
  goal = "min"                 # or "max" [default: by the metric's name]
  power_law = "params"         # the report fits power laws of the metric in this key [default: none]
  halving = 3                  # one setting in 3 goes on after 1/9, 1/3 ... of its epochs [default: all do]
  [set]                        # keys of all members that have a use for them; the budget is one of these
  train.minutes = 5
  [grid]                       # all combinations
  model.num_memory = [10, 20, 50]   # or params = [20000, 50000]: sizes chosen for so many trained parameters
  train.optimizer = ["adam", "adamax"]
  [list]                       # n-th values belong together; or a table [[list]] for each row
  train.batch_size = [8, 16]
  train.learning_rate = [1e-3, 2e-3]
  [random]                     # n draws of all keys
  n = 20
  seed = 0
  train.clip_norm = { uniform = [0.5, 2.0] }   # also log, integer, log_integer
  model.activation = { choices = ["relu", "silu"] }
Members are numbered from 0: rows of the list vary slowest, then keys of the grid by their names, then draws, then seeds.

Schedulers:
  elm sweep my.toml --list | parallel                 GNU parallel
  hq submit --array 0-7 -- elm sweep my.toml --shard 8
  elm sweep my.toml --slurm=8 > job.sh; sbatch job.sh
Inside of a SLURM array without gaps the share is that of the task (SLURM_ARRAY_TASK_ID and _COUNT); --shard N takes the
task's number from SLURM_ARRAY_TASK_ID, PBS_ARRAY_INDEX, PBS_ARRAYID or HQ_TASK_ID, which must count from 0. Tasks whose
share is done leave the rest to others: a sweep is over when every share is."#;

/// Tasks of an array that schedulers take without being asked.
const MOST_TASKS: usize = 1000;

pub(super) fn run(args: Args) -> Result<Option<StopReason>> {
    let (file, out, sweep) = open(&args)?;
    if sweep.file.halving.is_some() && (args.list || args.only.is_some()) {
        return Err(TrainError::Usage(
            "a member of a sweep with halving depends on the others and cannot be trained alone: use --jobs, or --shard in several \
             calls at once, in place of --list and --only"
                .into(),
        ));
    }
    if args.list || args.slurm.is_some() {
        return print_calls(&args, &file, &out, &sweep).map(|()| None);
    }
    if args.workers.status || args.report {
        let (folder, mut kept) = SweepFolder::existing(&out)?;
        kept.file.metric = sweep.file.metric;
        return match args.workers.status {
            true => status(&kept, &folder),
            false => report(&kept, &folder),
        }
        .map(|()| None);
    }
    args.workers.check()?;
    let own = own(&args, &sweep)?;
    match args.only {
        // as quick as the list is long: each call looks at its own
        Some(only) => drop(sweep.check(&sweep.members[only])?),
        None if args.worker => {}
        None => sweep.validate()?,
    }
    let (folder, sweep) = match file.is_dir() {
        true => SweepFolder::existing(&out)?,
        false => {
            let text = text_of(&file)?;
            SweepFolder::open(&out, &text, &file.display().to_string(), &sweep)?
        }
    };
    let stop = args.workers.stop()?;
    let call = Call {
        sweep: &sweep,
        folder: &folder,
        members: own.iter().map(|&index| &sweep.members[index]).collect(),
        share: share(&args)?,
        is_worker: args.worker,
    };
    if args.workers.jobs == 1 {
        super::set_threads(args.workers.threads)?;
    }
    let stopped = args.workers.train(&call, &stop)?;
    match args.worker {
        true => Ok(stopped),
        false => args.workers.conclude(&call, stopped, args.only.is_some()),
    }
}

/// The sweep file or folder, the folder of the sweep, and the sweep.
fn open(args: &Args) -> Result<(PathBuf, PathBuf, Sweep)> {
    if args.file.is_dir() {
        if args.out.as_ref().is_some_and(|out| *out != args.file) {
            return Err(TrainError::Usage(format!(
                "{} is the folder of a sweep, and --out names another: leave out --out",
                args.file.display()
            )));
        }
        let (_, sweep) = SweepFolder::existing(&args.file)?;
        return Ok((args.file.clone(), args.file.clone(), sweep));
    }
    let sweep = Sweep::load(&args.file)?;
    let out = args.out.clone().unwrap_or_else(|| {
        let name = args.file.file_stem().unwrap_or_default();
        Path::new("runs").join(name)
    });
    Ok((args.file.clone(), out, sweep))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Numbers of the members that are this process's own.
fn own(args: &Args, sweep: &Sweep) -> Result<Vec<usize>> {
    let count = sweep.members.len();
    if let Some(only) = args.only {
        return match only < count {
            true => Ok(vec![only]),
            false => Err(TrainError::Usage(format!(
                "--only must be a member from 0 to {}, found {only}",
                count - 1
            ))),
        };
    }
    let share = share(args)?;
    Ok((0..count).filter(|&member| share.has(member)).collect())
}

/// The share of the members that this call has, by --shard or by the job array that it is in.
fn share(args: &Args) -> Result<Share> {
    Share::new(args.shard.as_deref(), &variable)
}

fn print_calls(args: &Args, file: &Path, out: &Path, sweep: &Sweep) -> Result<()> {
    sweep.validate()?;
    let absolute = |path: &Path| {
        std::path::absolute(path)
            .map_err(|e| TrainError::file(path, format!("cannot find it: {e}")))
    };
    let program = std::env::current_exe()
        .map_err(|e| TrainError::Run(format!("cannot find this program: {e}")))?;
    let calls = Calls {
        program,
        file: match BUILT_IN.iter().any(|(name, _)| Path::new(name) == file) && !file.exists() {
            true => file.to_path_buf(),
            false => absolute(file)?,
        },
        out: absolute(out)?,
        devices: args.workers.devices(),
        threads: args.workers.threads,
    };
    if let Some(tasks) = args.slurm {
        let tasks = tasks.unwrap_or(sweep.members.len().min(MOST_TASKS));
        if tasks == 0 {
            return Err(TrainError::Usage(
                "--slurm must name 1 task or more, found 0".into(),
            ));
        }
        let name = out.file_name().unwrap_or_default().to_string_lossy();
        say!("{}", calls.slurm(&name, tasks).trim_end());
        return Ok(());
    }
    // a share of the list only if it was asked for, and not for the job that makes it
    let share = match args.shard {
        Some(_) => share(args)?,
        None => Share::ALL,
    };
    for member in sweep.members.iter().filter(|m| share.has(m.index)) {
        say!("{}", calls.member(member.index));
    }
    Ok(())
}
