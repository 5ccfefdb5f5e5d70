//! Correctness, time per step and time per training step on a graphics card, next to the card's own limits and, if
//! asked, to PyTorch on the same card. One program and one Python script; see `run.sh`.

mod check;
mod layers;
mod sizes;
mod time;
mod torch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use burn::tensor::Device;
use clap::Parser;

use elm_gpu_bench::LayerSize;
use sizes::Size;

/// Check and time the ELM neuron on a graphics card.
#[derive(Debug, Parser)]
struct Args {
    /// Device; those of this build
    #[arg(long, value_enum, default_value_t = Backend::first())]
    device: Backend,
    /// Index of the card (CUDA, ROCm)
    #[arg(long, default_value_t = 0)]
    index: usize,
    /// Sizes to time [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    size: Vec<Size>,
    /// Layers to time, next to plain tensor steps on the same card [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    layer: Vec<LayerSize>,
    /// What to check and time
    #[arg(long, value_enum, default_value_t = Part::All)]
    part: Part,
    /// Seconds per measurement
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Tiny shapes: does everything run?
    #[arg(long)]
    tiny: bool,
    /// Also time PyTorch (needs python3 with torch)
    #[arg(long)]
    with_pytorch: bool,
    /// Where PyTorch computes
    #[arg(long, default_value = "cuda")]
    torch_device: String,
    /// The PyTorch script
    #[arg(long, value_name = "FILE", default_value = "torch_gpu.py")]
    torch_script: PathBuf,
}

/// What of the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Everything
    All,
    /// The single neuron
    Neuron,
    /// Layers
    Layers,
}

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Backend {
    /// wgpu, any graphics interface
    Wgpu,
    /// Vulkan with SPIR-V
    Vulkan,
    /// CUDA
    Cuda,
    /// ROCm
    Rocm,
    /// This machine's CPU
    Flex,
}

impl Backend {
    /// The fastest that this build holds.
    fn first() -> Self {
        match () {
            () if cfg!(feature = "cuda") => Self::Cuda,
            () if cfg!(feature = "rocm") => Self::Rocm,
            () if cfg!(feature = "vulkan") => Self::Vulkan,
            () if cfg!(feature = "wgpu") => Self::Wgpu,
            () => Self::Flex,
        }
    }

    fn open(self, index: usize) -> Result<Device, String> {
        let _ = index;
        match self {
            #[cfg(feature = "wgpu")]
            Self::Wgpu => present(burn::tensor::DeviceType::Wgpu, || {
                Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)
            }),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => present(burn::tensor::DeviceType::Vulkan, || {
                Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)
            }),
            #[cfg(feature = "cuda")]
            Self::Cuda => present(burn::tensor::DeviceType::Cuda, || Device::cuda(index)),
            #[cfg(feature = "rocm")]
            Self::Rocm => present(burn::tensor::DeviceType::Rocm, || Device::rocm(index)),
            Self::Flex => Ok(Device::flex()),
            #[allow(unreachable_patterns)]
            other => Err(format!(
                "{other:?} is not in this build; build with `--features {}`",
                format!("{other:?}").to_lowercase()
            )),
        }
    }
}

#[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
fn present(kind: burn::tensor::DeviceType, open: impl Fn() -> Device) -> Result<Device, String> {
    if Device::enumerate(kind).into_vec().is_empty() {
        return Err("no such device on this machine".into());
    }
    Ok(open())
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("error: the card's results differ from the CPU's");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Name of the card; Burn tells it only where a graphics backend is compiled in.
fn name(device: &Device) -> String {
    #[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
    if let Some(identity) = device.identity() {
        return identity.name;
    }
    let _ = device;
    "CPU".to_string()
}

fn run(args: &Args) -> Result<bool, String> {
    let device = args.device.open(args.index)?;
    println!("device: {} ({:?})", name(&device), args.device);
    println!("correctness, against Flex on this machine's CPU:");
    let budget = Duration::try_from_secs_f64(args.seconds)
        .map_err(|e| format!("--seconds {}: {e}", args.seconds))?;
    let mut passed = true;
    if args.part != Part::Layers {
        passed &= check::all(&device, args.tiny)?;
    }
    if args.part != Part::Neuron {
        passed &= layers::check(&device, args.tiny)?;
    }
    if args.part != Part::Layers {
        neuron(args, &device, budget)?;
    }
    if args.part != Part::Neuron {
        let all = LayerSize::ALL.to_vec();
        let sizes = if args.layer.is_empty() {
            &all
        } else {
            &args.layer
        };
        layers::time(&device, sizes, budget, args.tiny)?;
    }
    Ok(passed)
}

/// Times the single neuron.
fn neuron(args: &Args, device: &Device, budget: Duration) -> Result<(), String> {
    let card = time::card(device, budget, args.tiny)?;
    println!(
        "the card itself: {:.0} GFlop/s in a large f32 product, {:.0} GB/s in a sum",
        card.gflops, card.gbytes
    );
    println!(
        "{:<14} {:<20} {:>11} {:>9} {:>11} {:>11} {:>9} {:>7}",
        "size",
        "implementation",
        "scan ms",
        "us/step",
        "forward ms",
        "train ms",
        "GFlop/s",
        "share"
    );
    let all = Size::ALL.to_vec();
    for &size in if args.size.is_empty() {
        &all
    } else {
        &args.size
    } {
        let (_, steps) = size.batch_and_steps(args.tiny);
        let t = time::size(size, device, budget, args.tiny)?;
        let rate = t.gflop / t.train_ms * 1e3;
        println!(
            "{:<14} {:<20} {:>11.3} {:>9.3} {:>11.3} {:>11.3} {:>9.0} {:>6.1}%",
            size.name(),
            "elm",
            t.scan_ms,
            1e3 * t.scan_ms / steps as f64,
            t.forward_ms,
            t.train_ms,
            rate,
            100.0 * rate / card.gflops
        );
        if args.with_pytorch {
            for line in torch::measure(&args.torch_script, &args.torch_device, size, args)? {
                println!(
                    "{:<14} {:<20} {:>11} {:>9} {:>11.3} {:>11.3} {:>9.0} {:>6.1}x",
                    size.name(),
                    format!("PyTorch, {}", line.variant),
                    "",
                    "",
                    line.forward_ms,
                    line.train_ms,
                    t.gflop / line.train_ms * 1e3,
                    line.train_ms / t.train_ms
                );
            }
        }
    }
    Ok(())
}
