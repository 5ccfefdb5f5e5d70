//! `elm weights`.

use std::path::{Path, PathBuf};

use elm_model::weights::PublishedConfig;

use crate::device;
use crate::error::{Result, TrainError};
use crate::model::{self, Growth, ModelConfig, ModelFile};
use crate::weights::WeightOptions;
use crate::{durable, say, tell};

/// Endings of the names of files for PyTorch.
const PYTORCH: [&str; 4] = ["pt", "pth", "ckpt", "bin"];
/// Ending of the names of Burn's own files.
const BURN: &str = "bpk";

/// What is written.
enum Target {
    ModelFile,
    Pytorch,
    Burn,
}

/// What a file is to hold, by the ending of its name.
fn target(path: &Path) -> Option<Target> {
    let ending = path.extension()?.to_string_lossy().to_lowercase();
    match &*ending {
        "safetensors" => Some(Target::ModelFile),
        BURN => Some(Target::Burn),
        other => PYTORCH.contains(&other).then_some(Target::Pytorch),
    }
}

/// Weights from one format to another, or into a larger neuron.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Convert(Convert),
    Grow(Grow),
}

/// Convert weights between PyTorch (.pt), Burn (.bpk) and model files (.safetensors), each way.
///
/// Those of PyTorch and model files have the published names of tensors: the published classes of PyTorch load them with
/// load_state_dict(strict=True). What they do not have (task, classes, configuration) lies beside the tensors, where
/// torch.load does not look, and comes back when the file is converted back. Files of Burn are records of a neuron or
/// network, for Module::load_file and from_record: weights and configuration, and nothing of the task.
#[derive(Debug, clap::Args)]
struct Convert {
    /// Weights: .safetensors, of torch.save, or of Burn; the content says which
    input: PathBuf,
    /// File to write: .pt, .bpk or .safetensors
    output: PathBuf,
    #[command(flatten)]
    weights: WeightOptions,
}

/// Give a neuron more memory units, or other timescales, and keep what it has learnt.
///
/// With the same timescales the grown neuron computes what it did: what is new reads what is there, and is not yet read.
/// Begin a training with it by elm train --init-from.
#[derive(Debug, clap::Args)]
struct Grow {
    /// Model file of a single neuron, or the name of one that ships (elm models)
    input: PathBuf,
    /// File to write: .safetensors
    output: PathBuf,
    #[command(flatten)]
    growth: Growth,
}

pub(super) fn run(args: Args) -> Result<()> {
    match args.command {
        Command::Convert(args) => convert(args),
        Command::Grow(args) => grow(args),
    }
}

fn grow(args: Grow) -> Result<()> {
    let device = device::open("cpu")?;
    if !matches!(target(&args.output), Some(Target::ModelFile)) {
        return Err(TrainError::file(
            &args.output,
            "expected a name that ends with .safetensors",
        ));
    }
    let known = WeightOptions::default().load(&args.input, &device)?.file;
    let grown = args.growth.grow(&known, &device)?;
    model::save(&grown.model, grown.head.as_ref(), &grown.card, &args.output)?;
    wrote(&args.output, &grown);
    Ok(())
}

/// Says what was written.
fn wrote(path: &Path, file: &ModelFile) {
    say!(
        "{}: {}, {} trained parameters",
        path.display(),
        file.card.config.title(),
        file.num_trained()
    );
}

fn convert(args: Convert) -> Result<()> {
    let device = device::open("cpu")?;
    let to = target(&args.output).ok_or_else(|| {
        TrainError::file(
            &args.output,
            "expected a name that ends with .pt, .bpk or .safetensors",
        )
    })?;
    let loaded = args.weights.load(&args.input, &device)?;
    let ModelFile { card, model, head } = &loaded.file;
    match to {
        Target::Pytorch => write_pytorch(&loaded.file, &args.output)?,
        Target::Burn => {
            left_out(&loaded.file, &args.output);
            let bytes = model::record_bytes(model, &args.output)?;
            durable::write_whole(&args.output, bytes)?;
        }
        Target::ModelFile => {
            // the form of the file that is written, whatever was read
            let card = model::ModelCard::new(card.config.clone(), card.task.clone());
            model::save(model, head.as_ref(), &card, &args.output)?;
        }
    }
    wrote(&args.output, &loaded.file);
    Ok(())
}

/// Tells that a head has no place in a file.
fn left_out(file: &ModelFile, path: &Path) {
    if file.head.is_some() {
        tell!(
            "note: {}: what compares the sequences of a pair is left out, it has no place in such a file",
            path.display()
        );
    }
}

fn write_pytorch(file: &ModelFile, path: &Path) -> Result<()> {
    let config = &file.card.config;
    let published = match config {
        ModelConfig::Elm(config) => PublishedConfig::of(config),
        ModelConfig::Network(_) => None,
        other => {
            return Err(TrainError::file(
                path,
                format!(
                    "only neurons and networks have a published class of PyTorch, found a model of kind {}",
                    other.kind()
                ),
            ));
        }
    };
    left_out(file, path);
    let card = model::ModelCard::new(config.clone(), file.card.task.clone());
    let mut dict = model::state_dict(&file.model, None, &card)?;
    if let Some(published) = published {
        let text = serde_json::to_string(&published)
            .map_err(|e| TrainError::Run(format!("the configuration cannot be written: {e}")))?;
        say!("arguments of the published class: {text}");
        dict.metadata.insert("model_config.json".into(), text);
    }
    dict.path = path.into();
    durable::write_whole(path, dict.to_pytorch()?)
}
