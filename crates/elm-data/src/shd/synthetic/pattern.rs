//! What the synthetic words look like.

use half::f16;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::shd::{CHANNELS, CLASSES};

/// Ridges of a word, like the formants of speech.
const RIDGES: usize = 3;
/// Lowest and highest channel that a ridge starts out from, and how far it moves from there.
const BANDS: [[f64; 2]; RIDGES] = [[90.0, 210.0], [270.0, 430.0], [480.0, 610.0]];
const REACH: f64 = 80.0;
/// Points over a word that a ridge passes through; between them it moves smoothly.
const POINTS: usize = 5;
/// The words are the same for every seed, so that results can be compared; this draws them.
const WORDS_SEED: u64 = 0x5348_442d_6c69_6b65;

/// Spikes of a sample.
const SPIKES: [f64; 2] = [5_500.0, 10_500.0];
/// Share of them that has nothing to do with the word.
const NOISE: f64 = 0.2;
/// When a word begins, how long it is at a tempo of 1, and until when there is noise (s).
const ONSET: [f64; 2] = [0.02, 0.2];
const LENGTH: [f64; 2] = [0.5, 0.75];
const END: f64 = 1.1;
/// Standard deviation of a spike's time (s), and from sample to sample of a ridge's channel.
const TIME_JITTER: f64 = 0.008;
const RIDGE_JITTER: f64 = 25.0;

/// One ridge: channel and loudness (0 to 1) at even points over the word.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Ridge {
    channel: [f64; POINTS],
    loudness: [f64; POINTS],
}

/// A class: three ridges over time.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word([Ridge; RIDGES]);

impl Word {
    /// The words of all classes. The ten of the second language are those of the first backwards: how often which
    /// channel spikes tells a word only up to its language, so that time has to be looked at.
    pub(super) fn all() -> Vec<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(WORDS_SEED);
        let mut words: Vec<Self> = (0..CLASSES / 2).map(|_| Self::draw(&mut rng)).collect();
        let backwards: Vec<Self> = words.iter().map(Self::backwards).collect();
        words.extend(backwards);
        words
    }

    fn draw(rng: &mut ChaCha8Rng) -> Self {
        Self(BANDS.map(|band| {
            let start = between(rng, band);
            Ridge {
                channel: [(); POINTS].map(|()| start + between(rng, [-REACH, REACH])),
                loudness: [(); POINTS].map(|()| between(rng, [0.1, 1.0])),
            }
        }))
    }

    fn backwards(&self) -> Self {
        let mut ridges = self.0;
        for ridge in &mut ridges {
            ridge.channel.reverse();
            ridge.loudness.reverse();
        }
        Self(ridges)
    }
}

/// How somebody speaks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Speaker {
    /// Added to every channel.
    shift: f64,
    /// Factor of a word's length.
    tempo: f64,
    /// Standard deviation of the spikes around a ridge (channels).
    width: f64,
}

impl Speaker {
    pub(super) fn draw(rng: &mut ChaCha8Rng) -> Self {
        Self {
            shift: between(rng, [-50.0, 50.0]),
            tempo: between(rng, [0.8, 1.25]),
            width: between(rng, [14.0, 26.0]),
        }
    }

    /// Says `word`: spikes as time (the bits of a half float, s) and channel, by time, then channel.
    pub(super) fn say(&self, word: &Word, rng: &mut ChaCha8Rng) -> Vec<(u16, u16)> {
        let onset = between(rng, ONSET);
        let length = between(rng, LENGTH) * self.tempo;
        let shifts = [(); RIDGES].map(|()| self.shift + RIDGE_JITTER * bell(rng));
        let count = between(rng, SPIKES) as usize;
        let mut spikes = Vec::with_capacity(count);
        while spikes.len() < count {
            let (time, channel) = if rng.random::<f64>() < NOISE {
                (
                    between(rng, [0.0, END]),
                    between(rng, [0.0, CHANNELS as f64]),
                )
            } else {
                let ridge = rng.random_range(0..RIDGES as u32) as usize;
                let (phase, loud): (f64, f64) = (rng.random(), rng.random());
                let Ridge { channel, loudness } = &word.0[ridge];
                if loud > at(loudness, phase) {
                    continue;
                }
                let time = onset + phase * length + TIME_JITTER * bell(rng);
                let centre = at(channel, phase) + shifts[ridge];
                (time, centre + self.width * bell(rng))
            };
            if time >= 0.0 && (0.0..CHANNELS as f64).contains(&channel) {
                spikes.push((f16::from_f64(time).to_bits(), channel as u16));
            }
        }
        // The bits of positive floats are in the order of the floats.
        spikes.sort_unstable();
        spikes
    }
}

fn between(rng: &mut ChaCha8Rng, [low, high]: [f64; 2]) -> f64 {
    low + (high - low) * rng.random::<f64>()
}

/// Bell-shaped, mean 0, variance 1: the sum of four even draws of 16 bits. A normal one would need logarithms, which
/// differ between machines in the last bit.
fn bell(rng: &mut ChaCha8Rng) -> f64 {
    let draw = rng.next_u64();
    let sum: u64 = (0..4).map(|lane| draw >> (16 * lane) & 0xffff).sum();
    let even = sum as f64 / 65_535.0; // 0 to 4, variance 4/12
    (even - 2.0) * 1.732_050_807_568_877_2 // √3
}

/// The value at `phase` (0 to 1) of a curve through `points`.
fn at(points: &[f64; POINTS], phase: f64) -> f64 {
    let place = phase * (POINTS - 1) as f64;
    let index = (place as usize).min(POINTS - 2);
    let part = place - index as f64;
    let smooth = part * part * (3.0 - 2.0 * part);
    points[index] + (points[index + 1] - points[index]) * smooth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_pass_through_their_points() {
        let points = [3.0, 1.0, 4.0, 1.0, 5.0];
        for (index, point) in points.iter().enumerate() {
            assert_eq!(at(&points, index as f64 / 4.0), *point);
        }
        assert_eq!(at(&points, 0.125), 2.0);
    }

    #[test]
    fn bells_have_unit_variance() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let draws: Vec<f64> = (0..20_000).map(|_| bell(&mut rng)).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|d| d * d).sum::<f64>() / 20_000.0;
        assert!(
            mean.abs() < 0.03 && (variance - 1.0).abs() < 0.03,
            "{mean} {variance}"
        );
    }

    #[test]
    fn the_words_of_the_second_language_are_those_of_the_first_backwards() {
        let words = Word::all();
        assert_eq!(words.len(), CLASSES);
        for (word, other) in words.iter().zip(&words[10..]) {
            assert_ne!(word, other);
            assert_eq!(*word, other.backwards());
        }
    }

    #[test]
    fn spikes_are_sorted_and_in_range() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let speaker = Speaker::draw(&mut rng);
        for word in Word::all() {
            let spikes = speaker.say(&word, &mut rng);
            assert!((5_500..10_500).contains(&spikes.len()), "{}", spikes.len());
            assert!(spikes.is_sorted());
            assert!(spikes.iter().all(|(time, unit)| {
                (0.0..1.4).contains(&f16::from_bits(*time).to_f64())
                    && usize::from(*unit) < CHANNELS
            }));
        }
    }
}
