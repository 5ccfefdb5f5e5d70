//! `elm eval`.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde_json::{Map, Value, json};

use super::sources::DataArgs;
use crate::device;
use crate::durable;
use crate::error::{Result, TrainError};
use crate::insight;
use crate::model::ModelFile;
use crate::predict::{Meter, Predicting, Score};
use crate::run::{StatusLine, about};
use crate::say;
use crate::stop::Stop;
use crate::task::neuronio;
use crate::tell;
use crate::weights::{Loaded, WeightOptions};

/// Evaluate a model on the data of its task, or on arrays with what is true of them (y).
///
/// NeuronIO by the published protocol: windows of 500 ms with 150 ms burn-in, soma voltage re-aligned file by file,
/// simulations with at most 24 output spikes, first 500 ms dropped.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Model: .safetensors of `elm train`, published weights, or a name from `elm models`
    #[arg(required_unless_present = "weights")]
    model: Option<PathBuf>,
    /// The same, as an option
    #[arg(
        long,
        visible_alias = "model",
        value_name = "MODEL",
        conflicts_with = "model"
    )]
    weights: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    options: WeightOptions,
    /// Folder for pictures (SVG) of what the model does: simulations with their voltage; how the answers to a sample that is
    /// rightly answered and one that is not form step by step; which memory timescales the accuracy depends on
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
    /// Where to compute: auto, cpu, gpu, flex, ndarray, wgpu, cuda, rocm
    #[arg(long, default_value = "auto")]
    device: String,
    /// CPU threads [default: all]
    #[arg(long, allow_negative_numbers = true)]
    threads: Option<usize>,
}

pub(super) fn run(args: Args) -> Result<()> {
    super::set_threads(args.threads)?;
    let device = device::open(&args.device)?;
    let path = args.model.as_ref().or(args.weights.as_ref());
    let path = path.cloned().unwrap_or_default();
    let loaded = args.options.load(&path, &device)?;
    match args.data.are_simulations(&loaded.file) {
        true => simulations(&path, &loaded, &args, &device),
        false => {
            if let Some(folder) = &args.pictures {
                answers(folder, &loaded.file, &args.data, &device)?;
            }
            sequences(&path, &loaded, &args.data, args.json, &device)
        }
    }
}

/// Draws how the model answers samples, before it is evaluated.
fn answers(folder: &Path, file: &ModelFile, data: &DataArgs, device: &Device) -> Result<()> {
    let Some(part) = data.task_part(file)? else {
        return Err(TrainError::Usage(
            "--pictures: expected the files of a named task whose sequences have one class each, or simulations of \
             NeuronIO"
                .into(),
        ));
    };
    let stop = Stop::on_signals(false)?;
    let mut line = StatusLine::new();
    let mut tell = |text: String| line.show(&text);
    let drawn = insight::draw_answers(file, &part, device, &stop, &mut tell);
    line.clear();
    let drawn = drawn.map_err(|error| about(&data.data, error))?;
    if drawn.is_empty() {
        tell!("note: a Transformer answers from whole sequences: no answer that forms is drawn");
    }
    write_pictures(folder, drawn)
}

fn write_pictures(folder: &Path, drawn: Vec<(String, String)>) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| TrainError::file(folder, error))?;
    for (name, svg) in drawn {
        let path = folder.join(name);
        durable::write_whole(&path, svg)?;
        tell!("picture {}", path.display());
    }
    Ok(())
}

/// By the published protocol.
fn simulations(path: &Path, loaded: &Loaded, args: &Args, device: &Device) -> Result<()> {
    let data = &args.data;
    let simulations = data.simulations()?;
    let mut line = StatusLine::new();
    let tested = neuronio::evaluate(
        &loaded.file.model,
        &simulations,
        device,
        &Stop::new(),
        &mut |done, total| {
            line.show(&format!("evaluating, window {done}/{total}"));
        },
    )
    .map_err(|error| about(&data.data, error))?;
    line.clear();
    if let Some(folder) = &args.pictures {
        write_pictures(folder, insight::draw_simulations(&simulations, &tested))?;
    }
    let result = &tested.evaluation;
    if args.json {
        return print(&json!({
            "weights": path,
            "task": "neuronio",
            "simulations": result.used,
            "dropped": result.dropped,
            "metrics": result.metrics,
            "assumed": loaded.assumed,
        }));
    }
    say!(
        "{}: {} simulation{} ({} left out for more than 24 output spikes)",
        path.display(),
        result.used,
        if result.used == 1 { "" } else { "s" },
        result.dropped
    );
    for (name, value) in result.metrics.rows() {
        say!("{name:<32} {value:>11.6}");
    }
    Ok(())
}

/// By what is true of each sequence.
fn sequences(
    path: &Path,
    loaded: &Loaded,
    data: &DataArgs,
    as_json: bool,
    device: &Device,
) -> Result<()> {
    let file = &loaded.file;
    let opened = data.open(file)?;
    let stop = Stop::on_signals(false)?;
    let with = Predicting {
        file,
        device,
        stop: &stop,
    };
    let output = file.card.output();
    let mut meter = Meter::new(output.clone());
    let (mut line, mut done) = (StatusLine::new(), 0);
    let (total, items) = (opened.source.samples(), opened.source.items());
    let evaluated = opened.source.predict(&with, &mut |answer| {
        done += 1;
        line.show(&format!("evaluated {done}/{total} {items}"));
        meter.add(&answer)
    });
    line.clear();
    let score = evaluated
        .and_then(|()| meter.score())
        .map_err(|error| about(&data.data, error))?;
    let task = file.card.task.as_ref().map(|task| &task.name);
    if as_json {
        let metrics: Map<String, Value> = score
            .metrics
            .iter()
            .map(|(name, value)| (name.clone(), json!(value)))
            .collect();
        return print(&json!({
            "weights": path,
            "task": task,
            "samples": score.samples,
            "answers": score.answers,
            "metrics": metrics,
            "classes": output.classes(),
            "confusion": score.confusion,
            "assumed": loaded.assumed,
        }));
    }
    say!("{}: {} {items}", path.display(), score.samples);
    table(&score);
    Ok(())
}

fn table(score: &Score) {
    for (name, value) in &score.metrics {
        say!("{name:<40} {value:>11.6}");
    }
}

fn print(json: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(json).map_err(|e| TrainError::Run(e.to_string()))?;
    say!("{text}");
    Ok(())
}
