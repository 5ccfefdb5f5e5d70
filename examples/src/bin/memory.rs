//! What the memory of a neuron does: a volley of spikes, and how long each memory unit keeps a trace of it.

use burn::tensor::{Device, Tensor, TensorData};
use elm_model::weights::load_neuron;

const TIME: usize = 400;
const VOLLEY: usize = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    let model = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../crates/elm-train/models/neuronio-m20.safetensors"
    );
    let neuron = load_neuron(model, None, &device)?;
    let channels = neuron.config().num_inputs;

    // the same with and without the volley: the difference is what it left
    let silence = vec![0.0f32; TIME * channels];
    let mut volley = silence.clone();
    for synapse in (0..channels / 2).step_by(4) {
        volley[VOLLEY * channels + synapse] = 1.0;
    }
    let memory = |x: Vec<f32>| -> Result<Tensor<3>, elm_model::ElmError> {
        let x = Tensor::from_data(TensorData::new(x, [1, TIME, channels]), &device);
        let (recording, _) = neuron.record(x, None)?;
        Ok(recording.memory)
    };
    let trace = (memory(volley)? - memory(silence)?).abs();
    let units = neuron.config().neuron.num_memory;
    let trace = numbers(trace.reshape([TIME * units]))?;
    let taus = numbers(neuron.timescales_ms()?)?;

    println!(
        "{:>4} {:>9}  {:<40} above a tenth of its peak",
        "unit", "tau (ms)", "trace, 10 ms a character"
    );
    for (unit, tau) in taus.iter().enumerate() {
        let of_unit: Vec<f32> = trace.iter().skip(unit).step_by(units).copied().collect();
        let peak = of_unit.iter().copied().fold(f32::MIN_POSITIVE, f32::max);
        let lasts = of_unit.iter().filter(|m| **m > 0.1 * peak).count();
        let drawn: String = of_unit
            .chunks(10)
            .map(|ten| {
                let most = ten.iter().copied().fold(0.0, f32::max) / peak;
                [' ', '.', ':', '+', '#'][(most * 4.0).round().clamp(0.0, 4.0) as usize]
            })
            .collect();
        println!("{unit:>4} {tau:>9.1}  {drawn:<40} {lasts} ms");
    }
    Ok(())
}

fn numbers(tensor: Tensor<1>) -> Result<Vec<f32>, Box<dyn std::error::Error>> {
    let data = tensor.into_data().convert::<f32>();
    data.try_to_vec().map_err(|e| format!("{e:?}").into())
}
