//! The backward pass: blocks of steps, the last one first.

use burn::backend::ops::FloatTensorOps;
use burn::tensor::{Shape, Slice};
use burn_cubecl::{CubeBackend, cubecl::prelude::*, kernel::into_contiguous, tensor::CubeTensor};

use super::super::arrivals::source_gradients;
use super::super::backward::{Timescales, layer_backward};
use super::super::branches::{Synapses, branch_traces};
use super::super::buffers::{Givens, neuron_rows, rows, scaled, zeros};
use super::super::connectome::pick;
use super::super::frames::inner_values;
use super::super::map_width;
use super::super::weights::{
    MAP_UNITS, SYNAPSE_UNITS, SYNAPSES, map_gradients, pieces, synapse_gradients,
};
use super::{CHECKED, Run, Tensors};
use crate::kernels::cube::common::launch::{cube_counts, empty, index_type};
use crate::kernels::cube::common::layout::Limits;
use crate::scan::layer::LayerCall;
use crate::scan::layer::ops::Wanted;

/// Columns of a cube that computes inner values, in multiples of its rows.
const COLUMN_CHUNK: usize = 4;

/// The backward pass of a call, and the buffers that its launches fill.
struct Backward<'a> {
    run: Run<'a>,
    kept: CubeTensor,
    /// Gradient of the flat result.
    grad: CubeTensor,
    /// Synapse weights by sources.
    back_weights: CubeTensor,
    /// Inner values of a block, later their gradients, `[neuron, row, block, batch]`.
    frames: CubeTensor,
    /// What goes from step to step, `[neuron, row, batch]`.
    carry: CubeTensor,
    /// Gradient of the input, `[input, time, batch]`, if it is asked for.
    dx: Option<CubeTensor>,
    /// Of the parameters but the synapses, `[neuron, parameter]`.
    dparams: CubeTensor,
    /// Of the synapses, `[neuron, synapse]`.
    dsynapses: CubeTensor,
    timescales: Timescales,
}

/// Gradients of all tensors; that of the input is one number where it is not asked for.
pub(crate) fn backward(
    tensors: Tensors,
    givens: Givens,
    [kept, grad]: [CubeTensor; 2],
    call: &LayerCall,
    wanted: Wanted,
    limits: Limits,
) -> Tensors {
    let tensors = Tensors::from_array(tensors.into_array().map(into_contiguous));
    let run = Run::new(&tensors, &givens, call, limits);
    let (spec, shape, device) = (&call.spec, run.shape, &tensors.decay.device);
    let [n, batch, time] = run.sizes();
    let grad = into_contiguous(grad);
    let inner = spec.result_len(batch, time) - batch * n * spec.state_width();
    let end = Slice::from(inner..inner + batch * n * spec.state_width());
    let end = CubeBackend::float_reshape(
        CubeBackend::float_slice(grad.clone(), &[end]),
        Shape::new([batch, n, spec.state_width()]),
    );
    let mut pass = Backward {
        back_weights: pick(&tensors.synapses, &run.connectome.source_order),
        frames: empty(&grad, [n * shape.frame_rows() * call.block * batch]),
        carry: neuron_rows(end, shape.carry_rows() - shape.state_width()),
        dx: wanted
            .input
            .then(|| empty(&grad, [spec.inputs, time, batch])),
        dparams: zeros([n, shape.parameters()], device),
        dsynapses: zeros([n, spec.synapses()], device),
        timescales: match wanted.timescales {
            true => Timescales::Wanted,
            false => Timescales::Left,
        },
        kept: into_contiguous(kept),
        grad,
        run,
    };
    let blocks: Vec<_> = pass.run.blocks().collect();
    for block in blocks.into_iter().rev() {
        pass.replay(block);
        pass.step_back(block);
        pass.arrive(block);
        pass.sum(block);
    }
    pass.collect(&tensors, &givens)
}

