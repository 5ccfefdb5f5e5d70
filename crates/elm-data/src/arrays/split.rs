//! Which samples are to train on, to validate and to test.

use std::collections::{BTreeMap, HashMap};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::data::SequenceData;
use crate::{DataError, Result, Split};

/// How a set of samples is split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case", tag = "by")]
pub enum SplitRule {
    /// At random, whole groups at a time.
    Fractions {
        /// Share to validate, 0 to 1.
        valid: f64,
        /// Share to test, 0 to 1.
        test: f64,
        /// Seed of the draw.
        #[serde(default)]
        seed: u64,
        /// Keep the shares of the classes in every part; unless said otherwise, where samples have a class.
        #[serde(default)]
        stratify: Option<bool>,
    },
    /// In the order of the samples: the first to train on, the last to test. For windows of one long recording.
    Order {
        /// Share to validate, 0 to 1.
        valid: f64,
        /// Share to test, 0 to 1.
        test: f64,
    },
    /// As the `split` array of the files says.
    Stored,
}

impl Default for SplitRule {
    fn default() -> Self {
        Self::Fractions {
            valid: 0.1,
            test: 0.1,
            seed: 0,
            stratify: None,
        }
    }
}

/// The samples of each part, by number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parts {
    /// To train on.
    pub train: Vec<usize>,
    /// To choose a model by.
    pub valid: Vec<usize>,
    /// To report results on.
    pub test: Vec<usize>,
}

const SPLITS: [Split; 3] = [Split::Train, Split::Valid, Split::Test];

impl Parts {
    /// Splits `data` by `rule`, which must not be [`SplitRule::Stored`].
    ///
    /// # Errors
    /// If shares are out of range, or there are too few samples or groups for the parts: how many there are.
    pub fn split(data: &dyn SequenceData, rule: &SplitRule) -> Result<Self> {
        let all: Vec<usize> = (0..data.len()).collect();
        Self::split_samples(data, &all, rule)
    }

    /// Splits the samples `among` by `rule`; see [`split`](Self::split).
    pub fn split_samples(
        data: &dyn SequenceData,
        among: &[usize],
        rule: &SplitRule,
    ) -> Result<Self> {
        match rule {
            SplitRule::Fractions {
                valid,
                test,
                seed,
                stratify,
            } => {
                let shares = shares(*valid, *test)?;
                let groups = Groups::of(data, among, *stratify)?;
                groups.assign(shares, *seed)
            }
            SplitRule::Order { valid, test } => Self::in_order(among, shares(*valid, *test)?),
            SplitRule::Stored => Err(DataError::request(
                "split: expected an array that names the part of each sample, this data has none",
            )),
        }
    }

    /// The samples of each part from the part of each sample.
    pub fn stored(parts: &[Split]) -> Self {
        let mut all = Self::default();
        for (sample, split) in parts.iter().enumerate() {
            all.part_mut(*split).push(sample);
        }
        all
    }

    fn in_order(among: &[usize], shares: [f64; 3]) -> Result<Self> {
        let total = among.len() as f64;
        let mut counts = [0; 3];
        for (count, share) in counts.iter_mut().zip(shares).skip(1) {
            if share > 0.0 {
                *count = ((total * share).round() as usize).max(1);
            }
        }
        let held = counts[1] + counts[2];
        if held >= among.len() {
            return Err(too_few(shares, "samples", among.len()));
        }
        let (train, rest) = among.split_at(among.len() - held);
        let (valid, test) = rest.split_at(counts[1]);
        Ok(Self {
            train: train.into(),
            valid: valid.into(),
            test: test.into(),
        })
    }

    /// The samples of a part.
    pub fn part(&self, split: Split) -> &[usize] {
        match split {
            Split::Train => &self.train,
            Split::Valid => &self.valid,
            Split::Test => &self.test,
        }
    }

    pub(super) fn part_mut(&mut self, split: Split) -> &mut Vec<usize> {
        match split {
            Split::Train => &mut self.train,
            Split::Valid => &mut self.valid,
            Split::Test => &mut self.test,
        }
    }
}

impl std::fmt::Display for Parts {
    /// How many samples each part has.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [train, valid, test] = SPLITS.map(|s| self.part(s).len());
        write!(
            f,
            "{train} samples to train, {valid} to validate, {test} to test"
        )
    }
}

fn shares(valid: f64, test: f64) -> Result<[f64; 3]> {
    let good = |share: f64| (0.0..1.0).contains(&share);
    if good(valid) && good(test) && valid + test < 1.0 {
        return Ok([1.0 - valid - test, valid, test]);
    }
    Err(DataError::request(format!(
        "split: expected shares of at least 0 that leave something to train on, found valid {valid} and test {test}"
    )))
}

