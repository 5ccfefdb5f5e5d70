//! What the published models reach: on the shipped test simulations, and on the full NeuronIO test set.
//!
//! On the shipped ones: the published code's own metrics of the published checkpoints on the simulations of file 103
//! (`neuronio/eval_reference.json`), so that a trained neuron is compared like with like. On the full set: the results
//! published with the checkpoints.

/// Figures of the published evaluation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Area under the ROC curve.
    pub auc: f64,
    /// True-positive rate at a false-positive rate of 0.01.
    pub tpr_at_01: f64,
    /// Root mean squared error of the soma voltage (mV), after re-alignment.
    pub soma_rmse_mv: f64,
    /// Explained variance of the soma voltage (%).
    pub explained_variance: f64,
}

/// What one published model reaches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PublishedResult {
    /// Memory units.
    pub num_memory: usize,
    /// On the shipped test simulations.
    pub shipped: Figures,
    /// On the full NeuronIO test set, as published.
    pub full: Figures,
}

/// The published model whose number of memory units is nearest.
pub fn published(num_memory: usize) -> PublishedResult {
    PUBLISHED
        .iter()
        .copied()
        .min_by_key(|p| p.num_memory.abs_diff(num_memory))
        .unwrap_or(PUBLISHED[0])
}

const fn figures([auc, tpr_at_01, soma_rmse_mv, explained_variance]: [f64; 4]) -> Figures {
    Figures {
        auc,
        tpr_at_01,
        soma_rmse_mv,
        explained_variance,
    }
}

const fn result(num_memory: usize, shipped: [f64; 4], full: [f64; 4]) -> PublishedResult {
    PublishedResult {
        num_memory,
        shipped: figures(shipped),
        full: figures(full),
    }
}

#[rustfmt::skip] // a table
const PUBLISHED: [PublishedResult; 14] = [
    result(1, [0.93464, 0.26316, 1.52285, 80.9969], [0.94368, 0.42695, 1.33246, 81.1170]),
    result(2, [0.95411, 0.30263, 1.17827, 88.6209], [0.95823, 0.54527, 1.08461, 87.4921]),
    result(3, [0.95001, 0.23684, 1.11330, 89.8417], [0.95579, 0.51688, 0.97629, 89.8623]),
    result(5, [0.96729, 0.34211, 0.97343, 92.2333], [0.97571, 0.59254, 0.81117, 93.0064]),
    result(7, [0.97351, 0.31579, 0.98460, 92.0543], [0.98273, 0.61464, 0.79469, 93.2853]),
    result(10, [0.98001, 0.43421, 0.85895, 93.9533], [0.98782, 0.65546, 0.69811, 94.8202]),
    result(15, [0.98351, 0.50000, 0.87935, 93.6627], [0.99154, 0.71808, 0.66327, 95.3226]),
    result(20, [0.98434, 0.44737, 0.82677, 94.3975], [0.99216, 0.74432, 0.63757, 95.6773]),
    result(25, [0.98386, 0.44737, 0.82554, 94.4140], [0.99258, 0.75414, 0.62830, 95.8019]),
    result(30, [0.98395, 0.52632, 0.81192, 94.5968], [0.99286, 0.77118, 0.61261, 96.0095]),
    result(40, [0.98590, 0.51316, 0.78062, 95.0053], [0.99345, 0.79128, 0.60211, 96.1444]),
    result(50, [0.98548, 0.56579, 0.82597, 94.4081], [0.99340, 0.78637, 0.60123, 96.1557]),
    result(75, [0.98612, 0.53947, 0.78994, 94.8853], [0.99379, 0.80049, 0.59473, 96.2382]),
    result(100, [0.98475, 0.52632, 0.82163, 94.4668], [0.99350, 0.78959, 0.61382, 95.9934]),
];
