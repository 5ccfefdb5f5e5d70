//! CIFAR-10 batches: what begins with a label is the binary version.
#![no_main]

use elm_fuzz as _; // its allocator

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = elm_data::lra::image::batch_from_bytes("data_batch_1.bin", bytes);
});
