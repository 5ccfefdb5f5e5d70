#![allow(clippy::unwrap_used)]
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::lra::listops;
use crate::shd::{SyntheticShdOptions, generate_shd};
use crate::stream::{BatchSource, BatchStream};
use crate::{DataError, Sequence, Split};

/// Ten samples of ListOps: sample `i` is the one token `i`, its value.
fn digits() -> Arc<dyn TaskData> {
    let lines: String = (0..10).map(|i| format!("{i}\t{i}\n")).collect();
    let text = format!("Source\tTarget\n{lines}");
    Arc::new(listops::from_bytes("digits", text.as_bytes(), 10).unwrap())
}

fn batches(order: Order, size: usize) -> SampleBatches {
    SampleBatches::new(
        digits(),
        Task::LISTOPS.encoding(&TaskOptions::default()).unwrap(),
        size,
        order,
    )
    .unwrap()
}

#[test]
fn names_are_unique_and_lead_back() {
    let names: HashSet<_> = Task::ALL.iter().map(|task| task.name()).collect();
    assert_eq!(names.len(), Task::ALL.len());
    for &task in Task::ALL {
        assert_eq!(Task::from_name(task.name()).unwrap(), task);
        // recipes write the name that the table has
        let json = serde_json::to_string(&task).unwrap();
        assert_eq!(json, format!("\"{}\"", task.name()));
        assert_eq!(
            task.classifies(),
            task.encoding(&TaskOptions::default()).is_ok()
        );
        if let Ok(encoding) = task.encoding(&TaskOptions::default()) {
            assert_eq!(encoding.channels(), task.info().channels, "{task}");
        }
    }
    let error = Task::from_name("sdh").unwrap_err().to_string();
    assert!(
        error.contains("`sdh`") && error.contains("shd-adding"),
        "{error}"
    );
}

#[test]
fn examples_are_read_by_their_tasks() {
    let mut made = 0;
    for &task in Task::ALL {
        let dir = tempfile::tempdir().unwrap();
        match task.make_example(dir.path()) {
            Ok(()) => {
                // pairs of the adding tasks are drawn, as many as are asked for
                let pairs = [Some(32), Some(5), Some(5)];
                let parts = task
                    .open_parts(dir.path(), &TaskOptions::default(), pairs)
                    .unwrap();
                assert!(
                    parts.train.len() >= 32 || task.info().length > 10_000,
                    "{task}"
                );
                let sample = parts.test.read(0, 0).unwrap();
                assert_eq!(sample.inputs.len(), task.inputs(), "{task}");
                made += 1;
            }
            // a user's own files, or those that no program makes
            Err(error) => assert!(
                !task.classifies() || error.to_string().contains("no program makes"),
                "{task}: {error}"
            ),
        }
    }
    assert_eq!(made, 8);
}

#[test]
fn tasks_that_convert_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let (nothing, out) = (dir.path().join("nothing"), dir.path().join("out"));
    for &task in Task::ALL {
        let options = TaskOptions::default();
        let converted = task.convert(&nothing, &out, &options, &mut |_| ControlFlow::Continue(()));
        let error = converted.unwrap_err().to_string();
        // simulations have a conversion of their own, of many files
        let refused = error.contains("are not converted; those of neuronio, pathfinder, pathx are");
        assert_eq!(
            refused,
            !task.info().converts || task.is_neuronio(),
            "{task}: {error}"
        );
    }
}

#[test]
fn every_epoch_has_each_sample_once_in_an_order_of_its_own() {
    let shuffled = batches(Order::Shuffled { seed: 3 }, 4);
    let all: Vec<_> = (0..5).flat_map(|i| shuffled.indices(i)).collect();
    let epoch = |e: u64| -> Vec<usize> {
        let of = all.iter().filter(|(epoch, _)| *epoch == e);
        of.map(|(_, index)| *index).collect()
    };
    for e in [0, 1] {
        let found: HashSet<_> = epoch(e).into_iter().collect();
        assert_eq!((epoch(e).len(), found.len()), (10, 10));
    }
    assert_ne!(epoch(0), epoch(1));
    let other = batches(Order::Shuffled { seed: 4 }, 4);
    assert_ne!(other.indices(0), shuffled.indices(0));
}

