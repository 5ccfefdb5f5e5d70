//! Training batches: windows of several simulations.

use super::simulation::NUM_CHANNELS;

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

/// The same windows with the input spikes one by one: about one value in a hundred is not zero, so that a device is sent
/// a hundredth and fills in the zeros itself.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseWindows {
    /// Places of the input spikes in `[batch, time, 1278]`, row by row, in ascending order, each once.
    pub places: Vec<u32>,
    /// Value at each of them: +1 excitatory, -1 inhibitory.
    pub values: Vec<f32>,
    /// Output spikes, `[batch, time]`: 0 or 1.
    pub spikes: Vec<f32>,
    /// Soma target, `[batch, time]`: `(min(v, -55 mV) + 67.7 mV) * 0.1`.
    pub soma: Vec<f32>,
    /// Number of windows.
    pub batch: usize,
    /// Length of a window in time steps (ms).
    pub time: usize,
}

impl SparseWindows {
    /// Values of the dense input, `batch · time · 1278`.
    pub fn dense_len(&self) -> usize {
        self.batch * self.time * NUM_CHANNELS
    }

    /// Writes the input spikes into `inputs`, zeros of the shape `[batch, time, 1278]`.
    ///
    /// # Panics
    /// If `inputs` is shorter than [`Self::dense_len`], as a slice does.
    pub fn fill(&self, inputs: &mut [f32]) {
        for (place, value) in self.places.iter().zip(&self.values) {
            inputs[*place as usize] = *value;
        }
    }

    /// The same windows with a dense input.
    pub fn dense(self) -> NeuronIoBatch {
        let mut inputs = vec![0.0; self.dense_len()];
        self.fill(&mut inputs);
        NeuronIoBatch {
            inputs,
            spikes: self.spikes,
            soma: self.soma,
            batch: self.batch,
            time: self.time,
        }
    }
}
