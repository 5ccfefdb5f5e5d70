#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Mutex;

use rayon::prelude::*;

use super::*;
use crate::lra::pathfinder::{Pathfinder, PathfinderConfig};
use crate::{Sequence, Split};

const BOTH: [PathfinderRules; 2] = [PathfinderRules::Published, PathfinderRules::Traceable];

fn draw(size: PathfinderSize, difficulty: Difficulty, index: u64) -> PathfinderImage {
    PathfinderImage::draw(PathfinderRules::default(), size, difficulty, 11, index).unwrap()
}

#[test]
fn labels_are_balanced_and_not_told_by_the_index() {
    for rules in BOTH {
        let labels: Vec<u8> = (0..600)
            .into_par_iter()
            .map(|index| {
                let image = PathfinderImage::draw(
                    rules,
                    PathfinderSize::Px32,
                    Difficulty::Baseline,
                    11,
                    index,
                );
                image.unwrap().label
            })
            .collect();
        assert!(labels.chunks(2).all(|pair| pair[0] != pair[1]));
        let even: usize = labels.iter().step_by(2).map(|l| usize::from(*l)).sum();
        assert!((110..190).contains(&even), "{even}");
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
        let expected = format!("imgs/1 sample_{i}.png {i} {label} 1.0 6 2 2 0.5 1 1 published");
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
    let config = PathfinderConfig {
        difficulty: Difficulty::Baseline,
        ..PathfinderConfig::new(32)
    };
    let told = |path: &Path| {
        let images = Pathfinder::open(path, Split::Test, &config).unwrap();
        let made = images
            .provenance()
            .map(|p| (p.seed, p.word("rules").map(str::to_string)));
        assert_eq!(images.is_generated(), made.is_some());
        made
    };
    for rules in BOTH {
        let dir = tempfile::tempdir().unwrap();
        let options = PathfinderOptions {
            rules,
            ..options(dir.path(), 20)
        };
        generate_pathfinder(&options, &|_| ControlFlow::Continue(())).unwrap();
        let file = dir.path().join("all.elmimg");
        crate::lra::pathfinder::convert(dir.path(), &file, &config, &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap();
        let expected = Some((11, Some(rules.name().to_string())));
        assert_eq!(told(dir.path()), expected);
        assert_eq!(told(&file), expected);
    }
}

/// Older versions knew the traceable rules only, and did not name them.
#[test]
fn sets_without_named_rules_are_traceable() {
    let dir = tempfile::tempdir().unwrap();
    let old = PathfinderOptions {
        rules: PathfinderRules::Traceable,
        ..options(dir.path(), 20)
    };
    let make =
        |options: &PathfinderOptions| generate_pathfinder(options, &|_| ControlFlow::Continue(()));
    let root = make(&old).unwrap().root;
    let note = root.join("generated.json");
    let mut text: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&note).unwrap()).unwrap();
    assert!(text.as_object_mut().unwrap().remove("rules").is_some());
    std::fs::write(&note, text.to_string()).unwrap();
    let config = PathfinderConfig {
        difficulty: Difficulty::Baseline,
        ..PathfinderConfig::new(32)
    };
    let images = Pathfinder::open(dir.path(), Split::Test, &config).unwrap();
    let rules = images.provenance().and_then(|p| p.word("rules"));
    assert_eq!(rules, Some("traceable"));
    assert_eq!(make(&old).unwrap().kept, 20);
    let error = make(&options(dir.path(), 20)).unwrap_err().to_string();
    assert!(
        error.contains("rules is \"traceable\", asked for is \"published\""),
        "{error}"
    );
    std::fs::remove_file(&note).unwrap();
    let images = Pathfinder::open(dir.path(), Split::Test, &config).unwrap();
    assert_eq!(images.provenance(), None);
}

/// The traceable images of a seed are those of the versions that knew no others.
#[test]
fn traceable_images_stay_as_they_were() {
    let sums = PathfinderSize::ALL.map(|size| {
        let pixels = (0..6).flat_map(|index| {
            let rules = PathfinderRules::Traceable;
            let image = PathfinderImage::draw(rules, size, Difficulty::Length14, 11, index);
            image.unwrap().pixels
        });
        crate::files::crc(&pixels.collect::<Vec<u8>>())
    });
    assert_eq!(sums, [1_939_767_568, 2_616_477_230, 1_526_630_163]);
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
