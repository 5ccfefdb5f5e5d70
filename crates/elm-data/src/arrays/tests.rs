#![allow(clippy::unwrap_used)]
use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{BatchSource, BatchValues, Result, Split};

/// Sequences in memory: values `[time, 2]` whose first is the number of the sample.
struct Made {
    steps: Vec<usize>,
    groups: Vec<usize>,
    labels: Vec<usize>,
    targets: Targets,
}

impl Made {
    fn new(steps: Vec<usize>, kind: TargetKind) -> Self {
        let count = steps.len();
        Self {
            groups: (0..count).collect(),
            labels: vec![0; count],
            targets: Targets {
                kind,
                outputs: 2,
                classes: ClassNames::default(),
            },
            steps,
        }
    }

    fn classes(labels: Vec<usize>, groups: Vec<usize>) -> Self {
        let mut made = Self::new(vec![3; labels.len()], TargetKind::Classify);
        made.targets.outputs = labels.iter().max().unwrap() + 1;
        (made.labels, made.groups) = (labels, groups);
        made
    }
}

impl SequenceData for Made {
    fn len(&self) -> usize {
        self.steps.len()
    }

    fn inputs(&self) -> InputKind {
        InputKind::Values { channels: 2 }
    }

    fn targets(&self) -> &Targets {
        &self.targets
    }

    fn steps(&self, sample: usize) -> usize {
        self.steps[sample]
    }

    fn group(&self, sample: usize) -> usize {
        self.groups[sample]
    }

    fn sample(&self, sample: usize) -> Result<SequenceSample> {
        let step = |t: usize| [sample as f64, t as f64];
        let target = match self.targets.kind {
            TargetKind::Classify => Target::Class(self.labels[sample]),
            TargetKind::Regress => Target::Values(vec![sample as f64, 5.0]),
            _ => Target::None,
        };
        Ok(SequenceSample {
            inputs: Inputs::Values((0..self.steps[sample]).flat_map(step).collect()),
            target,
        })
    }
}

fn fractions(valid: f64, test: f64, seed: u64) -> SplitRule {
    SplitRule::Fractions {
        valid,
        test,
        seed,
        stratify: None,
    }
}

#[test]
fn parts_keep_the_shares_of_the_classes() {
    let labels: Vec<usize> = (0..200).map(|i| usize::from(i % 10 == 0)).collect();
    let made = Made::classes(labels.clone(), (0..200).collect());
    let parts = Parts::split(&made, &fractions(0.1, 0.2, 3)).unwrap();
    let rare = |samples: &[usize]| samples.iter().filter(|s| labels[**s] == 1).count();
    assert_eq!(
        [140, 20, 40],
        [&parts.train, &parts.valid, &parts.test].map(|p| p.len())
    );
    assert_eq!(
        [14, 2, 4],
        [&parts.train, &parts.valid, &parts.test].map(|p| rare(p))
    );
    assert_eq!(parts, Parts::split(&made, &fractions(0.1, 0.2, 3)).unwrap());
    assert_ne!(parts, Parts::split(&made, &fractions(0.1, 0.2, 4)).unwrap());
    assert_eq!(
        parts.to_string(),
        "140 samples to train, 20 to validate, 40 to test"
    );
    // many small classes do not empty the part to train on
    let labels: Vec<usize> = (0..80).map(|i| i / 4).collect();
    let made = Made::classes(labels, (0..80).collect());
    let parts = Parts::split(&made, &fractions(0.1, 0.1, 0)).unwrap();
    assert!(
        parts.train.len() >= 60 && parts.valid.len() >= 4 && parts.test.len() >= 4,
        "{parts}"
    );
}

