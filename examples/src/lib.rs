//! Programs that show the crates at work; see `src/bin`. The Rust of the book is tested here.

/// The chapters that hold Rust.
#[cfg(doctest)]
mod book {
    #[doc = include_str!("../../docs/burn.md")]
    struct Burn;
    #[doc = include_str!("../../docs/prediction.md")]
    struct Prediction;
}
