//! The connectome on a device: by branches for the way forward, by sources for the way back.

use burn::backend::{TensorData, ops::IntTensorOps};
use burn_cubecl::{
    CubeBackend, CubeDevice,
    cubecl::{self, prelude::*},
    tensor::CubeTensor,
};

use crate::kernels::cube::common::launch::{cube_counts, empty_f32};
use crate::scan::layer::{ConnectomePlan, LayerSpec};

/// Units of a cube of [`pick`].
const UNITS: usize = 256;

/// The connectome on one device.
pub(crate) struct DeviceConnectome {
    /// Sources in walking order `[neuron, synapse]`, then the number of feed-forward synapses of each branch, which
    /// come first on it, `[neuron, branch]`.
    pub branches: CubeTensor,
    /// Which synapse stands there, as an index into `[neuron, synapse]`.
    pub order: CubeTensor,
    /// Where the synapses of each source begin in the list that follows, `[source + 1]`; then the branch of each
    /// synapse, `neuron · D + branch`, source by source.
    pub sources: CubeTensor,
    /// Which synapse stands there, as an index into `[neuron, synapse]`.
    pub source_order: CubeTensor,
}

impl DeviceConnectome {
    pub fn new(plan: &ConnectomePlan, spec: &LayerSpec, device: &CubeDevice) -> Self {
        let synapses = spec.synapses();
        let order: Vec<u32> = plan
            .order()
            .iter()
            .enumerate()
            .map(|(at, synapse)| (at / synapses * synapses) as u32 + synapse)
            .collect();
        let mut branches = plan.sources().to_vec();
        branches.extend(plan.feed_forward());
        let (sources, source_order) = by_source(plan.sources(), &order, spec);
        Self {
            branches: upload(branches, device),
            order: upload(order, device),
            sources: upload(sources, device),
            source_order: upload(source_order, device),
        }
    }
}

/// [`DeviceConnectome::sources`] and [`DeviceConnectome::source_order`] by a counting sort.
fn by_source(sources: &[u32], order: &[u32], spec: &LayerSpec) -> (Vec<u32>, Vec<u32>) {
    let count = spec.inputs + spec.neurons;
    let mut first = vec![0u32; count + 1];
    for source in sources {
        first[*source as usize + 1] += 1;
    }
    for i in 0..count {
        first[i + 1] += first[i];
    }
    let mut next = first.clone();
    let mut branches = vec![0u32; sources.len()];
    let mut synapses = vec![0u32; sources.len()];
    for (at, source) in sources.iter().enumerate() {
        let slot = &mut next[*source as usize];
        branches[*slot as usize] = (at / spec.per_branch) as u32;
        synapses[*slot as usize] = order[at];
        *slot += 1;
    }
    first.extend(branches);
    (first, synapses)
}

/// Whole numbers on a device.
fn upload(values: Vec<u32>, device: &CubeDevice) -> CubeTensor {
    let len = values.len();
    CubeBackend::int_from_data(TensorData::new(values, [len]), device)
}

/// `out[i] = values[index[i]]`. Launched unchecked: units past the last number do nothing, and every index is that of a
/// synapse.
#[cube(launch_unchecked)]
fn pick_kernel(values: &[f32], index: &[u32], out: &mut [f32]) {
    if ABSOLUTE_POS < out.len() {
        out[ABSOLUTE_POS] = values[index[ABSOLUTE_POS] as usize];
    }
}

/// Numbers of `values` in the order of `index`.
pub(super) fn pick(values: &CubeTensor, index: &CubeTensor) -> CubeTensor {
    let len = index.meta.shape().num_elements();
    let out = empty_f32(values, len);
    // SAFETY: see the kernel; a plan's indices are below the number of synapses, and `values` holds as many.
    unsafe {
        pick_kernel::launch_unchecked(
            &values.client,
            cube_counts(&values.client, len.div_ceil(UNITS)),
            CubeDim::new_1d(UNITS as u32),
            values.clone().into_buffer_arg(),
            index.clone().into_buffer_arg(),
            out.clone().into_buffer_arg(),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::equations::NeuronForm;
    use crate::layer::{Wiring, WiringSizes};

    /// Every synapse stands once in the list of its source, with its branch.
    #[test]
    fn lists_of_sources_hold_every_synapse() {
        let shape = NeuronForm::network()
            .with_num_branches(Some(4))
            .with_synapses_per_branch(Some(6));
        let (inputs, neurons) = (7, 5);
        let spec = LayerSpec::new(&shape, inputs, neurons);
        let sizes = WiringSizes {
            inputs,
            neurons,
            synapses: shape.synapses(),
        };
        let wiring = Wiring::Random {
            recurrent_connect: Some(0.6),
        };
        let connectome: Vec<i64> = wiring
            .sample(sizes, 3)
            .unwrap()
            .into_iter()
            .map(|s| s as i64)
            .collect();
        let plan = ConnectomePlan::new(connectome.clone(), &spec).unwrap();
        let order: Vec<u32> = plan
            .order()
            .iter()
            .enumerate()
            .map(|(at, s)| (at / spec.synapses() * spec.synapses()) as u32 + s)
            .collect();
        let (sources, synapses) = by_source(plan.sources(), &order, &spec);
        let (first, branches) = sources.split_at(inputs + neurons + 1);
        let mut seen = vec![0; connectome.len()];
        for source in 0..inputs + neurons {
            for at in first[source] as usize..first[source + 1] as usize {
                let synapse = synapses[at] as usize;
                assert_eq!(connectome[synapse], source as i64);
                assert_eq!(branches[at] as usize, synapse / spec.per_branch);
                seen[synapse] += 1;
            }
        }
        assert!(seen.iter().all(|n| *n == 1));
    }
}
