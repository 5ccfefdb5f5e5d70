//! The same program on any device, by a flag: `device gpu`, `device cpu`, `device wgpu`. Cards need a build with their
//! feature, e.g. `cargo run --release -p elm-examples --features wgpu --bin device -- gpu`.

use std::time::Instant;

use burn::tensor::{Distribution, Tensor};
use elm_model::{ElmNeuronConfig, NeuronForm};
use elm_train::device;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or("auto".into());
    // an error says which devices there are, and which feature brings the one that is asked for
    let device = device::open(&name)?;
    println!("{name} is {}", device::describe(&device));
    let training = device.autodiff();
    let neuron = ElmNeuronConfig::new(128, 4)
        .with_neuron(NeuronForm::v2().with_num_memory(32))
        .init(&training)?;
    println!("its recurrence is {}", neuron.describe_path(8));
    let x = Tensor::<3>::random([8, 200, 128], Distribution::Bernoulli(0.05), &training);
    for step in 1..=3 {
        let begun = Instant::now();
        let (y, _) = neuron.forward(x.clone(), None);
        let loss = y.powi_scalar(2).mean();
        let value = loss.clone().try_into_scalar::<f32>()?;
        let _grads = loss.backward();
        let took = begun.elapsed();
        println!("forward and backward pass {step}: loss {value:.4}, {took:?}");
    }
    Ok(())
}
