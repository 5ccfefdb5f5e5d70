//! Small data sets in the published formats, with samples of the published lengths.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

use elm_data::Task;
use elm_data::lra::listops::generate::{ListOpsOptions, generate_listops};
use elm_data::lra::pathfinder::generate::{PathfinderOptions, PathfinderSize, generate_pathfinder};
use elm_data::shd::{SyntheticShdOptions, generate_shd};

/// Makes the files of a task in `dir`.
pub fn make(task: Task, dir: &Path) -> Result<(), Box<dyn Error>> {
    match task.name() {
        "listops" => {
            let mut options = ListOpsOptions::new(dir, 1);
            (options.train, options.valid, options.test) = (1000, 10, 10);
            generate_listops(&options, &|_| ControlFlow::Continue(()))?;
        }
        "pathfinder" => pathfinder(dir, PathfinderSize::Px32, 500)?,
        "pathx" => pathfinder(dir, PathfinderSize::Px128, 60)?,
        "text" => {
            for part in ["train/pos", "train/neg", "test/pos", "test/neg"] {
                let folder = dir.join(part);
                std::fs::create_dir_all(&folder)?;
                for i in 0..50 {
                    std::fs::write(folder.join(format!("{i}_7.txt")), text(i, 4096))?;
                }
            }
        }
        "retrieval" => {
            let lines: Vec<u8> = (0..100)
                .flat_map(|i| {
                    let mut line = format!("{}\ta\tb\t", i % 2).into_bytes();
                    line.extend(text(i, 4000));
                    line.push(b'\t');
                    line.extend(text(i + 100, 4000));
                    line.push(b'\n');
                    line
                })
                .collect();
            for part in ["train", "eval", "test"] {
                std::fs::write(dir.join(format!("new_aan_pairs.{part}.tsv")), &lines)?;
            }
        }
        "image" => {
            let images: Vec<u8> = (0..200usize)
                .flat_map(|i| {
                    let label = [(i % 10) as u8];
                    label
                        .into_iter()
                        .chain((0..3072).map(move |p| ((p * (i + 3)) % 256) as u8))
                })
                .collect();
            for name in (1..=5)
                .map(|i| format!("data_batch_{i}.bin"))
                .chain(["test_batch.bin".into()])
            {
                std::fs::write(dir.join(name), &images)?;
            }
        }
        _ => {
            let mut options = SyntheticShdOptions::new(dir, 1);
            (options.train, options.test) = (500, 20);
            generate_shd(&options, &|_| ControlFlow::Continue(()))?;
        }
    }
    Ok(())
}

fn pathfinder(dir: &Path, size: PathfinderSize, count: usize) -> Result<(), Box<dyn Error>> {
    let mut options = PathfinderOptions::new(dir, 1, size);
    options.count = count;
    generate_pathfinder(&options, &|_| ControlFlow::Continue(()))?;
    Ok(())
}

/// Text-like bytes: letters and spaces.
fn text(seed: usize, length: usize) -> Vec<u8> {
    let mut state = seed as u64 * 2 + 1;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            b"etaoinshrdlu "[(state >> 33) as usize % 13]
        })
        .collect()
}
