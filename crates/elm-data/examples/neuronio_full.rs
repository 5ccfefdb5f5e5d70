//! Memory and time to the first batch of a large set of simulations:
//! `neuronio_full FOLDER make 2000` fills a folder with archives that repeat the shipped simulations, 128 in each as
//! published; `neuronio_full FOLDER mapped` and `neuronio_full FOLDER whole` then open it in the two ways.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use elm_data::neuronio::{
    SimulationSet, SparseSampler, WindowConfig, WindowSampler, open_simulations, shipped,
    write_archive,
};
use elm_data::{BatchStream, DataError, Result, Split};

const PER_FILE: usize = 128;
/// Batches that are timed after the first.
const BATCHES: u64 = 200;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = || DataError::request("expected FOLDER make COUNT, FOLDER mapped, or FOLDER whole");
    let (folder, way) = match &arguments[..] {
        [folder, way, ..] => (PathBuf::from(folder), way.as_str()),
        _ => return Err(usage()),
    };
    let count = arguments.get(2).and_then(|count| count.parse().ok());
    match (way, count) {
        ("make", Some(count)) => make(&folder, count),
        ("mapped" | "whole", None) => measure(folder, way == "mapped"),
        _ => Err(usage()),
    }
}

fn make(folder: &Path, count: usize) -> Result<()> {
    let own = shipped(Split::Train)?;
    std::fs::create_dir_all(folder).map_err(|e| DataError::io(folder, "create it", e))?;
    for first in (0..count).step_by(PER_FILE) {
        let name = format!("sim__{first}.p");
        let simulations: Vec<_> = (first..count.min(first + PER_FILE))
            .map(|at| {
                let mut simulation = own[at % own.len()].clone();
                simulation.source = name.as_str().into();
                simulation.index = (at - first) as u32;
                simulation
            })
            .collect();
        write_archive(&folder.join(format!("sim__{first}.elmnio")), &simulations)?;
    }
    Ok(())
}

fn measure(folder: PathBuf, mapped: bool) -> Result<()> {
    let start = Instant::now();
    let paths = [folder];
    let set: SimulationSet = match mapped {
        true => SimulationSet::open(&paths)?,
        false => open_simulations(&paths)?.into(),
    };
    let opened = start.elapsed();
    let sampler = WindowSampler::new(set.clone(), WindowConfig::default(), 1)?;
    let sampler = Arc::new(SparseSampler(sampler));
    let mut first = None;
    for workers in [1, 2] {
        let mut stream = BatchStream::new(Arc::clone(&sampler), 0, BATCHES + 1, workers);
        stream.next().transpose()?;
        let first = *first.get_or_insert_with(|| start.elapsed());
        let begin = Instant::now();
        for batch in stream {
            batch?;
        }
        let each = begin.elapsed() / BATCHES as u32;
        println!(
            "{} simulations, open {opened:.2?}, first batch after {first:.2?}, {workers} worker(s): {each:.2?} a batch, \
             {}",
            set.len(),
            memory()
        );
    }
    Ok(())
}

/// Memory of this process now and at most, where the system says.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let lines = status.lines().filter(|line| {
        ["VmRSS", "VmHWM", "RssAnon"]
            .iter()
            .any(|name| line.starts_with(name))
    });
    let lines: Vec<String> = lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    lines.join(", ")
}
