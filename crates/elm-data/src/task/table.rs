//! The table of tasks.

use super::Task;
use crate::lra::{image, listops, pathfinder, retrieval, text};
use crate::shd;

/// What the table says of a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TaskInfo {
    /// Name on the command line and in recipes.
    pub name: &'static str,
    /// What is learnt, in one line.
    pub about: &'static str,
    /// Where to get the files, or how to make them.
    pub source: &'static str,
    /// The files that are read.
    pub files: &'static str,
    /// What their publishers say of their use.
    pub licence: &'static str,
    /// Published samples to train on, to validate and to test.
    pub samples: [usize; 3],
    /// Longest sequence in steps.
    pub length: usize,
    /// Input channels.
    pub channels: usize,
    /// What kind of task it is.
    pub kind: TaskKind,
}

/// Kinds of tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskKind {
    /// Spike probability and soma voltage in every ms.
    NeuronIo,
    /// One class per sample.
    Classification {
        /// Number of classes.
        classes: usize,
        /// Sequences in a sample.
        inputs: usize,
    },
    /// The next token at every step.
    Language,
    /// What the files say.
    Open,
}

const fn classes(classes: usize) -> TaskKind {
    TaskKind::Classification { classes, inputs: 1 }
}

const SHD_PAGE: &str = "https://zenkelab.org/datasets/";
const SHD_LICENCE: &str = "CC BY 4.0; cite Cramer et al. 2022";
const SHD_FILES: &str = "shd_train.h5, shd_test.h5";
const SYNTHETIC: &str = "elm data generate shd --out DIR --seed N";
const SYNTHETIC_FILES: &str = "synthetic_shd_train.elmspk, synthetic_shd_test.elmspk";
const SYNTHETIC_LICENCE: &str = "that of this project";
const LRA_PAGE: &str = "https://github.com/google-research/long-range-arena";
const PATHFINDER_LICENCE: &str =
    "none stated with the files; cite Linsley et al. 2018, Tay et al. 2021";
/// 80, 10 and 10 % of 200 000 images.
const PATHFINDER_SAMPLES: [usize; 3] = [160_000, 20_000, 20_000];

/// The row of a task.
pub(super) fn info(task: Task) -> &'static TaskInfo {
    match task {
        Task::Neuronio => &NEURONIO,
        Task::Shd => &SHD,
        Task::ShdAdding => &SHD_ADDING,
        Task::SyntheticSpikes => &SYNTHETIC_SPIKES,
        Task::SyntheticSpikesAdding => &SYNTHETIC_SPIKES_ADDING,
        Task::ListOps => &LISTOPS,
        Task::Text => &TEXT,
        Task::Retrieval => &RETRIEVAL,
        Task::Image => &IMAGE,
        Task::Pathfinder => &PATHFINDER,
        Task::PathX => &PATHX,
        Task::Enwik8 => &ENWIK8,
        Task::TextLm => &TEXT_LM,
        Task::Arrays => &ARRAYS,
    }
}

static NEURONIO: TaskInfo = TaskInfo {
    name: "neuronio",
    about: "spikes and soma voltage of a layer-5 pyramidal cell from its synaptic inputs",
    source: "https://doi.org/10.1016/j.neuron.2021.07.002; 40 simulations ship with elm",
    files: "*.p or *.p.gz, or converted *.elmnio",
    licence: "see the publishers' page; cite Beniaguev et al. 2021",
    samples: [0, 0, 0],
    length: 6000,
    channels: crate::neuronio::NUM_CHANNELS,
    kind: TaskKind::NeuronIo,
};

static SHD: TaskInfo = TaskInfo {
    name: "shd",
    about: "which digit is spoken, in English or German, from the spikes of a model cochlea",
    source: SHD_PAGE,
    files: SHD_FILES,
    licence: SHD_LICENCE,
    // a fifth of 8156 validates, drawn by a seed
    samples: [6525, 1631, 2264],
    length: 100,
    channels: shd::CHANNELS,
    kind: classes(shd::CLASSES),
};

static SHD_ADDING: TaskInfo = TaskInfo {
    name: "shd-adding",
    about: "the sum of two spoken digits, one after the other; pairs drawn on the fly",
    source: SHD_PAGE,
    files: SHD_FILES,
    licence: SHD_LICENCE,
    samples: shd::ADDING_SAMPLES,
    length: 200,
    channels: shd::CHANNELS,
    kind: classes(shd::ADDING_CLASSES),
};

static SYNTHETIC_SPIKES: TaskInfo = TaskInfo {
    name: "synthetic-spikes",
    about: "which of 20 spike patterns drawn by a program; no speech, results are none on SHD",
    source: SYNTHETIC,
    files: SYNTHETIC_FILES,
    licence: SYNTHETIC_LICENCE,
    samples: [6525, 1631, 2264],
    length: 100,
    channels: shd::CHANNELS,
    kind: classes(shd::CLASSES),
};

