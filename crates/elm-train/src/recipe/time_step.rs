//! The length of a time step, which follows from the data's bins unless it is set.

use elm_data::Task;

use super::models;
use super::{ArraysRecipe, DataRecipe, ModelRecipe, Recipe};
use crate::model::ModelKind;

impl Recipe {
    /// Length of a time step in ms: `model.dt`, or unless that is set the width of a spike task's bins, else 1.
    pub fn dt(&self) -> f64 {
        let bins = of_bins(self.task, &self.data, Some(&self.arrays));
        time_step(&self.model, bins)
    }

    /// Are the steps times: those of a simulation, bins, or steps whose length is set? Others count as 1 ms.
    pub fn is_timed(&self) -> bool {
        self.task.is_neuronio()
            || self.model.dt.is_some()
            || of_bins(self.task, &self.data, Some(&self.arrays)).is_some()
    }

    /// What is odd about the time step: one that is set, and is not that of the bins.
    pub fn time_step_mismatch(&self) -> Option<String> {
        let of_bins = of_bins(self.task, &self.data, Some(&self.arrays))?;
        let timed = [ModelKind::Elm, ModelKind::Network, ModelKind::Lif];
        let key = match self.task.uses("bins") {
            true => "data.bin_ms",
            false => "arrays.events.bin_ms",
        };
        (timed.contains(&self.model.kind) && self.dt() != of_bins).then(|| {
            format!(
                "model.dt is {} ms and the bins are {key} = {of_bins} ms wide: timescales in ms are off by a factor of {}; without model.dt the time step is that of the bins",
                self.dt(),
                of_bins / self.dt()
            )
        })
    }

    /// Lets the sizes that follow from the time step, and were not chosen otherwise, follow it from `before`.
    pub(super) fn follow_time_step(&mut self, before: f64) {
        let (task, now) = (self.task, self.dt());
        let tau = |dt: f64| models::network(task, dt).network.neuron.high_pass_tau;
        let own = &mut self.network.network.neuron.high_pass_tau;
        if *own == tau(before) {
            *own = tau(now);
        }
        let (old, new) = (models::lif(task, before), models::lif(task, now));
        if self.lif.membrane_tau == old.membrane_tau {
            self.lif.membrane_tau = new.membrane_tau;
        }
        if self.lif.readout_tau == old.readout_tau {
            self.lif.readout_tau = new.readout_tau;
        }
    }
}

/// Width of the bins of a task in ms; none where nothing is binned.
pub(super) fn of_bins(task: Task, data: &DataRecipe, arrays: Option<&ArraysRecipe>) -> Option<f64> {
    if task.uses("bins") {
        return Some(f64::from(data.bin_ms));
    }
    let events = task
        .uses("arrays")
        .then_some(arrays?.reading.events.as_ref());
    events.flatten().map(|events| events.bin_ms)
}

/// Length of a time step in ms.
pub(super) fn time_step(model: &ModelRecipe, of_bins: Option<f64>) -> f64 {
    model.dt.or(of_bins).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::ModelConfig;

    #[test]
    fn the_time_step_is_that_of_the_bins_unless_set() {
        let mut recipe = Recipe::builtin("shd").unwrap();
        assert_eq!(recipe.dt(), 10.0);
        recipe.set("data.bin_ms=2").unwrap();
        let ModelConfig::Elm(neuron) = recipe.model_config() else {
            panic!("no neuron");
        };
        assert_eq!((recipe.dt(), neuron.neuron.dt), (2.0, 2.0));
        assert_eq!(recipe.time_step_mismatch(), None);
        recipe.set("model.dt=10").unwrap();
        assert_eq!(recipe.dt(), 10.0);
        let told = recipe.time_step_mismatch().unwrap();
        assert!(told.contains("factor of 0.2"), "{told}");
        // what follows from the step follows the bins, too, in whatever order
        for kind in [ModelKind::Network, ModelKind::Lif] {
            let mut first = Recipe::builtin("spikes").unwrap();
            first.set("data.bin_ms=50").unwrap();
            let first = first.with_model(kind);
            let mut then = Recipe::builtin("spikes").unwrap().with_model(kind);
            then.set("data.bin_ms=50").unwrap();
            assert_eq!(first, then);
            let text = first.to_toml();
            assert_eq!(
                Recipe::from_toml(&text, "text").unwrap().model_config(),
                first.model_config()
            );
        }
    }
}
