//! A user's own sequences, as NumPy saves them.
#![allow(clippy::unwrap_used)]

mod own;

use std::path::Path;

use elm_data::arrays::{
    ArrayData, ArrayFiles, ArrayOptions, ArraySet, EventBinning, InputKind, Inputs, Known,
    SequenceData, SplitRule, Target, TargetKind, TimeUnit,
};
use own::{data, expected, fixture, kind, open, problem, values};
use tempfile::TempDir;

const LENGTHS: [usize; 4] = [5, 2, 4, 1];

#[test]
fn one_content_in_every_format() {
    for name in [
        "stored.npz",
        "deflated.npz",
        "fortran.npz",
        "list.npz",
        "tensors.safetensors",
    ] {
        let data = data(&fixture(name));
        assert_eq!(data.len(), 4);
        assert_eq!(data.inputs(), InputKind::Values { channels: 2 });
        for (sample, steps) in LENGTHS.into_iter().enumerate() {
            assert_eq!(data.steps(sample), steps);
            assert_eq!(values(&data, sample), expected(sample, steps));
        }
        assert_eq!(data.targets().kind, TargetKind::Classify, "{name}");
        let classes = data.targets().classes.names();
        let labels = [0, 1, 2, 3].map(|sample| match data.sample(sample).unwrap().target {
            Target::Class(class) => classes[class].as_str(),
            other => panic!("{name}: {other:?}"),
        });
        if ["fortran.npz", "list.npz"].contains(&name) {
            assert_eq!(classes, ["sleep", "wake", "été"]);
            assert_eq!(labels, ["wake", "sleep", "wake", "été"]);
        } else {
            assert_eq!(classes, ["-1", "7", "30"]);
            assert_eq!(labels, ["7", "-1", "7", "30"]);
        }
    }
}

#[test]
fn numbers_of_every_type_and_order() {
    let path = fixture("types.npz");
    for order in ["little", "big"] {
        for name in [
            "b", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8",
        ] {
            let mut options = kind(TargetKind::NextValue);
            options.keys.x = format!("{order}_{name}");
            let data = open(&path, &options).unwrap();
            let all: Vec<f64> = (0..2).flat_map(|s| values(&data, s)).collect();
            let expected = match name {
                "b" => [0., 1., 1., 1., 1., 1.],
                _ => [0., 1., 2., 3., 100., 1.],
            };
            assert_eq!(all, expected, "{order} {name}");
        }
    }
}

#[test]
fn arrays_of_their_own_belong_together_by_name() {
    let data = data(&fixture("X_train.npy"));
    assert_eq!(data.targets().kind, TargetKind::Regress);
    assert_eq!(data.targets().outputs, 1);
    assert_eq!(values(&data, 3), expected(3, 5));
    assert_eq!(data.sample(1).unwrap().target, Target::Values(vec![-0.5]));
}

#[test]
fn without_targets_the_next_step_is_learnt() {
    let path = fixture("version3.npy");
    let symbols = data(&path);
    assert_eq!(symbols.targets().kind, TargetKind::NextSymbol);
    assert_eq!(symbols.targets().outputs, 20);
    assert_eq!(symbols.targets().classes.names()[1], "10");
    assert_eq!(
        symbols.sample(1).unwrap().inputs,
        Inputs::Symbols(vec![5, 6, 7, 8, 9])
    );
    let numbers = open(&path, &kind(TargetKind::NextValue)).unwrap();
    assert_eq!(values(&numbers, 1), [100., 110., 120., 130., 140.]);
}

#[test]
fn every_step_can_have_a_target() {
    let labels = data(&fixture("steps.npz"));
    assert_eq!(labels.targets().kind, TargetKind::ClassifySteps);
    assert_eq!(labels.targets().outputs, 3);
    let of = |sample| labels.sample(sample).unwrap().target;
    assert_eq!(of(1), Target::ClassSteps(vec![2, 0]));
    assert_eq!(of(2), Target::ClassSteps(vec![1, 2, 0, 1]));
    let numbers = data(&fixture("regress_steps.npz"));
    assert_eq!(numbers.targets().kind, TargetKind::RegressSteps);
    assert_eq!(numbers.targets().outputs, 2);
    let negative = expected(2, 4).iter().map(|v| -v).collect();
    assert_eq!(
        numbers.sample(2).unwrap().target,
        Target::ValueSteps(negative)
    );
}

