//! A user's own sequences ([`crate::arrays`]): what is learnt about them, the files say.

use crate::task::{NamedTask, TaskInfo, TaskKind, TaskRecipe};

/// Sequences of a user.
#[derive(Debug)]
pub(super) struct Arrays;

static INFO: TaskInfo = TaskInfo {
    name: "arrays",
    about: "your own sequences: a class, numbers, or the next step, as the files say",
    source: "your own files: --set data.train=FILE",
    files: "npz, npy, safetensors, CSV, HDF5 spikes, or a folder of them",
    licence: "that of the data",
    kind: TaskKind::Open,
    uses: &["time step", "files", "answers", "arrays"],
    recipes: &[TaskRecipe {
        name: "arrays",
        about: "a neuron on your own sequences; needs their files (elm data list)",
        text: include_str!("recipes/arrays.toml"),
        set: &[],
    }],
    ..TaskInfo::EMPTY
};

impl NamedTask for Arrays {
    fn info(&self) -> &'static TaskInfo {
        &INFO
    }
}
