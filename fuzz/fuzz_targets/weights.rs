//! Weight files of the neuron step by step: to its parts, to a stream, and a step of that.
#![no_main]

use elm_fuzz as _; // its allocator

use elm_stream::NeuronForm;
use elm_stream::file::{from_safetensors, from_safetensors_with};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for model in [
        from_safetensors(bytes),
        from_safetensors_with(bytes, NeuronForm::v1()),
    ]
    .into_iter()
    .flatten()
    {
        // what was read may still be no neuron
        if let Ok(mut stream) = model.stream() {
            let x = vec![1.0; stream.inputs()];
            let _ = stream.step(&x);
        }
    }
});
