//! The tables of ListOps and Retrieval.
#![no_main]

use elm_fuzz as _; // its allocator

use elm_data::lra::{listops, retrieval::Retrieval};
use elm_data::task::TaskData;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(data) = listops::from_bytes("basic_train.tsv", bytes, listops::MAX_LENGTH) {
        read(&data);
    }
    if let Ok(data) = Retrieval::from_bytes("new_aan_pairs.train.tsv", bytes.to_vec(), 4000) {
        read(&data);
    }
});

fn read(data: &dyn TaskData) {
    for index in 0..data.len() {
        let _ = data.read(0, index);
    }
}
