//! Any text, packed or not.
#![no_main]

use elm_data::Split;
use elm_data::text::{Text, TextOptions};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // the content decides how a file is read, so that one file serves all
    let options = TextOptions {
        train: vec![elm_fuzz::file(bytes)],
        ..TextOptions::default()
    };
    if let Ok(text) = Text::open(&options) {
        let _ = text.streams(Split::Train, 4, 16);
    }
});
