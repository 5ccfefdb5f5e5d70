//! The tasks of the Long Range Arena (Tay et al., ICLR 2021), read from the files as published.

pub mod listops;
pub mod pathfinder;
