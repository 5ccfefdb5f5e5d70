//! Text as a language model reads it: bytes, in parallel streams.
//!
//! [`Text::open`] reads files, packed with gzip or zip or not, and folders of them (in the order of their paths, files
//! that are no text left out and told); the bytes that occur are its [`Vocabulary`]. [`Text::streams`] cuts a part into
//! parallel streams; batch after batch gives the next steps of each, and a model's state is carried over. In training,
//! [`StreamBatches`] drops states now and then, so that a model also learns to start from nothing. [`NGram`] is what a
//! model has to beat, in bits per character.
//!
//! Enwik8 is one such text; the defaults of [`TextOptions`] and [`StateDrop`] are its published setting.
//!
//! ```no_run
//! use elm_data::Split;
//! use elm_data::text::{NGram, Text, TextOptions};
//!
//! # fn main() -> elm_data::Result<()> {
//! let text = Text::open(&TextOptions {
//!     train: vec!["docs".into()],
//!     extensions: vec!["md".into(), "txt".into()],
//!     ..TextOptions::default()
//! })?;
//! let baseline = NGram::train(text.part(Split::Train), text.vocabulary().len(), 5)?;
//! println!("{:.3} bits per character", baseline.bits_per_token(text.part(Split::Test))?);
//! let first = text.streams(Split::Train, 8, 100)?.batch(0)?;
//! assert_eq!(first.shape, [8, 100]);
//! # Ok(())
//! # }
//! ```

mod corpus;
mod files;
mod ngram;
mod streams;
mod vocabulary;

pub use corpus::{Symbols, Text, TextOptions};
pub use ngram::NGram;
pub use streams::{StateDrop, StreamBatch, StreamBatches, Streams};
pub use vocabulary::Vocabulary;

/// Bits per character, from the mean cross entropy in nats.
pub fn bits_per_character(cross_entropy: f64) -> f64 {
    cross_entropy / std::f64::consts::LN_2
}

#[cfg(test)]
mod tests;
