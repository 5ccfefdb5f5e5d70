//! Step by step: a line in, a line out, by elm-stream.

use std::io::{BufRead, Write};
use std::time::{Duration, Instant};

use elm_data::arrays::{Normalization, Scaler};
use elm_model::elm_stream::StreamError;
use elm_model::elm_stream::file::ModelStream;

use super::lines::Line;
use crate::error::{Result, TrainError};
use crate::model::card::{InputCard, OutputCard, ReadoutCard};
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

    fn add(&mut self, took: Duration) {
        self.steps += 1;
        self.total += took;
        self.longest = self.longest.max(took);
    }
}

/// A trained model that answers step by step: inputs are normalised as its training data were, answers are probabilities
/// of the classes so far, or values in their units.
#[derive(Debug, Clone)]
pub struct StepPredictor {
    stream: ModelStream,
    shaping: Shaping,
    report: StreamReport,
}

impl StepPredictor {
    /// The model of a file, at rest.
    ///
    /// # Errors
    /// [`TrainError::Usage`] if it is none that runs step by step.
    pub fn new(file: &ModelFile) -> Result<Self> {
        Ok(Self {
            stream: model_stream(file)?,
            shaping: Shaping::of(file),
            report: StreamReport::default(),
        })
    }

    /// The stream within: channels and outputs as the model has them.
    pub fn stream(&self) -> &ModelStream {
        &self.stream
    }

    /// How long the steps took so far.
    pub fn report(&self) -> StreamReport {
        self.report
    }

    /// One time step: a value for each channel.
    ///
    /// # Errors
    /// As [`ModelStream::step`].
    pub fn step(&mut self, x: &[f32]) -> std::result::Result<Vec<f64>, StreamError> {
        let normalised = self.shaping.dense(x);
        self.timed(|stream| stream.step(normalised.as_deref().unwrap_or(x)))
    }

    /// One time step with few active channels: channel and value of each that is not zero.
    ///
    /// # Errors
    /// As [`ModelStream::step_events`].
    pub fn step_events(
        &mut self,
        events: &[(usize, f32)],
    ) -> std::result::Result<Vec<f64>, StreamError> {
        let channels = self.stream.inputs();
        if self.shaping.inputs.is_none() || events.iter().any(|(channel, _)| *channel >= channels) {
            return self.timed(|stream| stream.step_events(events));
        }
        // silence is not 0 once it is normalised
        let mut x = vec![0.0; channels];
        for (channel, value) in events {
            x[*channel] += value;
        }
        self.step(&x)
    }

    /// One time step of a model that reads tokens.
    ///
    /// # Errors
    /// As [`ModelStream::step_token`].
    pub fn step_token(&mut self, token: usize) -> std::result::Result<Vec<f64>, StreamError> {
        self.timed(|stream| stream.step_token(token))
    }

    /// Back to rest.
    pub fn reset(&mut self) {
        self.stream.reset();
        self.shaping.reset();
    }

    fn timed(
        &mut self,
        step: impl FnOnce(&mut ModelStream) -> std::result::Result<&[f32], StreamError>,
    ) -> std::result::Result<Vec<f64>, StreamError> {
        let begun = Instant::now();
        let y = step(&mut self.stream)?;
        self.report.add(begun.elapsed());
        Ok(self.shaping.values(y))
    }

    fn line(&mut self, line: &str) -> std::result::Result<Vec<f64>, String> {
        if self.stream.reads_tokens() {
            let token = line
                .trim()
                .parse()
                .map_err(|_| format!("expected the number of a token, found `{line}`"))?;
            return self.step_token(token).map_err(|e| e.to_string());
        }
        let values = match Line::parse(line, self.stream.inputs())? {
            Line::Dense(x) => self.step(&x),
            Line::Events(events) => self.step_events(&events),
        };
        values.map_err(|e| e.to_string())
    }
}

/// Reads a time step from each line of `input`, and writes the answer as a line of `output`, at once: numbers with commas
/// between them, as [`StepPredictor`] gives them.
///
/// # Errors
/// If the model is none that runs step by step, a line is not what is expected, or one cannot be read or written.
pub fn run_stream(
    file: &ModelFile,
    input: impl BufRead,
    output: &mut dyn Write,
) -> Result<StreamReport> {
    let mut predictor = StepPredictor::new(file)?;
    for (index, line) in input.lines().enumerate() {
        let wrong = |problem: String| {
            TrainError::Usage(format!("standard input, line {}: {problem}", index + 1))
        };
        let line = line.map_err(|e| wrong(format!("cannot be read: {e}")))?;
        let values = predictor.line(&line).map_err(wrong)?;
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
    Ok(predictor.report())
}

/// The stream of a model's raw outputs, at rest.
///
/// # Errors
/// [`TrainError::Usage`] if the model is none that runs step by step.
pub fn model_stream(file: &ModelFile) -> Result<ModelStream> {
    if file.head.is_some() {
        return Err(TrainError::Usage(
            "the model compares two whole sequences, which does not go step by step".into(),
        ));
    }
    match &file.model {
        SequenceToSequence::Elm(neuron) => Ok(ModelStream::Neuron(neuron.stream()?)),
        SequenceToSequence::Network(model) => Ok(ModelStream::Network(model.network.stream()?)),
        _ => Err(TrainError::Usage(format!(
            "expected an ELM neuron or network, which alone run step by step, found a model of kind {}",
            file.card.kind
        ))),
    }
}

/// What is done to inputs and outputs.
#[derive(Debug, Clone)]
struct Shaping {
    /// Normalisation, where there is any.
    inputs: Option<Scaler>,
    output: OutputCard,
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

    /// Normalised values of all channels; none where nothing is done to them, or their number is wrong.
    fn dense(&self, x: &[f32]) -> Option<Vec<f32>> {
        let scaler = self.inputs.as_ref().filter(|s| s.channels() == x.len())?;
        let mut values: Vec<f64> = x.iter().copied().map(f64::from).collect();
        scaler.apply(&mut values);
        Some(values.into_iter().map(|v| v as f32).collect())
    }

    fn reset(&mut self) {
        if let Some((sum, count)) = &mut self.sum {
            sum.fill(0.0);
            *count = 0.0;
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
