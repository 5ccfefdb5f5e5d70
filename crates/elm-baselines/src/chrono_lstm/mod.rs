//! An LSTM whose forget gates start with memories up to a chosen length.
//!
//! On Flex, Burn's CPU backend, its recurrence is one operation (`scan`, with its gradient, over the loops of `kernel`), so
//! that what it is compared with has no head start; elsewhere it is Burn's own.

#[cfg(feature = "flex")]
mod kernel;
mod module;
#[cfg(feature = "flex")]
mod scan;
#[cfg(all(test, feature = "flex"))]
mod tests;

pub use module::{ChronoLstm, ChronoLstmConfig, ChronoLstmState};
