//! What the published models reach on the shipped test simulations.
//!
//! The published code's own metrics of the published checkpoints on the simulations of file 103
//! (`neuronio/eval_reference.json`), so that a trained neuron is compared like with like.

/// Metrics of one published model on the shipped test simulations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PublishedResult {
    /// Memory units.
    pub num_memory: usize,
    /// Area under the ROC curve.
    pub auc: f64,
    /// True-positive rate at a false-positive rate of 0.01.
    pub tpr_at_01: f64,
    /// Root mean squared error of the soma voltage (mV), after re-alignment.
    pub soma_rmse_mv: f64,
    /// Explained variance of the soma voltage (%).
    pub explained_variance: f64,
}

/// The published model whose number of memory units is nearest.
pub fn published(num_memory: usize) -> PublishedResult {
    PUBLISHED
        .iter()
        .copied()
        .min_by_key(|p| p.num_memory.abs_diff(num_memory))
        .unwrap_or(PUBLISHED[0])
}

const fn result(
    num_memory: usize,
    auc: f64,
    tpr_at_01: f64,
    soma_rmse_mv: f64,
    explained_variance: f64,
) -> PublishedResult {
    PublishedResult {
        num_memory,
        auc,
        tpr_at_01,
        soma_rmse_mv,
        explained_variance,
    }
}

const PUBLISHED: [PublishedResult; 14] = [
    result(1, 0.93464, 0.26316, 1.52285, 80.9969),
    result(2, 0.95411, 0.30263, 1.17827, 88.6209),
    result(3, 0.95001, 0.23684, 1.11330, 89.8417),
    result(5, 0.96729, 0.34211, 0.97343, 92.2333),
    result(7, 0.97351, 0.31579, 0.98460, 92.0543),
    result(10, 0.98001, 0.43421, 0.85895, 93.9533),
    result(15, 0.98351, 0.50000, 0.87935, 93.6627),
    result(20, 0.98434, 0.44737, 0.82677, 94.3975),
    result(25, 0.98386, 0.44737, 0.82554, 94.4140),
    result(30, 0.98395, 0.52632, 0.81192, 94.5968),
    result(40, 0.98590, 0.51316, 0.78062, 95.0053),
    result(50, 0.98548, 0.56579, 0.82597, 94.4081),
    result(75, 0.98612, 0.53947, 0.78994, 94.8853),
    result(100, 0.98475, 0.52632, 0.82163, 94.4668),
];
