//! ListOps: nested operations on lists of digits, written out as long sequences of symbols; the class is the result.
//!
//! The published files are `basic_train.tsv`, `basic_val.tsv` and `basic_test.tsv` (96 000, 2000 and 2000 lines), with
//! the header `Source<TAB>Target` and sources like `( ( ( ( [MAX 2 ) 9 ) 7 ) ] )`. The parentheses only show the tree
//! that the file was written from: they are dropped, which leaves the 15 [`SYMBOLS`].

pub mod generate;
mod reader;

pub use reader::{from_bytes, open};

use crate::Encoding;

/// The symbols; token `i + 1` is symbol `i`, and 0 is padding.
pub const SYMBOLS: [&str; 15] = [
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "[MIN", "[MAX", "[MED", "[SM", "]",
];
/// The result is a digit.
pub const CLASSES: usize = 10;
/// Longer sequences are cut after this many symbols, as published; those of the published files are not longer.
pub const MAX_LENGTH: usize = 2000;
/// One channel per symbol.
pub const ENCODING: Encoding = Encoding::OneHot {
    tokens: SYMBOLS.len(),
};
