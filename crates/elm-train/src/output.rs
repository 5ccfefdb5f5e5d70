//! Standard output and standard error. A reader may close either (`elm data info | head`): that is no failure of the
//! program, and no reason to stop a training. What cannot be written for another reason, such as a full disk, is
//! remembered, and the program ends with a message and exit code 1.

use std::fmt::Arguments;
use std::io::Write;
use std::sync::OnceLock;

use crate::error::{Result, TrainError};

/// The first failure to write to standard output.
static FAILED: OnceLock<String> = OnceLock::new();

/// Writes a line to standard output; [`say!`](crate::say) is the way to call it.
pub fn line(text: Arguments<'_>) {
    tracing::info!("{text}");
    note(writeln!(std::io::stdout(), "{text}"));
}

/// Writes a line to standard error; [`tell!`](crate::tell) is the way to call it.
pub fn error_line(text: Arguments<'_>) {
    tracing::warn!("{text}");
    // there is nowhere left to tell of a failure
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Remembers a failure to write to standard output, unless its reader went away.
pub fn note(written: std::io::Result<()>) {
    if let Err(error) = written
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        FAILED.get_or_init(|| error.to_string());
    }
}

/// Was everything written that was to be?
///
/// # Errors
/// [`TrainError::Run`] if standard output did not take it.
pub fn check() -> Result<()> {
    note(std::io::stdout().flush());
    match FAILED.get() {
        None => Ok(()),
        Some(problem) => Err(TrainError::Run(format!(
            "cannot write to standard output: {problem}"
        ))),
    }
}

/// `println!` that does not mind a closed pipe.
#[macro_export]
macro_rules! say {
    ($($arg:tt)*) => { $crate::output::line(format_args!($($arg)*)) };
}

/// `eprintln!` that does not mind a closed pipe.
#[macro_export]
macro_rules! tell {
    ($($arg:tt)*) => { $crate::output::error_line(format_args!($($arg)*)) };
}
