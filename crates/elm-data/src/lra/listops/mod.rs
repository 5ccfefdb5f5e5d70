//! ListOps: nested operations on lists of digits, written out as long sequences of symbols.
