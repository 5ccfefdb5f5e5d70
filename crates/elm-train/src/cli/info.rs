//! `elm info`.

use std::path::PathBuf;

use serde_json::json;

use crate::device;
use crate::error::{Result, TrainError};
use crate::model::card::{InputCard, OutputCard, ReadoutCard, TaskCard, Vocabulary};
use crate::model::{ModelConfig, PublishedForm, SequenceToSequence};
use crate::say;
use crate::task::numbers;
use crate::weights::{Loaded, WeightOptions};
use elm_model::ElmNeuron;
use elm_model::weights::PublishedConfig;

/// Show what a model file says: sizes, timescales, task, encoding, classes, versions.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Model: .safetensors of `elm train`, published weights, or a name from `elm models`
    weights: PathBuf,
    #[command(flatten)]
    model: WeightOptions,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
    /// Device whose recurrence is told: auto, cpu, gpu, flex, ndarray, wgpu, cuda, rocm
    #[arg(long, default_value = "auto")]
    device: String,
}

/// Name and value, for people.
type Fact = (String, String);

pub(super) fn run(args: Args) -> Result<()> {
    let device = device::open(&args.device)?;
    let loaded = args.model.load(&args.weights, &device)?;
    let model = &loaded.file.model;
    let mut parts = Vec::new();
    for part in model.timescales()? {
        parts.push((part.part, numbers(part.tau_ms)?));
    }
    let on = device::describe(&device);
    if args.json {
        return as_json(&loaded, &parts, &on);
    }
    let mut facts = match model {
        SequenceToSequence::Elm(neuron) => about_neuron(neuron, &on),
        other => about_model(other, &on),
    };
    let trained = loaded.file.num_trained().to_string();
    facts.push(fact("trained parameters", trained));
    for (part, taus) in &parts {
        let name = format!("timescales {}", part.to_lowercase());
        facts.push((
            name.trim_end().to_string(),
            format!("{:.1} .. {:.1} ms", low(taus), high(taus)),
        ));
    }
    facts.extend(about_task(&loaded));
    if let (SequenceToSequence::Elm(_), [(_, taus)]) = (model, &parts[..]) {
        let list: Vec<String> = taus.iter().map(|tau| format!("{tau:.1}")).collect();
        facts.push(fact("timescales (ms)", list.join(" ")));
    }
    say!("{}", args.weights.display());
    let width = facts.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or(0).max(20);
    for (name, value) in facts {
        say!("  {name:<width$} {value}");
    }
    Ok(())
}

fn as_json(loaded: &Loaded, parts: &[(String, Vec<f32>)], device: &str) -> Result<()> {
    let card = &loaded.file.card;
    let timescales: Vec<&Vec<f32>> = parts.iter().map(|(_, taus)| taus).collect();
    let mut json = json!({
        "model": card.kind,
        "config": card.config,
        "trained_parameters": loaded.file.num_trained(),
        "timescales_ms": timescales,
        "format": card.format,
        "elm": card.elm,
        "task": card.task,
        "training": card.training,
        "assumed": loaded.assumed,
        "device": device,
    });
    if let SequenceToSequence::Elm(neuron) = &loaded.file.model {
        // of a neuron its own, without the name of its kind
        json["config"] = json!(neuron.config());
        json["timescales_ms"] = json!(timescales.first());
        json["recurrence"] = json!(neuron.describe_path(1));
        json["published_config"] = json!(PublishedConfig::of(neuron.config()));
    }
    let text = serde_json::to_string_pretty(&json).map_err(|e| TrainError::Run(e.to_string()))?;
    say!("{text}");
    Ok(())
}

fn fact(name: &str, value: impl Into<String>) -> Fact {
    (name.into(), value.into())
}

