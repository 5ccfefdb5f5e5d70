//! One measurement, in this process or in one of its own.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use elm_model::ScanPath;
use elm_train::bench::{
    BenchConfig, BenchOptions, RecurrenceShare, bench, recurrence_share, stream_micros,
};
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
    /// The neuron driven step by step.
    Stream,
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
            Self::Stream => "stream",
            Self::TorchPlain => "PyTorch, published",
            Self::TorchManualJit => "PyTorch, manual_jit",
        }
    }

    fn flag(self) -> &'static str {
        match self {
            Self::Fused => "fused",
            Self::Reference => "reference",
            Self::Share => "share",
            Self::Stream => "stream",
            Self::TorchPlain => "plain",
            Self::TorchManualJit => "manual_jit",
        }
    }
}

/// What one process measures.
#[derive(Debug, Clone, Copy)]
pub struct Job {
    /// Implementation.
    pub implementation: Implementation,
    /// Size.
    pub config: BenchConfig,
    /// Time steps, where not those of the size (not for PyTorch).
    pub steps: Option<usize>,
    /// CPU threads.
    pub threads: usize,
    /// Time for each thing that is measured.
    pub seconds: f64,
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
    /// Floating-point operations of a forward pass; not known of PyTorch's.
    pub forward_flops: Option<f64>,
}

/// Measures in this process and prints one JSON line.
pub fn here(job: &Job) -> Result<(), String> {
    let text = |e: &dyn std::fmt::Display| e.to_string();
    rayon::ThreadPoolBuilder::new()
        .num_threads(job.threads)
        .build_global()
        .map_err(|e| text(&e))?;
    let device = device::open("flex").map_err(|e| text(&e))?;
    let budget = Duration::try_from_secs_f64(job.seconds).map_err(|e| text(&e))?;
    let timed = |path| {
        let options = BenchOptions {
            config: job.config,
            batch: None,
            steps: job.steps,
            path,
            budget,
        };
        let result = bench(&options, &device).map_err(|e| text(&e))?;
        serde_json::to_value(result).map_err(|e| text(&e))
    };
    let json = match job.implementation {
        Implementation::Fused => timed(ScanPath::Auto)?,
        Implementation::Reference => timed(ScanPath::Reference)?,
        Implementation::Share => {
            let share = recurrence_share(&device, budget).map_err(|e| text(&e))?;
            serde_json::to_value(share).map_err(|e| text(&e))?
        }
        Implementation::Stream => stream_micros(&device, budget).map_err(|e| text(&e))?.into(),
        Implementation::TorchPlain | Implementation::TorchManualJit => {
            return Err("PyTorch is measured by its own script".into());
        }
    };
    println!("{json}");
    Ok(())
}

/// Times forward pass and training step in a process of its own.
pub fn apart(job: &Job, script: &Path) -> Result<Measurement, String> {
    let torch = matches!(
        job.implementation,
        Implementation::TorchPlain | Implementation::TorchManualJit
    );
    let json = if torch {
        let mut python = Command::new("python3");
        python.arg(script).args([
            job.implementation.flag(),
            job.config.name(),
            &job.threads.to_string(),
            &job.seconds.to_string(),
        ]);
        output(&mut python)?
    } else {
        output(&mut this(job)?)?
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
            forward_flops: None,
        },
        false => Measurement {
            forward_ms: number("/forward_ms/median")?,
            train_ms: number("/train_ms/median")?,
            peak_mb: number("/peak_mb").unwrap_or(f64::NAN),
            forward_flops: Some(number("/forward_flops")?),
        },
    })
}

/// What share of a large product's rate the recurrence reaches.
pub fn share(threads: usize, seconds: f64) -> Result<RecurrenceShare, String> {
    let json = output(&mut this(&other(Implementation::Share, threads, seconds))?)?;
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

/// Microseconds of one streamed step.
pub fn stream(seconds: f64) -> Result<f64, String> {
    let json = output(&mut this(&other(Implementation::Stream, 1, seconds))?)?;
    json.as_f64()
        .ok_or_else(|| format!("expected a number, found {json}"))
}

fn other(implementation: Implementation, threads: usize, seconds: f64) -> Job {
    Job {
        implementation,
        config: BenchConfig::NioM100,
        steps: None,
        threads,
        seconds,
    }
}

fn this(job: &Job) -> Result<Command, String> {
    let mut command = Command::new(std::env::current_exe().map_err(|e| e.to_string())?);
    command.args(["--one", job.implementation.flag()]);
    command.args(["--config", job.config.name()]);
    command.args(["--threads", &job.threads.to_string()]);
    command.args(["--seconds", &job.seconds.to_string()]);
    if let Some(steps) = job.steps {
        command.args(["--steps", &steps.to_string()]);
        // memory over length is what is used, not what the allocator still holds
        command.env("MIMALLOC_PURGE_DELAY", "0");
    }
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
