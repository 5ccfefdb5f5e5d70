//! What proves a checkpoint whole: names, sizes and checksums of its files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Sizes and checksums of the files of a checkpoint. It is written last.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// Version of this program.
    elm: String,
    files: BTreeMap<String, Entry>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    bytes: u64,
    crc32c: u32,
}

impl Entry {
    fn of(content: &[u8]) -> Self {
        Self {
            bytes: content.len() as u64,
            crc32c: crc32c::crc32c(content),
        }
    }
}

impl Manifest {
    pub(super) fn new() -> Self {
        Self {
            elm: env!("CARGO_PKG_VERSION").into(),
            files: BTreeMap::new(),
        }
    }

    pub(super) fn add(&mut self, name: &str, content: &[u8]) {
        self.files.insert(name.into(), Entry::of(content));
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Is this what the file was?
    pub(super) fn check(&self, name: &str, content: &[u8]) -> Result<(), String> {
        let Some(entry) = self.files.get(name) else {
            return Err(format!("{name} is not in the manifest"));
        };
        let found = Entry::of(content);
        if found.bytes != entry.bytes {
            return Err(format!(
                "{name} has {} of {} bytes",
                found.bytes, entry.bytes
            ));
        }
        match found == *entry {
            true => Ok(()),
            false => Err(format!(
                "{name} has another checksum than it was written with"
            )),
        }
    }
}
