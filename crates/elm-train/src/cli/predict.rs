//! `elm predict`.

use std::path::PathBuf;

use super::sources::DataArgs;
use crate::device;
use crate::error::{Result, TrainError};
use crate::output;
use crate::predict::{Format, Predicting, Writer, run_stream};
use crate::run::StatusLine;
use crate::stop::Stop;
use crate::weights::WeightOptions;
use crate::{say, tell};

/// Predict with a trained model: a probability for each class, or values in their units.
///
/// For each sequence, or for each of its steps where the model answers at every step; a model of the kind next-value or
/// next-symbol, or of a text, answers about the step that follows, and its columns say so: `next x0` is the next value of
/// channel 0, `p(next=a)` the probability that a comes next. Arrays go into the model's channels
/// as they are, unless it was trained on arrays: then they are normalised as those were. With --stream each line of
/// standard input is a time step: numbers, one for each channel, or channel:value for those that are not zero (an empty
/// line is silence); each answer is a line.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Model: .safetensors of `elm train`, published weights, or a name from `elm models`
    #[arg(required_unless_present = "named")]
    model: Option<PathBuf>,
    /// The same, as an option
    #[arg(
        long = "model",
        value_name = "MODEL",
        conflicts_with = "model",
        hide = true
    )]
    named: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
    /// File of the predictions: .csv, .jsonl, .npz or .safetensors [default: CSV to standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Format, where the name of --out does not say it
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Step by step: a line of standard input, a line of standard output
    #[arg(long, conflicts_with_all = ["data", "out", "format", "part", "samples", "arrays", "events"])]
    stream: bool,
    #[command(flatten)]
    weights: WeightOptions,
    /// Where to compute: auto, cpu, gpu, flex, ndarray, wgpu, cuda, rocm
    #[arg(long, default_value = "auto")]
    device: String,
    /// CPU threads [default: all]
    #[arg(long, allow_negative_numbers = true)]
    threads: Option<usize>,
}

pub(super) fn run(args: Args) -> Result<()> {
    super::set_threads(args.threads)?;
    let device = match args.stream {
        // the weights are copied out of it
        true => device::open("cpu")?,
        false => device::open(&args.device)?,
    };
    let model = args.model.or(args.named).unwrap_or_default();
    let loaded = args.weights.load(&model, &device)?;
    let file = &loaded.file;
    if args.stream {
        let report = run_stream(file, std::io::stdin().lock(), &mut std::io::stdout())?;
        tell!("{}", report.text());
        return Ok(());
    }
    let format = match (args.format, &args.out) {
        (Some(format), _) => format,
        (None, Some(path)) => Format::of_path(path)?,
        (None, None) => Format::Csv,
    };
    let mut writer = Writer::new(file.card.output(), format);
    if args.out.is_none() && !writer.is_text() {
        return Err(TrainError::Usage(
            "--format: npz and safetensors are written to files: pass --out FILE".into(),
        ));
    }
    let data = args.data.open(file)?;
    let stop = Stop::on_signals(false)?;
    let with = Predicting {
        file,
        device: &device,
        stop: &stop,
    };
    let (mut line, mut done) = (StatusLine::new(), 0);
    let (total, items) = (data.source.samples(), data.source.items());
    let predicted = data.source.predict(&with, &mut |answer| {
        writer.add(&answer);
        done += 1;
        match &args.out {
            Some(_) => line.show(&format!("predicted {done}/{total} {items}")),
            None => output::note(writer.flush_to(&mut std::io::stdout())),
        }
        Ok(())
    });
    line.clear();
    predicted.map_err(|error| crate::run::about(&args.data.data, error))?;
    if let Some(path) = &args.out {
        writer.finish(path)?;
        say!("{}: {done} {items}", path.display());
    }
    Ok(())
}
