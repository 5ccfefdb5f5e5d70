//! What is fixed during one call of a layer's scan.

use std::sync::Arc;

use super::plan::ConnectomePlan;
use super::spec::LayerSpec;

/// How the input of a call comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// Numbers per channel, `[batch, time, input]`.
    Dense,
    /// One channel per step that is 1, all others 0, by its index, `[batch, time]`.
    OneHot,
}

/// Which factors dropout has drawn for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Masked {
    /// Factors on the input channels.
    pub input: bool,
    /// Factors on the recurrent activity.
    pub recurrent: bool,
    /// Factors on the MLP's output.
    pub memory: bool,
}

/// Everything about one call but the tensors.
#[derive(Debug, Clone)]
pub struct LayerCall {
    /// Sizes and constants.
    pub spec: LayerSpec,
    /// Samples.
    pub batch: usize,
    /// Steps.
    pub time: usize,
    /// Steps that a graphics card's backward pass works on at a time, at least 1; the CPU kernels choose their own.
    pub block: usize,
    /// Numbers that the forward pass keeps for the backward pass, where the device must know beforehand.
    pub kept: usize,
    /// The connectome, checked and ordered.
    pub plan: Arc<ConnectomePlan>,
    /// How the input comes.
    pub source: SourceKind,
    /// Factor on the input.
    pub gain: f64,
    /// Which dropout masks there are.
    pub masked: Masked,
}
