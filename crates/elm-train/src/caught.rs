//! What a device or a library says when it fails, or panics, as errors.

use std::cell::Cell;
use std::fmt::Display;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use crate::error::{Result, TrainError};
use crate::remote;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Does some work; a panic of this thread is an error that tells what it said. What panicked is in the log file, not on the
/// screen. Devices of other machines that went away are named.
///
/// # Errors
/// Those of `work`, and [`TrainError::Run`] for a panic.
pub(crate) fn caught<R>(work: impl FnOnce() -> Result<R>) -> Result<R> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| match QUIET.get() {
            true => tracing::error!("{info}"),
            false => before(info),
        }));
    });
    let before = QUIET.replace(true);
    // what the work had in hand is not used any more
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    let result = result.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or(panic.downcast_ref::<&str>().copied());
        let said = said.unwrap_or("without a word").trim();
        Err(failed("the program", said))
    });
    QUIET.set(before);
    result
}

/// The error of a device that could not do what it was asked to; devices of other machines that went away are named.
pub(crate) fn device_failed(why: impl Display) -> TrainError {
    failed("the device", &why.to_string())
}

/// Whether a server that goes away is met as a panic or as an error depends on what was waited for.
fn failed(what: &str, why: &str) -> TrainError {
    let lost = match &remote::silent()[..] {
        [] => String::new(),
        names => format!("{} does not answer any more: ", names.join(", ")),
    };
    // causes come on lines of their own
    let why: Vec<&str> = why.split_whitespace().collect();
    TrainError::Run(format!("{lost}{what} failed: {}", why.join(" ")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_a_panic_said_is_told() {
        let error = caught::<()>(|| panic!("at {}", 7)).unwrap_err();
        assert_eq!(error.to_string(), "the program failed: at 7");
        assert_eq!(error.exit_code(), 1);
        let error = device_failed("no\nCaused by:\n  memory\n");
        assert_eq!(error.to_string(), "the device failed: no Caused by: memory");
        assert_eq!(caught(|| Ok(3)).unwrap(), 3);
        assert!(!QUIET.get());
    }
}
