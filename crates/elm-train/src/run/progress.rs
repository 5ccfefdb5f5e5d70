//! Live progress on the terminal: epoch, step, loss and the time left.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use burn::train::logger::{EvaluationProgressLogger, TrainingProgressLogger};
use burn::train::metric::MetricDefinition;
use burn::train::renderer::{
    EvaluationName, MetricState, MetricsRenderer, MetricsRendererEvaluation,
    MetricsRendererTraining,
};

use crate::optim::Clock;

/// One line that is written over while it changes; on a pipe nothing but whole lines.
pub struct StatusLine {
    terminal: bool,
    last: Option<Instant>,
}

impl StatusLine {
    /// A line on standard error.
    pub fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            last: None,
        }
    }

    /// Shows `text`, at most ten times a second.
    pub fn show(&mut self, text: &str) {
        let due = self
            .last
            .is_none_or(|last| last.elapsed() > Duration::from_millis(100));
        if self.terminal && due {
            self.last = Some(Instant::now());
            let mut out = std::io::stderr();
            // A terminal that went away is no reason to stop.
            let _ = write!(out, "\r\x1b[2K{text}").and_then(|()| out.flush());
        }
    }

    /// Removes the line.
    pub fn clear(&mut self) {
        if self.terminal && self.last.take().is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[2K");
        }
    }
}

impl Default for StatusLine {
    fn default() -> Self {
        Self::new()
    }
}

/// `1 h 02 min`, `3 min 05 s` or `12 s`.
pub fn duration(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min {:02} s", s / 60, s % 60),
        _ => format!("{} h {:02} min", s / 3600, s % 3600 / 60),
    }
}

/// Burn's learner reports here.
pub struct ProgressRenderer {
    line: StatusLine,
    epochs: usize,
    batches: u64,
    first_step: u64,
    epoch: usize,
    loss: Option<f64>,
    training: bool,
    started: Instant,
    /// Seconds of the whole training, and how much of them is used, where it ends with its time.
    budget: Option<(f64, Clock)>,
}

impl ProgressRenderer {
    /// For a training of `epochs` of `batches` each, or of a `budget` of seconds, that starts at gradient step
    /// `first_step`.
    pub fn new(epochs: usize, batches: u64, first_step: u64, budget: Option<(f64, Clock)>) -> Self {
        Self {
            budget,
            line: StatusLine::new(),
            epochs,
            batches,
            first_step,
            epoch: (first_step / batches) as usize,
            loss: None,
            training: false,
            started: Instant::now(),
        }
    }

    /// The epoch, and out of how many where that is known.
    fn place(&self) -> String {
        match self.budget {
            Some(_) => format!("epoch {}", self.epoch),
            None => format!("epoch {}/{}", self.epoch, self.epochs),
        }
    }

    fn eta(&self, step: u64) -> String {
        if let Some((seconds, clock)) = &self.budget {
            return duration(seconds * (1.0 - clock.share()));
        }
        let total = self.epochs as u64 * self.batches;
        match step.saturating_sub(self.first_step) {
            0 => "-".into(),
            done => {
                let per_step = self.started.elapsed().as_secs_f64() / done as f64;
                duration(per_step * total.saturating_sub(step) as f64)
            }
        }
    }
}

impl TrainingProgressLogger for ProgressRenderer {
    fn start(&mut self, _: usize, _: usize, _: Option<usize>, _: Option<&str>) {
        self.started = Instant::now();
    }

    fn update_epoch(&mut self, _: usize) {}

    fn start_split(&mut self, split: &str, _: usize) {
        self.training = split.eq_ignore_ascii_case("train");
        if self.training {
            self.epoch += 1;
        }
    }

    fn update_split(&mut self, done: usize) {
        if !self.training {
            self.line.show(&format!("{}  validating", self.place()));
            return;
        }
        let step = (self.epoch as u64 - 1) * self.batches + done as u64;
        let loss = self.loss.map_or("-".into(), |loss| format!("{loss:.4}"));
        self.line.show(&format!(
            "{}  step {done}/{}  loss {loss}  ETA {}",
            self.place(),
            self.batches,
            self.eta(step)
        ));
    }

    fn end_split(&mut self) {
        self.line.clear();
    }

    fn end(&mut self) {
        self.line.clear();
    }

    fn log_event_training(&mut self, _: String) {}
}

impl MetricsRendererTraining for ProgressRenderer {
    fn update_train(&mut self, state: MetricState) {
        if let MetricState::Numeric(_, Some(value)) = state {
            self.loss = Some(value.current());
        }
    }

    fn update_valid(&mut self, _: MetricState) {}
}

impl EvaluationProgressLogger for ProgressRenderer {
    fn start_global_progress(&mut self, _: usize) {}
    fn start_test(&mut self, _: &str, _: usize) {}
    fn update_test_progress(&mut self, _: usize) {}
    fn end_test(&mut self) {}
    fn end_global_progress(&mut self) {}
    fn log_event_evaluation(&mut self, _: String) {}
}

impl MetricsRendererEvaluation for ProgressRenderer {
    fn update_test(&mut self, _: EvaluationName, _: MetricState) {}
}

impl MetricsRenderer for ProgressRenderer {
    fn manual_close(&mut self) {
        self.line.clear();
    }

    fn register_metric(&mut self, _: MetricDefinition) {}
}

#[cfg(test)]
mod tests {
    use super::duration;

    #[test]
    fn durations_read_like_a_clock() {
        assert_eq!(duration(0.4), "0 s");
        assert_eq!(duration(59.6), "1 min 00 s");
        assert_eq!(duration(3725.0), "1 h 02 min");
    }
}
