//! Sparse events (sample, time, channel, value) as sequences of bins.

use super::data::TargetKind;
use super::layout::{Raw, RawInputs, RawTargets, names, sample_targets_of, splits};
use super::options::{ArrayKeys, EventBinning};
use super::source::Arrays;
use crate::hdf5::{Hdf5File, NumberKind};
use crate::{DataError, Result};

/// Most steps of a sample, most channels, and most values of a sample spread over both.
const MOST_STEPS: f64 = (1 << 24) as f64;
const MOST_CHANNELS: f64 = (1 << 20) as f64;
const MOST_VALUES: usize = 1 << 28;

/// One event in its bin.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Event {
    step: u32,
    channel: u32,
    value: f32,
}

/// The events of several samples, sorted by step.
#[derive(Debug, Default)]
pub(super) struct EventList {
    events: Vec<Event>,
    /// End of each sample in `events`.
    ends: Vec<usize>,
    /// Steps of each sample.
    steps: Vec<usize>,
    /// One more than the largest channel, or what the options say.
    pub(super) channels: usize,
    binary: bool,
}

impl EventList {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn steps(&self, sample: usize) -> usize {
        self.steps[sample]
    }

    /// `[steps, channels]` of a sample.
    pub(super) fn read(&self, sample: usize, channels: usize) -> Vec<f64> {
        let mut out = vec![0.0; self.steps[sample] * channels];
        let start = sample.checked_sub(1).map_or(0, |s| self.ends[s]);
        for event in &self.events[start..self.ends[sample]] {
            let place = event.step as usize * channels + event.channel as usize;
            match self.binary {
                true => out[place] = 1.0,
                false => out[place] += f64::from(event.value),
            }
        }
        out
    }

    /// Are the values of a sample too many to be spread over `channels`?
    pub(super) fn too_large(&self, channels: usize) -> Option<usize> {
        let large = |s: &usize| s.saturating_mul(channels) > MOST_VALUES;
        self.steps.iter().position(large)
    }
}

/// Puts events into bins and looks whether their unit can be right.
pub(super) struct Binner<'a> {
    binning: &'a EventBinning,
    list: EventList,
    /// Latest time (ms), and whether every event fell into the first bin.
    latest: f64,
    first_bin_only: bool,
    dropped: usize,
}

impl<'a> Binner<'a> {
    /// # Errors
    /// If a setting is out of range.
    pub(super) fn new(binning: &'a EventBinning) -> Result<Self> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if !positive(binning.bin_ms) {
            return Err(DataError::request(format!(
                "events.bin_ms: expected a width above 0 ms, found {}",
                binning.bin_ms
            )));
        }
        if let Some(duration) = binning.duration_ms
            && !(positive(duration) && duration / binning.bin_ms <= MOST_STEPS)
        {
            return Err(DataError::request(format!(
                "events.duration_ms: expected above 0 and at most {MOST_STEPS} bins of {} ms, found {duration}",
                binning.bin_ms
            )));
        }
        let list = EventList {
            channels: binning.channels.unwrap_or(1),
            binary: binning.binary,
            ..EventList::default()
        };
        Ok(Self {
            binning,
            list,
            latest: 0.0,
            first_bin_only: true,
            dropped: 0,
        })
    }

    /// Adds a sample, its events given as (time in the unit of the file, channel, value).
    ///
    /// # Errors
    /// Which event is wrong, in words.
    pub(super) fn push(
        &mut self,
        events: impl Iterator<Item = (f64, f64, f64)>,
    ) -> std::result::Result<(), String> {
        let EventBinning {
            unit,
            bin_ms,
            duration_ms,
            channels,
            ..
        } = *self.binning;
        let start = self.list.events.len();
        let most_channels = channels.map_or(MOST_CHANNELS, |c| c as f64);
        let mut steps: f64 = 1.0;
        for (number, (time, channel, value)) in events.enumerate() {
            if !(time.is_finite() && time >= 0.0) {
                return Err(format!(
                    "event {number}: expected a time of 0 {unit} or later, found {time}"
                ));
            }
            if !(channel >= 0.0 && channel < most_channels && channel.trunc() == channel) {
                return Err(format!(
                    "event {number}: expected a channel from 0 to {}, found {channel}",
                    most_channels - 1.0
                ));
            }
            if !value.is_finite() {
                return Err(format!("event {number}: expected a value, found {value}"));
            }
            let ms = time * unit.ms();
            self.latest = self.latest.max(ms);
            let step = (ms / bin_ms).floor();
            self.first_bin_only &= step == 0.0;
            if duration_ms.is_some_and(|d| ms >= d) {
                self.dropped += 1;
                continue;
            }
            if step >= MOST_STEPS {
                return Err(format!(
                    "event {number} at {time} {unit} falls into step {step} of {bin_ms} ms, expected at most \
                     {MOST_STEPS} steps: is `events.unit` = \"{unit}\" right?"
                ));
            }
            steps = steps.max(step + 1.0);
            self.list.channels = self.list.channels.max(channel as usize + 1);
            self.list.events.push(Event {
                step: step as u32,
                channel: channel as u32,
                value: value as f32,
            });
        }
        self.list.events[start..].sort_by_key(|e| (e.step, e.channel));
        self.list.ends.push(self.list.events.len());
        let fixed = duration_ms.map(|d| (d / bin_ms).ceil());
        self.list
            .steps
            .push(fixed.unwrap_or(steps).max(1.0) as usize);
        Ok(())
    }

    /// The samples.
    ///
    /// # Errors
    /// If the times can hardly be in their unit, in words.
    pub(super) fn finish(self) -> std::result::Result<EventList, String> {
        let EventBinning { unit, bin_ms, .. } = *self.binning;
        let (kept, samples) = (self.list.events.len(), self.list.len());
        let latest = self.latest;
        if let Some(duration) = self.binning.duration_ms
            && kept == 0
            && self.dropped > 0
        {
            return Err(format!(
                "no event in the first {duration} ms in {samples} of {samples} samples, the latest is at {latest} ms \
                 with `events.unit` = \"{unit}\": is the unit right?"
            ));
        }
        if self.first_bin_only && kept > 1 && bin_ms > latest {
            return Err(format!(
                "all {kept} events of {samples} samples fall into the first step of {bin_ms} ms, the latest is at \
                 {latest} ms with `events.unit` = \"{unit}\": is the unit right?"
            ));
        }
        Ok(self.list)
    }
}

