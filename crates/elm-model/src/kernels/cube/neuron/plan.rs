//! All that is fixed when a scan kernel is compiled.

use crate::equations::HiddenActivation;
use crate::kernels::cube::common::layout::{Layout, Limits};
use crate::scan::memory::{LinearMap, ScanSpec};

/// Which way the time loop runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Direction {
    /// From the first step to the last; product `k` is the MLP's linear map `k`.
    Forward,
    /// From the last step to the first; product `j` is the transpose of linear map `hidden_layers − j`.
    Backward,
}

/// Sizes of a scan and its layout on a device.
///
/// The kernels read `constants`: decay `[memory]`, gate `[memory]`, then the bias of each linear map after the first.
/// The backward kernel keeps per sample a row of sums: the gradient that is carried to the step before `[memory]`,
/// then the gradients of the constants in the same order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct KernelPlan {
    pub memory: usize,
    pub hidden: usize,
    pub hidden_layers: usize,
    pub activation: HiddenActivation,
    pub direction: Direction,
    pub layout: Layout,
}

impl KernelPlan {
    /// The plan for a scan of `batch` samples, or `None` if the device's cubes are too small for it.
    pub fn new(
        spec: &ScanSpec,
        direction: Direction,
        batch: usize,
        limits: &Limits,
    ) -> Option<Self> {
        let layout = Layout::new(&shapes(spec, direction), batch, limits)?;
        Some(Self::with_layout(spec, direction, layout))
    }

    /// The plan with a given layout.
    pub fn with_layout(spec: &ScanSpec, direction: Direction, layout: Layout) -> Self {
        Self {
            memory: spec.memory,
            hidden: spec.hidden,
            hidden_layers: spec.hidden_layers,
            activation: spec.activation,
            direction,
            layout,
        }
    }

    fn spec(&self) -> ScanSpec {
        ScanSpec {
            memory: self.memory,
            hidden_layers: self.hidden_layers,
            hidden: self.hidden,
            activation: self.activation,
        }
    }

    /// The linear map of one product.
    pub fn map(&self, product: usize) -> LinearMap {
        let maps = self.spec().linear_maps();
        match self.direction {
            Direction::Forward => maps[product],
            Direction::Backward => maps[self.hidden_layers - product],
        }
    }

    /// The linear maps whose bias is among the constants.
    pub fn biased(&self) -> Vec<LinearMap> {
        self.spec().linear_maps().into_iter().skip(1).collect()
    }

    /// Where the bias of a linear map after the first lies in the constants.
    pub fn bias_at(&self, map: usize) -> usize {
        2 * self.memory + (map - 1) * self.hidden
    }

    /// Number of constants.
    pub fn constants_len(&self) -> usize {
        self.biased()
            .iter()
            .fold(2 * self.memory, |at, s| at + s.outputs)
    }

    /// Length of one sample's row of sums.
    pub fn sums_len(&self) -> usize {
        self.memory + self.constants_len()
    }

    /// Width of the hidden pre-activations of one step.
    pub fn hidden_total(&self) -> usize {
        self.hidden_layers * self.hidden
    }
}

/// Inputs and outputs of each product in the order of the kernel.
pub(super) fn shapes(spec: &ScanSpec, direction: Direction) -> Vec<(usize, usize)> {
    let maps = spec.linear_maps();
    match direction {
        Direction::Forward => maps.iter().map(|s| (s.inputs, s.outputs)).collect(),
        Direction::Backward => maps.iter().rev().map(|s| (s.outputs, s.inputs)).collect(),
    }
}
