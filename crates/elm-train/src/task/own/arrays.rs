//! The task whose samples come from a user's files.

use std::sync::Arc;

use elm_data::arrays::{ArraySet, Normalization, Parts, Scaler, SequenceData};

use super::SequenceTask;
use super::judge::{Judge, LossChoice, judge};
use crate::error::Result;
use crate::recipe::Recipe;

/// Sequences of a recipe's files, and how they are learnt.
pub struct ArraysTask {
    set: ArraySet,
    loss: Option<LossChoice>,
    normalize: [Normalization; 2],
    label_smoothing: f64,
}

impl ArraysTask {
    /// Opens the files of a recipe.
    ///
    /// # Errors
    /// If they cannot be read, or are not what the recipe says.
    pub fn open(recipe: &Recipe) -> Result<Self> {
        let own = &recipe.arrays;
        let set = ArraySet::open(&recipe.data.array_files(), &own.reading)?;
        let inputs = own.normalize.unwrap_or(match own.reading.events {
            Some(_) => Normalization::None,
            None => Normalization::Standardize,
        });
        Ok(Self {
            set,
            loss: own.loss,
            normalize: [inputs, own.normalize_targets],
            label_smoothing: recipe.train.label_smoothing,
        })
    }

    /// Width of a step in ms, where events were binned.
    pub fn bin_ms(&self) -> Option<f64> {
        self.set.data.bin_ms()
    }
}

impl SequenceTask for ArraysTask {
    fn name(&self) -> String {
        "arrays".into()
    }

    fn data(&self) -> Arc<dyn SequenceData> {
        Arc::clone(&self.set.data) as Arc<dyn SequenceData>
    }

    fn about(&self) -> String {
        let paths = self.set.data.paths();
        let more = match paths.len() {
            0 | 1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let kind = self.set.data.targets().kind;
        let first = paths.first().map(|p| p.display().to_string());
        format!("{kind}, from {}{more}", first.unwrap_or_default())
    }

    fn parts(&self, _: &dyn SequenceData) -> Result<Parts> {
        Ok(self.set.parts.clone())
    }

    fn scalers(&self, data: &dyn SequenceData, train: &[usize]) -> Result<[Scaler; 2]> {
        let targets = data.targets();
        let [inputs, outputs] = self.normalize;
        let loss = self
            .loss
            .filter(|_| !targets.kind.is_class())
            .unwrap_or_else(|| LossChoice::of(targets.kind));
        // the next values are those that the model reads a step later: normalised alike, or not at all
        let inputs = match targets.kind.is_next() && !loss.takes_normalized() {
            true => Normalization::None,
            false => inputs,
        };
        let of_inputs = Scaler::learn(inputs, data, train)?;
        let of_targets = match (targets.kind.is_next(), loss.takes_normalized()) {
            (true, _) => of_inputs.clone(),
            (false, true) => Scaler::learn_targets(outputs, data, train)?,
            (false, false) => Scaler::none(targets.outputs),
        };
        Ok([of_inputs, of_targets])
    }

    fn judge(&self, data: &dyn SequenceData, targets: &Scaler) -> Result<Arc<dyn Judge>> {
        judge(self.loss, data.targets(), targets, self.label_smoothing)
    }

    fn notes(&self) -> Vec<String> {
        self.set.notes.clone()
    }
}
