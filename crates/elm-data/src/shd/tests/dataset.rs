//! Binned samples and their split.

use super::*;
use crate::{BinnedSpikes, SequenceBatch};

fn events(dataset: &ShdDataset, index: usize) -> (usize, Vec<BinnedSpikes>) {
    match dataset.sample(index).inputs.remove(0) {
        crate::Sequence::Spikes { steps, events } => (steps, events),
        other => panic!("expected spikes, found {other:?}"),
    }
}

#[test]
fn samples_are_binned_counts_of_the_first_second() {
    let file = ShdFile::from_bytes("f16", fixture("f16")).unwrap();
    let (mut total, mut inside) = (0, 0);
    for value in [BinValue::Count, BinValue::Binary] {
        let dataset = ShdDataset::read(&file, Binning { bin_ms: 200, value }).unwrap();
        assert_eq!((dataset.len(), dataset.steps()), (SAMPLES, 5));
        for sample in 0..SAMPLES {
            let mut expected = vec![0_u16; 5 * CHANNELS];
            let SpikeTrain { times, units } = fixture_spikes(sample);
            for (time, unit) in times.iter().zip(units) {
                total += 1;
                if *time < 1.0 {
                    inside += 1;
                    let bin = &mut expected[(time * 5.0) as usize * CHANNELS + usize::from(unit)];
                    *bin = match value {
                        BinValue::Count => *bin + 1,
                        BinValue::Binary => 1,
                    };
                }
            }
            let (steps, events) = events(&dataset, sample);
            let mut found = vec![0; 5 * CHANNELS];
            for event in &events {
                found[event.step as usize * CHANNELS + event.channel as usize] = event.count;
            }
            assert_eq!((steps, found), (5, expected));
            assert!(events.is_sorted_by_key(|e| (e.step, e.channel)));
            assert_eq!(dataset.label(sample), sample * 3 % 20);
        }
    }
    assert!(inside > 0 && inside < total, "some spikes come too late");
}

#[test]
fn samples_make_batches() {
    let file = ShdFile::from_bytes("f16", fixture("f16")).unwrap();
    let dataset = ShdDataset::read(&file, Binning::default()).unwrap();
    let samples = [0, 6].map(|i| dataset.sample(i));
    let batch = SequenceBatch::encode(&samples, &ENCODING)
        .unwrap()
        .remove(0);
    assert_eq!(batch.shape, [2, 100, 700]);
    assert_eq!(batch.labels, [0, 18]);
    let kept = fixture_spikes(6).times.iter().filter(|t| **t < 1.0).count();
    let x = batch.dense();
    let (empty, full) = x.split_at(70_000);
    assert_eq!(empty.iter().sum::<f32>(), 0.0);
    assert_eq!(full.iter().sum::<f32>(), kept as f32);
}

#[test]
fn the_split_is_seeded_and_divides_all_samples() {
    let labels: Vec<u8> = (0..2000).map(|i| (i % 20) as u8).collect();
    let whole = ShdDataset::read(&drawn(&labels), Binning::default()).unwrap();
    let (train, valid) = whole.split(VALIDATION_FRACTION, 3).unwrap();
    assert_eq!(train.len() + valid.len(), 2000);
    // 400 are expected, with a standard deviation of 18
    assert!((330..470).contains(&valid.len()), "{}", valid.len());
    assert_eq!(train.size() + valid.size(), whole.size());
    let all = |part: &ShdDataset| (0..part.len()).map(|i| part.sample(i)).collect::<Vec<_>>();
    let (again, same) = whole.split(VALIDATION_FRACTION, 3).unwrap();
    assert_eq!((all(&again), all(&same)), (all(&train), all(&valid)));
    let (_, other) = whole.split(VALIDATION_FRACTION, 4).unwrap();
    assert_ne!(all(&other), all(&valid));
    // Put together again in the order of the file, the parts are the whole.
    let (mut train, mut valid) = (all(&train).into_iter().peekable(), all(&valid).into_iter());
    for sample in all(&whole) {
        let from_train = train.next_if_eq(&sample);
        assert!(from_train.is_some() || valid.next() == Some(sample));
    }
    assert!(whole.split(1.5, 0).is_err() && whole.split(f64::NAN, 0).is_err());
}

#[test]
fn times_in_milliseconds_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("late.elmspk");
    let mut writer = archive::writer(&path, 3, &Provenance::new("a test", 1, 0)).unwrap();
    for label in [1, 2, 3] {
        let late = f16::from_f32(800.0).to_bits();
        let sample = archive::Sample {
            label,
            speaker: 0,
            spikes: vec![(late, 7); usize::from(label)],
        };
        writer.append(&sample.record().unwrap()).unwrap();
    }
    writer.finish().unwrap();
    let data = ShdDataset::load(&path, Binning::default()).unwrap();
    let found = data.statistics();
    assert_eq!((found.samples, found.late, found.spikes), (3, 3, 6));
    assert!(found.nothing_is_used());
    let told = data.about(Path::new("a.h5"), None);
    assert!(told.warnings()[0].starts_with("a.h5: no spike in the first second in 3 of 3 samples"));
}
