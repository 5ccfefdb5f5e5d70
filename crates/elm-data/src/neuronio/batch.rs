//! A training batch: windows of several simulations as dense arrays.

/// Windows cut out of simulations, in row-major order; one time step is 1 ms.
#[derive(Debug, Clone, PartialEq)]
pub struct NeuronIoBatch {
    /// Input spikes, `[batch, time, 1278]`: +1 excitatory, -1 inhibitory, 0 otherwise.
    pub inputs: Vec<f32>,
    /// Output spikes, `[batch, time]`: 0 or 1.
    pub spikes: Vec<f32>,
    /// Soma target, `[batch, time]`: `(min(v, -55 mV) + 67.7 mV) * 0.1`.
    pub soma: Vec<f32>,
    /// Number of windows.
    pub batch: usize,
    /// Length of a window in time steps (ms).
    pub time: usize,
}
