//! The elm command.
fn main() {}
