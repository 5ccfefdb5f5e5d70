//! What the data of a task asks of a model.

use elm_data::Task;
use elm_data::task::{TaskKind, TaskOptions};

/// Sizes that a task's data ask of a model. Those of the named tasks are known; those of a user's own files are found
/// when the files are opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataForm {
    /// Input channels, or symbols.
    pub inputs: usize,
    /// Outputs of a model; none where it makes vectors of any length, which a pair is compared by.
    pub outputs: Option<usize>,
    /// Steps of the longest sequence that is seen at once.
    pub steps: usize,
    /// Is there an answer at every step, which must not depend on later ones?
    pub causal: bool,
}

impl DataForm {
    /// The form of a named task that is read so, with sequences of at most so many steps; for a task of a user's own
    /// files a stand-in of one channel and one output.
    pub(super) fn of(task: Task, options: &TaskOptions, steps: usize) -> Self {
        let info = task.info();
        let encoding = task.encoding(options).ok();
        let (outputs, causal) = match info.kind {
            TaskKind::NeuronIo => (Some(2), true),
            TaskKind::Classification { classes, inputs: 1 } => (Some(classes), false),
            TaskKind::Classification { .. } => (None, false),
            TaskKind::Language => (Some(info.channels.max(1)), true),
            TaskKind::Open => (Some(1), true),
        };
        Self {
            inputs: encoding.map_or(info.channels.max(1), |encoding| encoding.channels()),
            outputs,
            steps,
            causal,
        }
    }
}
