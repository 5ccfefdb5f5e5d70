//! The `elm` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    elm_train::cli::run()
}
