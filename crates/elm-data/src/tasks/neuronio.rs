//! NeuronIO: what a layer-5 pyramidal cell does with its synaptic inputs (Beniaguev et al. 2021).

use crate::neuronio::NUM_CHANNELS;
use crate::task::{NamedTask, TaskInfo, TaskKind, TaskRecipe};

/// Spikes and soma voltage of a layer-5 pyramidal cell from its 1278 synaptic inputs.
#[derive(Debug)]
pub(super) struct NeuronIo;

const PUBLISHED: &str = include_str!("recipes/neuronio.toml");

/// The published neuron of so many memory units.
macro_rules! sized {
    ($($memory:literal),*) => {
        &[
            TaskRecipe {
                name: "quick",
                about: "a small neuron on the shipped simulations, minutes on two cores",
                text: include_str!("recipes/quick.toml"),
                set: &[],
            },
            $(TaskRecipe {
                name: concat!("neuronio-m", $memory),
                about: concat!("published NeuronIO training, ", $memory, " memory unit(s); needs the full data set"),
                text: PUBLISHED,
                set: &[concat!("model.num_memory=", $memory)],
            },)*
            TaskRecipe {
                name: "neuronio-best",
                about: "published best NeuronIO neuron, 100 memory units, silu; needs the full data set",
                text: include_str!("recipes/neuronio-best.toml"),
                set: &[],
            },
        ]
    };
}

static INFO: TaskInfo = TaskInfo {
    name: "neuronio",
    about: "spikes and soma voltage of a layer-5 pyramidal cell from its synaptic inputs",
    source: "https://doi.org/10.1016/j.neuron.2021.07.002; 40 simulations ship with elm",
    files: "*.p or *.p.gz, or converted *.elmnio",
    licence: "see the publishers' page; cite Beniaguev et al. 2021",
    length: 6000,
    channels: NUM_CHANNELS,
    kind: TaskKind::NeuronIo,
    uses: &["windows", "files"],
    converts: true,
    recipes: sized!(1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 75, 100),
    ..TaskInfo::EMPTY
};

impl NamedTask for NeuronIo {
    fn info(&self) -> &'static TaskInfo {
        &INFO
    }
}
