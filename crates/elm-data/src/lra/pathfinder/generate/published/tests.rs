#![allow(clippy::unwrap_used)]
//! The stamps against those of the published tools, and images against 5000 of the published generator, by what can be
//! measured in an image.

mod measured;
mod reference;

use rand::SeedableRng;
use rayon::prelude::*;

use self::measured::Measured;
use self::reference::{REFERENCE, REFERENCE_IMAGES};
use super::super::{PathfinderImage, PathfinderRules, dashes};
use super::*;
use crate::Split;
use crate::lra::pathfinder::{Difficulty, Pathfinder, PathfinderConfig};

const IMAGES: usize = 2500;

/// The greys of a stamp, row by row from `-half` to `half`.
fn greys(stamp: &Stamp, half: i32) -> Vec<u8> {
    let side = 2 * half + 1;
    let rows = stamp.rows([half; 2], side as usize);
    rows.flat_map(|(_, greys)| greys.iter().copied()).collect()
}

/// Distance of two distributions: what we draw, and the reference as pairs of a value and the part up to it.
fn kolmogorov_smirnov(values: &[f64], reference: &[(f64, f64)]) -> f64 {
    let part = |most: f64| {
        values.iter().filter(|value| **value <= most).count() as f64 / values.len() as f64
    };
    let distances = reference
        .iter()
        .map(|(value, below)| (part(*value) - below).abs());
    distances.fold(0.0, f64::max)
}

/// What is measured in the images of a seed.
fn measure(rules: PathfinderRules, seed: u64) -> Vec<(Measured, u8)> {
    let size = PathfinderSize::Px32;
    (0..IMAGES as u64)
        .into_par_iter()
        .map(|index| {
            let image =
                PathfinderImage::draw(rules, size, Difficulty::Length14, seed, index).unwrap();
            (Measured::new(&image.pixels, 32), image.label)
        })
        .collect()
}

/// Distances from the reference, by name, over what they may be by chance once in a thousand.
fn distances(rules: PathfinderRules) -> Vec<(&'static str, f64)> {
    let images = measure(rules, 3);
    REFERENCE
        .iter()
        .map(|(name, reference)| {
            let values = Measured::values(&images, name);
            let (n, m) = (values.len() as f64, part_of(name, REFERENCE_IMAGES));
            let chance = 1.95 * ((n + m) / (n * m)).sqrt();
            (*name, kolmogorov_smirnov(&values, reference) / chance)
        })
        .collect()
}

/// How many of so many images a measure is taken in.
fn part_of(name: &str, images: usize) -> f64 {
    let halved = name.ends_with("joined") || name.ends_with("apart");
    images as f64 / if halved { 2.0 } else { 1.0 }
}

#[test]
fn images_are_distributed_as_the_published_ones() {
    for (name, distance) in distances(PathfinderRules::Published) {
        assert!(distance < 1.0, "{name}: {distance}");
    }
}

#[test]
fn the_traceable_images_are_told_from_the_published_ones() {
    let distances = distances(PathfinderRules::Traceable);
    let told = distances.iter().filter(|(_, distance)| *distance > 1.5);
    assert!(told.count() > 6, "{distances:?}");
}

/// Prints the reference: `PATHFINDER_SAMPLE=DIR cargo test --release -p elm-data reference -- --ignored --nocapture`.
#[test]
#[ignore = "needs the sample of published images"]
fn reference_of_a_sample() {
    let dir = std::env::var_os("PATHFINDER_SAMPLE").unwrap();
    let config = PathfinderConfig::new(32);
    let mut images = Vec::new();
    for split in [Split::Train, Split::Valid, Split::Test] {
        let part = Pathfinder::open(dir.as_ref(), split, &config).unwrap();
        for sample in (0..part.len()).map(|i| part.sample(i).unwrap()) {
            let crate::Sequence::Pixels(pixels) = &sample.inputs[0] else {
                panic!("expected pixels");
            };
            images.push((Measured::new(pixels, 32), sample.label as u8));
        }
    }
    for name in Measured::NAMES {
        let mut values = Measured::values(&images, name);
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        let mut table: Vec<(f64, f64)> = (1..32)
            .map(|i| values[i * last / 32])
            .map(|value| ((value * 1e4).round() / 1e4, value))
            .map(|(short, _)| {
                let below = values.iter().filter(|v| **v <= short).count();
                (
                    short,
                    (1e4 * below as f64 / values.len() as f64).round() / 1e4,
                )
            })
            .collect();
        table.dedup();
        println!("(\"{name}\", &{table:?}),");
    }
    println!("images: {}", images.len());
}

/// A dash of 2 to the right, drawn by Pillow on the finer grid and reduced by it.
#[test]
fn stamps_are_those_of_the_published_tools() {
    for (size, margin, degree, sums) in reference::STAMPS {
        let family = Family::of(*size);
        let brush = Brush::new(&family, *margin);
        let seed = &brush.seeds[(degree + 180) as usize];
        let half = family.dash as i32 + family.thickness.ceil() as i32 + i32::from(*margin);
        for (stamp, expected) in [&seed.dash.ink, &seed.dash.room].into_iter().zip(sums) {
            let greys = greys(stamp, half);
            let sum: u32 = greys.iter().map(|g| u32::from(*g)).sum();
            let weighted: u32 = greys
                .iter()
                .enumerate()
                .map(|(i, g)| i as u32 * u32::from(*g))
                .sum();
            assert_eq!([sum, weighted], *expected, "{size:?} {margin} {degree}");
        }
    }
    let brush = Brush::new(&Family::of(PathfinderSize::Px32), 1);
    assert_eq!(greys(&brush.seeds[180].dash.ink, 4), reference::RIGHT);
    let white = greys(&brush.marker, 2);
    assert_eq!(white, reference::MARKER);
}

/// The first tips are the seed distance apart, in whole pixels, and the first lies in the middle.
#[test]
fn contours_begin_in_the_middle() {
    for size in PathfinderSize::ALL {
        let family = Family::of(size);
        let brush = brush(size, &family, 0);
        for seed in 0..20 {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut paper = Paper::new(&family, family.margins[0], brush, &mut rng);
            let pair = (0..PAIR_TRIES).find_map(|_| paper.draw_pair(14)).unwrap();
            assert_eq!(paper.into_strokes().len(), 28);
            let [first, second] = pair.map(|ends| ends.first.map(f64::from));
            let apart = (first[0] - second[0]).hypot(first[1] - second[1]);
            assert!((apart - family.seed_distance).abs() <= 0.71, "{apart}");
            let edge = 2.0 * family.seed_distance - family.dash - 4.0;
            let middle = edge..family.pixels as f64 - edge;
            assert!(first.iter().all(|at| middle.contains(at)), "{first:?}");
        }
    }
}

/// Both labels and every size, within the black frame, with two white markers.
#[test]
fn every_size_and_difficulty_is_drawn() {
    for size in PathfinderSize::ALL {
        for difficulty in Difficulty::ALL {
            (0..20).into_par_iter().for_each(|index| {
                let image =
                    PathfinderImage::draw(PathfinderRules::Published, size, difficulty, 9, index)
                        .unwrap();
                assert_eq!(image.pixels.len(), size.pixels().pow(2));
                assert_eq!(image.pixels.iter().max(), Some(&u8::MAX));
                let ink = image.pixels.iter().filter(|grey| **grey > 50).count();
                assert!(
                    ink > 2 * dashes(difficulty),
                    "{size:?} {difficulty:?}: {ink}"
                );
            });
        }
    }
}
