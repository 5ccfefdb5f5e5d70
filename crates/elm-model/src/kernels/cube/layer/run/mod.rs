//! The passes from the host's side: which kernels run over which steps.

mod backward;
mod forward;

pub(super) use self::backward::backward;
pub(super) use self::forward::forward;

use std::sync::Arc;

use burn_cubecl::{CubeBackend, cubecl::prelude::*, tensor::CubeTensor};

use super::branches::{Synapses, branch_sums};
use super::buffers::{Givens, Input, masks, parameters};
use super::connectome::{DeviceConnectome, pick};
use super::shape::NeuronShape;
use crate::kernels::cube::common::launch::{cube_counts, index_type};
use crate::kernels::cube::common::layout::Limits;
use crate::scan::layer::LayerCall;
use crate::scan::layer::ops::LayerTensors;

/// Units of a cube of the kernels that give each number a unit.
const UNITS: usize = 128;

/// Why a shape exists whenever a layer is run.
const CHECKED: &str = "the caller has asked whether this device can run the layer";

type Tensors = LayerTensors<CubeBackend>;

/// What all launches of a call share.
struct Run<'a> {
    call: &'a LayerCall,
    client: Client,
    limits: Limits,
    shape: NeuronShape,
    connectome: Arc<DeviceConnectome>,
    input: Input,
    /// Parameters but the synapses, `[neuron, parameter]`.
    params: CubeTensor,
    /// Synapse weights by branches.
    weights: CubeTensor,
    masks: CubeTensor,
    trace_decay: f32,
    mean_decay: f32,
}

impl<'a> Run<'a> {
    fn new(tensors: &Tensors, givens: &Givens, call: &'a LayerCall, limits: Limits) -> Self {
        let client = tensors.decay.client.clone();
        let device = &tensors.decay.device;
        let Some(shape) = NeuronShape::steps(call, &limits) else {
            unreachable!("{CHECKED}")
        };
        let connectome = (call.plan.copies()).get(device, || {
            DeviceConnectome::new(&call.plan, &call.spec, device)
        });
        Self {
            input: Input::new(&tensors.x, givens, call),
            params: parameters(tensors, &call.spec),
            weights: pick(&tensors.synapses, &connectome.order),
            masks: masks(givens, &shape),
            trace_decay: call.spec.branch_decay.unwrap_or(0.0) as f32,
            mean_decay: call.spec.high_pass_decay.unwrap_or(0.0) as f32,
            call,
            client,
            limits,
            shape,
            connectome,
        }
    }

    /// Neurons, batch, time.
    fn sizes(&self) -> [usize; 3] {
        [self.call.spec.neurons, self.call.batch, self.call.time]
    }

    /// First step and number of steps of every block.
    fn blocks(&self) -> impl DoubleEndedIterator<Item = (usize, usize)> + use<> {
        let (time, block) = (self.call.time, self.call.block);
        (0..time.div_ceil(block)).map(move |i| (i * block, block.min(time - i * block)))
    }

    /// Cubes of the kernels that go step by step.
    fn step_cubes(&self) -> (CubeCount, CubeDim) {
        let [n, batch, _] = self.sizes();
        let cubes = n * batch.div_ceil(self.shape.rows);
        (
            cube_counts(&self.client, cubes),
            CubeDim::new_1d(self.shape.units as u32),
        )
    }

    /// Cubes that have a unit for each of so many numbers.
    fn number_cubes(&self, count: usize) -> (CubeCount, CubeDim) {
        (
            cube_counts(&self.client, count.div_ceil(UNITS)),
            CubeDim::new_1d(UNITS as u32),
        )
    }

    /// The steps `from..to` in pieces that one launch may take: one step where neurons need each other's activity, else
    /// as many as no driver takes for a hang.
    fn launches(&self, from: usize, to: usize) -> Vec<(usize, usize)> {
        let most = if self.shape.recurrent {
            1
        } else {
            let [n, batch, _] = self.sizes();
            (self.limits.launch_work / (n * batch * self.shape.parameters()).max(1)).max(1)
        };
        (from..to)
            .step_by(most)
            .map(|t| (t, to.min(t + most)))
            .collect()
    }

    /// Branch sums of a block into rows of `out`.
    fn branch_sums(
        &self,
        kept: &CubeTensor,
        out: &CubeTensor,
        (first, steps): (usize, usize),
        covered: Synapses,
    ) {
        let [n, batch, time] = self.sizes();
        let (count, dim) = self.number_cubes(n * self.shape.branches * steps * batch);
        let out_rows = match covered {
            Synapses::FeedForward => self.shape.branches,
            Synapses::All => self.shape.frame_rows(),
        };
        // SAFETY: see the kernel; `out` has `out_rows` rows of a block for each neuron.
        unsafe {
            branch_sums::launch_unchecked(
                &self.client,
                count,
                dim,
                index_type(&[&self.input.x, kept, out]),
                self.input.x.clone().into_buffer_arg(),
                self.input.tokens.clone().into_buffer_arg(),
                self.connectome.branches.clone().into_buffer_arg(),
                self.weights.clone().into_buffer_arg(),
                kept.clone().into_buffer_arg(),
                out.clone().into_buffer_arg(),
                n as u32,
                self.call.spec.inputs as u32,
                batch as u32,
                time as u32,
                first as u32,
                steps as u32,
                self.call.block as u32,
                self.input.gain,
                self.shape,
                self.input.kind,
                covered,
                out_rows,
            );
        }
    }
}
