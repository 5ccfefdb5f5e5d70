//! What the spikes of samples are like, before they are binned.

/// What is known of a sample's spikes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SampleFacts {
    /// Spikes in the file.
    pub(super) spikes: u32,
    /// Spikes in the part that is binned, the first second.
    pub(super) kept: u32,
    /// Time of the last spike (s); 0 if there is none.
    pub(super) last_s: f32,
}

/// What the spikes of the samples of a part are like, as the files hold them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SpikeStatistics {
    /// Samples.
    pub samples: usize,
    /// Spikes of all samples.
    pub spikes: u64,
    /// Fewest spikes of a sample.
    pub fewest: u32,
    /// Most spikes of a sample.
    pub most: u32,
    /// Samples without any spike.
    pub silent: usize,
    /// Samples with spikes, but none in the first second, which is what is used of them.
    pub late: usize,
    /// Spikes after the first second, of all samples.
    pub dropped: u64,
    /// Time of the last spike (s) of the shortest sample with spikes.
    pub shortest_s: f64,
    /// Time of the last spike (s) of the longest sample.
    pub longest_s: f64,
    /// Mean over the samples with spikes of the time of the last spike (s).
    pub mean_s: f64,
}

impl SpikeStatistics {
    /// The statistics of some samples.
    pub(super) fn of(samples: impl Iterator<Item = SampleFacts>) -> Self {
        let mut all = Self::default();
        let mut total_s = 0.0;
        for sample in samples {
            let SampleFacts {
                spikes,
                kept,
                last_s,
            } = sample;
            all.fewest = match all.samples {
                0 => spikes,
                _ => all.fewest.min(spikes),
            };
            all.most = all.most.max(spikes);
            all.samples += 1;
            all.spikes += u64::from(spikes);
            all.dropped += u64::from(spikes - kept);
            if spikes == 0 {
                all.silent += 1;
                continue;
            }
            all.late += usize::from(kept == 0);
            let last_s = f64::from(last_s);
            all.shortest_s = match all.samples - all.silent {
                1 => last_s,
                _ => all.shortest_s.min(last_s),
            };
            all.longest_s = all.longest_s.max(last_s);
            total_s += last_s;
        }
        all.mean_s = total_s / (all.samples - all.silent).max(1) as f64;
        all
    }

    /// Mean number of spikes of a sample.
    pub fn mean_spikes(&self) -> f64 {
        self.spikes as f64 / self.samples.max(1) as f64
    }

    /// Is there no spike at all in what is used of the samples?
    pub fn nothing_is_used(&self) -> bool {
        self.silent + self.late == self.samples
    }

    /// What a user should be told, a sentence each: times that are no seconds, samples without spikes.
    pub fn notes(&self) -> Vec<String> {
        let Self {
            samples,
            silent,
            late,
            longest_s,
            ..
        } = *self;
        let mut notes = Vec::new();
        let share = self.dropped as f64 / self.spikes.max(1) as f64;
        if late > 0 || share > 0.5 {
            let found = match late {
                0 => format!(
                    "{:.0} % of the spikes come after the first second",
                    100.0 * share
                ),
                _ => format!("no spike in the first second in {late} of {samples} samples"),
            };
            // A word lasts about a second.
            let guess = match longest_s {
                s if s > 100_000.0 => ", these look like microseconds",
                s if s > 10.0 => ", these look like milliseconds",
                _ => "",
            };
            notes.push(format!(
                "{found} (the last one comes at {longest_s:.1} s): times are expected in seconds{guess}"
            ));
        }
        if silent > 0 {
            notes.push(format!(
                "{silent} of {samples} samples have no spike at all"
            ));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(spikes: u32, kept: u32, last_s: f32) -> SampleFacts {
        SampleFacts {
            spikes,
            kept,
            last_s,
        }
    }

    #[test]
    fn samples_are_summed_up() {
        let samples = [facts(0, 0, 0.0), facts(10, 8, 1.5), facts(4, 4, 0.5)];
        let found = SpikeStatistics::of(samples.into_iter());
        let expected = SpikeStatistics {
            samples: 3,
            spikes: 14,
            fewest: 0,
            most: 10,
            silent: 1,
            late: 0,
            dropped: 2,
            shortest_s: 0.5,
            longest_s: 1.5,
            mean_s: 1.0,
        };
        assert_eq!(found, expected);
        assert_eq!(found.notes(), ["1 of 3 samples have no spike at all"]);
        assert!(!found.nothing_is_used());
        assert_eq!(
            SpikeStatistics::of([].into_iter()),
            SpikeStatistics::default()
        );
    }

    #[test]
    fn times_in_other_units_are_told() {
        let told = |samples: &[SampleFacts]| {
            SpikeStatistics::of(samples.iter().copied())
                .notes()
                .join("; ")
        };
        let milliseconds = told(&[facts(9, 0, 900.0), facts(7, 0, 700.0)]);
        assert!(
            milliseconds.contains("in 2 of 2 samples")
                && milliseconds.contains("look like milliseconds"),
            "{milliseconds}"
        );
        // some tenths of a millisecond look like tenths of a second
        let some = told(&[facts(9, 1, 900.0)]);
        assert!(some.contains("89 % of the spikes") && some.contains("milliseconds"));
        assert!(told(&[facts(9, 0, 9e5)]).contains("microseconds"));
        let late = told(&[facts(9, 0, 1.4), facts(9, 9, 0.9)]);
        assert!(late.contains("in 1 of 2 samples") && late.ends_with("in seconds"));
        assert_eq!(told(&[facts(9, 6, 1.4)]), "");
    }
}
