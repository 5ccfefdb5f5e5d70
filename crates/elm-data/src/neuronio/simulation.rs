//! One simulation: input spikes, output spikes and the soma voltage.

use std::ops::Range;
use std::sync::Arc;

/// Segments of the simulated cell; each carries one excitatory and one inhibitory synapse.
pub const NUM_SEGMENTS: usize = 639;
/// Input channels: `0..639` excitatory (value +1), `639..1278` inhibitory (value -1).
pub const NUM_CHANNELS: usize = 2 * NUM_SEGMENTS;
/// The soma voltage is clipped from above at this value (mV) before it becomes a target.
pub const SOMA_CLIP_MV: f32 = -55.0;
/// Added to the soma voltage (mV) before scaling: the target is `(v + 67.7) * 0.1`.
pub const SOMA_BIAS_MV: f32 = 67.7;
/// Scale from mV above the bias to training target.
pub const SOMA_SCALE: f32 = 0.1;

/// A simulation is shorter than this (ms), about 35 minutes, for a time to fit into a [`SpikeEvent`].
pub const MAX_DURATION_MS: u32 = 1 << (u32::BITS - CHANNEL_BITS);
/// Bits of a channel in a [`SpikeEvent`].
const CHANNEL_BITS: u32 = 11;

/// One input spike, in four bytes: there are about 80 000 in a simulation. They are in the order of time, then channel.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpikeEvent(u32);

impl SpikeEvent {
    /// A spike in time bin `time_ms` (ms) of input `channel`; `None` unless the time is below [`MAX_DURATION_MS`] and the
    /// channel below 2048.
    #[inline]
    pub fn new(time_ms: u32, channel: u16) -> Option<Self> {
        let channel = u32::from(channel);
        let fits = time_ms < MAX_DURATION_MS && channel < 1 << CHANNEL_BITS;
        fits.then_some(Self(time_ms << CHANNEL_BITS | channel))
    }

    /// Time bin (ms).
    #[inline]
    pub fn time_ms(self) -> u32 {
        self.0 >> CHANNEL_BITS
    }

    /// Input channel, below [`NUM_CHANNELS`] in a simulation.
    #[inline]
    pub fn channel(self) -> u16 {
        (self.0 & ((1 << CHANNEL_BITS) - 1)) as u16
    }

    /// Its value in the input: +1 excitatory, -1 inhibitory.
    #[inline]
    pub fn value(self) -> f32 {
        if usize::from(self.channel()) < NUM_SEGMENTS {
            1.0
        } else {
            -1.0
        }
    }
}

impl std::fmt::Debug for SpikeEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpikeEvent")
            .field("time_ms", &self.time_ms())
            .field("channel", &self.channel())
            .finish()
    }
}

/// One simulation of the cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulation {
    /// Name of the file it came from (evaluation re-aligns predictions file by file); converted data remember it.
    pub source: Arc<str>,
    /// Position in that file.
    pub index: u32,
    /// Length (ms); one time step is 1 ms.
    pub duration_ms: u32,
    /// Input spikes, sorted by (time, channel), without duplicates.
    pub events: Vec<SpikeEvent>,
    /// Output spike times (ms) as stored: float16 values in the published files.
    pub output_spikes_ms: Vec<f32>,
    /// Soma voltage (mV), one value per ms, not clipped.
    pub soma_mv: Vec<f32>,
}

impl Simulation {
    /// Bytes in memory.
    pub fn size(&self) -> usize {
        size_of_val(&*self.events)
            + size_of_val(&*self.output_spikes_ms)
            + size_of_val(&*self.soma_mv)
    }

    /// Events with `start_ms <= time < end_ms`.
    pub fn events_between(&self, start_ms: usize, end_ms: usize) -> &[SpikeEvent] {
        let at = |t: usize| self.events.partition_point(|e| (e.time_ms() as usize) < t);
        &self.events[at(start_ms)..at(end_ms)]
    }

    /// Writes the input of `[start_ms, start_ms + time)` as `[time, 1278]` into `out`: +1 excitatory, -1 inhibitory.
    /// `out` must hold zeros; steps past the end of the simulation stay zero.
    pub fn write_input(&self, start_ms: usize, out: &mut [f32]) {
        let time = out.len() / NUM_CHANNELS;
        for event in self.events_between(start_ms, start_ms + time) {
            let row = event.time_ms() as usize - start_ms;
            out[row * NUM_CHANNELS + usize::from(event.channel())] = event.value();
        }
    }

    /// Spike target per ms, `[duration]`: 1 in bin `int(t - 0.5)` of every output spike that lies in the simulation.
    pub fn spike_target(&self) -> Vec<f32> {
        self.spike_target_of(0..self.duration_ms as usize)
    }

    /// The spike target of the time steps `steps` (ms).
    pub fn spike_target_of(&self, steps: Range<usize>) -> Vec<f32> {
        let mut target = vec![0.0; steps.len()];
        for &t in &self.output_spikes_ms {
            // `as` truncates towards zero like Python's int() and sends what is below zero to bin 0.
            let bin = (f64::from(t) - 0.5) as usize;
            let inside = bin < self.duration_ms as usize;
            let bin = bin.checked_sub(steps.start).filter(|_| inside);
            if let Some(bin) = bin.and_then(|bin| target.get_mut(bin)) {
                *bin = 1.0;
            }
        }
        target
    }

    /// Soma voltage clipped at [`SOMA_CLIP_MV`] (mV), `[duration]`.
    pub fn clipped_soma_mv(&self) -> Vec<f32> {
        self.soma_mv.iter().map(|v| v.min(SOMA_CLIP_MV)).collect()
    }

    /// Soma target of training, `(min(v, -55) + 67.7) * 0.1`, `[duration]`.
    pub fn soma_target(&self) -> Vec<f32> {
        self.soma_target_of(0..self.soma_mv.len())
    }

    /// The soma target of the time steps `steps` (ms); those after the last voltage are left out.
    pub fn soma_target_of(&self, steps: Range<usize>) -> Vec<f32> {
        self.soma_mv
            .iter()
            .skip(steps.start)
            .take(steps.len())
            .map(|v| (v.min(SOMA_CLIP_MV) + SOMA_BIAS_MV) * SOMA_SCALE)
            .collect()
    }
}
