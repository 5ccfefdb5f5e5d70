//! The HDF5 files of the spike data sets, as far as they are read: opening one, and every sample of it.
#![no_main]

use elm_data::shd::{Binning, ShdDataset, ShdFile};

libfuzzer_sys::fuzz_target!(init: elm_fuzz::one_thread(), |bytes: &[u8]| {
    if let Ok(file) = ShdFile::from_bytes("fuzz.h5", bytes.to_vec()) {
        let _ = file.keys();
        let _ = ShdDataset::read(&file, Binning::default());
    }
});
