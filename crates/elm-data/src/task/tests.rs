#![allow(clippy::unwrap_used)]
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use super::*;
use crate::shd::{SyntheticShdOptions, generate_shd};
use crate::stream::{BatchSource, BatchStream};
use crate::{DataError, Split};

/// Ten samples of ListOps: sample `i` is the one token `i`, its value.
fn digits() -> Arc<dyn TaskData> {
    let lines: String = (0..10).map(|i| format!("{i}\t{i}\n")).collect();
    let text = format!("Source\tTarget\n{lines}");
    Arc::new(listops::from_bytes("digits", text.as_bytes(), 10).unwrap())
}

fn batches(order: Order, size: usize) -> SampleBatches {
    SampleBatches::new(digits(), Task::ListOps.encoding().unwrap(), size, order).unwrap()
}

#[test]
fn names_are_unique_and_lead_back() {
    let names: HashSet<_> = Task::ALL.map(Task::name).into();
    assert_eq!(names.len(), Task::ALL.len());
    for task in Task::ALL {
        assert_eq!(Task::from_name(task.name()).unwrap(), task);
        // recipes write the name that the table has
        let json = serde_json::to_string(&task).unwrap();
        assert_eq!(json, format!("\"{}\"", task.name()));
        assert_eq!(task.classifies(), task.encoding().is_ok());
        if let Ok(encoding) = task.encoding() {
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
    assert_eq!(open(Task::SyntheticSpikes, dir.path()).unwrap().len(), 20);
    let problem = |task, dir: &Path| open(task, dir).err().unwrap().to_string();
    let error = problem(Task::Shd, dir.path());
    assert!(error.contains("their task is synthetic-spikes"), "{error}");
    // renaming does not help
    let renamed = tempfile::tempdir().unwrap();
    for part in ["train", "test"] {
        let from = dir.path().join(format!("synthetic_shd_{part}.h5"));
        std::fs::copy(from, renamed.path().join(format!("shd_{part}.h5"))).unwrap();
    }
    let error = problem(Task::ShdAdding, renamed.path());
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
        let data = Task::SyntheticSpikesAdding
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
}

#[test]
fn what_has_no_classes_says_so() {
    let error = Task::Enwik8.open(Path::new("."), Split::Train, &TaskOptions::default());
    let Err(DataError::Request { problem }) = error else {
        panic!("enwik8 was opened as a classification task");
    };
    assert!(problem.contains("enwik8"), "{problem}");
}
