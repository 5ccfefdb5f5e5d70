//! NeuronIO: simulations of a layer-5 pyramidal cell (Beniaguev, Segev, London, Neuron 2021).

pub mod archive;
pub mod batch;
pub mod convert;
pub mod describe;
pub mod metrics;
pub mod open;
pub mod pickle;
pub mod protocol;
pub mod set;
pub mod shipped;
pub mod simulation;
pub mod windows;

pub use archive::{Head, read_archive, read_archive_bytes, write_archive};
pub use batch::{NeuronIoBatch, SparseWindows};
pub use convert::{ConvertOutcome, ConvertProgress, ConvertSummary, convert};
pub use describe::{Described, describe};
pub use metrics::{Metrics, RocCurve, SomaErrors};
pub use open::{FileKind, open_simulations};
pub use pickle::{read_pickle, read_pickle_bytes};
pub use protocol::{
    Evaluation, EvaluationWindows, Prediction, Window, evaluate, evaluated, predict,
};
pub use set::{SimulationSet, check_disjoint};
pub use shipped::shipped;
pub use simulation::{
    MAX_DURATION_MS, NUM_CHANNELS, NUM_SEGMENTS, SOMA_BIAS_MV, SOMA_CLIP_MV, SOMA_SCALE,
    Simulation, SpikeEvent,
};
pub use windows::{SparseSampler, WindowConfig, WindowSampler};

pub use crate::split::Split;
pub use crate::stream::BatchStream;