impl Backward<'_> {
    /// Fills the frames of a block.
    fn replay(&mut self, (first, steps): (usize, usize)) {
        let run = &self.run;
        let [n, batch, time] = run.sizes();
        run.branch_sums(&self.kept, &self.frames, (first, steps), Synapses::All);
        let address = index_type(&[&self.kept, &self.frames]);
        if run.shape.trace {
            let (count, dim) = run.number_cubes(n * run.shape.branches * batch);
            // SAFETY: see the kernel; the frames is of this block.
            unsafe {
                branch_traces::launch_unchecked(
                    &run.client,
                    count,
                    dim,
                    address,
                    self.kept.clone().into_buffer_arg(),
                    self.frames.clone().into_buffer_arg(),
                    n as u32,
                    batch as u32,
                    time as u32,
                    first as u32,
                    steps as u32,
                    run.call.block as u32,
                    run.trace_decay,
                    run.shape,
                );
            }
        }
        let shape = run.shape.columns(&run.call.spec, &run.limits);
        let tiles = (steps * batch).div_ceil(COLUMN_CHUNK * shape.rows);
        // SAFETY: as above.
        unsafe {
            inner_values::launch_unchecked(
                &run.client,
                cube_counts(&run.client, n * tiles),
                CubeDim::new_1d(shape.units as u32),
                address,
                run.params.clone().into_buffer_arg(),
                run.masks.clone().into_buffer_arg(),
                self.kept.clone().into_buffer_arg(),
                self.frames.clone().into_buffer_arg(),
                n as u32,
                batch as u32,
                time as u32,
                first as u32,
                steps as u32,
                run.call.block as u32,
                COLUMN_CHUNK as u32,
                shape,
            );
        }
    }

    /// Goes back through the steps of a block.
    fn step_back(&mut self, (first, steps): (usize, usize)) {
        let run = &self.run;
        let [n, batch, time] = run.sizes();
        for (from, to) in run.launches(first, first + steps).into_iter().rev() {
            let (count, dim) = run.step_cubes();
            // SAFETY: see the kernel; the steps lie in the block that the frames is of.
            unsafe {
                layer_backward::launch_unchecked(
                    &run.client,
                    count,
                    dim,
                    index_type(&[&self.kept, &self.frames, &self.grad]),
                    run.params.clone().into_buffer_arg(),
                    run.connectome.sources.clone().into_buffer_arg(),
                    self.back_weights.clone().into_buffer_arg(),
                    run.masks.clone().into_buffer_arg(),
                    self.kept.clone().into_buffer_arg(),
                    self.grad.clone().into_buffer_arg(),
                    self.frames.clone().into_buffer_arg(),
                    self.carry.clone().into_buffer_arg(),
                    n as u32,
                    run.call.spec.inputs as u32,
                    batch as u32,
                    time as u32,
                    first as u32,
                    steps as u32,
                    run.call.block as u32,
                    from as u32,
                    to as u32,
                    run.trace_decay,
                    run.mean_decay,
                    run.shape,
                    self.timescales,
                );
            }
        }
    }

    /// Gradients of the sources: of the activity before the block, which its first step has for the block before, and
    /// of the input.
    fn arrive(&mut self, (first, steps): (usize, usize)) {
        let spec = &self.run.call.spec;
        let (n, inputs, shape) = (spec.neurons, spec.inputs, self.run.shape);
        let [_, batch, time] = self.run.sizes();
        if shape.recurrent {
            let (stride, offset) = (shape.carry_rows() * batch, shape.arrived_row() * batch);
            self.source_gradients(&self.carry, inputs..inputs + n, batch, [stride, offset]);
        }
        if let Some(dx) = &self.dx {
            self.source_gradients(dx, 0..inputs, steps * batch, [time * batch, first * batch]);
        }
    }

    fn source_gradients(
        &self,
        out: &CubeTensor,
        sources: core::ops::Range<usize>,
        columns: usize,
        [stride, offset]: [usize; 2],
    ) {
        let run = &self.run;
        let [n, batch, _] = run.sizes();
        let (count, dim) = run.number_cubes(sources.len() * columns);
        // SAFETY: see the kernel; rows of `out` are `stride` apart and hold the columns from `offset` on.
        unsafe {
            source_gradients::launch_unchecked(
                &run.client,
                count,
                dim,
                index_type(&[&self.frames, out]),
                run.connectome.sources.clone().into_buffer_arg(),
                self.back_weights.clone().into_buffer_arg(),
                self.frames.clone().into_buffer_arg(),
                out.clone().into_buffer_arg(),
                (run.call.spec.inputs + n) as u32,
                sources.start as u32,
                sources.len() as u32,
                columns as u32,
                (run.call.block * batch) as u32,
                stride as u32,
                offset as u32,
                run.shape,
            );
        }
    }

    /// Adds up the weight gradients of a block.
    fn sum(&mut self, (first, steps): (usize, usize)) {
        let run = &self.run;
        let [n, batch, time] = run.sizes();
        for k in 0..=run.shape.hidden_layers {
            let cubes = pieces(run.shape.map(k)).div_ceil(MAP_UNITS);
            let Some(width) = map_width(&run.shape, k, &run.limits) else {
                unreachable!("{CHECKED}")
            };
            // SAFETY: see the kernel; `dparams` is `[neuron, parameter]`.
            unsafe {
                map_gradients::launch_unchecked(
                    &run.client,
                    cube_counts(&run.client, n * cubes),
                    CubeDim::new_1d(MAP_UNITS as u32),
                    index_type(&[&self.frames]),
                    self.frames.clone().into_buffer_arg(),
                    self.dparams.clone().into_buffer_arg(),
                    n as u32,
                    (steps * batch) as u32,
                    (run.call.block * batch) as u32,
                    run.shape,
                    k,
                    width,
                );
            }
        }
        let synapses = n * run.call.spec.synapses();
        // SAFETY: see the kernel; `dsynapses` is as long as the list of connectome.
        unsafe {
            synapse_gradients::launch_unchecked(
                &run.client,
                cube_counts(&run.client, synapses.div_ceil(SYNAPSES)),
                CubeDim::new_1d(SYNAPSE_UNITS as u32),
                index_type(&[&run.input.x, &self.kept, &self.frames]),
                run.input.x.clone().into_buffer_arg(),
                run.input.tokens.clone().into_buffer_arg(),
                run.connectome.branches.clone().into_buffer_arg(),
                run.connectome.order.clone().into_buffer_arg(),
                self.kept.clone().into_buffer_arg(),
                self.frames.clone().into_buffer_arg(),
                self.dsynapses.clone().into_buffer_arg(),
                n as u32,
                run.call.spec.inputs as u32,
                batch as u32,
                time as u32,
                first as u32,
                steps as u32,
                run.call.block as u32,
                run.input.gain,
                run.shape,
                run.input.kind,
            );
        }
    }

    /// The gradients from what the blocks left.
    fn collect(self, tensors: &Tensors, givens: &Givens) -> Tensors {
        let (call, shape) = (self.run.call, self.run.shape);
        let (spec, device) = (&call.spec, &self.carry.device);
        let [n, _, _] = self.run.sizes();
        let (m, packed) = (spec.memory, spec.packed_len());
        let shaped = |values: CubeTensor, like: &CubeTensor| {
            let values = into_contiguous(values);
            CubeBackend::float_reshape(values, like.meta.shape().clone())
        };
        let parameters = |from: usize, to: usize| {
            let part = [Slice::from(0..n), Slice::from(from..to)];
            CubeBackend::float_slice(self.dparams.clone(), &part)
        };
        // summed over the samples
        let sums = |from: usize, to: usize| {
            let from_row = shape.sums_row();
            CubeBackend::float_sum_dim(rows(&self.carry, from_row + from, from_row + to), 2)
        };
        let first = shape.map(0);
        let inner = rows(&self.carry, 0, shape.state_width());
        let arrived = rows(&self.carry, shape.arrived_row(), shape.arrived_row() + 1);
        let arrived = CubeBackend::float_permute(arrived, &[2, 0, 1]);
        let mut activity = shaped(arrived, &tensors.activity);
        if shape.recurrent_mask {
            activity = CubeBackend::float_mul(activity, givens.recurrent_mask.clone());
        }
        let x = match self.dx.clone() {
            None => zeros([1], device),
            Some(dx) => {
                let dx = CubeBackend::float_permute(dx, &[2, 1, 0]);
                scaled(into_contiguous(dx), givens, call)
            }
        };
        Tensors {
            x,
            synapses: shaped(self.dsynapses.clone(), &tensors.synapses),
            first_weight: shaped(parameters(0, first.bias()), &tensors.first_weight),
            first_bias: shaped(parameters(first.bias(), first.end()), &tensors.first_bias),
            packed: match packed {
                // the tensor of no packed maps holds one number per neuron
                0 => zeros(tensors.packed.meta.shape().clone(), device),
                _ => shaped(
                    parameters(first.end(), first.end() + packed),
                    &tensors.packed,
                ),
            },
            decay: shaped(sums(0, m), &tensors.decay),
            gate: shaped(sums(m, 2 * m), &tensors.gate),
            readout: shaped(sums(2 * m, 3 * m), &tensors.readout),
            bias: shaped(sums(3 * m, 3 * m + 1), &tensors.bias),
            inner: shaped(
                CubeBackend::float_permute(inner, &[2, 0, 1]),
                &tensors.inner,
            ),
            activity,
        }
    }
}
