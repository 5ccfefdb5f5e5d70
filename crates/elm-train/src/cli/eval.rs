//! `elm eval`.

use std::path::PathBuf;

use elm_data::neuronio::{Split, open_simulations, shipped};
use serde_json::json;

use super::weights::WeightArgs;
use crate::device;
use crate::error::{Result, TrainError};
use crate::run::{StatusLine, about};
use crate::say;
use crate::stop::Stop;
use crate::task::neuronio;

/// Evaluate weights on NeuronIO simulations by the published protocol.
///
/// Windows of 500 ms with 150 ms burn-in, soma voltage re-aligned file by file, simulations with at most 24
/// output spikes, first 500 ms dropped.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Weights: .safetensors (of `elm train` or published) or .pt
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// Simulations: .p, .p.gz or converted files, or folders of them [default: the shipped test simulations]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    data: Vec<PathBuf>,
    #[command(flatten)]
    model: WeightArgs,
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
    let model = args.model.load_model(&args.weights, &device)?;
    neuronio::check(&model).map_err(|error| TrainError::file(&args.weights, error))?;
    let simulations = match args.data.is_empty() {
        true => shipped(Split::Test)?,
        false => open_simulations(&args.data)?,
    };
    let mut line = StatusLine::new();
    let tested = neuronio::evaluate(
        &model,
        &simulations,
        &device,
        &Stop::new(),
        &mut |done, total| {
            line.show(&format!("evaluating, window {done}/{total}"));
        },
    )
    .map_err(|error| about(&args.data, error))?;
    line.clear();
    let result = &tested.evaluation;
    if args.json {
        let json = json!({
            "weights": args.weights.to_string_lossy(),
            "simulations": result.used,
            "dropped": result.dropped,
            "metrics": result.metrics,
        });
        let text =
            serde_json::to_string_pretty(&json).map_err(|e| TrainError::Run(e.to_string()))?;
        say!("{text}");
        return Ok(());
    }
    say!(
        "{}: {} simulation{} ({} left out for more than 24 output spikes)",
        args.weights.display(),
        result.used,
        if result.used == 1 { "" } else { "s" },
        result.dropped
    );
    for (name, value) in result.metrics.rows() {
        say!("{name:<32} {value:>11.6}");
    }
    Ok(())
}