#[test]
fn long_sequences_are_cut_into_windows_with_their_targets() {
    let options = ArrayOptions {
        window: Some(2),
        ..ArrayOptions::default()
    };
    let data = open(&fixture("steps.npz"), &options).unwrap();
    let steps: Vec<usize> = (0..data.len()).map(|s| data.steps(s)).collect();
    assert_eq!(steps, [2, 2, 1, 2, 2, 2, 1]);
    assert_eq!(values(&data, 1), expected(0, 5)[4..8]);
    let target = |sample| data.sample(sample).unwrap().target;
    assert_eq!(target(1), Target::ClassSteps(vec![2, 0]));
    assert_eq!(target(5), Target::ClassSteps(vec![0, 1]));
    assert_eq!(data.group(0), data.group(2));
    assert_ne!(data.group(2), data.group(3));
    assert_eq!(data.name(5), "2@2");
    // to predict the next step takes two
    let next = ArrayOptions {
        window: Some(2),
        ..kind(TargetKind::NextValue)
    };
    let refused = problem(&fixture("steps.npz"), &next);
    assert!(
        refused.contains("sample 3: expected at least 2 steps"),
        "{refused}"
    );
    let data = open(&fixture("X_train.npy"), &next).unwrap();
    assert_eq!(data.len(), 8, "two windows of each five steps");
}

#[test]
fn what_cannot_be_read_is_told_with_file_key_and_shape() {
    let objects = problem(&fixture("objects.npz"), &ArrayOptions::default());
    assert!(objects.contains("objects.npz: `x`"), "{objects}");
    assert!(objects.contains("np.savez(path, **{"), "{objects}");
    let mut options = ArrayOptions::default();
    options.keys.x = "signal".into();
    let missing = problem(&fixture("stored.npz"), &options);
    assert!(missing.contains("expected `signal`"), "{missing}");
    assert!(missing.contains("group, lengths, split, x, y"), "{missing}");
    let regress = problem(&fixture("fortran.npz"), &kind(TargetKind::Regress));
    assert!(regress.contains("[4] of text"), "{regress}");
    let steps = problem(&fixture("stored.npz"), &kind(TargetKind::ClassifySteps));
    assert!(steps.contains("each of 5 steps"), "{steps}");
    let gone = problem(Path::new("/nowhere/x.npz"), &ArrayOptions::default());
    assert!(gone.contains("/nowhere/x.npz: cannot open it"), "{gone}");
}

#[test]
fn lengths_that_are_named_must_be_there() {
    let mut options = ArrayOptions::default();
    options.keys.lengths = "durations".into();
    let problem = problem(&fixture("stored.npz"), &options);
    assert!(problem.contains("expected `durations`"), "{problem}");
}

#[test]
fn parts_and_groups_come_from_the_file_where_it_has_them() {
    let files = ArrayFiles {
        train: vec![fixture("stored.npz")],
        ..ArrayFiles::default()
    };
    let set = ArraySet::open(&files, &ArrayOptions::default()).unwrap();
    assert_eq!(set.parts.train, [0, 2]);
    assert_eq!(set.parts.valid, [1]);
    assert_eq!(set.parts.test, [3]);
    assert_eq!(set.data.group(0), set.data.group(2));
    assert_eq!(set.notes, ["no sample to train on has the class -1, 30"]);
    // groups stay together in a split at random, too
    for seed in 0..10 {
        let split = SplitRule::Fractions {
            valid: 0.25,
            test: 0.25,
            seed,
            stratify: Some(false),
        };
        let options = ArrayOptions {
            split: Some(split),
            ..ArrayOptions::default()
        };
        let set = ArraySet::open(&files, &options).unwrap();
        assert_eq!(set.parts.train, [0, 2]);
    }
}

#[test]
fn files_of_parts_are_those_parts_and_share_their_classes() {
    let files = ArrayFiles {
        train: vec![fixture("stored.npz")],
        valid: vec![],
        test: vec![fixture("tensors.safetensors")],
    };
    let options = ArrayOptions {
        split: Some(SplitRule::Order {
            valid: 0.3,
            test: 0.0,
        }),
        ..ArrayOptions::default()
    };
    let set = ArraySet::open(&files, &options).unwrap();
    assert_eq!(set.parts.train, [0, 1, 2]);
    assert_eq!(set.parts.valid, [3]);
    assert_eq!(set.parts.test, [4, 5, 6, 7]);
    let twice = ArrayFiles {
        test: files.train.clone(),
        ..files.clone()
    };
    let message = ArraySet::open(&twice, &options).unwrap_err().to_string();
    assert!(message.contains("for train and for test"), "{message}");
    let others = ArrayFiles {
        test: vec![fixture("fortran.npz")],
        ..files
    };
    let set = ArraySet::open(&others, &options).unwrap();
    let outputs = set.data.targets().outputs;
    assert_eq!(outputs, 6, "three integers, three names");
}