#[test]
fn samples_of_about_the_same_length_come_together() {
    // lengths from 1 to 97 in no order; 1000 samples are no whole number of batches
    let steps = |i: usize| i * 31 % 97 + 1;
    let lines: String = (0..1000)
        .map(|i| format!("{}\t{}\n", "1 ".repeat(steps(i)), i % 10))
        .collect();
    let text = format!("Source\tTarget\n{lines}");
    let data: Arc<dyn TaskData> =
        Arc::new(listops::from_bytes("lengths", text.as_bytes(), 200).unwrap());
    assert_eq!(data.steps(5), Some(steps(5)));
    let made = |grouped| {
        let encoding = Task::LISTOPS.encoding(&TaskOptions::default()).unwrap();
        let batches =
            SampleBatches::new(Arc::clone(&data), encoding, 16, Order::Shuffled { seed: 3 });
        batches.unwrap().group_by_length(grouped)
    };
    let (grouped, mixed) = (made(true), made(false));
    let padded = |batches: &SampleBatches| -> usize {
        let longest = |i| batches.indices(i).into_iter().map(|(_, s)| steps(s)).max();
        (0..250).filter_map(longest).sum()
    };
    assert!(padded(&grouped) * 10 < padded(&mixed) * 6);
    // four epochs in 250 batches, each with every sample once, in an order that is not that of the lengths
    let all: Vec<_> = (0..250).flat_map(|i| grouped.indices(i)).collect();
    for e in 0..4 {
        let of = all.iter().filter(|(epoch, _)| *epoch == e);
        let samples: Vec<usize> = of.map(|(_, sample)| *sample).collect();
        let different: HashSet<_> = samples.iter().collect();
        assert_eq!((samples.len(), different.len()), (1000, 1000));
        assert!(!samples.is_sorted_by_key(|s| steps(*s)));
    }
    assert_ne!(grouped.indices(0), grouped.indices(125));
    assert_eq!(grouped.indices(77), made(true).indices(77));
}

#[test]
fn samples_of_the_same_length_keep_their_order() {
    let lines: String = (0..50).map(|i| format!("1 2 3\t{}\n", i % 10)).collect();
    let text = format!("Source\tTarget\n{lines}");
    let data: Arc<dyn TaskData> =
        Arc::new(listops::from_bytes("lengths", text.as_bytes(), 200).unwrap());
    let made = |grouped| {
        let (data, encoding) = (
            Arc::clone(&data),
            Task::LISTOPS.encoding(&TaskOptions::default()).unwrap(),
        );
        let batches = SampleBatches::new(data, encoding, 4, Order::Shuffled { seed: 3 });
        batches.unwrap().group_by_length(grouped)
    };
    for batch in 0..30 {
        assert_eq!(made(true).indices(batch), made(false).indices(batch));
    }
}

#[test]
fn batches_are_the_same_whatever_the_number_of_workers() {
    let run = |workers| -> Vec<_> {
        let source = Arc::new(batches(Order::Shuffled { seed: 1 }, 3));
        BatchStream::new(source, 5, 12, workers)
            .map(Result::unwrap)
            .collect()
    };
    let alone = run(0);
    assert_eq!(alone.len(), 12);
    assert_eq!(alone, run(1));
    assert_eq!(alone, run(3));
}

#[test]
fn dropout_blanks_its_share_and_is_the_same_each_time() {
    let order = Order::Shuffled { seed: 1 };
    let source = batches(order, 1000).with_input_dropout(0.3, 5);
    let make = |index| source.make(index).unwrap().remove(0).dense().into_owned();
    assert_eq!(make(0), make(0));
    assert_ne!(make(0), make(1));
    let kept: f32 = make(0).iter().sum();
    assert!((650.0..750.0).contains(&kept), "{kept} of 1000 tokens");
}

