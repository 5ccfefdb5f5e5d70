//! `elm info`.

use std::path::PathBuf;

use elm_model::memory_scan::describe_path;
use serde_json::json;

use super::weights::WeightArgs;
use crate::device;
use crate::error::{Result, TrainError};
use crate::say;

/// Show sizes, parameter count and timescales of a weight file.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Weights: .safetensors (of `elm train` or published) or .pt
    weights: PathBuf,
    #[command(flatten)]
    model: WeightArgs,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
    /// Device whose recurrence is told: auto, cpu, gpu, flex, ndarray, wgpu, cuda, rocm
    #[arg(long, default_value = "auto")]
    device: String,
}

pub(super) fn run(args: Args) -> Result<()> {
    let device = device::open(&args.device)?;
    let neuron = args.model.load(&args.weights, &device)?;
    let taus = neuron
        .timescales_ms()
        .into_data()
        .try_into_vec_as::<f32>()
        .map_err(|e| TrainError::Run(format!("the timescales cannot be read: {e:?}")))?;
    let path = describe_path(&device, &neuron.scan_spec(), 1);
    let config = neuron.config();
    if args.json {
        let json = json!({
            "config": config,
            "trained_parameters": neuron.num_trained(),
            "timescales_ms": taus,
            "device": device::describe(&device),
            "recurrence": path,
        });
        let text =
            serde_json::to_string_pretty(&json).map_err(|e| TrainError::Run(e.to_string()))?;
        say!("{text}");
        return Ok(());
    }
    let facts = [
        ("version", format!("{:?}", config.version).to_lowercase()),
        ("inputs", config.num_inputs.to_string()),
        ("outputs", config.num_outputs.to_string()),
        ("branches", config.branches().to_string()),
        ("synapses", config.synapses().to_string()),
        ("routing", format!("{:?}", config.routing).to_lowercase()),
        ("memory units", config.num_memory.to_string()),
        (
            "MLP",
            format!(
                "{} hidden layer(s) of {}, {:?}",
                config.hidden_layers,
                config.hidden(),
                config.activation
            ),
        ),
        ("trained parameters", neuron.num_trained().to_string()),
        (
            "timescales",
            format!(
                "{} .. {} ms, bounds {} .. {} ms",
                low(&taus),
                high(&taus),
                config.memory_tau_min,
                config.memory_tau_max
            ),
        ),
        (
            "recurrence",
            format!("{path} on {}", device::describe(&device)),
        ),
    ];
    say!("{}", args.weights.display());
    for (name, value) in facts {
        say!("  {name:<20} {value}");
    }
    let list: Vec<String> = taus.iter().map(|tau| format!("{tau:.1}")).collect();
    say!("  {:<20} {}", "timescales (ms)", list.join(" "));
    Ok(())
}

fn low(taus: &[f32]) -> f32 {
    taus.iter().copied().fold(f32::INFINITY, f32::min)
}

fn high(taus: &[f32]) -> f32 {
    taus.iter().copied().fold(0.0, f32::max)
}
