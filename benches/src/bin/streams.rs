//! Time of one step at a time, as in real-time use: streams against calls of one step of the same models.
//!
//! The neuron of NeuronIO in three kinds of input, and the layers of the published networks.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use burn::tensor::{Device, Tensor};
use clap::Parser;
use elm_gpu_bench::{LayerSize, numbers};
use elm_model::{ElmError, ElmNeuronConfig, LayerSource, NeuronForm, Routing};

/// As in the `elm` command.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Time single steps of streams and of modules on this machine.
#[derive(Debug, Parser)]
struct Args {
    /// Seconds for each measurement
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// CPU threads of the modules; streams have one
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), String> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(args.threads)
        .build_global()
        .map_err(|e| e.to_string())?;
    println!(
        "{:<34} {:>13} {:>13} {:>7}",
        "one step", "stream us", "call us", "ratio"
    );
    for memory in [20, 100] {
        neuron(memory, args).map_err(|e| e.to_string())?;
    }
    for size in LayerSize::ALL {
        layer(size, args).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// The published neuron of NeuronIO with M memory units.
fn neuron(memory: usize, args: &Args) -> Result<(), ElmError> {
    let inputs = 1278;
    let form = NeuronForm::v1()
        .with_num_memory(memory)
        .with_num_branches(Some(45))
        .with_synapses_per_branch(Some(100))
        .with_memory_tau_max(150.0);
    let config = ElmNeuronConfig::new(inputs, 2)
        .with_neuron(form)
        .with_routing(Routing::Neuronio);
    let device = Device::flex();
    let model = config.init(&device)?;
    let mut stream = model.stream()?;
    let spikes: Vec<f32> = (0..inputs)
        .map(|c| f32::from(u8::from(c * 37 % 91 == 0)))
        .collect();
    for (what, x) in [
        ("silent", vec![0.0; inputs]),
        ("14 spikes", spikes),
        ("dense", numbers(3, inputs, -1.0, 1.0)),
    ] {
        let streamed = median(args, || stream.step(black_box(&x)).map(|_| ()))?;
        let x = Tensor::<1>::from_data(x.as_slice(), &device).reshape([1, inputs]);
        let (_, state) = model.step(x.clone(), None)?;
        let called = median(args, || {
            model.step(x.clone(), Some(state.clone())).map(|_| ())
        })?;
        row(&format!("NeuronIO, M = {memory}, {what}"), streamed, called);
    }
    Ok(())
}

/// The first layer of a published network.
fn layer(size: LayerSize, args: &Args) -> Result<(), ElmError> {
    let device = Device::flex();
    let model = size.config(false).init(&device)?;
    let mut stream = model.stream()?;
    let inputs = model.config().num_inputs;
    let mut x = vec![0.0; inputs];
    for channel in (0..inputs).step_by(37) {
        x[channel] = 1.0;
    }
    let streamed = median(args, || stream.step(black_box(&x)).map(|_| ()))?;
    let source: LayerSource = Tensor::<1>::from_data(x.as_slice(), &device)
        .reshape([1, 1, inputs])
        .into();
    let (_, state) = model.try_forward(source.clone(), None)?;
    let called = median(args, || {
        model
            .try_forward(source.clone(), Some(state.clone()))
            .map(|_| ())
    })?;
    row(&format!("layer of {}", size.name()), streamed, called);
    Ok(())
}

fn row(what: &str, streamed: f64, called: f64) {
    println!(
        "{what:<34} {:>13.2} {:>13.1} {:>7.1}",
        streamed * 1e6,
        called * 1e6,
        called / streamed
    );
}

/// Median seconds of one step, over rounds of about a millisecond.
fn median<E>(args: &Args, mut step: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let mut round = |steps: u32| {
        let start = Instant::now();
        for _ in 0..steps {
            step()?;
        }
        Ok(start.elapsed().as_secs_f64() / f64::from(steps))
    };
    let first = round(10)?;
    let steps = (1e-3 / first.max(1e-9)).clamp(1.0, 1e5) as u32;
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < 5 || start.elapsed().as_secs_f64() < args.seconds {
        times.push(round(steps)?);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