impl Raw {
    /// Events in named arrays: `time` and `channel` (and `value`) of all events with the `sample` of each, or lists
    /// `time_0`, `channel_0`, … of each sample.
    pub(super) fn from_event_arrays(
        arrays: &mut Arrays,
        keys: &ArrayKeys,
        kind: Option<TargetKind>,
        binning: &EventBinning,
    ) -> Result<Self> {
        let path = arrays.path.clone();
        let samples = event_samples(arrays, keys)?;
        let mut binner = Binner::new(binning)?;
        for (sample, events) in samples.into_iter().enumerate() {
            let bad = |p| DataError::format(&path, format!("sample {sample}: {p}"));
            binner.push(events.into_iter()).map_err(bad)?;
        }
        let list = binner.finish().map_err(|p| DataError::format(&path, p))?;
        let count = list.len();
        Ok(Self {
            targets: sample_targets_of(arrays, &keys.y, kind, count)?,
            groups: names(arrays, &keys.group, count)?,
            splits: splits(arrays, &keys.split, count)?,
            names: None,
            inputs: RawInputs::Events(list),
        })
    }

    /// Events in the layout of SHD: `spikes/times`, `spikes/units`, `labels`, and maybe `extra/keys` (names of the
    /// classes) and `extra/speaker` (the groups).
    pub(super) fn from_shd(
        path: &std::path::Path,
        kind: Option<TargetKind>,
        binning: &EventBinning,
    ) -> Result<Self> {
        let file = Hdf5File::open(path, "events in the layout of SHD")?;
        let times = file.ragged("spikes/times", NumberKind::Float)?;
        let units = file.ragged("spikes/units", NumberKind::Integer)?;
        if times.len() != units.len() {
            let (expected, found) = (times.len(), units.len());
            return Err(file.error(format!(
                "dataset spikes/units: expected {expected} rows, as many as spikes/times, found {found}"
            )));
        }
        let mut binner = Binner::new(binning)?;
        for sample in 0..times.len() {
            let (times, units) = (times.floats(sample)?, units.integers(sample)?);
            if times.len() != units.len() {
                let (expected, found) = (times.len(), units.len());
                return Err(file.error(format!(
                    "sample {sample}: expected {expected} units, one for each time, found {found}"
                )));
            }
            let events = times.iter().zip(&units).map(|(t, u)| (*t, *u as f64, 1.0));
            binner
                .push(events)
                .map_err(|p| file.error(format!("sample {sample}: {p}")))?;
        }
        let list = binner.finish().map_err(|p| file.error(p))?;
        Ok(Self {
            targets: shd_targets(&file, kind, list.len())?,
            groups: shd_groups(&file, list.len())?,
            splits: None,
            names: None,
            inputs: RawInputs::Events(list),
        })
    }
}