#[test]
fn too_few_samples_for_the_parts_are_told() {
    let made = Made::new(vec![2; 3], TargetKind::NextValue);
    let parts = Parts::split(&made, &fractions(0.1, 0.1, 0)).unwrap();
    assert_eq!(
        [&parts.train, &parts.valid, &parts.test].map(|p| p.len()),
        [1; 3]
    );
    let made = Made::new(vec![2; 2], TargetKind::NextValue);
    let message = |rule: &SplitRule| Parts::split(&made, rule).unwrap_err().to_string();
    assert!(
        message(&fractions(0.1, 0.1, 0))
            .contains("2 samples are too few for the parts train 0.800")
    );
    let order = SplitRule::Order {
        valid: 0.1,
        test: 0.1,
    };
    assert!(message(&order).contains("2 samples are too few"));
    assert!(message(&fractions(0.5, 0.5, 0)).contains("leave something to train on"));
    assert!(message(&fractions(f64::NAN, 0.1, 0)).contains("found valid NaN"));
    let made = Made::classes(vec![0, 1, 0, 1], vec![0, 0, 1, 1]);
    let groups = Parts::split(&made, &fractions(0.1, 0.1, 0))
        .unwrap_err()
        .to_string();
    assert!(groups.contains("2 groups are too few"), "{groups}");
    let stratify = SplitRule::Fractions {
        valid: 0.1,
        test: 0.1,
        seed: 0,
        stratify: Some(true),
    };
    let made = Made::new(vec![2; 9], TargetKind::NextValue);
    assert!(Parts::split(&made, &stratify).is_err());
}

