//! NeuronIO: simulations of a layer-5 pyramidal cell (Beniaguev, Segev, London, Neuron 2021).

pub mod simulation;

pub use simulation::{Simulation, SpikeEvent};