#[test]
fn data_for_a_trained_model_take_its_classes() {
    let trained = data(&fixture("stored.npz"));
    let (inputs, targets) = (trained.inputs(), trained.targets().clone());
    let known = Known {
        inputs: &inputs,
        targets: &targets,
    };
    let open =
        |name: &str| ArrayData::open(&[fixture(name)], &ArrayOptions::default(), Some(known));
    let again = open("tensors.safetensors").unwrap();
    assert_eq!(again.targets(), &targets);
    let unknown = open("fortran.npz").unwrap_err().to_string();
    assert!(
        unknown.contains("expected one of the 3 classes -1, 7, 30, found wake"),
        "{unknown}"
    );
    let narrow = open("version3.npy").unwrap_err().to_string();
    assert!(
        narrow.contains("expected 2 channels, as the model has, found 1"),
        "{narrow}"
    );
    // targets may be missing
    let folder = TempDir::new().unwrap();
    std::fs::copy(fixture("X_train.npy"), folder.path().join("x.npy")).unwrap();
    let paths = [folder.path().to_path_buf()];
    let bare = ArrayData::open(&paths, &ArrayOptions::default(), Some(known)).unwrap();
    assert_eq!(bare.sample(0).unwrap().target, Target::None);
}

fn binning(unit: TimeUnit, bin_ms: f64) -> ArrayOptions {
    ArrayOptions {
        events: Some(EventBinning {
            unit,
            bin_ms,
            duration_ms: None,
            channels: None,
            binary: false,
        }),
        ..ArrayOptions::default()
    }
}

#[test]
fn events_become_bins() {
    let mut options = binning(TimeUnit::Seconds, 10.0);
    let data = open(&fixture("events.npz"), &options).unwrap();
    assert_eq!((data.len(), data.bin_ms()), (3, Some(10.0)));
    assert_eq!(data.inputs(), InputKind::Values { channels: 5 });
    assert_eq!([0, 1, 2].map(|s| data.steps(s)), [3, 1, 4]);
    let mut first = [0.0; 15];
    (first[4], first[10]) = (1.0, 1.0);
    assert_eq!(values(&data, 0), first);
    let mut last = [0.0; 20];
    (last[2], last[16]) = (1.0, 2.0);
    assert_eq!(values(&data, 2), last);
    assert_eq!(data.sample(2).unwrap().target, Target::Class(1));
    let events = options.events.as_mut().unwrap();
    (events.binary, events.duration_ms, events.channels) = (true, Some(50.0), Some(7));
    let data = open(&fixture("events.npz"), &options).unwrap();
    assert_eq!((data.steps(1), data.inputs().channels()), (5, 7));
    assert_eq!(values(&data, 2)[22], 1.0);
}

#[test]
fn a_wrong_unit_of_events_is_told() {
    let ms = |bin_ms| binning(TimeUnit::Milliseconds, bin_ms);
    let message = problem(&fixture("events.npz"), &ms(1.0));
    assert!(
        message.contains("all 5 events of 3 samples fall into the first step"),
        "{message}"
    );
    assert!(message.contains("is the unit right?"), "{message}");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("ms.csv");
    std::fs::write(&path, "sample,time,channel,y\na,20500,1,0\nb,900000,2,1\n").unwrap();
    let message = problem(&path, &binning(TimeUnit::Seconds, 0.01));
    assert!(
        message.contains("is `events.unit` = \"s\" right?"),
        "{message}"
    );
    let mut options = binning(TimeUnit::Seconds, 10.0);
    options.events.as_mut().unwrap().duration_ms = Some(1000.0);
    let message = problem(&path, &options);
    assert!(
        message.contains("no event in the first 1000 ms in 2 of 2 samples"),
        "{message}"
    );
    let right = open(&path, &ms(10.0)).unwrap();
    assert_eq!([right.steps(0), right.steps(1)], [2051, 90001]);
    for (row, word) in [
        ("a,-1,0,0", "a time of 0 ms or later"),
        ("a,,0,0", "found NaN"),
        ("a,1,1.5,0", "expected a channel"),
        ("a,1,-1,0", "expected a channel"),
        ("a,1,99999999999,0", "expected a channel"),
    ] {
        std::fs::write(&path, format!("sample,time,channel,y\n{row}\n")).unwrap();
        let message = problem(&path, &ms(1.0));
        assert!(message.contains(word), "{row}: {message}");
    }
}

/// The layout of SHD, whose published numbers of channels and classes do not matter here.
#[test]
fn events_in_the_layout_of_shd() {
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/shd/f16.h5.gz");
    let packed = std::fs::read(packed).unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("any_name.h5");
    let mut out = std::fs::File::create(&file).unwrap();
    std::io::copy(&mut flate2::read::GzDecoder::new(&packed[..]), &mut out).unwrap();
    let published = elm_data::shd::ShdFile::open(&file).unwrap();
    let data = open(&file, &binning(TimeUnit::Seconds, 10.0)).unwrap();
    assert_eq!(data.len(), published.len());
    let total = |sample| values(&data, sample).iter().sum::<f64>();
    for sample in 0..data.len() {
        assert_eq!(
            total(sample),
            published.spikes(sample).unwrap().times.len() as f64
        );
    }
}
