//! A layer with modular wiring: four modules that mostly listen to themselves, and what its neurons do.

use burn::tensor::{Device, Distribution, Tensor};
use elm_model::layer::{Monitor, module_of};
use elm_model::{ElmLayerConfig, NeuronForm, Wiring};

const NEURONS: usize = 64;
const MODULES: usize = 4;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    device.seed(3);
    let config = ElmLayerConfig::new(20, NEURONS)
        .with_neuron(
            NeuronForm::network()
                .with_num_memory(5)
                .with_input_scale(10.0),
        )
        .with_wiring(Wiring::Modular {
            modules: MODULES,
            recurrent_connect: Some(0.5),
            within: 0.9,
        })
        .with_seed(7);
    let layer = config.init(&device)?;
    println!("{layer}");

    let connectome: Vec<i64> = layer
        .connectome
        .sources()
        .into_data()
        .convert::<i64>()
        .try_to_vec()
        .map_err(|e| format!("{e:?}"))?;
    let (mut within, mut between) = (0, 0);
    for (neuron, sources) in connectome.chunks(config.neuron.synapses()).enumerate() {
        let module = module_of(neuron, NEURONS, MODULES);
        for source in sources.iter().filter(|s| **s >= 20) {
            match module.contains(&((source - 20) as usize)) {
                true => within += 1,
                false => between += 1,
            }
        }
    }
    println!("{within} recurrent synapses stay within their module, {between} lead to another");

    // one module's worth of input for 50 ms, then silence: what lasts is the layer's own
    let x = Tensor::<3>::random([1, 50, 20], Distribution::Bernoulli(0.05), &device);
    let x = Tensor::cat(vec![x, Tensor::zeros([1, 150, 20], &device)], 1);
    let recording = layer.record(x, None, &[Monitor::Memory])?;
    for (name, from) in [
        ("with input", 0),
        ("after 50 ms of silence", 100),
        ("after 100 ms", 150),
    ] {
        let activity = recording.activity.clone().narrow(1, from, 50);
        let mean = activity.mean().try_into_scalar::<f32>()?;
        println!("mean activity {name}: {mean:.4}");
    }
    Ok(())
}
