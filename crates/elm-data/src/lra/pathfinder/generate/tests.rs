#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Mutex;

use rayon::prelude::*;

use super::ink::Pixel;
use super::oracle::Seen;
use super::*;
use crate::lra::pathfinder::{Pathfinder, PathfinderConfig};
use crate::{Sequence, Split};

const FOURTEEN: Difficulty = Difficulty::Length14;

fn draw(size: PathfinderSize, difficulty: Difficulty, index: u64) -> PathfinderImage {
    PathfinderImage::draw(size, difficulty, 11, index).unwrap()
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
                        let pixels = |ink: &ink::Ink| ink.pixels().to_vec();
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
fn labels_are_balanced_and_not_told_by_the_index() {
    let labels: Vec<u8> = (0..600)
        .into_par_iter()
        .map(|index| draw(PathfinderSize::Px32, Difficulty::Baseline, index).label)
        .collect();
    assert!(labels.chunks(2).all(|pair| pair[0] != pair[1]));
    let even: usize = labels.iter().step_by(2).map(|l| usize::from(*l)).sum();
    assert!((110..190).contains(&even), "{even}");
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

/// All files below a folder and their content.
fn files(root: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn options(out: &Path, count: usize) -> PathfinderOptions {
    PathfinderOptions {
        count,
        per_folder: 4,
        difficulty: Difficulty::Baseline,
        ..PathfinderOptions::new(out, 11, PathfinderSize::Px32)
    }
}

fn decode(path: &Path) -> Vec<u8> {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let info = reader.info();
    assert_eq!((info.width, info.height), (32, 32));
    assert_eq!(info.color_type, png::ColorType::Grayscale);
    assert_eq!(info.bit_depth, png::BitDepth::Eight);
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    pixels
}

#[test]
fn files_have_the_published_layout() {
    let dir = tempfile::tempdir().unwrap();
    let told = Mutex::new(Vec::new());
    let summary = generate_pathfinder(&options(dir.path(), 10), &|progress| {
        told.lock().unwrap().push(progress.done);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((summary.written, summary.kept), (10, 0));
    assert_eq!(summary.root, dir.path().join("pathfinder32/curv_baseline"));
    assert_eq!(*told.lock().unwrap(), [4, 8, 10]);
    let names: Vec<String> = files(&summary.root).into_iter().map(|f| f.0).collect();
    let mut expected = vec!["generated.json".to_string()];
    for (k, images) in [(0, 4), (1, 4), (2, 2)] {
        expected.extend((0..images).map(|i| format!("imgs/{k}/sample_{i}.png")));
        expected.push(format!("metadata/{k}.npy"));
    }
    expected.sort();
    assert_eq!(names, expected);
    let text = std::fs::read_to_string(summary.root.join("metadata/1.npy")).unwrap();
    assert_eq!(text.lines().count(), 4);
    for (i, line) in text.lines().enumerate() {
        let image = draw(PathfinderSize::Px32, Difficulty::Baseline, 4 + i as u64);
        let label = image.label;
        let expected = format!("imgs/1 sample_{i}.png {i} {label} 1.0 6 2 2 0.5 1 1");
        assert_eq!(line, expected);
        let mut columns = line.split(' ');
        let (folder, file) = (columns.next().unwrap(), columns.next().unwrap());
        assert_eq!(decode(&summary.root.join(folder).join(file)), image.pixels);
    }
}

#[test]
fn files_depend_on_the_seed_and_not_on_the_threads() {
    let with = |threads, seed| {
        let dir = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let options = PathfinderOptions {
            seed,
            ..options(dir.path(), 12)
        };
        let pool = pool.build().unwrap();
        pool.install(|| generate_pathfinder(&options, &|_| ControlFlow::Continue(())))
            .unwrap();
        files(dir.path())
    };
    let one = with(1, 11);
    assert_eq!(one, with(3, 11));
    let other = with(2, 12);
    assert!(one.iter().zip(&other).all(|(a, b)| a.0 == b.0));
    assert!(one.iter().zip(&other).filter(|(a, b)| a.1 == b.1).count() < 3);
}

#[test]
fn a_stopped_run_goes_on_and_ends_the_same() {
    let (stopped, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    generate_pathfinder(&options(whole.path(), 14), &|_| ControlFlow::Continue(())).unwrap();
    let root = generate_pathfinder(&options(stopped.path(), 10), &|_| ControlFlow::Continue(()))
        .unwrap()
        .root;
    // As if killed: folder 1 has its images but no metadata, a third is half-written.
    std::fs::remove_file(root.join("metadata/1.npy")).unwrap();
    std::fs::write(root.join("imgs/1/sample_2.png"), "half").unwrap();
    std::fs::create_dir(root.join("imgs/.making-1-0")).unwrap();
    std::fs::write(root.join("imgs/.making-1-0/sample_9.png"), "half").unwrap();
    let summary =
        generate_pathfinder(&options(stopped.path(), 14), &|_| ControlFlow::Continue(())).unwrap();
    assert_eq!((summary.kept, summary.written), (4, 10), "folder 2 grew");
    assert_eq!(files(stopped.path()), files(whole.path()));
    let again =
        generate_pathfinder(&options(stopped.path(), 14), &|_| ControlFlow::Continue(())).unwrap();
    assert_eq!((again.kept, again.written), (14, 0));
}

#[test]
fn other_peoples_images_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let error = |options: &PathfinderOptions| {
        let result = generate_pathfinder(options, &|_| ControlFlow::Continue(()));
        result.unwrap_err().to_string()
    };
    let root = dir.path().join("pathfinder32/curv_baseline");
    std::fs::create_dir_all(root.join("imgs/0")).unwrap();
    assert!(error(&options(dir.path(), 4)).contains("found none"));
    std::fs::remove_dir_all(&root).unwrap();
    generate_pathfinder(&options(dir.path(), 8), &|_| ControlFlow::Continue(())).unwrap();
    let before = files(dir.path());
    let other_seed = PathfinderOptions {
        seed: 1,
        ..options(dir.path(), 8)
    };
    assert!(error(&other_seed).contains("seed is 11, asked for is 1;"));
    assert!(error(&options(dir.path(), 4)).contains("at most 1 folders"));
    assert!(error(&options(dir.path(), 7)).contains("3 images asked for, found 4"));
    let no_folder = PathfinderOptions {
        per_folder: 0,
        ..options(dir.path(), 8)
    };
    assert!(error(&no_folder).contains("at least 1 image"));
    assert_eq!(files(dir.path()), before);
    std::fs::write(root.join("generated.json"), "{").unwrap();
    assert!(error(&options(dir.path(), 8)).contains("generated.json"));
}

#[test]
fn the_reader_of_the_published_files_reads_them() {
    let dir = tempfile::tempdir().unwrap();
    generate_pathfinder(&options(dir.path(), 30), &|_| ControlFlow::Continue(())).unwrap();
    let config = PathfinderConfig {
        difficulty: Difficulty::Baseline,
        ..PathfinderConfig::new(32)
    };
    let mut images: HashMap<Vec<u8>, usize> = (0..30)
        .map(|index| draw(PathfinderSize::Px32, Difficulty::Baseline, index))
        .map(|image| (image.pixels, usize::from(image.label)))
        .collect();
    for split in [Split::Train, Split::Valid, Split::Test] {
        let part = Pathfinder::open(dir.path(), split, &config).unwrap();
        for i in 0..part.len() {
            let mut sample = part.sample(i).unwrap();
            let Some(Sequence::Pixels(pixels)) = sample.inputs.pop() else {
                panic!("expected pixels");
            };
            assert_eq!(images.remove(&pixels), Some(sample.label));
        }
    }
    assert!(images.is_empty());
}

#[test]
fn sizes_are_named_by_their_pixels() {
    for size in PathfinderSize::ALL {
        assert_eq!(PathfinderSize::try_from(size.pixels()).unwrap(), size);
    }
    let error = PathfinderSize::try_from(48).unwrap_err().to_string();
    assert!(error.contains("32, 64 or 128"), "{error}");
}

#[test]
fn generated_images_say_so_in_folders_and_converted_files() {
    let dir = tempfile::tempdir().unwrap();
    let root = generate_pathfinder(&options(dir.path(), 20), &|_| ControlFlow::Continue(()))
        .unwrap()
        .root;
    let config = PathfinderConfig {
        difficulty: Difficulty::Baseline,
        ..PathfinderConfig::new(32)
    };
    let file = dir.path().join("all.elmimg");
    crate::lra::pathfinder::convert(dir.path(), &file, &config, &mut |_| {
        ControlFlow::Continue(())
    })
    .unwrap();
    let rules = |path: &Path| {
        let images = Pathfinder::open(path, Split::Test, &config).unwrap();
        let made = images
            .provenance()
            .map(|p| (p.seed, p.word("rules").map(str::to_string)));
        assert_eq!(images.is_generated(), made.is_some());
        made
    };
    let traceable = Some((11, Some("traceable".to_string())));
    assert_eq!(rules(dir.path()), traceable);
    assert_eq!(rules(&file), traceable);
    // a note of an older version, which knew one kind of rules; and no note at all
    let note = std::fs::read_to_string(root.join("generated.json")).unwrap();
    let old: Vec<&str> = note
        .lines()
        .filter(|line| !line.contains("rules"))
        .collect();
    std::fs::write(
        root.join("generated.json"),
        old.join("\n").replace("32,", "32"),
    )
    .unwrap();
    assert_eq!(rules(dir.path()), traceable);
    generate_pathfinder(&options(dir.path(), 20), &|_| ControlFlow::Continue(())).unwrap();
    std::fs::remove_file(root.join("generated.json")).unwrap();
    assert_eq!(rules(dir.path()), None);
}

#[test]
fn two_at_once_make_the_same_set_once() {
    let (both, alone) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let make = |dir: &Path| {
        generate_pathfinder(&options(dir, 10), &|_| ControlFlow::Continue(()))
            .unwrap()
            .written
    };
    make(alone.path());
    let written: usize = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..3).map(|_| scope.spawn(|| make(both.path()))).collect();
        makers.into_iter().map(|maker| maker.join().unwrap()).sum()
    });
    assert_eq!(written, 10);
    assert_eq!(files(both.path()), files(alone.path()));
}
