//! Forward pass and training step of the fused neuron against baselines, as ratios in one run.
//!
//! Every measurement is a process of its own, so that threads and peak memory are its own. Baselines: the
//! plain-tensor reference of this project and, with `--with-pytorch`, `bench_torch.py` (`plain` is the published
//! algorithm, `manual_jit` the best PyTorch we know). `--loading` asks another question: does loading keep up?

mod loading;
mod measure;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use elm_train::bench::BenchConfig;

use measure::{Implementation, Job, Measurement};

/// As in the `elm` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Time the neuron against its baselines on this machine.
#[derive(Debug, Parser)]
struct Args {
    /// Sizes to time
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "nio_m20,nio_m100,shd_m100"
    )]
    config: Vec<BenchConfig>,
    /// CPU threads to time with
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    threads: Vec<usize>,
    /// Time steps [default: those of the size]
    #[arg(long, hide = true)]
    steps: Option<usize>,
    /// Seconds for each of forward pass and training step
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// Also time the PyTorch implementations (needs python3 with torch)
    #[arg(long)]
    with_pytorch: bool,
    /// The PyTorch bench
    #[arg(
        long,
        value_name = "FILE",
        default_value = "../shared/reference/bench_torch.py"
    )]
    pytorch_script: PathBuf,
    /// Time the loaders of the classification tasks against training on their batches instead
    #[arg(long)]
    loading: bool,
    /// Internal: measure one implementation and print JSON
    #[arg(long, hide = true, value_enum)]
    one: Option<Implementation>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    if let Some(implementation) = args.one {
        return measure::here(&Job {
            implementation,
            config: args.config[0],
            steps: args.steps,
            threads: args.threads[0],
            seconds: args.seconds,
        });
    }
    if args.loading {
        return loading::run(args.seconds);
    }
    let mut limits = Vec::new();
    for &threads in &args.threads {
        let share = measure::share(threads, args.seconds)?;
        println!(
            "{threads} thread(s): recurrence {:.1} GFlop/s, large matrix product {:.1} GFlop/s, share {:.0} %",
            share.recurrence_gflops,
            share.product_gflops,
            100.0 * share.recurrence_gflops / share.product_gflops
        );
        limits.push(share.product_gflops);
    }
    println!(
        "one step at a time (NeuronIO, 20 memory units, 1278 channels): {:.2} microseconds",
        measure::stream(args.seconds)?
    );
    scaling(args)?;
    table::header();
    for &config in &args.config {
        for (&threads, &limit) in args.threads.iter().zip(&limits) {
            let mut rows: Vec<(&str, Measurement)> = Vec::new();
            for implementation in Implementation::all(args.with_pytorch) {
                let job = Job {
                    implementation,
                    config,
                    steps: None,
                    threads,
                    seconds: args.seconds,
                };
                let result = measure::apart(&job, &args.pytorch_script)?;
                rows.push((implementation.label(), result));
            }
            table::rows(config.name(), threads, limit, &rows);
        }
    }
    Ok(())
}

/// How a training step's time and memory grow with the length of the sequence.
fn scaling(args: &Args) -> Result<(), String> {
    const SHORT: usize = 1024;
    const LONG: usize = 16 * SHORT;
    let config = BenchConfig::LraM100;
    let (neuron, batch, _) = config.sizes();
    let at = |steps| {
        let job = Job {
            implementation: Implementation::Fused,
            config,
            steps: Some(steps),
            threads: args.threads.iter().copied().max().unwrap_or(1),
            seconds: args.seconds,
        };
        measure::apart(&job, &args.pytorch_script)
    };
    let (short, long) = (at(SHORT)?, at(LONG)?);
    let bytes = (long.peak_mb - short.peak_mb) * 1024.0 * 1024.0 / (batch * (LONG - SHORT)) as f64;
    let form = neuron.form();
    let (m, h, i) = (form.num_memory, form.hidden(), neuron.num_inputs);
    println!(
        "{}: {LONG} steps take {:.1} times as long as {SHORT}; {bytes:.0} bytes per step and sample, where 4·(2M + H) and the input are {}",
        config.name(),
        long.train_ms / short.train_ms,
        4 * (2 * m + h + i)
    );
    Ok(())
}
