#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::ink::Pixel;
use super::oracle::Seen;
use super::*;
use crate::lra::pathfinder::Difficulty;
use crate::lra::pathfinder::generate::family::dashes;
use crate::lra::pathfinder::generate::{PathfinderImage, PathfinderRules, PathfinderSize};

const FOURTEEN: Difficulty = Difficulty::Length14;

fn draw(size: PathfinderSize, difficulty: Difficulty, index: u64) -> PathfinderImage {
    PathfinderImage::draw(PathfinderRules::Traceable, size, difficulty, 11, index).unwrap()
}

/// The label is in the image: the oracle finds it, with dashes seen through any threshold up to where they fade, and on
/// no way through an image there is a choice.
#[test]
fn an_oracle_that_sees_only_the_image_is_always_right() {
    for size in PathfinderSize::ALL {
        (0..250).into_par_iter().for_each(|index| {
            let image = draw(size, FOURTEEN, index);
            for threshold in [1, 40, 90, Pixel::VISIBLE] {
                let label = Seen::new(&image.pixels, size, threshold).label();
                assert_eq!(label, Some(image.label), "{size:?} {index} {threshold}");
            }
        });
    }
}

#[test]
fn images_hold_two_long_contours_with_the_markers_and_distractors_of_a_third() {
    for size in PathfinderSize::ALL {
        for difficulty in Difficulty::ALL {
            (0..60).into_par_iter().for_each(|index| {
                let image = draw(size, difficulty, index);
                let seen = Seen::new(&image.pixels, size, Pixel::VISIBLE);
                let lengths = seen.contours().expect("no forks");
                let what = format!("{size:?} {difficulty:?} {index}: {lengths:?}");
                let (distractors, long) = lengths.split_at(lengths.len() - 2);
                assert_eq!(long, [dashes(difficulty); 2], "{what}");
                assert!(!distractors.is_empty(), "{what}");
                assert!(
                    distractors.iter().all(|l| *l == dashes(difficulty) / 3),
                    "{what}"
                );
                assert_eq!(seen.markers.len(), 2, "{what}");
                assert!(seen.markers_are_ends(), "{what}");
                for marker in &seen.markers {
                    let trace = seen.trace(*marker).unwrap();
                    assert_eq!(trace.dashes, dashes(difficulty), "{what}");
                    assert_eq!(trace.markers == 2, image.label == 1, "{what}");
                }
            });
        }
    }
}

/// Good continuation: where the published turns are gentle (continuity 1.8, at most 50°), traces are smooth.
#[test]
fn contours_are_smooth() {
    for size in [PathfinderSize::Px64, PathfinderSize::Px128] {
        (0..60).into_par_iter().for_each(|index| {
            let seen = Seen::new(&draw(size, FOURTEEN, index).pixels, size, Pixel::VISIBLE);
            let sharpest = seen.trace(seen.markers[0]).unwrap().sharpest;
            assert!(sharpest < 1.3, "{size:?} {index}: {sharpest}");
        });
    }
}

/// No contour comes nearer to another than the space kept clear, not with the faintest of its pixels, and dashes of a
/// contour are neither joined nor too far apart.
#[test]
fn contours_keep_their_distance() {
    for size in PathfinderSize::ALL {
        let family = Family::of(size);
        for index in 0..40 {
            let mut rng = ChaCha8Rng::seed_from_u64(index);
            let plan = Plan {
                family: &family,
                dashes: 14,
                joined: index.is_multiple_of(2),
            };
            let Scene { strokes, margin } = Scene::draw(&plan, &mut rng).unwrap();
            assert!(family.margins.contains(&margin));
            let mut dashes: HashMap<usize, usize> = HashMap::new();
            for (i, a) in strokes.iter().enumerate() {
                *dashes.entry(a.contour).or_default() += 1;
                for b in &strokes[..i] {
                    let pairs = |least: u8| {
                        let pixels = |ink: &Ink| ink.pixels().to_vec();
                        let (p, q) = (pixels(&a.ink), pixels(&b.ink));
                        let distances = p.iter().filter(|p| p.grey >= least).flat_map(|p| {
                            q.iter().filter(|q| q.grey >= least).map(|q| {
                                let dx = i32::from(p.x) - i32::from(q.x);
                                let dy = i32::from(p.y) - i32::from(q.y);
                                (dx * dx + dy * dy) as u32
                            })
                        });
                        distances.min().unwrap()
                    };
                    if a.contour == b.contour && a.order.abs_diff(b.order) == 1 {
                        assert!((3..=family.link).contains(&pairs(Pixel::VISIBLE)));
                    } else {
                        assert!(pairs(1) >= family.clear);
                    }
                }
            }
            assert_eq!((dashes[&0], dashes[&1]), (14, 14));
        }
    }
    for size in PathfinderSize::ALL {
        let Family { link, clear, .. } = Family::of(size);
        assert!(clear > link + link / 2, "{size:?}");
    }
}

#[test]
fn markers_are_white_and_dashes_are_grey_on_black() {
    for size in PathfinderSize::ALL {
        let image = draw(size, FOURTEEN, 3);
        let n = size.pixels();
        assert_eq!(image.pixels.len(), n * n);
        let frame = |i: usize| i < n || i >= n * n - n || i.is_multiple_of(n) || i % n == n - 1;
        let framed = (0..n * n).filter(|i| frame(*i));
        assert!(framed.map(|i| image.pixels[i]).all(|grey| grey == 0));
        let white = image.pixels.iter().filter(|grey| **grey == 255).count();
        let area = 2.0 * std::f64::consts::PI * Family::of(size).marker_radius.powi(2);
        assert!(
            (white as f64) > 0.3 * area && (white as f64) < area,
            "{white}"
        );
        let top = (Family::of(size).contrast * 255.0).round() as u8;
        let grey = image
            .pixels
            .iter()
            .filter(|grey| (128..=top).contains(*grey));
        assert!(grey.count() > 14 * 2, "dashes");
    }
}
