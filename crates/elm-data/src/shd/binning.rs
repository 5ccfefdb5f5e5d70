//! Spike times to time steps.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::statistics::SampleFacts;
use super::{CHANNELS, SpikeTrain};
use crate::{BinnedSpikes, DataError, Result};

/// What is binned of a sample (ms); later spikes are dropped.
const DURATION_MS: u32 = 1000;

/// Value of a bin with several spikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BinValue {
    /// Their number, as in the published loader.
    #[default]
    Count,
    /// One.
    Binary,
}

/// How spikes become time steps: bins of equal width over the first second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Binning {
    /// Width of a bin (ms), a divisor of 1000.
    pub bin_ms: u32,
    /// Value of a bin.
    pub value: BinValue,
}

impl Default for Binning {
    /// The published setting: 10 ms, counts.
    fn default() -> Self {
        Self {
            bin_ms: 10,
            value: BinValue::Count,
        }
    }
}

impl Binning {
    /// Number of time steps, `1000 / bin_ms`.
    ///
    /// # Errors
    /// If `bin_ms` does not divide 1000 ms.
    pub fn steps(&self) -> Result<usize> {
        let Self { bin_ms, .. } = *self;
        if bin_ms == 0 || !DURATION_MS.is_multiple_of(bin_ms) {
            return Err(DataError::request(format!(
                "bin_ms: expected a whole number of ms that divides {DURATION_MS}, found {bin_ms}"
            )));
        }
        Ok((DURATION_MS / bin_ms) as usize)
    }
}

impl SpikeTrain {
    /// What is known of it when it has been binned.
    pub(super) fn facts(&self) -> SampleFacts {
        let end = f64::from(DURATION_MS) / 1000.0;
        let last_s = self.times.iter().copied().fold(0.0, f64::max);
        SampleFacts {
            spikes: u32::try_from(self.times.len()).unwrap_or(u32::MAX),
            kept: self.times.iter().filter(|t| **t < end).count() as u32,
            last_s: last_s as f32,
        }
    }
}

/// The binned spikes of one sample, about one byte for each.
///
/// A spike's position is `step · 700 + channel`; the sorted positions are kept as their differences, in groups of seven
/// bits, the lowest first, all but the last with the top bit set. A difference of 0 is one more spike in the same bin.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct PackedSpikes(Box<[u8]>);

impl PackedSpikes {
    /// Bins a sample; the spikes of `train` must be in the ranges of its docs.
    pub(super) fn pack(train: &SpikeTrain, binning: Binning, steps: usize) -> Self {
        let per_second = f64::from(DURATION_MS);
        let spikes = train.times.iter().zip(&train.units);
        let mut positions: Vec<u32> = spikes
            .map(|(time, unit)| (time * per_second / f64::from(binning.bin_ms), unit))
            // compared as floats, as a time can be anything
            .filter(|(step, _)| *step < steps as f64)
            .map(|(step, unit)| step as u32 * CHANNELS as u32 + u32::from(*unit))
            .collect();
        positions.sort_unstable();
        if binning.value == BinValue::Binary {
            positions.dedup();
        }
        let mut bytes = Vec::with_capacity(positions.len() + positions.len() / 8);
        let mut last = 0;
        for position in positions {
            push(&mut bytes, position - last);
            last = position;
        }
        Self(bytes.into())
    }

    /// The bins with spikes, by step, then channel; steps count from `first`.
    pub(super) fn unpack(&self, first: usize, events: &mut Vec<BinnedSpikes>) {
        let own = events.len();
        let (mut position, mut difference, mut shift) = (0, 0, 0);
        for byte in &self.0 {
            difference |= u32::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 != 0 {
                continue;
            }
            position += difference;
            match events[own..].last_mut() {
                Some(event) if difference == 0 => event.count = event.count.saturating_add(1),
                _ => events.push(BinnedSpikes {
                    step: first as u32 + position / CHANNELS as u32,
                    channel: position % CHANNELS as u32,
                    count: 1,
                }),
            }
            (difference, shift) = (0, 0);
        }
    }

    /// Bytes in memory.
    pub(super) fn size(&self) -> usize {
        self.0.len()
    }
}

fn push(bytes: &mut Vec<u8>, mut difference: u32) {
    while difference >= 0x80 {
        bytes.push(difference as u8 | 0x80);
        difference >>= 7;
    }
    bytes.push(difference as u8);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn binned(times: &[f64], units: &[u16], bin_ms: u32, value: BinValue) -> Vec<(u32, u32, u16)> {
        let binning = Binning { bin_ms, value };
        let train = SpikeTrain {
            times: times.to_vec(),
            units: units.to_vec(),
        };
        let mut events = vec![];
        PackedSpikes::pack(&train, binning, binning.steps().unwrap()).unpack(5, &mut events);
        events
            .iter()
            .map(|e| (e.step, e.channel, e.count))
            .collect()
    }

    #[test]
    fn spikes_fall_into_the_bin_that_begins_before_them() {
        let times = [0.0, 0.03, 0.029, 0.99999, 1.0, f64::INFINITY, 0.031, 0.0];
        let units = [0, 699, 699, 3, 3, 3, 699, 0];
        let counts = binned(&times, &units, 10, BinValue::Count);
        assert_eq!(counts, [(5, 0, 2), (7, 699, 1), (8, 699, 2), (104, 3, 1)]);
        let binary = binned(&times, &units, 10, BinValue::Binary);
        assert_eq!(binary, [(5, 0, 1), (7, 699, 1), (8, 699, 1), (104, 3, 1)]);
    }

    #[test]
    fn bins_divide_the_second() {
        let steps = |bin_ms| {
            let value = BinValue::Count;
            Binning { bin_ms, value }.steps()
        };
        assert_eq!(steps(1).unwrap(), 1000);
        assert_eq!(steps(8).unwrap(), 125);
        for bad in [0, 3, 2000] {
            let message = steps(bad).unwrap_err().to_string();
            assert!(message.contains("divides 1000"), "{message}");
        }
    }

    proptest! {
        #[test]
        fn packed_spikes_are_counts_by_bin(
            spikes in prop::collection::vec((0.0..1.2_f64, 0..700_u16), 0..200),
            bin_ms in prop::sample::select(vec![1_u32, 4, 10, 200, 1000]),
        ) {
            let (times, units): (Vec<f64>, Vec<u16>) = spikes.into_iter().unzip();
            let mut expected = BTreeMap::new();
            for (time, unit) in times.iter().zip(&units).filter(|(t, _)| **t < 1.0) {
                let step = (time * 1000.0 / f64::from(bin_ms)).floor() as u32 + 5;
                *expected.entry((step, u32::from(*unit))).or_insert(0) += 1;
            }
            let found = binned(&times, &units, bin_ms, BinValue::Count);
            prop_assert!(found.into_iter().eq(expected.into_iter().map(|((s, u), n)| (s, u, n))));
        }
    }
}
