//! Sums of two digits.

use super::*;
use crate::Sequence;

fn source() -> ShdDataset {
    let labels: Vec<u8> = (0..60).map(|i| (i * 7 % 20) as u8).collect();
    ShdDataset::read(&drawn(&labels), Binning::default()).unwrap()
}

fn pairs(adding: &ShdAdding, epoch: u64) -> Vec<[usize; 2]> {
    (0..adding.len()).map(|i| adding.pair(epoch, i)).collect()
}

#[test]
fn a_pair_is_two_samples_in_a_row_and_the_sum_of_their_digits() {
    let source = source();
    let adding = ShdAdding::new(source.clone(), 1000, 1, Draws::EachEpoch).unwrap();
    assert_eq!((adding.len(), adding.steps()), (1000, 200));
    let mut sums = [0; ADDING_CLASSES];
    for index in 0..1000 {
        let [first, second] = adding.pair(0, index);
        let sample = adding.draw(0, index);
        let sum = source.label(first) % 10 + source.label(second) % 10;
        assert_eq!(sample.label, sum);
        sums[sum] += 1;
        let parts = [first, second].map(|s| source.sample(s).inputs.remove(0));
        let [
            Sequence::Spikes { events: a, .. },
            Sequence::Spikes { events: b, .. },
        ] = parts
        else {
            panic!("expected spikes");
        };
        let mut expected = a;
        expected.extend(b.into_iter().map(|mut event| {
            event.step += 100;
            event
        }));
        let events = Sequence::Spikes {
            steps: 200,
            events: expected,
        };
        assert_eq!(sample.inputs, [events]);
    }
    assert!(sums[0] > 0 && sums[18] > 0 && sums[9] > sums[0], "{sums:?}");
}

#[test]
fn training_draws_anew_in_each_epoch_and_evaluation_does_not() {
    let draw = |seed, draws| ShdAdding::new(source(), 50, seed, draws).unwrap();
    let (train, test) = (draw(1, Draws::EachEpoch), draw(1, Draws::Once));
    assert_ne!(pairs(&train, 1), pairs(&train, 0));
    assert_eq!(pairs(&test, 1), pairs(&test, 0));
    // A resumed run goes to its epoch directly.
    let resumed = draw(1, Draws::EachEpoch);
    assert_eq!(pairs(&resumed, 1), pairs(&train, 1));
    assert_ne!(pairs(&draw(2, Draws::Once), 0), pairs(&test, 0));
}

#[test]
fn pairs_need_samples() {
    let (train, valid) = source().split(0.0, 0).unwrap();
    assert_eq!((train.len(), valid.len()), (60, 0));
    let message = ShdAdding::new(valid, 8, 0, Draws::Once)
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("expected at least one sample"),
        "{message}"
    );
}
