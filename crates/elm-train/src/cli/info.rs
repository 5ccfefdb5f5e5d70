//! `elm info`.

use std::path::PathBuf;

use burn::tensor::Device;
use elm_model::MemoryGate;
use serde_json::json;

use super::weights::WeightArgs;
use crate::device;
use crate::error::{Result, TrainError};
use crate::model::SequenceToSequence;
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
    let neuron = match args.model.load_model(&args.weights, &device)? {
        SequenceToSequence::Elm(neuron) => neuron,
        other => return about_model(&args, &other, &device),
    };
    let taus = neuron
        .timescales_ms()?
        .into_data()
        .try_into_vec_as::<f32>()
        .map_err(|e| TrainError::Run(format!("the timescales cannot be read: {e:?}")))?;
    let path = neuron.describe_path(1);
    let (config, form) = (neuron.config(), neuron.config().form());
    if args.json {
        let json = json!({
            "config": config,
            "trained_parameters": config.num_trained(),
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
        (
            "gate",
            match form.gate {
                MemoryGate::Scaled => "λ·(1 − κ), as in v1".to_string(),
                MemoryGate::TimescaleRatio => "1 − exp(−dt·λ/τ), as in v2 and networks".into(),
            },
        ),
        ("inputs", config.num_inputs.to_string()),
        ("outputs", config.num_outputs.to_string()),
        ("branches", form.branches().to_string()),
        ("synapses", form.synapses().to_string()),
        ("routing", format!("{:?}", config.routing).to_lowercase()),
        ("memory units", form.num_memory.to_string()),
        (
            "MLP",
            format!(
                "{} hidden layer(s) of {}, {:?}",
                form.hidden_layers,
                form.hidden(),
                form.activation
            ),
        ),
        ("trained parameters", config.num_trained().to_string()),
        (
            "timescales",
            format!(
                "{} .. {} ms, bounds {} .. {} ms",
                low(&taus),
                high(&taus),
                form.memory_tau_min,
                form.memory_tau_max
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

/// What is to be said of a model that is not a single neuron.
fn about_model(args: &Args, model: &SequenceToSequence, device: &Device) -> Result<()> {
    let config = model.config();
    let mut parts = Vec::new();
    for part in model.timescales()? {
        let taus = part
            .tau_ms
            .into_data()
            .try_into_vec_as::<f32>()
            .map_err(|e| TrainError::Run(format!("the timescales cannot be read: {e:?}")))?;
        parts.push((part.part, taus));
    }
    if args.json {
        let timescales: Vec<_> = parts.iter().map(|(_, taus)| taus).collect();
        let json = json!({
            "model": config.kind(),
            "config": config,
            "trained_parameters": model.num_trained(),
            "timescales_ms": timescales,
            "device": device::describe(device),
        });
        let text =
            serde_json::to_string_pretty(&json).map_err(|e| TrainError::Run(e.to_string()))?;
        say!("{text}");
        return Ok(());
    }
    let (inputs, outputs) = config.sizes();
    let mut facts = vec![
        ("model".to_string(), config.title()),
        ("inputs".into(), inputs.to_string()),
        ("outputs".into(), outputs.to_string()),
    ];
    facts.extend(config.facts().into_iter().map(|(n, v)| (n.to_string(), v)));
    facts.push(("trained parameters".into(), model.num_trained().to_string()));
    for (part, taus) in parts {
        let name = format!("timescales {}", part.to_lowercase());
        let range = format!("{:.1} .. {:.1} ms", low(&taus), high(&taus));
        facts.push((name.trim_end().to_string(), range));
    }
    say!("{}", args.weights.display());
    for (name, value) in facts {
        say!("  {name:<36} {value}");
    }
    Ok(())
}

fn low(taus: &[f32]) -> f32 {
    taus.iter().copied().fold(f32::INFINITY, f32::min)
}

fn high(taus: &[f32]) -> f32 {
    taus.iter().copied().fold(0.0, f32::max)
}
