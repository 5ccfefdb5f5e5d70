//! The `elm` command.

use std::process::ExitCode;

/// Keeps the pages of freed batches: the system's allocator gives blocks of tens of MB back, and clearing them anew for
/// each step is then half of a small model's training time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    elm_train::cli::run()
}
