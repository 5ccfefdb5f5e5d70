//! Forward pass and training step of an ELM layer at the published sizes against PyTorch and JAX, as ratios in one run.
//!
//! Every measurement is a process of its own, so that threads and peak memory are its own. The baselines are in
//! `benches/pytorch/layers.py`; of the ways in which each can compute a size, all that make sense are timed.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::Device;
use clap::Parser;
use elm_gpu_bench::{LayerSize, loss, on_autodiff, weighting};
use serde_json::{Value, json};

/// As in the `elm` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Time a layer against its baselines on this machine.
#[derive(Debug, Parser)]
struct Args {
    /// Sizes to time
    #[arg(long, value_enum, value_delimiter = ',', default_value = "shd,enwik8")]
    size: Vec<LayerSize>,
    /// CPU threads to time with
    #[arg(long, value_delimiter = ',', default_value = "2")]
    threads: Vec<usize>,
    /// Seconds for each of forward pass and training step
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Also time PyTorch and JAX with this interpreter (needs torch, jax and numpy)
    #[arg(long, value_name = "PYTHON")]
    python: Option<String>,
    /// The script of the baselines
    #[arg(long, value_name = "FILE", default_value = "benches/pytorch/layers.py")]
    script: String,
    /// Internal: measure here and print JSON
    #[arg(long, hide = true)]
    here: bool,
}

/// Ways to compute a size in the baselines: library, recurrent and feed-forward share.
fn baselines(size: LayerSize) -> &'static [[&'static str; 3]] {
    match size {
        LayerSize::Shd => &[
            ["torch", "dense", "sparse"],
            ["torch", "dense", "dense"],
            ["torch", "gather", "sparse"],
            ["jax", "dense", "dense"],
            ["jax", "gather", "dense"],
        ],
        LayerSize::Enwik8 => &[
            ["torch", "gather", "embedding"],
            ["torch", "dense", "embedding"],
            ["jax", "gather", "embedding"],
            ["jax", "dense", "embedding"],
        ],
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.here {
        true => here(&args),
        false => table(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One row per implementation; ratios are baseline over ours, so that larger is better for us.
fn table(args: &Args) -> Result<(), String> {
    println!(
        "{:<8} {:>7}  {:<24} {:>11} {:>7} {:>11} {:>7} {:>8} {:>7}",
        "size",
        "threads",
        "implementation",
        "forward ms",
        "ratio",
        "train ms",
        "ratio",
        "peak MB",
        "ratio"
    );
    for &size in &args.size {
        for &threads in &args.threads {
            let common = |command: &mut Command| {
                command
                    .args(["--threads", &threads.to_string()])
                    .args(["--seconds", &args.seconds.to_string()]);
            };
            let mut own = Command::new(std::env::current_exe().map_err(|e| e.to_string())?);
            own.args(["--here", "--size", size.name()]);
            common(&mut own);
            let ours = measured(&mut own)?;
            row(size, threads, "elm", ours, ours);
            let Some(python) = &args.python else {
                continue;
            };
            for [library, recurrent, feed_forward] in baselines(size) {
                let mut other = Command::new(python);
                other
                    .arg(&args.script)
                    .args([library, size.name(), recurrent, feed_forward]);
                common(&mut other);
                let name = format!("{library}, {recurrent}, {feed_forward}");
                row(size, threads, &name, measured(&mut other)?, ours);
            }
        }
    }
    Ok(())
}

/// Medians of forward pass and training step in ms, peak memory in MB.
type Measured = [f64; 3];

fn row(size: LayerSize, threads: usize, name: &str, m: Measured, ours: Measured) {
    let ratio: [f64; 3] = core::array::from_fn(|k| m[k] / ours[k]);
    println!(
        "{:<8} {threads:>7}  {name:<24} {:>11.1} {:>7.1} {:>11.1} {:>7.1} {:>8.0} {:>7.1}",
        size.name(),
        m[0],
        ratio[0],
        m[1],
        ratio[1],
        m[2],
        ratio[2]
    );
}

/// Runs a command whose last line is JSON.
fn measured(command: &mut Command) -> Result<Measured, String> {
    let out = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if !out.status.success() {
        let text = String::from_utf8_lossy(&out.stderr);
        return Err(format!("{command:?}: {}", text.trim()));
    }
    let text = String::from_utf8_lossy(&out.stdout);
    let line = text.lines().last().unwrap_or_default();
    let json: Value = serde_json::from_str(line)
        .map_err(|e| format!("{command:?}: expected JSON, found {line:?}: {e}"))?;
    let number = |path: &str| {
        json.pointer(path)
            .and_then(Value::as_f64)
            .ok_or_else(|| format!("{path} is missing in {json}"))
    };
    Ok([
        number("/forward_ms/median")?,
        number("/train_ms/median")?,
        number("/peak_mb")?,
    ])
}

/// Measures in this process.
fn here(args: &Args) -> Result<(), String> {
    let (size, threads) = (args.size[0], args.threads[0]);
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|e| e.to_string())?;
    let plain = Device::flex();
    plain.seed(0);
    let device = plain.clone().autodiff();
    let (batch, steps) = size.batch_and_steps(false);
    let config = size.config(false);
    let mut layer = config.init(&device).map_err(|e| e.to_string())?;
    let inference = layer.valid();
    let source = size.source(batch, steps, &plain);
    let weighting = weighting(&layer, batch, steps, &plain);
    let forward = median(args.seconds, || {
        inference.run(source.clone(), None).map(|_| ())
    })?;
    let source = on_autodiff(source);
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let train = median(args.seconds, || {
        let out = layer.run(source.clone(), None)?;
        let grads = loss(&out, &weighting).backward();
        let grads = GradientsParams::from_grads(grads, &layer);
        layer = optimizer.step(5e-4, layer.clone(), grads);
        Ok(())
    })?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find_map(|l| l.strip_prefix("VmHWM:"))
        .and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok())
        .unwrap_or(f64::NAN);
    let result = json!({
        "forward_ms": { "median": forward },
        "train_ms": { "median": train },
        "peak_mb": peak / 1024.0,
    });
    println!("{result}");
    Ok(())
}

/// As the baselines' script: three runs to warm up, then up to sixty within the budget, three at least.
fn median(
    seconds: f64,
    mut work: impl FnMut() -> Result<(), elm_model::ElmError>,
) -> Result<f64, String> {
    let budget = Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())?;
    let mut once = || {
        let start = Instant::now();
        work().map_err(|e| e.to_string())?;
        Ok::<f64, String>(start.elapsed().as_secs_f64() * 1e3)
    };
    for _ in 0..3 {
        once()?;
    }
    let (mut times, start) = (Vec::new(), Instant::now());
    while (start.elapsed() < budget && times.len() < 60) || times.len() < 3 {
        times.push(once()?);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
