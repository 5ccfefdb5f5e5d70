//! `elm data info`.

use std::path::{Path, PathBuf};

use elm_data::arrays::{ArraySet, InputKind, SequenceData, TargetKind};
use elm_data::neuronio::{self, Described, shipped};
use elm_data::task::{PartStatistics, TaskData, TaskKind, TaskOptions};
use elm_data::text::Text;
use elm_data::{Split, Task};

use super::neuronio::table;
use super::{DifficultyArg, SharedLine};
use crate::error::{Result, TrainError};
use crate::predict::looks_like_arrays;
use crate::recipe::{DataSource, Recipe};
use crate::report::{SamplePicture, sheet};
use crate::stop::Stop;
use crate::{say, tell};

/// Samples in the picture.
const PICTURES: usize = 8;

/// Check a task's files and describe them, or describe NeuronIO simulations or a file of arrays.
///
/// With --data: every sample of the task is read; counts, lengths and class balance are printed, and with
/// --picture some samples drawn. Without: NeuronIO files or folders, or the shipped simulations, or arrays of your own. Of
/// converted simulations (.elmnio) the heads are read; --check decodes all of them, too.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  elm data info                          the shipped simulations
  elm data info full_ergodic_train_batch_1
  elm data info recordings.npz           the same as: elm data info arrays --data recordings.npz
  elm data info listops --data lra/listops")]
pub(super) struct Args {
    /// A task of `elm data list` (with --data), or NeuronIO files or folders, or a file of arrays
    #[arg(value_name = "TASK or PATHS")]
    what: Vec<PathBuf>,
    /// Folder of the task's files (Pathfinder: or a converted file)
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Draw some samples into this file
    #[arg(long, value_name = "FILE.svg", requires = "data")]
    picture: Option<PathBuf>,
    /// Which images of Pathfinder and Path-X
    #[arg(long, value_enum, default_value_t)]
    difficulty: DifficultyArg,
    /// Read the files as a recipe with this key does, e.g. --set arrays.keys='{y="label"}' (may be repeated)
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Decode converted simulations, too, and compare their checksums
    #[arg(long)]
    check: bool,
}

pub(super) fn run(args: Args) -> Result<()> {
    let Some(dir) = args.data else {
        return match &args.what[..] {
            [path] if looks_like_arrays(path) => {
                arrays(path, &recipe(Task::from_name("arrays")?, &args.set)?)
            }
            paths => simulations(paths, args.check),
        };
    };
    let [name] = &args.what[..] else {
        return Err(TrainError::Usage(format!(
            "--data {}: expected one task of `elm data list` before it, found {}",
            dir.display(),
            args.what.len()
        )));
    };
    let task = Task::from_name(&name.to_string_lossy())?;
    let recipe = recipe(task, &args.set)?;
    match task.info().kind {
        TaskKind::NeuronIo => files_of_simulations(&[dir], args.check),
        TaskKind::Language => text(&dir, recipe),
        TaskKind::Open => arrays(&dir, &recipe),
        TaskKind::Classification { .. } => {
            let options = TaskOptions {
                difficulty: args.difficulty.into(),
                ..recipe.task_options_of_test()
            };
            classification(task, &dir, &options, args.picture.as_deref())
        }
    }
}

/// How a recipe of the task reads its files.
fn recipe(task: Task, set: &[String]) -> Result<Recipe> {
    let mut recipe = Recipe::of(task);
    for assignment in set {
        recipe.set(assignment)?;
    }
    Ok(recipe)
}

fn simulations(paths: &[PathBuf], check: bool) -> Result<()> {
    let is_neuronio =
        |name: &Path| Task::from_name(&name.to_string_lossy()).is_ok_and(Task::is_neuronio);
    let shipped_ones = match paths {
        [] => true,
        [name] => !name.exists() && is_neuronio(name),
        _ => false,
    };
    if shipped_ones {
        for split in [Split::Train, Split::Valid, Split::Test] {
            say!("shipped, {split:?}");
            table(
                &shipped(split)?
                    .iter()
                    .map(Described::of)
                    .collect::<Vec<_>>(),
            );
        }
        return Ok(());
    }
    // a task by its name, with the folder behind it or forgotten: nobody has simulations of such a name
    if let [first, rest @ ..] = paths
        && !first.exists()
        && let Some(name) = first.to_str()
        && Task::from_name(name).is_ok()
    {
        let folder = rest
            .first()
            .map_or("DIR".into(), |dir| dir.display().to_string());
        return Err(TrainError::Usage(format!(
            "{name}: name the folder of the task's files: elm data info {name} --data {folder}"
        )));
    }
    files_of_simulations(paths, check)
}

fn files_of_simulations(paths: &[PathBuf], check: bool) -> Result<()> {
    let (line, stop) = (SharedLine::default(), Stop::on_signals(false)?);
    let described = neuronio::describe(paths, check, &|done, total| {
        line.show(&format!("read {done}/{total} files"));
        stop.flow()
    });
    line.clear();
    table(&stop.named(described)?);
    Ok(())
}

