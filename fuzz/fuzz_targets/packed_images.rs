//! Pathfinder images in this project's own format, and PNGs.
#![no_main]

use elm_fuzz as _; // its allocator

use std::io::Cursor;

use elm_data::lra::pathfinder::{PackedImages, decode_png};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(images) = PackedImages::from_bytes("fuzz.elmimg", bytes.to_vec()) {
        for index in 0..images.len().min(100) {
            let _ = images.pixels(index);
        }
    }
    let _ = decode_png(Cursor::new(bytes), 32);
});