/// (time, channel, value) of the events of each sample.
fn event_samples(arrays: &mut Arrays, keys: &ArrayKeys) -> Result<Vec<Vec<(f64, f64, f64)>>> {
    let Some(times) = arrays.get(&keys.time)? else {
        return listed_samples(arrays, keys);
    };
    let missing = |key: &str, path: &std::path::Path| {
        DataError::format(
            path,
            format!(
                "expected `{key}` [event] beside `{}`, found none",
                keys.time
            ),
        )
    };
    let path = arrays.path.clone();
    let channels = arrays
        .get(&keys.channel)?
        .ok_or_else(|| missing(&keys.channel, &path))?;
    let samples = arrays
        .get(&keys.sample)?
        .ok_or_else(|| missing(&keys.sample, &path))?;
    let values = arrays.get(&keys.value)?;
    let (times, numbers) = (times.numbers()?, samples.integers()?);
    let channel_numbers = channels.numbers()?;
    let values = values.map(|v| v.numbers()).transpose()?;
    for (key, found) in [
        (&keys.channel, channel_numbers.len()),
        (&keys.sample, numbers.len()),
        (&keys.value, values.as_ref().map_or(times.len(), Vec::len)),
    ] {
        if found != times.len() {
            let expected = times.len();
            return Err(DataError::format(
                &path,
                format!(
                    "`{key}`: expected {expected} values, as many as `{}`, found {found}",
                    keys.time
                ),
            ));
        }
    }
    let count = sample_count(arrays, keys, &numbers, &path)?;
    let mut all = vec![Vec::new(); count];
    for (event, number) in numbers.iter().enumerate() {
        let sample = usize::try_from(*number)
            .ok()
            .filter(|s| *s < count)
            .ok_or_else(|| {
                samples.error(format!(
                    "[{event}]: expected a sample from 0 to {}, found {number}",
                    count.saturating_sub(1)
                ))
            })?;
        let value = values.as_ref().map_or(1.0, |v| v[event]);
        all[sample].push((times[event], channel_numbers[event], value));
    }
    Ok(all)
}

/// How many samples there are: as many as targets, or one more than the last that has an event.
fn sample_count(
    arrays: &mut Arrays,
    keys: &ArrayKeys,
    numbers: &[i64],
    path: &std::path::Path,
) -> Result<usize> {
    if let Some(y) = arrays.get(&keys.y)? {
        return Ok(y.shape.first().copied().unwrap_or(0));
    }
    let last = numbers.iter().copied().max().unwrap_or(-1);
    match usize::try_from(last + 1) {
        // every sample with an event, and at most as many without
        Ok(count) if count <= numbers.len().saturating_mul(2) + 1024 => Ok(count),
        _ => Err(DataError::format(
            path,
            format!(
                "`{}`: expected samples from 0 on, found {last}",
                keys.sample
            ),
        )),
    }
}

fn listed_samples(arrays: &mut Arrays, keys: &ArrayKeys) -> Result<Vec<Vec<(f64, f64, f64)>>> {
    let path = arrays.path.clone();
    let lists = (
        arrays.list(&keys.time)?,
        arrays.list(&keys.channel)?,
        arrays.list(&keys.value)?,
    );
    let (Some(times), Some(channels), values) = lists else {
        return Err(DataError::format(
            &path,
            format!(
                "expected events: `{time}`, `{channel}` and `{}` [event], or `{time}_0`, `{channel}_0`, … of each sample",
                keys.sample,
                time = keys.time,
                channel = keys.channel
            ),
        ));
    };
    if channels.len() != times.len() || values.as_ref().is_some_and(|v| v.len() != times.len()) {
        let (expected, found) = (times.len(), channels.len());
        return Err(DataError::format(
            &path,
            format!(
                "expected {expected} arrays of channels (and values), as many as of times, found {found}"
            ),
        ));
    }
    let mut all = Vec::with_capacity(times.len());
    for (sample, times) in times.iter().enumerate() {
        let (t, c) = (times.numbers()?, channels[sample].numbers()?);
        let v = match &values {
            Some(values) => values[sample].numbers()?,
            None => vec![1.0; t.len()],
        };
        if c.len() != t.len() || v.len() != t.len() {
            let (expected, found) = (t.len(), c.len());
            return Err(channels[sample].error(format!(
                "expected {expected} channels (and values), one for each time, found {found}"
            )));
        }
        all.push(
            t.into_iter()
                .zip(c)
                .zip(v)
                .map(|((t, c), v)| (t, c, v))
                .collect(),
        );
    }
    Ok(all)
}

fn shd_targets(file: &Hdf5File, kind: Option<TargetKind>, count: usize) -> Result<RawTargets> {
    use super::labels::{CodedLabels, Label};
    if kind.is_some_and(|k| k != TargetKind::Classify) {
        return Err(file.error("expected the kind classify: its labels are classes"));
    }
    if !file.has("labels")? {
        return Ok(RawTargets::None);
    }
    let labels = file.integers("labels")?;
    if labels.len() != count {
        let found = labels.len();
        return Err(file.error(format!(
            "dataset labels: expected {count} rows, found {found}"
        )));
    }
    let names = match file.has("extra/keys")? {
        true => file.strings("extra/keys")?,
        false => vec![],
    };
    let mut coded = CodedLabels::default();
    for label in labels {
        let name = usize::try_from(label).ok().and_then(|l| names.get(l));
        let label = name.map_or(Label::Integer(label), |n| Label::parse(n));
        coded
            .push(label)
            .map_err(|p| file.error(format!("dataset labels: {p}")))?;
    }
    Ok(RawTargets::Labels(coded))
}

fn shd_groups(file: &Hdf5File, count: usize) -> Result<Option<Vec<String>>> {
    if !file.has("extra/speaker")? {
        return Ok(None);
    }
    let speakers = file.integers("extra/speaker")?;
    if speakers.len() != count {
        let found = speakers.len();
        return Err(file.error(format!(
            "dataset extra/speaker: expected {count} rows, found {found}"
        )));
    }
    Ok(Some(speakers.iter().map(i64::to_string).collect()))
}
