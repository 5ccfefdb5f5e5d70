//! The fixed connectome of a layer.

use std::sync::Arc;

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Int, Tensor};

use crate::ElmError;
use crate::error::read_ints;
use crate::parts::Cache;
use crate::scan::layer::{ConnectomePlan, LayerSpec};

/// Source of each synapse, and what the kernels need to know of it.
///
/// An integer tensor, so that it goes into every record; checked and ordered once after it was made, loaded or moved.
#[derive(Module, Debug)]
pub struct Connectome {
    sources: Param<Tensor<2, Int>>,
    plan: Cache<Arc<ConnectomePlan>>,
}

impl Connectome {
    /// The connectome with these sources, `[neuron, synapse]`; they are checked when the layer runs.
    pub fn new(sources: Tensor<2, Int>) -> Self {
        Self {
            sources: Param::initialized(ParamId::new(), sources),
            plan: Cache::default(),
        }
    }

    /// Source of each synapse, `[neuron, synapse]`: below I a channel, from I on a neuron.
    pub fn sources(&self) -> Tensor<2, Int> {
        self.sources.val()
    }

    pub(super) fn plan(&self, spec: &LayerSpec) -> Result<Arc<ConnectomePlan>, ElmError> {
        self.plan.get_or_try(|| {
            let sources = read_ints("connectome", self.sources.val())?;
            Ok(Arc::new(ConnectomePlan::new(sources, spec)?))
        })
    }
}
