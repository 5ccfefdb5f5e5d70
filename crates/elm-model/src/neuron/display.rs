//! How a neuron prints itself.

use burn::module::{Content, DisplaySettings, ModuleDisplay};

use super::module::ElmNeuron;

impl ModuleDisplay for ElmNeuron {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new()
            .with_new_line_after_attribute(false)
            .optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        let config = self.config();
        content
            .add("inputs", &config.num_inputs)
            .add("synapses", &config.synapses())
            .add("branches", &config.branches())
            .add("memory", &config.num_memory)
            .add("hidden", &config.hidden())
            .add("outputs", &config.num_outputs)
            .optional()
    }
}
