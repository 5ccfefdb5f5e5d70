//! The named tasks, each in a file of its own, and the one list of them.
//!
//! A task is a value that implements [`NamedTask`]: what its data are, how they are opened, what its classes are called,
//! which keys of a recipe it has a use for, and its built-in recipes. Adding one is a file here and a line in the list;
//! nothing else asks which task it is.

mod arrays;
mod image;
mod listops;
mod neuronio;
mod pathfinder;
mod retrieval;
mod spikes;
mod text;
mod text_lm;

use std::path::Path;

use crate::task::{NamedTask, Parts, Task, TaskOptions};
use crate::{DataError, Result, Split};

/// Declares the tasks: as constants, and as the list of them all.
macro_rules! tasks {
    ($($name:ident = $task:expr,)*) => {
        impl Task {
            $(
                #[doc = concat!("The task ", stringify!($name), "; [`info`](Self::info) says what it is.")]
                pub const $name: Self = Self::new(&$task);
            )*

            /// Every task, in the order in which they are listed.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

tasks! {
    NEURONIO = neuronio::NeuronIo,
    SHD = spikes::SHD,
    SHD_ADDING = spikes::SHD_ADDING,
    SYNTHETIC_SPIKES = spikes::SYNTHETIC,
    SYNTHETIC_SPIKES_ADDING = spikes::SYNTHETIC_ADDING,
    LISTOPS = listops::ListOps,
    TEXT = text::Text,
    RETRIEVAL = retrieval::Retrieval,
    IMAGE = image::Image,
    PATHFINDER = pathfinder::PATHFINDER,
    PATHX = pathfinder::PATHX,
    ENWIK8 = text_lm::Enwik8,
    TEXT_LM = text_lm::TextLm,
    ARRAYS = arrays::Arrays,
}

/// Text-like bytes, letters and spaces, for example files.
fn babble(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2).wrapping_add(1);
    let byte = |_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        b"etaoinshrdlu "[(state >> 33) as usize % 13]
    };
    (0..length).map(byte).collect()
}

/// Writes a file of an example.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(path, bytes).map_err(|e| DataError::io(path, "write it", e))
}

/// The parts of a task that has a file for each.
fn parts(task: &dyn NamedTask, dir: &Path, options: &TaskOptions) -> Result<Parts> {
    Ok(Parts {
        train: task.open(dir, Split::Train, options)?,
        valid: task.open(dir, Split::Valid, options)?,
        test: task.open(dir, Split::Test, options)?,
    })
}
