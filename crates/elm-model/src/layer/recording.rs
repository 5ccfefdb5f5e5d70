//! Monitors: inner variables of a layer over time, on demand.

use burn::tensor::Tensor;

use crate::scan::layer::reference::Step;

/// An inner variable that can be recorded.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// Branch activation `b`, `[batch, time, neuron, branch]`.
    Branch,
    /// Output of the MLP as it enters the squashing function, `[batch, time, neuron, memory]`.
    Mlp,
    /// Memory `m`, `[batch, time, neuron, memory]`.
    Memory,
    /// Readout `o` before the high-pass, `[batch, time, neuron, 1]`.
    Readout,
    /// Input of the output activation without its bias, `[batch, time, neuron, 1]`.
    PreActivation,
}

impl Monitor {
    /// Every monitor.
    pub const ALL: [Self; 5] = [
        Self::Branch,
        Self::Mlp,
        Self::Memory,
        Self::Readout,
        Self::PreActivation,
    ];

    fn pick(self, step: &Step) -> Tensor<3> {
        match self {
            Self::Branch => step.branch.clone(),
            Self::Mlp => step.mlp.clone(),
            Self::Memory => step.memory.clone(),
            Self::Readout => step.readout.clone().unsqueeze_dim(2),
            Self::PreActivation => step.pre_activation.clone().unsqueeze_dim(2),
        }
    }
}

/// Traces of one forward pass of a layer.
#[derive(Debug, Clone)]
pub struct LayerRecording {
    /// Activity, `[batch, time, neuron]`.
    pub activity: Tensor<3>,
    traces: Vec<(Monitor, Tensor<4>)>,
}

impl LayerRecording {
    /// What a monitor recorded, `[batch, time, neuron, width]`; `None` if it was not asked for.
    pub fn get(&self, monitor: Monitor) -> Option<&Tensor<4>> {
        self.traces
            .iter()
            .find(|(m, _)| *m == monitor)
            .map(|(_, trace)| trace)
    }
}

/// Collects what the monitors see, step by step.
pub(super) struct Recorder {
    traces: Vec<(Monitor, Vec<Tensor<4>>)>,
}

impl Recorder {
    pub(super) fn new(monitors: &[Monitor]) -> Self {
        let mut monitors = monitors.to_vec();
        monitors.sort_unstable();
        monitors.dedup();
        Self {
            traces: monitors.into_iter().map(|m| (m, Vec::new())).collect(),
        }
    }

    pub(super) fn watch(&mut self, step: &Step) {
        for (monitor, steps) in &mut self.traces {
            steps.push(monitor.pick(step).unsqueeze_dim::<4>(1));
        }
    }

    pub(super) fn finish(self, activity: Tensor<3>) -> LayerRecording {
        LayerRecording {
            activity,
            traces: self
                .traces
                .into_iter()
                .map(|(monitor, steps)| (monitor, Tensor::cat(steps, 1)))
                .collect(),
        }
    }
}