/// A user's own sequences.
fn arrays(path: &Path, recipe: &Recipe) -> Result<()> {
    let mut files = recipe.data.array_files();
    files.train = vec![path.to_path_buf()];
    let set = ArraySet::open(&files, &recipe.arrays.reading)?;
    let (data, targets) = (&set.data, set.data.targets());
    let steps: Vec<usize> = (0..data.len()).map(|sample| data.steps(sample)).collect();
    let all: usize = steps.iter().sum();
    say!(
        "{}: {} sequences of {} to {} steps, {:.1} on average",
        path.display(),
        steps.len(),
        steps.iter().min().copied().unwrap_or(0),
        steps.iter().max().copied().unwrap_or(0),
        all as f64 / steps.len().max(1) as f64
    );
    match data.inputs() {
        InputKind::Values { channels } => say!("inputs   {channels} channels of values"),
        InputKind::Symbols(names) => say!("inputs   one of {} symbols", names.len()),
    }
    let what = match targets.kind.is_class() {
        true => "classes",
        false => "values",
    };
    say!("targets  {}: {} {what}", targets.kind, targets.outputs);
    say!("parts    {}", set.parts);
    if targets.kind == TargetKind::Classify {
        let mut counts = vec![0; targets.outputs];
        for sample in 0..data.len() {
            if let Some(class) = data.class(sample)? {
                counts[class] += 1;
            }
        }
        for (name, count) in targets.classes.names().iter().zip(counts) {
            say!("  {name:<20} {count:>9}");
        }
    }
    for note in &set.notes {
        tell!("note: {note}");
    }
    Ok(())
}

fn text(path: &Path, mut recipe: Recipe) -> Result<()> {
    recipe.data.train = DataSource::Paths(vec![path.to_path_buf()]);
    let text = Text::open(&recipe.text.options(&recipe.data))?;
    for note in text.notes() {
        tell!("note: {note}");
    }
    say!(
        "{}: {} different bytes in {} files",
        path.display(),
        text.vocabulary().len(),
        text.files()
    );
    for split in [Split::Train, Split::Valid, Split::Test] {
        say!(
            "  {:<6} {:>11} bytes",
            split.to_string(),
            text.part(split).len()
        );
    }
    Ok(())
}

fn classification(
    task: Task,
    dir: &Path,
    options: &TaskOptions,
    picture: Option<&Path>,
) -> Result<()> {
    let stop = Stop::on_signals(false)?;
    let parts = task.open_parts(dir, options, [None; 3])?;
    for warning in parts.warnings() {
        tell!("warning: {warning}");
    }
    let mut statistics = Vec::new();
    for split in [Split::Train, Split::Valid, Split::Test] {
        statistics.push(check(task, split, &**parts.part(split), &stop)?);
    }
    say!("{task}: {}", task.info().about);
    say!("{}: every sample is readable", dir.display());
    if let Some(made) = parts.train.provenance() {
        say!("made by a program of this project: {made}");
    } else if task.is_synthetic() {
        say!("made by a program of this project; no note says how");
    }
    say!(
        "{:<6} {:>9} {:>9} {:>9} {:>9}",
        "split",
        "samples",
        "shortest",
        "mean",
        "longest"
    );
    for part in &statistics {
        say!(
            "{:<6} {:>9} {:>9} {:>9.1} {:>9}",
            part.split.to_string(),
            part.samples,
            part.shortest,
            part.mean_length(),
            part.longest
        );
    }
    spikes(&statistics);
    say!(
        "{:<12} {:>9} {:>9} {:>9}",
        "class",
        "train",
        "valid",
        "test"
    );
    for class in 0..task.classes() {
        let count = |part: &PartStatistics| part.classes.get(class).copied().unwrap_or(0);
        let counts: String = statistics
            .iter()
            .map(|part| format!(" {:>9}", count(part)))
            .collect();
        say!("{:<12}{counts}", task.class_name(class));
    }
    for note in statistics.iter().flat_map(PartStatistics::notes) {
        tell!("note: {note}");
    }
    let Some(picture) = picture else {
        return Ok(());
    };
    let drawn = pictures(task, &*parts.train)?;
    crate::durable::write_whole(picture, sheet(&drawn))?;
    say!(
        "picture of {} training samples: {}",
        drawn.len(),
        picture.display()
    );
    Ok(())
}

/// What the spikes of each part are like, where the samples are spikes.
fn spikes(statistics: &[PartStatistics]) {
    let parts = statistics.iter();
    let known: Vec<_> = parts.filter_map(|p| Some((p.split, p.spikes?))).collect();
    if known.is_empty() {
        return;
    }
    say!(
        "{:<6} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "spikes",
        "fewest",
        "mean",
        "most",
        "silent",
        "ends s",
        "to s"
    );
    for (split, s) in known {
        say!(
            "{:<6} {:>9} {:>9.1} {:>9} {:>9} {:>9.3} {:>9.3}",
            split.to_string(),
            s.fewest,
            s.mean_spikes(),
            s.most,
            s.silent,
            s.shortest_s,
            s.longest_s
        );
    }
}

/// Reads every sample of a part, on all threads.
fn check(task: Task, split: Split, data: &dyn TaskData, stop: &Stop) -> Result<PartStatistics> {
    let (line, total) = (SharedLine::default(), data.len());
    let statistics = PartStatistics::with_progress(task, split, data, &|done| {
        if done.is_multiple_of(256) {
            line.show(&format!("checking {split}, sample {done}/{total}"));
        }
        stop.flow()
    });
    line.clear();
    stop.named(statistics)
}

/// Some samples of a part, of as many classes as there is room for.
fn pictures(task: Task, data: &dyn TaskData) -> Result<Vec<SamplePicture>> {
    let classes = task.classes().max(1);
    (0..PICTURES)
        .filter_map(|k| {
            let (class, nth) = match classes {
                1..=PICTURES => (k % classes, k / classes),
                _ => (k * classes / PICTURES, 0),
            };
            (0..data.len())
                .filter(|&index| data.label(index) == class)
                .nth(nth)
        })
        .map(|index| Ok(SamplePicture::new(task, &data.read(0, index)?)))
        .collect()
}
