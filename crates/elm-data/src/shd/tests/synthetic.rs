//! The synthetic set: same files for the same seed, and a task that can be learned, but not without time.

use std::cell::RefCell;
use std::ops::ControlFlow;

use super::*;
use crate::Sequence;

fn generate(seed: u64, train: usize, test: usize) -> (tempfile::TempDir, SyntheticShdSummary) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = SyntheticShdOptions::new(folder.path().join("new"), seed);
    (options.train, options.test) = (train, test);
    let told = RefCell::new(vec![]);
    let summary = generate_shd(&options, &|progress| {
        told.borrow_mut().push(progress);
        ControlFlow::Continue(())
    })
    .unwrap();
    let total = train + test;
    let last = SyntheticShdProgress { done: total, total };
    assert_eq!(told.borrow().last(), Some(&last));
    (folder, summary)
}

#[test]
fn files_have_the_sizes_of_the_published_ones_and_say_that_they_are_synthetic() {
    let (folder, summary) = generate(1, 45, 30);
    let found = ShdFolder::find(&folder.path().join("new")).unwrap();
    assert_eq!(found.kind, ShdKind::Synthetic);
    assert_eq!(summary.files, [found.train.clone(), found.test.clone()]);
    let (mut spikes, mut bytes) = (0, 0);
    for (path, samples, speakers) in [(&found.train, 45, 10), (&found.test, 30, 12)] {
        let file = ShdFile::open(path).unwrap();
        assert!(file.is_synthetic());
        assert_eq!(file.len(), samples);
        for class in 0..20 {
            let count = file.labels().iter().filter(|l| **l == class).count();
            assert!((samples / 20..=samples / 20 + 1).contains(&count));
        }
        assert!(file.speakers().unwrap().iter().all(|s| *s < speakers));
        assert_eq!(file.keys().unwrap(), None);
        assert_eq!(file.provenance().unwrap().count("train"), Some(45));
        for sample in 0..samples {
            spikes += file.spikes(sample).unwrap().units.len() as u64;
        }
        bytes += std::fs::metadata(path).unwrap().len();
    }
    assert_eq!((summary.spikes, summary.bytes), (spikes, bytes));
    let go_on = |_: SyntheticShdProgress| ControlFlow::Continue(());
    let options = SyntheticShdOptions::new(folder.path().join("new"), 1);
    let message = generate_shd(&options, &go_on).unwrap_err().to_string();
    assert!(
        message.contains("test is 30, asked for is 2264")
            && message.contains("train is 45, asked for is 8156"),
        "{message}"
    );
    let mut same = options;
    (same.train, same.test) = (45, 30);
    assert!(generate_shd(&same, &go_on).unwrap().kept);
    // files without a note are of older versions
    std::fs::remove_file(folder.path().join("new/generated.json")).unwrap();
    let message = generate_shd(&same, &go_on).unwrap_err().to_string();
    assert!(
        message.contains("expected no such file, or a note generated.json"),
        "{message}"
    );
}

#[test]
fn a_recipe_takes_what_is_there_unless_it_asks_for_something_else() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("spikes");
    let go_on = |_: SyntheticShdProgress| ControlFlow::Continue(());
    let ask = |seed, train, test| SyntheticShdRequest { seed, train, test }.make_in(&dir, &go_on);
    let made = ask(Some(3), Some(40), Some(20)).unwrap();
    assert_eq!((made.seed, made.count("train")), (3, Some(40)));
    assert_eq!(ask(None, None, None).unwrap(), made);
    assert_eq!(ask(Some(3), Some(40), None).unwrap(), made);
    let message = ask(Some(4), None, Some(60)).unwrap_err().to_string();
    assert!(
        message.contains("seed is 3, asked for is 4")
            && message.contains("test is 20, asked for is 60"),
        "{message}"
    );
}

#[test]
fn files_depend_on_the_seed_and_not_on_the_threads() {
    let contents = |seed, threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let (_folder, summary) = pool.unwrap().install(|| generate(seed, 25, 5));
        summary.files.map(|file| std::fs::read(file).unwrap())
    };
    let one = contents(1, 1);
    assert!(one == contents(1, 3));
    assert!(one != contents(2, 1));
}

/// Spike counts over `times` × 35 coarse bins, scaled to unit length.
fn features(dataset: &ShdDataset, times: usize) -> Vec<(Vec<f32>, usize)> {
    let one = |index: usize| {
        let sample = dataset.sample(index);
        let Sequence::Spikes { steps, events } = &sample.inputs[0] else {
            panic!("expected spikes");
        };
        let mut counts = vec![0.0; times * 35];
        for event in events {
            let (time, channel) = (event.step as usize * times / steps, event.channel / 20);
            counts[time * 35 + channel as usize] += f32::from(event.count);
        }
        let length = counts.iter().map(|c| c * c).sum::<f32>().sqrt();
        counts.iter_mut().for_each(|c| *c /= length);
        (counts, sample.label)
    };
    (0..dataset.len()).map(one).collect()
}

/// Share of the test samples whose class has the nearest mean of the training samples.
fn nearest_mean_accuracy([train, test]: &[ShdDataset; 2], times: usize) -> f64 {
    let mut means = vec![vec![0.0; times * 35]; CLASSES];
    for (counts, label) in features(train, times) {
        means[label]
            .iter_mut()
            .zip(counts)
            .for_each(|(m, c)| *m += c);
    }
    let test = features(test, times);
    let right = test.iter().filter(|(counts, label)| {
        // The classes are balanced, so that sums are as good as means.
        let likeness = |mean: &Vec<f32>| {
            let product: f32 = mean.iter().zip(counts).map(|(m, c)| m * c).sum();
            product / mean.iter().map(|m| m * m).sum::<f32>().sqrt()
        };
        let best =
            (0..CLASSES).max_by(|a, b| likeness(&means[*a]).total_cmp(&likeness(&means[*b])));
        best == Some(*label)
    });
    right.count() as f64 / test.len() as f64
}

#[test]
fn classes_can_be_told_apart_but_hardly_without_time() {
    let (_folder, summary) = generate(7, 600, 300);
    let sets = summary
        .files
        .map(|file| ShdDataset::load(&file, Binning::default()).unwrap());
    let (with_time, without) = (
        nearest_mean_accuracy(&sets, 12),
        nearest_mean_accuracy(&sets, 1),
    );
    // Chance is 0.05. This draw gives 0.70 with time and 0.33 without.
    assert!((0.6..0.85).contains(&with_time), "{with_time}");
    assert!((0.15..0.45).contains(&without), "{without}");
}

#[test]
fn a_set_that_is_stopped_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = SyntheticShdOptions::new(folder.path(), 1);
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    options.out = folder.path().join("empty");
    (options.train, options.test) = (300, 10);
    let stop = |_: SyntheticShdProgress| ControlFlow::Break(());
    let message = generate_shd(&options, &stop).unwrap_err().to_string();
    assert_eq!(message, "stopped after 128 of 310 samples");
    // an empty folder is in nobody's way
    assert_eq!(std::fs::read_dir(&options.out).unwrap().count(), 0);
    generate_shd(&options, &|_| ControlFlow::Continue(())).unwrap();
}
