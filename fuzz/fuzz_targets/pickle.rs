//! NeuronIO pickles, and the pickles of CIFAR-10.
#![no_main]

use elm_fuzz as _; // its allocator

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = elm_data::neuronio::read_pickle_bytes("fuzz.p", bytes);
    let _ = elm_data::lra::image::batch_from_bytes("data_batch_1", bytes);
});
