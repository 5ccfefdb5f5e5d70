//! One measurement, in this process or in one of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use elm_model::memory_scan::ScanPath;
use elm_train::bench::{BenchConfig, RecurrenceShare, bench};
use elm_train::device;
use serde_json::Value;

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Implementation {
    /// This project's fused recurrence.
    Fused,
    /// This project's plain-tensor reference.
    Reference,
    /// Rates of the recurrence and of a large matrix product.
    Share,
    /// The published algorithm in PyTorch.
    TorchPlain,
    /// The best PyTorch we know.
    TorchManualJit,
}

impl Implementation {
    /// The one whose ratios are shown first, then its baselines.
    pub fn all(with_pytorch: bool) -> Vec<Self> {
        let mut all = vec![Self::Fused, Self::Reference];
        if with_pytorch {
            all.extend([Self::TorchPlain, Self::TorchManualJit]);
        }
        all
    }

    /// Name in the table.
    pub fn label(self) -> &'static str {
        match self {
            Self::Fused => "elm",
            Self::Reference => "elm, plain tensors",
            Self::Share => "share",
            Self::TorchPlain => "PyTorch, published",
            Self::TorchManualJit => "PyTorch, manual_jit",
        }
    }

    fn flag(self) -> &'static str {
        match self {
            Self::Fused => "fused",
            Self::Reference => "reference",
            Self::Share => "share",
            Self::TorchPlain => "plain",
            Self::TorchManualJit => "manual_jit",
        }
    }
}

/// Medians in ms, peak memory in MB.
#[derive(Debug, Clone, Copy)]
pub struct Measurement {
    /// Forward pass.
    pub forward_ms: f64,
    /// Training step.
    pub train_ms: f64,
    /// Peak resident memory of the process.
    pub peak_mb: f64,
}

/// Measures in this process and prints one JSON line.
pub fn here(
    implementation: Implementation,
    config: BenchConfig,
    threads: usize,
    seconds: f64,
) -> Result<(), String> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|e| e.to_string())?;
    let device = device::open("flex").map_err(|e| e.to_string())?;
    let budget = Duration::try_from_secs_f64(seconds).map_err(|e| e.to_string())?;
    let path = match implementation {
        Implementation::Fused => ScanPath::Auto,
        Implementation::Reference => ScanPath::Reference,
        Implementation::Share => {
            let share =
                elm_train::bench::recurrence_share(&device, budget).map_err(|e| e.to_string())?;
            println!(
                "{}",
                serde_json::to_string(&share).map_err(|e| e.to_string())?
            );
            return Ok(());
        }
        Implementation::TorchPlain | Implementation::TorchManualJit => {
            return Err("PyTorch is measured by its own script".into());
        }
    };
    let result = bench(config, &device, path, budget).map_err(|e| e.to_string())?;
    println!(
        "{}",
        serde_json::to_string(&result).map_err(|e| e.to_string())?
    );
    Ok(())
}

/// Measures in a process of its own.
pub fn apart(
    implementation: Implementation,
    config: BenchConfig,
    threads: usize,
    seconds: f64,
    script: &Path,
) -> Result<Measurement, String> {
    let torch = matches!(
        implementation,
        Implementation::TorchPlain | Implementation::TorchManualJit
    );
    let json = if torch {
        let mut python = Command::new("python3");
        python.arg(script).args([
            implementation.flag(),
            config.name(),
            &threads.to_string(),
            &seconds.to_string(),
        ]);
        output(&mut python)?
    } else {
        output(&mut this(implementation, config, threads, seconds)?)?
    };
    let number = |path: &str| {
        json.pointer(path)
            .and_then(Value::as_f64)
            .ok_or_else(|| format!("{path} is missing in {json}"))
    };
    Ok(match torch {
        true => Measurement {
            forward_ms: number("/forward/median_ms")?,
            train_ms: number("/train/median_ms")?,
            peak_mb: number("/rss_peak_mb")?,
        },
        false => Measurement {
            forward_ms: number("/forward_ms/median")?,
            train_ms: number("/train_ms/median")?,
            peak_mb: number("/peak_mb").unwrap_or(f64::NAN),
        },
    })
}

/// What share of a large product's rate the recurrence reaches.
pub fn recurrence_share(threads: usize, seconds: f64) -> Result<RecurrenceShare, String> {
    let json = output(&mut this(
        Implementation::Share,
        BenchConfig::NioM100,
        threads,
        seconds,
    )?)?;
    let number = |key: &str| {
        json[key]
            .as_f64()
            .ok_or_else(|| format!("{key} is missing in {json}"))
    };
    Ok(RecurrenceShare {
        recurrence_gflops: number("recurrence_gflops")?,
        product_gflops: number("product_gflops")?,
    })
}

fn this(
    implementation: Implementation,
    config: BenchConfig,
    threads: usize,
    seconds: f64,
) -> Result<Command, String> {
    let mut command = Command::new(std::env::current_exe().map_err(|e| e.to_string())?);
    command
        .args(["--one", implementation.flag(), "--config", config.name()])
        .args([
            "--threads",
            &threads.to_string(),
            "--seconds",
            &seconds.to_string(),
        ]);
    Ok(command)
}

/// Runs a command whose last line is JSON.
fn output(command: &mut Command) -> Result<Value, String> {
    let out = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    if !out.status.success() {
        return Err(format!(
            "{command:?}: {}",
            String::from_utf8_lossy(&out.stderr).trim()
        ));
    }
    let text = String::from_utf8_lossy(&out.stdout);
    let line = text.lines().last().unwrap_or_default();
    serde_json::from_str(line)
        .map_err(|e| format!("{command:?}: expected JSON, found {line:?}: {e}"))
}
