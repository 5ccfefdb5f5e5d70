//! `elm bench`.

use std::time::Duration;

use elm_model::ScanPath;

use crate::bench::{BenchConfig, BenchOptions, bench};
use crate::device;
use crate::error::{Result, TrainError};
use crate::say;

/// Time forward pass and training step on this machine.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Size to time
    #[arg(long, value_enum, default_value = "nio_m20")]
    config: BenchConfig,
    /// Samples [default: those of the size]
    #[arg(long, value_name = "N")]
    batch: Option<usize>,
    /// Time steps [default: those of the size]
    #[arg(long)]
    steps: Option<usize>,
    /// CPU threads [default: all]
    #[arg(long, allow_negative_numbers = true)]
    threads: Option<usize>,
    /// Where to compute: auto, cpu, gpu, flex, ndarray, wgpu, cuda, rocm
    #[arg(long, default_value = "auto")]
    device: String,
    /// Time the plain-tensor recurrence instead of the fused one
    #[arg(long)]
    reference: bool,
    /// MB for what the backward pass keeps; what does not fit is computed again [default: half of what the device has]
    #[arg(long, value_name = "MB", conflicts_with = "reference")]
    memory_budget: Option<u64>,
    /// Seconds for each of forward pass and training step
    #[arg(long, default_value_t = 6.0, allow_negative_numbers = true)]
    seconds: f64,
    /// Print JSON for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: Args) -> Result<()> {
    super::set_threads(args.threads)?;
    let device = device::open(&args.device)?;
    let budget = Duration::try_from_secs_f64(args.seconds)
        .map_err(|e| TrainError::Usage(format!("--seconds {}: {e}", args.seconds)))?;
    let path = match (args.reference, args.memory_budget) {
        (true, _) => ScanPath::Reference,
        (false, None) => ScanPath::Auto,
        (false, Some(megabytes)) => ScanPath::MemoryBudget(megabytes.saturating_mul(1_000_000)),
    };
    for (option, value) in [("--batch", args.batch), ("--steps", args.steps)] {
        if value == Some(0) {
            return Err(TrainError::Usage(format!(
                "{option} 0: expected at least 1"
            )));
        }
    }
    let options = BenchOptions {
        config: args.config,
        batch: args.batch,
        steps: args.steps,
        path,
        budget,
    };
    let result = bench(&options, &device)?;
    if args.json {
        let text = serde_json::to_string(&result).map_err(|e| TrainError::Run(e.to_string()))?;
        say!("{text}");
        return Ok(());
    }
    say!(
        "{} on {}, {} thread(s), {} recurrence, batch {}, {} steps",
        result.config,
        result.device,
        result.threads,
        result.recurrence,
        result.batch,
        result.steps
    );
    say!(
        "  forward        median {:>9.2} ms  min {:>9.2} ms",
        result.forward_ms.median,
        result.forward_ms.min
    );
    say!(
        "  training step  median {:>9.2} ms  min {:>9.2} ms",
        result.train_ms.median,
        result.train_ms.min
    );
    if let Some(peak) = result.peak_mb {
        say!("  peak memory    {peak:.0} MB");
    }
    Ok(())
}