fn too_few(shares: [f64; 3], what: &str, count: usize) -> DataError {
    let parts = SPLITS.iter().zip(shares).filter(|(_, s)| *s > 0.0);
    let parts: Vec<String> = parts.map(|(p, s)| format!("{p} {:.3}", s)).collect();
    let hint = match what {
        "samples" if count == 1 => "; `arrays.window` cuts a long sequence into several",
        "groups" => "; give files for each part, or split by order to cut recordings in time",
        _ => "",
    };
    DataError::request(format!(
        "split: {count} {what} are too few for the parts {}{hint}",
        parts.join(", ")
    ))
}

/// Samples that stay together, and their classes.
struct Groups {
    members: Vec<Vec<usize>>,
    /// Number of samples of each class, by group.
    classes: Vec<BTreeMap<usize, f64>>,
    /// Are they single samples?
    single: bool,
}

impl Groups {
    fn of(data: &dyn SequenceData, among: &[usize], stratify: Option<bool>) -> Result<Self> {
        let mut numbers = HashMap::new();
        let mut members: Vec<Vec<usize>> = Vec::new();
        let mut classes: Vec<BTreeMap<usize, f64>> = Vec::new();
        for &sample in among {
            let number = *numbers.entry(data.group(sample)).or_insert(members.len());
            if number == members.len() {
                members.push(Vec::new());
                classes.push(BTreeMap::new());
            }
            members[number].push(sample);
            let class = match stratify {
                Some(false) => None,
                _ => data.class(sample)?,
            };
            *classes[number].entry(class.unwrap_or(0)).or_insert(0.0) += 1.0;
        }
        if stratify == Some(true) && !data.is_empty() && data.class(0)?.is_none() {
            return Err(DataError::request(
                "split: `stratify` needs one class for each sample, this data has none",
            ));
        }
        let single = members.len() == among.len();
        Ok(Self {
            members,
            classes,
            single,
        })
    }

    /// Gives every group to the part that lacks most of its classes; large groups first, others in random order.
    fn assign(&self, shares: [f64; 3], seed: u64) -> Result<Parts> {
        let wanted = shares.iter().filter(|s| **s > 0.0).count();
        if self.members.len() < wanted {
            let what = if self.single { "samples" } else { "groups" };
            return Err(too_few(shares, what, self.members.len()));
        }
        let mut order: Vec<usize> = (0..self.members.len()).collect();
        order.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        order.sort_by_key(|g| std::cmp::Reverse(self.members[*g].len()));
        let mut totals: BTreeMap<usize, f64> = BTreeMap::new();
        for (class, count) in self.classes.iter().flatten() {
            *totals.entry(*class).or_insert(0.0) += count;
        }
        let all: f64 = totals.values().sum();
        let mut lacking = shares.map(|share| {
            let by_class: BTreeMap<usize, f64> =
                totals.iter().map(|(c, n)| (*c, n * share)).collect();
            (by_class, all * share)
        });
        let mut chosen = vec![0; self.members.len()];
        for &group in &order {
            let size = self.members[group].len() as f64;
            let need = |part: usize| {
                let (by_class, overall) = &lacking[part];
                let own = self.classes[group].iter();
                let own: f64 = own.map(|(c, n)| n / size * by_class[c]).sum();
                // rounding must not decide between parts that lack as much
                ((own * 1e6).round(), *overall)
            };
            let part = (0..3)
                .filter(|p| shares[*p] > 0.0)
                .max_by(|a, b| {
                    let (a_need, b_need) = (need(*a), need(*b));
                    a_need
                        .0
                        .total_cmp(&b_need.0)
                        .then(a_need.1.total_cmp(&b_need.1))
                        .then(b.cmp(a))
                })
                .unwrap_or(0);
            chosen[group] = part;
            let (by_class, overall) = &mut lacking[part];
            for (class, count) in &self.classes[group] {
                by_class.entry(*class).and_modify(|n| *n -= count);
            }
            *overall -= size;
        }
        self.fill_empty(&mut chosen, &order, shares);
        let mut parts = Parts::default();
        for (group, members) in self.members.iter().enumerate() {
            parts.part_mut(SPLITS[chosen[group]]).extend(members);
        }
        for split in SPLITS {
            parts.part_mut(split).sort_unstable();
        }
        Ok(parts)
    }

    /// Every part that was asked for gets a group: the smallest of the part with most groups.
    fn fill_empty(&self, chosen: &mut [usize], order: &[usize], shares: [f64; 3]) {
        for part in (0..3).filter(|p| shares[*p] > 0.0) {
            if chosen.contains(&part) {
                continue;
            }
            let groups = |part: usize| chosen.iter().filter(|c| **c == part).count();
            let richest = (0..3).max_by_key(|p| (groups(*p), 3 - p)).unwrap_or(0);
            let last = order.iter().rev().find(|g| chosen[**g] == richest);
            if let Some(&group) = last {
                chosen[group] = part;
            }
        }
    }
}
