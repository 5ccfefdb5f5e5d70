//! A neuron in a Burn project: a sequence at once, in two pieces, step by step, and with its inner traces.

use burn::tensor::{Device, Distribution, Tensor};
use elm_model::{ElmNeuronConfig, NeuronForm};

fn main() -> Result<(), elm_model::ElmError> {
    let device = Device::flex();
    let form = NeuronForm::v2()
        .with_num_memory(16)
        .with_memory_tau_max(500.0);
    let neuron = ElmNeuronConfig::new(32, 4)
        .with_neuron(form)
        .init(&device)?;
    println!("{neuron}");

    // [batch, time, input], one step is 1 ms
    let x = Tensor::<3>::random([2, 200, 32], Distribution::Bernoulli(0.02), &device);
    let (y, _) = neuron.forward(x.clone(), None);

    let (first, state) = neuron.forward(x.clone().narrow(1, 0, 120), None);
    let (second, _) = neuron.forward(x.clone().narrow(1, 120, 80), Some(state));
    let pieces = Tensor::cat(vec![first, second], 1);
    println!(
        "two pieces differ from the whole by {}",
        (y.clone() - pieces).abs().max()
    );

    let mut state = None;
    for t in 0..200 {
        let input = x.clone().narrow(1, t, 1).reshape([2, 32]);
        let (output, next) = neuron.step(input, state)?;
        state = Some(next);
        if t == 199 {
            let last = y.clone().narrow(1, t, 1).reshape([2, 4]);
            println!(
                "the last of 200 single steps differs by {}",
                (output - last).abs().max()
            );
        }
    }

    let (traces, _) = neuron.record(x, None)?;
    println!(
        "branch {:?}, memory {:?}",
        traces.branch.dims(),
        traces.memory.dims()
    );
    Ok(())
}
