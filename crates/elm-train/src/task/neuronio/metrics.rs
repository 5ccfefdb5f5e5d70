//! Metrics over all time steps of an epoch, taken together.

use std::sync::Arc;

use burn::tensor::{Tensor, TensorReadError};
use burn::train::metric::{
    Metric, MetricAttributes, MetricMetadata, MetricName, Numeric, NumericAttributes, NumericEntry,
    SerializedEntry,
};
use elm_data::neuronio::{RocCurve, SOMA_SCALE};

/// What a [`PooledMetric`] measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PooledQuantity {
    /// Area under the ROC curve of the spikes.
    Auc,
    /// Root mean squared error of the soma voltage in mV, without re-alignment.
    SomaRmse,
}

impl PooledQuantity {
    /// Name in logs and on screen.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auc => "AUC",
            Self::SomaRmse => "Soma RMSE (mV)",
        }
    }
}

/// Predictions and targets of one batch, each `[batch, time]`.
pub struct PooledInput {
    /// Spike logits.
    pub logits: Tensor<2>,
    /// Spike targets.
    pub spikes: Tensor<2>,
    /// Predicted scaled soma voltage.
    pub soma: Tensor<2>,
    /// Scaled soma targets.
    pub soma_target: Tensor<2>,
}

/// A metric that is computed once an epoch from all its time steps: an AUC is no mean of batches' AUCs.
#[derive(Clone)]
pub struct PooledMetric {
    quantity: PooledQuantity,
    name: MetricName,
    predicted: Vec<f32>,
    target: Vec<f32>,
    value: f64,
}

impl PooledMetric {
    /// A metric of this quantity.
    pub fn new(quantity: PooledQuantity) -> Self {
        Self {
            quantity,
            name: Arc::new(quantity.name().into()),
            predicted: Vec::new(),
            target: Vec::new(),
            value: f64::NAN,
        }
    }

    fn compute_value(&self) -> f64 {
        match self.quantity {
            // An epoch without spikes has no AUC.
            PooledQuantity::Auc => {
                RocCurve::new(&self.target, &self.predicted).map_or(f64::NAN, |roc| roc.auc())
            }
            PooledQuantity::SomaRmse => {
                let sum: f64 = self
                    .predicted
                    .iter()
                    .zip(&self.target)
                    .map(|(a, b)| f64::from(a - b).powi(2))
                    .sum();
                (sum / self.target.len().max(1) as f64).sqrt() / f64::from(SOMA_SCALE)
            }
        }
    }

    fn entry(&self) -> SerializedEntry {
        SerializedEntry::new(
            format!("{:.4}", self.value),
            NumericEntry::Final(self.value).serialize(),
        )
    }
}

impl Metric for PooledMetric {
    type Input = PooledInput;

    fn name(&self) -> MetricName {
        self.name.clone()
    }

    fn attributes(&self) -> MetricAttributes {
        let higher_is_better = self.quantity == PooledQuantity::Auc;
        NumericAttributes {
            unit: None,
            higher_is_better,
        }
        .into()
    }

    fn update(
        &mut self,
        item: &PooledInput,
        _: &MetricMetadata,
    ) -> Result<SerializedEntry, TensorReadError> {
        let (predicted, target) = match self.quantity {
            PooledQuantity::Auc => (&item.logits, &item.spikes),
            PooledQuantity::SomaRmse => (&item.soma, &item.soma_target),
        };
        for (tensor, pool) in [(predicted, &mut self.predicted), (target, &mut self.target)] {
            pool.extend(tensor.clone().try_into_data()?.try_into_vec_as::<f32>()?);
        }
        Ok(SerializedEntry::not_available(None))
    }

    fn compute(&mut self) -> Result<SerializedEntry, TensorReadError> {
        self.value = self.compute_value();
        Ok(self.entry())
    }

    fn clear(&mut self) {
        self.predicted.clear();
        self.target.clear();
    }
}

impl Numeric for PooledMetric {
    fn value(&self) -> Option<NumericEntry> {
        None
    }

    fn running_value(&self) -> Option<NumericEntry> {
        None
    }

    fn final_value(&self) -> NumericEntry {
        NumericEntry::Final(self.value)
    }
}
