//! Event files that TensorBoard reads.
//!
//! A file is a row of records, each its length, a checksum of that, the content, and a checksum of that (the TFRecord
//! format); the content is an `Event` of TensorFlow's `event.proto`. A reader stops at a record that was cut off, so a file
//! that only ever grows survives a kill.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::durable;
use crate::error::Result;

/// Folder of the event files in that of a run.
const FOLDER: &str = "tensorboard";

/// A file of events; each call that works on a run has its own.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
}

impl EventFile {
    /// Begins a file for the steps after `step`; of earlier files the events of later steps no longer count.
    ///
    /// # Errors
    /// [`TrainError::Run`] if it cannot be written.
    pub(super) fn begin(run: &Path, step: u64) -> Result<Self> {
        let folder = run.join(FOLDER);
        std::fs::create_dir_all(&folder).map_err(|e| durable::unwritten(&folder, e))?;
        let now = seconds();
        // readers take the files in the order of their names
        let name = format!(
            "events.out.tfevents.{:010}.{:06}.elm.{}",
            now as u64,
            (now.fract() * 1e6) as u32,
            std::process::id()
        );
        let path = folder.join(name);
        let mut events = Self {
            file: durable::open_append(&path)?,
            path,
        };
        events.write(&event(now, 0, &field_bytes(3, b"brain.Event:2")))?;
        if step > 0 {
            // SessionLog { status: START }: a reader forgets what an earlier file has of this step or later
            let start = field_bytes(7, &field_number(1, 1));
            events.write(&event(now, step + 1, &start))?;
        }
        Ok(events)
    }

    /// Adds numbers by their tags, such as `train/loss`, at a gradient step.
    ///
    /// # Errors
    /// [`TrainError::Run`] if the file cannot be written.
    pub(super) fn scalars(&mut self, step: u64, values: &[(&str, f64)]) -> Result<()> {
        let mut summary = Vec::new();
        for (tag, number) in values {
            let mut value = field_bytes(1, tag.as_bytes());
            value.push(2 << 3 | FIXED_32);
            value.extend((*number as f32).to_le_bytes());
            summary.extend(field_bytes(1, &value));
        }
        self.write(&event(seconds(), step, &field_bytes(5, &summary)))
    }

    fn write(&mut self, event: &[u8]) -> Result<()> {
        durable::append(&mut self.file, &record(event))
            .map_err(|e| durable::unwritten(&self.path, e))
    }
}

fn seconds() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// A record of a TFRecord file.
fn record(content: &[u8]) -> Vec<u8> {
    let masked = |bytes: &[u8]| {
        let crc = crc32c::crc32c(bytes);
        crc.rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
    };
    let length = (content.len() as u64).to_le_bytes();
    let mut out = Vec::with_capacity(content.len() + 16);
    out.extend(length);
    out.extend(masked(&length));
    out.extend(content);
    out.extend(masked(content));
    out
}

// Kinds of fields in protocol buffers.
const VARINT: u8 = 0;
const FIXED_64: u8 = 1;
const LENGTH: u8 = 2;
const FIXED_32: u8 = 5;

/// An `Event` at a time (s since 1970) and step, with one more field.
fn event(time: f64, step: u64, what: &[u8]) -> Vec<u8> {
    let mut out = vec![1 << 3 | FIXED_64];
    out.extend(time.to_le_bytes());
    out.extend(field_number(2, step));
    out.extend(what);
    out
}

fn field_number(field: u8, value: u64) -> Vec<u8> {
    let mut out = vec![field << 3 | VARINT];
    varint(value, &mut out);
    out
}

fn field_bytes(field: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | LENGTH];
    varint(content.len() as u64, &mut out);
    out.extend(content);
    out
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_fields_are_as_specified() {
        // the first record of every file, with TensorFlow's own checksums
        let version = event(0.0, 0, &field_bytes(3, b"brain.Event:2"));
        assert_eq!(version.len(), 9 + 2 + 15);
        let whole = record(&version);
        assert_eq!(whole.len(), version.len() + 16);
        assert_eq!(whole[..8], 26u64.to_le_bytes());
        // CRC-32C of "123456789" is e3069283
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(field_number(2, 300), [0x10, 0xac, 0x02]);
        assert_eq!(field_bytes(1, b"ab"), [0x0a, 2, b'a', b'b']);
    }
}
