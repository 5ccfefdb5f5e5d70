//! `elm weights`.

use std::path::{Path, PathBuf};

use elm_model::weights::PublishedConfig;

use crate::device;
use crate::error::{Result, TrainError};
use crate::model::{self, ModelConfig, ModelFile};
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

/// Weights from one format to another.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Convert(Convert),
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

pub(super) fn run(args: Args) -> Result<()> {
    let Command::Convert(args) = args.command;
    let device = device::open("cpu")?;
    let ending = args
        .output
        .extension()
        .map(|e| e.to_string_lossy().to_lowercase());
    let ending = ending.unwrap_or_default();
    let to = match &*ending {
        "safetensors" => Target::ModelFile,
        BURN => Target::Burn,
        other if PYTORCH.contains(&other) => Target::Pytorch,
        _ => {
            return Err(TrainError::file(
                &args.output,
                "expected a name that ends with .pt, .bpk or .safetensors",
            ));
        }
    };
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
    say!(
        "{}: {}, {} trained parameters",
        args.output.display(),
        card.config.title(),
        loaded.file.num_trained()
    );
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
