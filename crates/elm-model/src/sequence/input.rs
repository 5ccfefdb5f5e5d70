//! What a recurrent model reads over time, cut and ordered.

use burn::tensor::{Device, Int, Tensor};

use crate::layer::LayerSource;

/// A batch of sequences that can be cut and ordered.
pub trait SequenceInput: Clone {
    /// Samples and steps.
    fn sizes(&self) -> [usize; 2];
    /// Where it lies.
    fn device(&self) -> Device;
    /// These samples in this order; `rows` holds indices below the number of samples.
    fn select_samples(self, rows: Tensor<1, Int>) -> Self;
    /// The first `samples` samples from step `from` on, `steps` steps.
    fn part(&self, samples: usize, from: usize, steps: usize) -> Self;
    /// Steps in another order: `places` holds, row by row, `sample · time + step` of what comes at each sample and step.
    fn select_steps(self, places: Tensor<1, Int>) -> Self;
}

impl SequenceInput for Tensor<3> {
    fn sizes(&self) -> [usize; 2] {
        let [batch, time, _] = self.dims();
        [batch, time]
    }

    fn device(&self) -> Device {
        Tensor::device(self)
    }

    fn select_samples(self, rows: Tensor<1, Int>) -> Self {
        self.select(0, rows)
    }

    fn part(&self, samples: usize, from: usize, steps: usize) -> Self {
        self.clone().narrow(0, 0, samples).narrow(1, from, steps)
    }

    fn select_steps(self, places: Tensor<1, Int>) -> Self {
        let [batch, time, channels] = self.dims();
        self.reshape([batch * time, channels])
            .select(0, places)
            .reshape([batch, time, channels])
    }
}

impl SequenceInput for Tensor<2, Int> {
    fn sizes(&self) -> [usize; 2] {
        self.dims()
    }

    fn device(&self) -> Device {
        Tensor::device(self)
    }

    fn select_samples(self, rows: Tensor<1, Int>) -> Self {
        self.select(0, rows)
    }

    fn part(&self, samples: usize, from: usize, steps: usize) -> Self {
        self.clone().narrow(0, 0, samples).narrow(1, from, steps)
    }

    fn select_steps(self, places: Tensor<1, Int>) -> Self {
        let sizes @ [batch, time] = self.dims();
        self.reshape([batch * time])
            .select(0, places)
            .reshape(sizes)
    }
}

impl SequenceInput for LayerSource {
    fn sizes(&self) -> [usize; 2] {
        self.dims()
    }

    fn device(&self) -> Device {
        match self {
            Self::Dense(x) => x.device(),
            Self::OneHot(ids) => ids.device(),
        }
    }

    fn select_samples(self, rows: Tensor<1, Int>) -> Self {
        match self {
            Self::Dense(x) => Self::Dense(x.select_samples(rows)),
            Self::OneHot(ids) => Self::OneHot(ids.select_samples(rows)),
        }
    }

    fn part(&self, samples: usize, from: usize, steps: usize) -> Self {
        match self {
            Self::Dense(x) => Self::Dense(x.part(samples, from, steps)),
            Self::OneHot(ids) => Self::OneHot(ids.part(samples, from, steps)),
        }
    }

    fn select_steps(self, places: Tensor<1, Int>) -> Self {
        match self {
            Self::Dense(x) => Self::Dense(x.select_steps(places)),
            Self::OneHot(ids) => Self::OneHot(ids.select_steps(places)),
        }
    }
}
