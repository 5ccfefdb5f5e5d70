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
        let (config, form) = (self.config(), self.form());
        content
            .add("inputs", &config.num_inputs)
            .add("synapses", &form.synapses())
            .add("branches", &form.branches())
            .add("memory", &form.num_memory)
            .add("hidden", &form.hidden())
            .add("outputs", &config.num_outputs)
            .optional()
    }
}
