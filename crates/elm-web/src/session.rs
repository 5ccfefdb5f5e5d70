//! All models of a page.

use crate::Runner;

/// Models by number, the bytes that come in and the text that goes out.
#[derive(Debug, Default)]
pub struct Session {
    models: Vec<Option<Runner>>,
    /// Where the page puts a file.
    pub incoming: Vec<u8>,
    /// What is to be said: the facts of a model, or what was wrong.
    pub text: String,
}

impl Session {
    /// Makes a model of [`incoming`](Self::incoming), which is empty then; its number.
    ///
    /// # Errors
    /// As [`Runner::load`].
    pub fn load(&mut self) -> Result<usize, String> {
        let bytes = std::mem::take(&mut self.incoming);
        let runner = Runner::load(&bytes)?;
        let free = self.models.iter().position(Option::is_none);
        let number = free.unwrap_or(self.models.len());
        match free {
            Some(number) => self.models[number] = Some(runner),
            None => self.models.push(Some(runner)),
        }
        Ok(number)
    }

    /// A model by its number.
    ///
    /// # Errors
    /// If there is none.
    pub fn model(&mut self, number: usize) -> Result<&mut Runner, String> {
        let model = self.models.get_mut(number).and_then(Option::as_mut);
        model.ok_or_else(|| format!("There is no model {number}."))
    }

    /// Forgets a model; its number may be given to another one.
    pub fn unload(&mut self, number: usize) {
        if let Some(model) = self.models.get_mut(number) {
            *model = None;
        }
    }
}
