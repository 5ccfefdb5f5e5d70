//! `elm generate`.

use std::io::Write;
use std::path::PathBuf;

use crate::device;
use crate::error::{Result, TrainError};
use crate::model::{self, card::InputCard};
use crate::output;
use crate::task::text::{Sampler, SamplerOptions};

/// Let a model that was trained on a text go on with one.
///
/// The text goes to standard output, the prompt first. The same seed gives the same text.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  elm generate runs/text-lm-1 --prompt 'The neuron '
  elm generate runs/text-lm-1/model.safetensors --length 1000 --temperature 0.5 --seed 3")]
pub(super) struct Args {
    /// Folder of a run on a text, or its model
    #[arg(value_name = "MODEL")]
    model: PathBuf,
    /// Text to go on from
    #[arg(long, default_value = "The ")]
    prompt: String,
    /// Bytes to make
    #[arg(long, value_name = "N", default_value_t = 500)]
    length: usize,
    /// 1 draws what the model says, less what is likelier, 0 the likeliest
    #[arg(
        long,
        value_name = "T",
        default_value_t = 0.7,
        allow_negative_numbers = true
    )]
    temperature: f64,
    /// Seed of the draws
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Where to compute: auto, cpu, gpu, flex, ndarray, wgpu, cuda, rocm
    #[arg(long, default_value = "cpu")]
    device: String,
}

pub(super) fn run(args: Args) -> Result<()> {
    let path = match args.model.is_dir() {
        true => args.model.join("model.safetensors"),
        false => args.model.clone(),
    };
    let device = device::open(&args.device)?;
    let file = model::load(&path, &device)?;
    let Some(InputCard::Text { vocabulary }) = file.card.task.as_ref().map(|task| &task.input)
    else {
        return Err(TrainError::file(
            &path,
            "expected a model that was trained on a text (text-lm or enwik8), found one of something else",
        ));
    };
    let options = SamplerOptions {
        temperature: args.temperature,
        seed: args.seed,
    };
    let prompt = args.prompt.as_bytes();
    let mut sampler = Sampler::new(&file.model, vocabulary, prompt, options, &device)?;
    let mut out = std::io::stdout();
    output::note(out.write_all(prompt));
    for _ in 0..args.length {
        let byte = sampler.next_byte().map_err(TrainError::at_run_time)?;
        output::note(out.write_all(&[byte]).and_then(|()| out.flush()));
        if output::check().is_err() {
            break; // nobody reads on
        }
    }
    output::note(out.write_all(b"\n"));
    Ok(())
}
