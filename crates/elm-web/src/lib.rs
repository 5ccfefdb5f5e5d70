//! elm-stream in a browser: models by number, one step after another, over a surface of plain numbers.
//!
//! WebAssembly modules exchange numbers alone. What is longer goes through memory: [`Session`] keeps the bytes that come
//! in, the texts that go out, and for each model its input `[input]`, output `[output]` and view `[unit]`; the page reads
//! and writes them at the places that the [`surface`] tells. `web/src/engine.ts` is the other side.
//!
//! There is one session and one thread. Numbers that name no model are answered like any other mistake: with
//! [`FAILED`](surface::FAILED) and a text that says what was expected.

mod facts;
mod runner;
mod session;
pub mod surface;

pub use runner::Runner;
pub use session::Session;