#[test]
fn evaluation_goes_once_through_or_takes_evenly_spaced_samples() {
    let stored = batches(Order::Stored { most: None }, 4);
    assert_eq!(stored.batches(), 3);
    let last = stored.make(2).unwrap();
    assert_eq!(last[0].labels, [8, 9]);
    assert!(stored.make(3).is_err(), "nothing after the last batch");
    let some = batches(Order::Stored { most: Some(5) }, 4);
    assert_eq!(some.batches(), 2);
    let labels: Vec<_> = (0..2)
        .flat_map(|i| some.make(i).unwrap()[0].labels.clone())
        .collect();
    assert_eq!(labels, [0, 2, 4, 6, 8]);
}

#[test]
fn synthetic_spikes_are_never_taken_for_digits() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = SyntheticShdOptions::new(dir.path(), 1);
    (options.train, options.test) = (40, 20);
    generate_shd(&options, &|_| ControlFlow::Continue(())).unwrap();
    let open = |task: Task, dir: &Path| task.open(dir, Split::Test, &TaskOptions::default());
    assert_eq!(open(Task::SYNTHETIC_SPIKES, dir.path()).unwrap().len(), 20);
    let problem = |task, dir: &Path| open(task, dir).err().unwrap().to_string();
    let error = problem(Task::SHD, dir.path());
    assert!(error.contains("their task is synthetic-spikes"), "{error}");
    // renaming does not help
    let renamed = tempfile::tempdir().unwrap();
    for part in ["train", "test"] {
        let from = dir.path().join(format!("synthetic_shd_{part}.elmspk"));
        std::fs::copy(from, renamed.path().join(format!("shd_{part}.h5"))).unwrap();
    }
    let error = problem(Task::SHD_ADDING, renamed.path());
    assert!(
        error.contains("their task is synthetic-spikes-adding"),
        "{error}"
    );
}

#[test]
fn pairs_are_new_each_epoch_in_training_only() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = SyntheticShdOptions::new(dir.path(), 1);
    (options.train, options.test) = (200, 20);
    generate_shd(&options, &|_| ControlFlow::Continue(())).unwrap();
    let options = TaskOptions {
        pairs: Some(30),
        ..TaskOptions::default()
    };
    let labels = |split, epoch| -> Vec<usize> {
        let data = Task::SYNTHETIC_SPIKES_ADDING
            .open(dir.path(), split, &options)
            .unwrap();
        (0..data.len())
            .map(|i| data.read(epoch, i).unwrap().label)
            .collect()
    };
    assert_ne!(labels(Split::Train, 0), labels(Split::Train, 1));
    assert_eq!(labels(Split::Train, 1), labels(Split::Train, 1));
    assert_eq!(labels(Split::Valid, 0), labels(Split::Valid, 1));
    assert_ne!(labels(Split::Valid, 0), labels(Split::Test, 0));
    // another seed of the training draws other pairs for the training alone
    let drawn = |split, draw_seed| -> Vec<usize> {
        let options = TaskOptions {
            draw_seed,
            ..options
        };
        let data = Task::SYNTHETIC_SPIKES_ADDING
            .open(dir.path(), split, &options)
            .unwrap();
        (0..data.len()).map(|i| data.label(i)).collect()
    };
    assert_ne!(drawn(Split::Train, 1), drawn(Split::Train, 2));
    assert_eq!(drawn(Split::Valid, 1), drawn(Split::Valid, 2));
    assert_eq!(drawn(Split::Test, 1), drawn(Split::Test, 2));
}

