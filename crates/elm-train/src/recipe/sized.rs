//! Counting a recipe's parameters, and choosing its sizes for a count.

use super::Recipe;
use crate::model::ModelKind;

/// Largest size that is tried.
const MAX_SIZE: usize = 1 << 16;

impl Recipe {
    /// Number of trained numbers of the model, with what compares the two vectors of a pair.
    pub fn num_trained(&self) -> usize {
        let config = self.model_config();
        let head = match self.task.inputs() {
            2 => {
                let (_, features) = config.sizes();
                (4 * features + 1) * features + (features + 1) * self.task.classes()
            }
            _ => 0,
        };
        config.num_trained().saturating_add(head)
    }

    /// The recipe with its model's one size chosen so that the number of trained numbers is as near to `count` as it can
    /// be: memory units of a neuron, neurons of a network's hidden layers (in their proportions), units of an LSTM,
    /// features of a Transformer (its MLPs in proportion), channels of a convolutional network, spiking neurons.
    pub fn sized(&self, count: usize) -> Self {
        let (mut low, mut high) = (1, MAX_SIZE);
        // the smallest size with at least `count` numbers
        while low < high {
            let middle = low + (high - low) / 2;
            match self.at_size(middle).num_trained() >= count {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        let above = self.at_size(low);
        let below = self.at_size(low.saturating_sub(1).max(1));
        let distance = |recipe: &Self| recipe.num_trained().abs_diff(count);
        match distance(&below) < distance(&above) {
            true => below,
            false => above,
        }
    }

    /// The recipe with its model's one size.
    fn at_size(&self, size: usize) -> Self {
        let mut recipe = self.clone();
        match self.model.kind {
            ModelKind::Elm => recipe.model.num_memory = size,
            ModelKind::Network => match self.network.network.hidden_neurons.first() {
                Some(&first) => {
                    let scaled = |n: &usize| scale(*n, size, first);
                    recipe.network.network.hidden_neurons = self
                        .network
                        .network
                        .hidden_neurons
                        .iter()
                        .map(scaled)
                        .collect();
                }
                None => recipe.network.network.neuron.num_memory = size,
            },
            ModelKind::ChronoLstm => recipe.chrono_lstm.hidden_size = size,
            ModelKind::Transformer => {
                let old = &self.transformer;
                let embedding = size.saturating_mul(old.num_heads.max(1));
                recipe.transformer.embedding = embedding;
                recipe.transformer.mlp_size = scale(old.mlp_size, embedding, old.embedding);
            }
            ModelKind::Tcn => recipe.tcn.width = size,
            ModelKind::Lif => recipe.lif.num_neurons = size,
        }
        recipe
    }
}

/// `value · size / of`, rounded, at least 1.
fn scale(value: usize, size: usize, of: usize) -> usize {
    let scaled = value as f64 * size as f64 / of.max(1) as f64;
    (scaled.round() as usize).max(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_are_the_nearest_for_a_count() {
        for (name, count) in [
            ("spikes-adding", 50_000),
            ("listops", 20_000),
            ("quick", 9000),
        ] {
            for kind in ModelKind::ALL {
                let recipe = Recipe::builtin(name).unwrap().with_model(kind);
                let sized = recipe.sized(count);
                let found = sized.num_trained();
                // 1278 channels make a unit of an LSTM or a channel of a TCN large
                if name != "quick" {
                    let off = found.abs_diff(count) as f64 / count as f64;
                    assert!(off < 0.1, "{name} {kind}: {found} for {count}");
                }
                // neighbours are no nearer
                let size = |delta: isize| {
                    let now = match kind {
                        ModelKind::Elm => sized.model.num_memory,
                        ModelKind::Network if sized.network.network.hidden_neurons.is_empty() => {
                            sized.network.network.neuron.num_memory
                        }
                        ModelKind::Network => sized.network.network.hidden_neurons[0],
                        ModelKind::ChronoLstm => sized.chrono_lstm.hidden_size,
                        ModelKind::Transformer => {
                            sized.transformer.embedding / sized.transformer.num_heads
                        }
                        ModelKind::Tcn => sized.tcn.width,
                        ModelKind::Lif => sized.lif.num_neurons,
                    };
                    recipe.at_size(now.saturating_add_signed(delta).max(1))
                };
                for other in [size(-1), size(1)] {
                    let other = other.num_trained().abs_diff(count);
                    assert!(found.abs_diff(count) <= other, "{name} {kind}");
                }
                sized.model_config().validate().unwrap();
            }
        }
    }
}