#[test]
fn an_ordered_split_goes_forward_in_time() {
    let made = Made::new(vec![2; 10], TargetKind::NextValue);
    let order = SplitRule::Order {
        valid: 0.2,
        test: 0.1,
    };
    let parts = Parts::split(&made, &order).unwrap();
    assert_eq!(parts.part(Split::Train), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!((parts.valid, parts.test), (vec![7, 8], vec![9]));
}

fn all_parts(parts: &Parts) -> Vec<usize> {
    let mut all = [&parts.train[..], &parts.valid, &parts.test].concat();
    all.sort_unstable();
    all
}

proptest! {
    #[test]
    fn no_group_is_in_two_parts(
        members in prop::collection::vec((0..12_usize, 0..3_usize), 3..120),
        valid in 0.05..0.4_f64,
        test in 0.05..0.4_f64,
        seed in any::<u64>(),
    ) {
        let (groups, labels): (Vec<_>, Vec<_>) = members.into_iter().unzip();
        let made = Made::classes(labels, groups.clone());
        let different: std::collections::BTreeSet<_> = groups.iter().collect();
        match Parts::split(&made, &fractions(valid, test, seed)) {
            Err(_) => prop_assert!(different.len() < 3),
            Ok(parts) => {
                prop_assert_eq!(all_parts(&parts), (0..groups.len()).collect::<Vec<_>>());
                let mut part_of: BTreeMap<usize, Split> = BTreeMap::new();
                for split in [Split::Train, Split::Valid, Split::Test] {
                    prop_assert!(!parts.part(split).is_empty());
                    for sample in parts.part(split) {
                        let part = part_of.entry(groups[*sample]).or_insert(split);
                        prop_assert_eq!(*part, split);
                    }
                }
            }
        }
    }

    #[test]
    fn every_sample_comes_once_an_epoch(
        steps in prop::collection::vec(1..200_usize, 1..150),
        batch in 1..9_usize,
        seed in prop::option::of(any::<u64>()),
        epoch in 0..5_u64,
    ) {
        let made = Made::new(steps, TargetKind::Regress);
        let samples: Vec<usize> = (0..made.len()).collect();
        let buckets = Buckets::new(&made, &samples, batch, seed).unwrap();
        let plan = buckets.epoch(epoch);
        prop_assert_eq!(plan.len(), buckets.batches());
        prop_assert!(plan.iter().all(|b| (1..=batch).contains(&b.len())));
        let mut all = plan.concat();
        all.sort_unstable();
        prop_assert_eq!(all, samples);
        prop_assert_eq!(plan, buckets.epoch(epoch));
    }

    #[test]
    fn normalised_values_come_back(
        values in prop::collection::vec((-1e6..1e6_f64, 0.0..1.0_f64), 2..50),
        kind in prop::sample::select(vec![
            Normalization::None, Normalization::Standardize, Normalization::MinMax, Normalization::Log1p,
        ]),
    ) {
        let flat: Vec<f64> = values.iter().flat_map(|(a, b)| [*a, *b]).collect();
        let data = sequence(flat.clone());
        let scaler = Scaler::learn(kind, &data, &[0]).unwrap();
        let mut scaled = flat.clone();
        scaler.apply(&mut scaled);
        prop_assert!(scaled.iter().all(|v| v.is_finite()));
        scaler.invert(&mut scaled);
        for (a, b) in flat.iter().zip(&scaled) {
            prop_assert!((a - b).abs() <= 1e-9 * a.abs().max(1.0), "{} {}", a, b);
        }
        let json = serde_json::to_string(&scaler).unwrap();
        prop_assert_eq!(serde_json::from_str::<Scaler>(&json).unwrap(), scaler);
    }
}

/// One sequence of two channels.
struct Values(Vec<f64>, Targets);

fn sequence(values: Vec<f64>) -> Values {
    let targets = Targets {
        kind: TargetKind::NextValue,
        outputs: 2,
        classes: ClassNames::default(),
    };
    Values(values, targets)
}

impl SequenceData for Values {
    fn len(&self) -> usize {
        1
    }

    fn inputs(&self) -> InputKind {
        InputKind::Values { channels: 2 }
    }

    fn targets(&self) -> &Targets {
        &self.1
    }

    fn steps(&self, _sample: usize) -> usize {
        self.0.len() / 2
    }

    fn sample(&self, _sample: usize) -> Result<SequenceSample> {
        Ok(SequenceSample {
            inputs: Inputs::Values(self.0.clone()),
            target: Target::None,
        })
    }
}

#[test]
fn channels_are_brought_to_one_range() {
    // a large mean, a constant that is no binary fraction, a missing value
    let data = sequence(vec![
        1e9,
        0.1,
        1e9 + 1.0,
        0.1,
        f64::NAN,
        0.1,
        1e9 + 2.0,
        0.1,
    ]);
    let scaled = |kind| {
        let mut values = data.0.clone();
        Scaler::learn(kind, &data, &[0]).unwrap().apply(&mut values);
        values
    };
    let deviation = (2.0_f64 / 3.0).sqrt();
    let edge = 1.0 / deviation;
    let standard = scaled(Normalization::Standardize);
    for (found, expected) in standard.iter().zip([-edge, 0., 0., 0., 0., 0., edge, 0.]) {
        assert!((found - expected).abs() < 1e-9, "{standard:?}");
    }
    assert_eq!(
        scaled(Normalization::MinMax),
        [0., 0., 0.5, 0., 0., 0., 1., 0.]
    );
    let log = sequence(vec![-7.0, 0.0, 7.0, 3.0]);
    let scaler = Scaler::learn(Normalization::Log1p, &log, &[0]).unwrap();
    let mut values = log.0.clone();
    scaler.apply(&mut values);
    for (found, expected) in values.iter().zip([-1.0, -1.0, 1.0, 1.0]) {
        assert!((found - expected).abs() < 1e-12, "{values:?}");
    }
    for bad in [
        r#"{"kind":"min-max","offset":[1],"scale":[]}"#,
        r#"{"kind":"min-max","offset":[1],"scale":[0]}"#,
    ] {
        assert!(serde_json::from_str::<Scaler>(bad).is_err(), "{bad}");
    }
}

#[test]
fn statistics_of_many_samples_are_those_of_all_values() {
    let made = Made::new((1..100).collect(), TargetKind::Regress);
    let samples: Vec<usize> = (0..made.len()).collect();
    let scaler = Scaler::learn(Normalization::Standardize, &made, &samples).unwrap();
    let all: Vec<f64> = samples
        .iter()
        .flat_map(|s| vec![*s as f64; made.steps(*s)])
        .collect();
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
    let mut edges = [mean, 0.0, mean + variance.sqrt(), 0.0];
    scaler.apply(&mut edges);
    assert!(
        edges[0].abs() < 1e-12 && (edges[2] - 1.0).abs() < 1e-12,
        "{edges:?}"
    );
    let targets = Scaler::learn_targets(Normalization::MinMax, &made, &samples).unwrap();
    let mut target = [98.0, 5.0];
    targets.apply(&mut target);
    assert_eq!(target, [1.0, 0.0]);
}

#[test]
fn batches_of_similar_lengths_waste_little() {
    // 1 to 1000 steps, evenly
    let made = Made::new((1..=1000).collect(), TargetKind::Regress);
    let samples: Vec<usize> = (0..1000).collect();
    let buckets = Buckets::new(&made, &samples, 16, Some(1)).unwrap();
    let waste = buckets.padding(0);
    assert!(waste < 0.03, "{waste}");
    let mut differing = 0;
    for batch in buckets.epoch(0) {
        let steps: Vec<usize> = batch.iter().map(|s| made.steps(*s)).collect();
        differing += usize::from(steps.iter().max().unwrap() - steps.iter().min().unwrap() > 40);
    }
    assert_eq!(differing, 0);
    let stored = Buckets::new(&made, &samples, 16, None).unwrap();
    assert_eq!(stored.epoch(3)[1], (16..32).collect::<Vec<_>>());
    assert!(Buckets::new(&made, &[], 16, None).is_err());
    assert!(Buckets::new(&made, &samples, 0, None).is_err());
}

fn batches(made: Made, batch: usize) -> Result<ArrayBatches> {
    let samples: Vec<usize> = (0..made.len()).collect();
    let buckets = Buckets::new(&made, &samples, batch, None)?;
    ArrayBatches::new(Arc::new(made), buckets, Scaler::none(2), Scaler::none(2))
}

#[test]
fn a_batch_is_padded_with_zeros() {
    let source = batches(Made::new(vec![1, 3], TargetKind::Regress), 2).unwrap();
    let batch = source.make(0).unwrap();
    assert_eq!(batch.shape, [2, 3, 2]);
    assert_eq!(
        (&batch.lengths[..], &batch.samples[..]),
        (&[1, 3][..], &[0, 1][..])
    );
    let expected = vec![0., 0., 0., 0., 0., 0., 1., 0., 1., 1., 1., 2.];
    assert_eq!(batch.values, BatchValues::Dense(expected));
    assert_eq!(batch.targets, BatchTargets::Values(vec![0., 5., 1., 5.]));
    assert_eq!(
        source.make(7).unwrap(),
        batch,
        "another epoch in the same order"
    );
}

#[test]
fn the_next_value_is_a_target_of_every_step_but_the_last() {
    let source = batches(Made::new(vec![2, 3], TargetKind::NextValue), 2).unwrap();
    let batch = source.make(0).unwrap();
    assert_eq!((batch.shape, &batch.lengths[..]), ([2, 2, 2], &[1, 2][..]));
    let expected = vec![0., 1., 0., 0., 1., 1., 1., 2.];
    assert_eq!(batch.targets, BatchTargets::ValueSteps(expected));
    let short = batches(Made::new(vec![1], TargetKind::NextValue), 2).unwrap();
    let message = short.make(0).unwrap_err().to_string();
    assert!(
        message.contains("sample 0: expected at least 2 steps to next-value, found 1"),
        "{message}"
    );
    let made = Made::new(vec![3], TargetKind::Regress);
    let buckets = Buckets::new(&made, &[0], 1, None).unwrap();
    let wrong = ArrayBatches::new(Arc::new(made), buckets, Scaler::none(3), Scaler::none(2));
    assert!(wrong.is_err());
}
