//! A user's own sequences: `.npz`, `.npy`, `.safetensors`, HDF5 or a table, and the same as events.
#![no_main]

use elm_data::arrays::{ArrayData, ArrayOptions, EventBinning, SequenceData, TimeUnit};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // the content decides how a file is read, so that one file serves all
    let path = elm_fuzz::file(bytes);
    let events = EventBinning {
        unit: TimeUnit::Milliseconds,
        bin_ms: 10.0,
        duration_ms: Some(1000.0),
        channels: None,
        binary: false,
    };
    for events in [None, Some(events)] {
        let options = ArrayOptions {
            events,
            ..ArrayOptions::default()
        };
        match ArrayData::open(std::slice::from_ref(&path), &options, None) {
            Ok(data) => {
                for sample in 0..data.len().min(20) {
                    let _ = data.sample(sample);
                }
            }
            Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
        }
    }
});
