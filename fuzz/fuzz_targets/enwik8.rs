//! Enwik8, zipped or not.
#![no_main]

use elm_data::{Split, enwik8::Enwik8};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = Enwik8::from_bytes("enwik8", bytes.to_vec()) {
        let _ = text.streams(Split::Train, 4, 16);
    }
});
