//! NeuronIO simulations in this project's own format.
#![no_main]

use elm_fuzz as _; // its allocator

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = elm_data::neuronio::read_archive_bytes("fuzz.elmnio", bytes);
});
