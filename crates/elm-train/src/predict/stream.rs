//! Step by step: a line in, a line out, by elm-stream.

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use elm_data::arrays::{Normalization, Scaler};
use elm_model::elm_stream::file::ModelStream;

use super::lines::Line;
use crate::error::{Result, TrainError};
use crate::model::card::{InputCard, ReadoutCard};
use crate::model::{ModelFile, SequenceToSequence};

/// How long the steps took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StreamReport {
    /// Number of steps.
    pub steps: u64,
    /// Time within the model, all steps together.
    pub total: Duration,
    /// The longest step.
    pub longest: Duration,
}

impl StreamReport {
    /// For people.
    pub fn text(&self) -> String {
        let micros = |d: Duration| d.as_secs_f64() * 1e6;
        format!(
            "{} steps, {:.2} us a step, the longest {:.2} us",
            self.steps,
            micros(self.total) / self.steps.max(1) as f64,
            micros(self.longest)
        )
    }
}

/// Reads a time step from each line of `input`, and writes the outputs as a line of `output`, at once: probabilities of the
/// classes so far, or values in their units, with commas between them.
///
/// # Errors
/// If the model is none that runs step by step, a line is not what is expected, or one cannot be read or written.
pub fn run_stream(
    file: &ModelFile,
    input: impl BufRead,
    output: &mut dyn Write,
) -> Result<StreamReport> {
    let mut stream = model_stream(file)?;
    let mut shaping = Shaping::of(file);
    let channels = stream.inputs();
    let mut report = StreamReport::default();
    for (index, line) in input.lines().enumerate() {
        let wrong = |problem: String| {
            TrainError::Usage(format!("standard input, line {}: {problem}", index + 1))
        };
        let line = line.map_err(|e| wrong(format!("cannot be read: {e}")))?;
        let (y, took) = step(&mut stream, &line, channels, &shaping).map_err(wrong)?;
        report.steps += 1;
        report.total += took;
        report.longest = report.longest.max(took);
        let values = shaping.values(&y);
        let words: Vec<String> = values.iter().map(|v| (*v as f32).to_string()).collect();
        match writeln!(output, "{}", words.join(",")).and_then(|()| output.flush()) {
            Ok(()) => {}
            // nobody reads any more
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => break,
            Err(e) => {
                let problem = format!("cannot write to standard output: {e}");
                return Err(TrainError::Run(problem));
            }
        }
    }
    Ok(report)
}

fn model_stream(file: &ModelFile) -> Result<ModelStream> {
    if file.head.is_some() {
        return Err(TrainError::Usage(
            "--stream: the model compares two whole sequences, which does not go step by step"
                .into(),
        ));
    }
    match &file.model {
        SequenceToSequence::Elm(neuron) => Ok(ModelStream::Neuron(neuron.stream()?)),
        SequenceToSequence::Network(model) => Ok(ModelStream::Network(model.network.stream()?)),
        _ => Err(TrainError::Usage(format!(
            "--stream: expected an ELM neuron or network, found a model of kind {}",
            file.card.kind
        ))),
    }
}

fn step(
    stream: &mut ModelStream,
    line: &str,
    channels: usize,
    shaping: &Shaping,
) -> std::result::Result<(Vec<f32>, Duration), String> {
    if stream.reads_tokens() {
        let token: usize = line
            .trim()
            .parse()
            .map_err(|_| format!("expected the number of a token, found `{line}`"))?;
        let begun = Instant::now();
        let y = stream.step_token(token).map_err(|e| e.to_string())?;
        return Ok((y.to_vec(), begun.elapsed()));
    }
    let line = Line::parse(line, channels)?;
    let line = match &shaping.inputs {
        None => line,
        Some(scaler) => {
            let mut values = line.dense(channels);
            scaler.apply(&mut values);
            Line::Dense(values.into_iter().map(|v| v as f32).collect())
        }
    };
    let begun = Instant::now();
    let y = match &line {
        Line::Dense(x) => stream.step(x),
        Line::Events(events) => stream.step_events(events),
    };
    let y = y.map_err(|e| e.to_string())?.to_vec();
    Ok((y, begun.elapsed()))
}

/// What is done to inputs and outputs.
struct Shaping {
    /// Normalisation, where there is any.
    inputs: Option<Scaler>,
    output: crate::model::card::OutputCard,
    /// Sum of the outputs so far, and their number, where the mean is read out.
    sum: Option<(Vec<f64>, f64)>,
}

impl Shaping {
    fn of(file: &ModelFile) -> Self {
        let output = file.card.output();
        let inputs = match file.card.task.as_ref().map(|task| &task.input) {
            Some(InputCard::Arrays { normalisation, .. })
                if normalisation.kind() != Normalization::None =>
            {
                Some(normalisation.clone())
            }
            _ => None,
        };
        let mean = output.readout == ReadoutCard::Mean;
        Self {
            inputs,
            sum: mean.then(|| (vec![0.0; output.columns().len()], 0.0)),
            output,
        }
    }

    fn values(&mut self, y: &[f32]) -> Vec<f64> {
        let Some((sum, count)) = &mut self.sum else {
            return self.output.values(y);
        };
        *count += 1.0;
        for (sum, y) in sum.iter_mut().zip(y) {
            *sum += f64::from(*y);
        }
        let mean: Vec<f32> = sum.iter().map(|sum| (sum / *count) as f32).collect();
        self.output.values(&mean)
    }
}