#[test]
fn what_has_no_classes_says_so() {
    let error = Task::ENWIK8.open(Path::new("."), Split::Train, &TaskOptions::default());
    let Err(DataError::Request { problem }) = error else {
        panic!("enwik8 was opened as a classification task");
    };
    assert!(problem.contains("enwik8"), "{problem}");
}

/// A folder with a set of synthetic spikes.
fn spikes(train: usize, test: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut options = SyntheticShdOptions::new(dir.path(), 1);
    (options.train, options.test) = (train, test);
    generate_shd(&options, &|_| ControlFlow::Continue(())).unwrap();
    dir
}

#[test]
fn too_few_samples_are_told_with_part_file_and_numbers() {
    let dir = spikes(1, 20);
    let task = Task::SYNTHETIC_SPIKES;
    for open in [
        task.open(dir.path(), Split::Train, &TaskOptions::default())
            .err(),
        task.open_parts(dir.path(), &TaskOptions::default(), [None; 3])
            .err(),
    ] {
        let error = open.unwrap().to_string();
        assert!(
            error.contains(
                "synthetic_shd_train.elmspk: expected at least one sample for the part `"
            ) && error.contains("of 1 samples, seed 0 gave"),
            "{error}"
        );
    }
    let dir = spikes(40, 0);
    let error = task.open(dir.path(), Split::Test, &TaskOptions::default());
    let error = error.err().unwrap().to_string();
    assert!(
        error.contains("_test.elmspk: expected at least one sample for the part `test`"),
        "{error}"
    );
}

#[test]
fn parts_opened_together_are_those_opened_alone() {
    let dir = spikes(60, 20);
    let options = TaskOptions {
        split_seed: 3,
        ..TaskOptions::default()
    };
    for (task, pairs) in [
        (Task::SYNTHETIC_SPIKES, [None; 3]),
        (Task::SYNTHETIC_SPIKES_ADDING, [Some(5), Some(4), Some(3)]),
    ] {
        let parts = task.open_parts(dir.path(), &options, pairs).unwrap();
        let splits = [Split::Train, Split::Valid, Split::Test];
        for (split, pairs) in splits.into_iter().zip(pairs) {
            let alone = task
                .open(dir.path(), split, &TaskOptions { pairs, ..options })
                .unwrap();
            let part = parts.part(split);
            assert_eq!(part.len(), alone.len(), "{task} {split}");
            for index in 0..part.len() {
                assert_eq!(part.read(2, index).unwrap(), alone.read(2, index).unwrap());
            }
        }
        assert!(parts.warnings().is_empty());
        assert_eq!(parts.train.provenance().unwrap().seed, 1);
    }
}

#[test]
fn statistics_tell_other_counts_than_published_and_empty_classes() {
    let dir = spikes(60, 15);
    let parts = Task::SYNTHETIC_SPIKES
        .open_parts(dir.path(), &TaskOptions::default(), [None; 3])
        .unwrap();
    let test = PartStatistics::of(Task::SYNTHETIC_SPIKES, Split::Test, &*parts.test).unwrap();
    assert_eq!((test.samples, test.shortest, test.longest), (15, 100, 100));
    assert_eq!(test.empty_classes(), [15, 16, 17, 18, 19]);
    assert_eq!(
        test.notes(),
        ["test: no sample of the classes 15, 16, 17, 18, 19"]
    );
    let spikes = test.spikes.unwrap();
    assert!(spikes.mean_spikes() > 5000.0 && spikes.longest_s > 0.9);
    let digits = PartStatistics::of(Task::LISTOPS, Split::Train, &*digits()).unwrap();
    assert_eq!(digits.notes(), ["train: 10 samples, published are 96000"]);
    assert_eq!((digits.mean_length(), digits.spikes), (1.0, None));
    // what the published files have is no news
    let shd = PartStatistics {
        task: Task::SHD,
        in_files: 8156,
        made: false,
        ..test
    };
    assert_eq!(shd.in_files, 8156);
    let train = PartStatistics {
        split: Split::Train,
        classes: vec![1; 20],
        ..shd.clone()
    };
    assert!(train.notes().is_empty());
    let other = PartStatistics {
        in_files: 8000,
        ..train
    };
    assert!(
        other.notes()[0]
            .contains("8000 samples in the file that this part is drawn from, published are 8156")
    );
    let stop = |_: usize| ControlFlow::Break(());
    assert!(
        PartStatistics::with_progress(Task::LISTOPS, Split::Train, &*self::digits(), &stop)
            .is_err()
    );
}

