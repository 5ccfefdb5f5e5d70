//! Forward pass and training step of the fused neuron against baselines, as ratios in one run.
//!
//! Every measurement is a process of its own, so that threads and peak memory are its own. Baselines: the
//! plain-tensor reference of this project and, with `--with-pytorch`, `bench_torch.py` (`plain` is the published
//! algorithm, `manual_jit` the best PyTorch we know). `--loading` asks another question: does loading keep up?

mod files;
mod loading;
mod measure;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use elm_train::bench::BenchConfig;

use measure::{Implementation, Measurement};

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
        return measure::here(
            implementation,
            args.config[0],
            args.threads[0],
            args.seconds,
        );
    }
    if args.loading {
        return loading::run(args.seconds);
    }
    for &threads in &args.threads {
        let share = measure::recurrence_share(threads, args.seconds)?;
        println!(
            "{threads} thread(s): recurrence {:.1} GFlop/s, large matrix product {:.1} GFlop/s, share {:.0} %",
            share.recurrence_gflops,
            share.product_gflops,
            100.0 * share.recurrence_gflops / share.product_gflops
        );
    }
    table::header();
    for &config in &args.config {
        for &threads in &args.threads {
            let mut rows: Vec<(&str, Measurement)> = Vec::new();
            for implementation in Implementation::all(args.with_pytorch) {
                let result = measure::apart(
                    implementation,
                    config,
                    threads,
                    args.seconds,
                    &args.pytorch_script,
                )?;
                rows.push((implementation.label(), result));
            }
            table::rows(config.name(), threads, &rows);
        }
    }
    Ok(())
}
