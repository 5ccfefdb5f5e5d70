//! Standard output and standard error, either of which its reader may close (`elm data info | head`): that is no
//! failure of the program, and no reason to stop a training.

use std::fmt::Arguments;
use std::io::Write;

/// Writes a line to standard output; [`say!`](crate::say) is the way to call it.
pub fn line(text: Arguments<'_>) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Writes a line to standard error; [`tell!`](crate::tell) is the way to call it.
pub fn error_line(text: Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "{text}");
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
