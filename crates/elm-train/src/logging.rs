//! The log file of a run: what was said, and what happened beside it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;

use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

use crate::durable;
use crate::error::Result;

/// The open log file; none outside of a run.
static FILE: Mutex<Option<File>> = Mutex::new(None);

/// Begins to log at the level of `-v` given `verbose` times: 0 what is said, 1 details, 2 everything.
///
/// Messages go nowhere until [`to_file`] names a file. A second call has no effect.
pub fn begin(verbose: u8) {
    let level = match verbose {
        0 => Level::INFO,
        1 => Level::DEBUG,
        _ => Level::TRACE,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_target(false)
        .with_writer(LogFile)
        .finish();
    // fails where a program that uses this library has its own
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Logs to the end of this file from now on.
///
/// # Errors
/// [`crate::TrainError::Run`] if it cannot be opened.
pub fn to_file(path: &Path) -> Result<()> {
    let file = durable::open_append(path)?;
    // a thread that panicked left an open file behind, or none
    *FILE.lock().unwrap_or_else(|e| e.into_inner()) = Some(file);
    Ok(())
}

#[derive(Clone, Copy)]
struct LogFile;

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Some(file) = &mut *FILE.lock().unwrap_or_else(|e| e.into_inner()) {
            // a log that cannot be written is no reason to stop a training
            let _ = file.write_all(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