static SYNTHETIC_SPIKES_ADDING: TaskInfo = TaskInfo {
    name: "synthetic-spikes-adding",
    about: "the sum of two synthetic patterns, one after the other; pairs drawn on the fly",
    source: SYNTHETIC,
    files: SYNTHETIC_FILES,
    licence: SYNTHETIC_LICENCE,
    samples: shd::ADDING_SAMPLES,
    length: 200,
    channels: shd::CHANNELS,
    kind: classes(shd::ADDING_CLASSES),
};

static LISTOPS: TaskInfo = TaskInfo {
    name: "listops",
    about: "Long Range Arena: the value of nested MIN, MAX, MED and SM of digits",
    source: "elm data generate listops --out DIR --seed N, or https://github.com/google-research/long-range-arena",
    files: "basic_train.tsv, basic_val.tsv, basic_test.tsv",
    licence: "generated: that of this project; published: none stated with the files",
    samples: [96_000, 2000, 2000],
    length: listops::MAX_LENGTH,
    channels: listops::SYMBOLS.len(),
    kind: classes(listops::CLASSES),
};

static TEXT: TaskInfo = TaskInfo {
    name: "text",
    about: "Long Range Arena: is a film review (IMDb) good or bad, byte by byte",
    source: "https://ai.stanford.edu/~amaas/data/sentiment/",
    files: "aclImdb/{train,test}/{pos,neg}/*.txt",
    licence: "none stated; cite Maas et al. 2011",
    samples: [25_000, 25_000, 25_000],
    length: text::MAX_LENGTH,
    channels: 256,
    kind: classes(text::CLASSES),
};

static RETRIEVAL: TaskInfo = TaskInfo {
    name: "retrieval",
    about: "Long Range Arena: does one of two papers (AAN) cite the other, byte by byte",
    source: LRA_PAGE,
    files: "new_aan_pairs.{train,eval,test}.tsv",
    licence: "see the publishers' page; cite Radev et al. 2013, Tay et al. 2021",
    samples: [147_086, 18_090, 17_437],
    length: retrieval::MAX_LENGTH,
    channels: 256,
    kind: TaskKind::Classification {
        classes: retrieval::CLASSES,
        inputs: 2,
    },
};

static IMAGE: TaskInfo = TaskInfo {
    name: "image",
    about: "Long Range Arena: what a grey CIFAR-10 picture shows, pixel by pixel",
    source: "https://www.cs.toronto.edu/~kriz/cifar.html",
    files: "cifar-10-batches-bin or cifar-10-batches-py",
    licence: "none stated; cite Krizhevsky 2009",
    samples: [45_000, 5000, 10_000],
    length: image::SIDE * image::SIDE,
    channels: 1,
    kind: classes(image::CLASSES),
};

static PATHFINDER: TaskInfo = TaskInfo {
    name: "pathfinder",
    about: "Long Range Arena: are two markers joined by a dashed contour, 32 x 32 pixels",
    source: "elm data generate pathfinder --size 32 --out DIR --seed N, or https://github.com/google-research/long-range-arena",
    files: "pathfinder32/curv_contour_length_14/{imgs,metadata}, or converted *.elmimg",
    licence: PATHFINDER_LICENCE,
    samples: PATHFINDER_SAMPLES,
    length: 32 * 32,
    channels: 1,
    kind: classes(pathfinder::CLASSES),
};

static PATHX: TaskInfo = TaskInfo {
    name: "pathx",
    about: "Long Range Arena: Pathfinder of 128 x 128 pixels",
    source: "elm data generate pathfinder --size 128 --out DIR --seed N, or https://github.com/google-research/long-range-arena",
    files: "pathfinder128/curv_contour_length_14/{imgs,metadata}, or converted *.elmimg",
    licence: PATHFINDER_LICENCE,
    samples: PATHFINDER_SAMPLES,
    length: 128 * 128,
    channels: 1,
    kind: classes(pathfinder::CLASSES),
};

static ENWIK8: TaskInfo = TaskInfo {
    name: "enwik8",
    about: "the next byte of an English Wikipedia dump",
    source: "https://mattmahoney.net/dc/textdata.html",
    files: "enwik8, enwik8.zip or enwik8.gz",
    licence: "text of Wikipedia: CC BY-SA 3.0 and GFDL",
    samples: [90_000_000, 5_000_000, 5_000_000],
    length: 100_000_000,
    // bytes that occur, as published
    channels: 204,
    kind: TaskKind::Language,
};

static TEXT_LM: TaskInfo = TaskInfo {
    name: "text-lm",
    about: "the next byte of any text: one file, or the files of a folder",
    source: "your own files: --set data.train='[\"FOLDER\"]'",
    files: "any text, packed with gzip or zip or not",
    licence: "that of the text",
    samples: [0, 0, 0],
    // the files decide
    length: 0,
    channels: 0,
    kind: TaskKind::Language,
};

static ARRAYS: TaskInfo = TaskInfo {
    name: "arrays",
    about: "your own sequences: a class, numbers, or the next step, as the files say",
    source: "your own files: --set data.train='[\"FILE\"]'",
    files: "npz, npy, safetensors, CSV, HDF5 spikes, or a folder of them",
    licence: "that of the data",
    samples: [0, 0, 0],
    // the files decide
    length: 0,
    channels: 0,
    kind: TaskKind::Open,
};
