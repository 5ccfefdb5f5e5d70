//! `elm data convert`.

use std::path::{Path, PathBuf};

use elm_data::task::TaskOptions;
use elm_data::{Task, neuronio};

use super::{DifficultyArg, SharedLine};
use crate::error::{Result, TrainError};
use crate::stop::Stop;
use crate::{say, tell};

/// Convert NeuronIO pickles or Pathfinder images to a compact format.
///
/// NeuronIO: in parallel; goes on where it was stopped. Images: one file that is mapped and read faster than
/// 200 000 PNGs; checked image by image before it gets its name.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  elm data convert full_ergodic_train_batch_1 --out neuronio/train
  elm data convert pathfinder128 --task pathx --out pathx.elmimg")]
pub(super) struct Args {
    /// Pickles or folders of them; or the one folder of the images
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Folder for the converted files; for images the file
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// What is converted: neuronio (pickles into a folder of .elmnio files), pathfinder or pathx (a folder of images into
    /// one .elmimg file)
    #[arg(long, value_name = "TASK", default_value = "neuronio")]
    task: String,
    /// Which images of Pathfinder and Path-X
    #[arg(long, value_enum, default_value_t)]
    difficulty: DifficultyArg,
    /// CPU threads [default: all]
    #[arg(long, allow_negative_numbers = true)]
    threads: Option<usize>,
}

pub(super) fn run(args: Args) -> Result<()> {
    crate::cli::set_threads(args.threads)?;
    let task = Task::from_name(&args.task)?;
    if task.is_neuronio() {
        return pickles(&args.files, &args.out);
    }
    let [dir] = &args.files[..] else {
        return Err(TrainError::Usage(format!(
            "--task {task}: expected one folder with its files, found {} paths",
            args.files.len()
        )));
    };
    let options = TaskOptions {
        difficulty: args.difficulty.into(),
        ..TaskOptions::default()
    };
    folder(task, dir, &args.out, &options)
}

fn pickles(pickles: &[PathBuf], out: &Path) -> Result<()> {
    let line = SharedLine::default();
    let summary = neuronio::convert(pickles, out, &|progress| {
        line.show(&format!(
            "converted {}/{}, last {}",
            progress.done,
            progress.total,
            progress.source.display()
        ));
    })?;
    line.clear();
    say!(
        "{}: {} files converted, {} there already, {} simulations, {:.1} MB",
        out.display(),
        summary.written,
        summary.skipped,
        summary.simulations,
        summary.bytes as f64 / 1e6
    );
    if summary.failed.is_empty() {
        return Ok(());
    }
    for problem in &summary.failed {
        tell!("error: {problem}");
    }
    let files = summary.failed.len();
    Err(TrainError::Run(format!(
        "{files} files were not converted; the same command tries them again"
    )))
}

/// The files of a folder into one.
fn folder(task: Task, dir: &Path, out: &Path, options: &TaskOptions) -> Result<()> {
    if out.is_dir() {
        return Err(TrainError::file(
            out,
            "expected a file for what is converted, found a folder",
        ));
    }
    let (line, stop) = (SharedLine::default(), Stop::on_signals(false)?);
    let result = task.convert(dir, out, options, &mut |progress| {
        let (verb, done) = match progress.checked {
            0 => ("converted", progress.written),
            checked => ("checked", checked),
        };
        line.show(&format!("{verb} {done}/{} images", progress.total));
        stop.flow()
    });
    line.clear();
    let summary = stop.named(result)?;
    for warning in &summary.warnings {
        tell!("warning: {warning}");
    }
    say!(
        "{}: {} images, {:.1} MB",
        out.display(),
        summary.images,
        summary.bytes as f64 / 1e6
    );
    Ok(())
}