fn about_neuron(neuron: &ElmNeuron, device: &str) -> Vec<Fact> {
    let config = neuron.config();
    let form = config.form();
    let bounds = form.tau_bounds();
    vec![
        fact("form", PublishedForm::of(&form).name()),
        fact("inputs", config.num_inputs.to_string()),
        fact("outputs", config.num_outputs.to_string()),
        fact("branches", form.branches().to_string()),
        fact("synapses", form.synapses().to_string()),
        fact("input scale", form.input_scale.to_string()),
        fact("routing", format!("{:?}", config.routing).to_lowercase()),
        fact("memory units", form.num_memory.to_string()),
        fact(
            "MLP",
            format!(
                "{} hidden layer(s) of {}, {:?}",
                form.hidden_layers,
                form.hidden(),
                form.activation
            ),
        ),
        fact(
            "bounds of timescales",
            format!("{} .. {} ms", bounds.0, bounds.1),
        ),
        fact(
            "recurrence",
            format!("{} on {device}", neuron.describe_path(1)),
        ),
    ]
}

/// What is to be said of a model that is not a neuron.
fn about_model(model: &SequenceToSequence, device: &str) -> Vec<Fact> {
    let config: ModelConfig = model.config();
    let (inputs, outputs) = config.sizes();
    let mut facts = vec![
        fact("model", config.title()),
        fact("inputs", inputs.to_string()),
        fact("outputs", outputs.to_string()),
    ];
    facts.extend(config.facts().into_iter().map(|(n, v)| fact(n, v)));
    if let Some(how) = model.recurrence(1) {
        facts.push(fact("recurrence", format!("{how} on {device}")));
    }
    facts
}

/// What the file says beside the sizes.
fn about_task(loaded: &Loaded) -> Vec<Fact> {
    let card = &loaded.file.card;
    let mut facts = Vec::new();
    if let Some(task) = &card.task {
        facts.extend(task_facts(task));
    }
    if loaded.file.head.is_some() {
        facts.push(fact("head", "compares the two sequences of a pair"));
    }
    facts.push(fact(
        "file",
        match card.format {
            0 => "weights alone, as published".to_string(),
            1 => "weights and configuration (form 1)".to_string(),
            format => format!("form {format}, by elm {}", card.elm),
        },
    ));
    if !loaded.assumed.is_empty() {
        facts.push(fact("assumed", loaded.assumed.join(", ")));
    }
    facts
}

fn task_facts(task: &TaskCard) -> Vec<Fact> {
    let mut facts = vec![fact("task", &*task.name)];
    if !task.about.is_empty() {
        facts.push(fact("about", &*task.about));
    }
    if let Some(ms) = task.step_ms {
        facts.push(fact("time step", format!("{ms} ms")));
    }
    match &task.input {
        InputCard::Simulations => facts.push(fact("input", "spikes of synapses, +1 and -1")),
        InputCard::Files {
            encoding,
            vocabulary,
            ..
        } => {
            facts.push(fact("input", format!("{encoding:?}").to_lowercase()));
            match vocabulary {
                Some(Vocabulary::Bytes) => facts.push(fact("vocabulary", "bytes")),
                Some(Vocabulary::Symbols(symbols)) => {
                    facts.push(fact("vocabulary", symbols.join(" ")));
                }
                None => {}
            }
        }
        InputCard::Arrays {
            inputs,
            normalisation,
            ..
        } => {
            facts.push(fact("input", format!("{} channels", inputs.channels())));
            let kind = format!("{:?}", normalisation.kind()).to_lowercase();
            facts.push(fact("normalisation", kind));
        }
        InputCard::Text { vocabulary } => {
            facts.push(fact("input", format!("{} bytes", vocabulary.len())));
        }
    }
    facts.push(fact(
        "read out",
        match task.output.readout {
            ReadoutCard::Last => "at the last step",
            ReadoutCard::Mean => "mean over the steps",
            ReadoutCard::EveryStep => "at every step",
        },
    ));
    facts.push(meaning(&task.output));
    facts
}

fn meaning(output: &OutputCard) -> Fact {
    match output.classes() {
        Some(classes) => fact(&format!("{} classes", classes.len()), classes.join(", ")),
        None => fact("values", output.columns().join(", ")),
    }
}

fn low(taus: &[f32]) -> f32 {
    taus.iter().copied().fold(f32::INFINITY, f32::min)
}

fn high(taus: &[f32]) -> f32 {
    taus.iter().copied().fold(0.0, f32::max)
}
