//! Sequences as a whole: samples of different lengths, from the last step to the first, and in both directions.
//!
//! Works for everything that is [`Recurrent`]: neurons, layers, networks, baselines, and a user's own modules.

mod bidirectional;
mod input;
mod recurrent;
mod state;

pub use bidirectional::Bidirectional;
pub use input::SequenceInput;
pub use recurrent::Recurrent;
pub use state::{RecurrentState, flattened, refilled};
