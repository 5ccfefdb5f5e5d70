//! How a network prints itself.

use burn::module::{Content, DisplaySettings, ModuleDisplay};

use super::module::ElmNetwork;

impl ModuleDisplay for ElmNetwork {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new().optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        let content = content
            .add("inputs", &self.config().num_inputs)
            .add("layers", &self.layers);
        let content = match &self.linear {
            Some(linear) => content.add("linear", linear),
            None => content,
        };
        content
            .add("outputs", &self.config().num_outputs)
            .add("trained", &self.config().num_trained())
            .optional()
    }
}