#[test]
fn a_file_that_is_a_copy_of_another_is_refused() {
    let dir = spikes(40, 40);
    let copy = |from: &str, to: &str| {
        std::fs::copy(dir.path().join(from), dir.path().join(to)).unwrap();
    };
    copy("synthetic_shd_train.elmspk", "synthetic_shd_test.elmspk");
    let open = |task: Task, dir: &Path| {
        let parts = task
            .open_parts(dir, &TaskOptions::default(), [None; 3])
            .unwrap();
        parts.refuse_shared(dir)
    };
    for task in [Task::SYNTHETIC_SPIKES, Task::SYNTHETIC_SPIKES_ADDING] {
        let error = open(task, dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("`train` and `test` hold the same 40 samples"),
            "{error}"
        );
    }
    open(Task::SYNTHETIC_SPIKES, spikes(40, 41).path()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, digits: &str| {
        let lines: String = digits.chars().map(|d| format!("{d}\t{d}\n")).collect();
        let path = dir.path().join(format!("basic_{name}.tsv"));
        std::fs::write(path, format!("Source\tTarget\n{lines}")).unwrap();
    };
    write("train", "12");
    write("val", "21");
    write("test", "12");
    let error = open(Task::LISTOPS, dir.path()).err().unwrap().to_string();
    assert!(
        error.contains("`train` and `test` hold the same 2 samples"),
        "{error}"
    );
    write("test", "13");
    open(Task::LISTOPS, dir.path()).unwrap();
}

#[test]
fn pictures_are_read_smaller_with_columns_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    Task::PATHFINDER.make_example(dir.path()).unwrap();
    let whole = TaskOptions {
        column_channels: true,
        ..TaskOptions::default()
    };
    let small = TaskOptions {
        shrink: Some(4),
        ..whole
    };
    let read = |options: &TaskOptions| {
        let parts = Task::PATHFINDER
            .open_parts(dir.path(), options, [None; 3])
            .unwrap();
        let alone = Task::PATHFINDER
            .open(dir.path(), Split::Valid, options)
            .unwrap();
        assert_eq!(parts.valid.read(0, 1).unwrap(), alone.read(0, 1).unwrap());
        alone.read(0, 1).unwrap()
    };
    let (before, after) = (read(&whole), read(&small));
    assert_eq!(before.label, after.label);
    let [Sequence::Pixels(before), Sequence::Pixels(after)] = [&before.inputs[0], &after.inputs[0]]
    else {
        panic!("expected pixels, found {before:?}");
    };
    assert_eq!([before.len(), after.len()], [32 * 32, 8 * 8]);
    let mean = |pixels: &[u8]| {
        pixels.iter().map(|grey| f64::from(*grey)).sum::<f64>() / pixels.len() as f64
    };
    assert!((mean(before) - mean(after)).abs() < 0.5);
    assert_eq!(Task::PATHFINDER.length(&small), 64);
    let encoding = Task::PATHFINDER.encoding(&small).unwrap();
    assert!(
        matches!(
            encoding,
            Encoding::Grey {
                columns: Some(8),
                ..
            }
        ),
        "{encoding:?}"
    );
    let odd = TaskOptions {
        shrink: Some(3),
        ..whole
    };
    let told = Task::PATHFINDER
        .open(dir.path(), Split::Valid, &odd)
        .err()
        .unwrap();
    assert!(told.to_string().contains("a divisor of 32"), "{told}");
}
