//! How a layer prints itself.

use burn::module::{Content, DisplaySettings, ModuleDisplay};

use super::module::ElmLayer;

impl ModuleDisplay for ElmLayer {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new()
            .with_new_line_after_attribute(false)
            .optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        let config = self.config();
        let form = &config.neuron;
        content
            .add("inputs", &config.num_inputs)
            .add("neurons", &config.num_neurons)
            .add("synapses", &form.synapses())
            .add("branches", &form.branches())
            .add("memory", &form.num_memory)
            .add("hidden", &form.hidden())
            .add("trained", &config.num_trained())
            .optional()
    }
}
