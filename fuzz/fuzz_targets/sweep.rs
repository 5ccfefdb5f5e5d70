//! Sweep files, and the recipes of their members.
#![no_main]

use elm_fuzz as _; // its allocator

use elm_train::recipe::Recipe;
use elm_train::sweep::{Sweep, SweepFile};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(file) = SweepFile::parse(text) else {
        return;
    };
    if let Ok(sweep) = Sweep::new(file, Recipe::default()) {
        for member in sweep.members.iter().take(10) {
            let _ = sweep.recipe(member);
        }
    }
});
