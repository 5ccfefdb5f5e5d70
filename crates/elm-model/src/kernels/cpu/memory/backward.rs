//! The backward pass: one reverse loop, and the weight gradients piece by piece while their factors are in the cache.

use rayon::prelude::*;

use super::{Rows, Tiling, by_rows, chunk_steps, parts, tiles, weight_gradients::Chunk};
use crate::kernels::cpu::{
    isa::{Isa, by_isa},
    pack::{Packed, padded},
    simd::SimdReal,
};
use crate::kernels::scalar::{hidden_backs_and_values, squash_slope, squash_value};
use crate::scan::memory::ScanSpec;

/// What the backward pass reads: the gradient of the memory, the inputs, the result and what was kept.
#[derive(Debug, Clone, Copy)]
pub struct BackwardInputs<'a, R> {
    /// Gradient of the memory, `[batch, time, memory]`.
    pub grad: &'a [R],
    /// Memory after each step, `[batch, time, memory]`.
    pub memory: &'a [R],
    /// Tanh values, `[batch, time, memory]`.
    pub tanh: &'a [R],
    /// Weights of the MLP but for those on the drive, in one row.
    pub weights: &'a [R],
    /// Decay of each memory unit per step, `[memory]`.
    pub decay: &'a [R],
    /// Gate on the memory update, `[memory]`.
    pub gate: &'a [R],
    /// Memory before the first step, `[batch, memory]`.
    pub start: &'a [R],
}

/// Gradients of the inputs other than the drive.
#[derive(Debug)]
pub struct MemoryGradients<R> {
    /// Of the weights, in one row.
    pub weights: Vec<R>,
    /// Of the decay, `[memory]`.
    pub decay: Vec<R>,
    /// Of the gate, `[memory]`.
    pub gate: Vec<R>,
    /// Of the memory before the first step, `[batch, memory]`.
    pub start: Vec<R>,
}

/// Gradients of all inputs, from the gradient of the memory `[batch, time, memory]`.
///
/// The hidden pre-activations become their gradients; those of the first layer are the drive's. Without a hidden layer
/// `drive`, `[batch, time, memory]`, receives the drive's gradient; else it is empty.
pub fn backward<R: SimdReal>(
    [batch, time]: [usize; 2],
    spec: &ScanSpec,
    x: &BackwardInputs<'_, R>,
    hidden: &mut [R],
    drive: &mut [R],
) -> MemoryGradients<R> {
    let (m, h) = (spec.memory, spec.hidden_total());
    let tiling = Tiling::new::<R>(batch);
    let samples = &tiling.samples;
    let transposed = pack_transposed(spec, x.weights, tiling.lanes);
    let mut start = vec![R::default(); batch * m];
    let kept = parts(x.grad, samples, time * m)
        .zip(parts(x.memory, samples, time * m))
        .zip(parts(x.tanh, samples, time * m));
    let jobs: Vec<_> = tiles(&mut start, samples, m)
        .zip(parts(x.start, samples, m))
        .zip(kept)
        .zip(tiles(hidden, samples, time * h))
        .zip(tiles(drive, samples, time * m))
        .map(
            |((((dstart, start), ((grad, memory), tanh)), hidden), drive)| BackwardTile {
                spec: *spec,
                time,
                grad,
                memory,
                tanh,
                decay: x.decay,
                gate: x.gate,
                start,
                transposed: &transposed,
                hidden,
                drive,
                dstart,
                sums: Sums::new(spec),
            },
        )
        .collect();
    let sums = jobs
        .into_par_iter()
        .map(|mut tile| {
            by_rows!(tile.dstart.len() / m, backward_tile_isa, R, &mut tile);
            tile.sums
        })
        .reduce_with(Sums::plus)
        .unwrap_or_else(|| Sums::new(spec));
    MemoryGradients {
        weights: sums.weights,
        decay: sums.decay,
        gate: sums.gate,
        start,
    }
}

/// The maps the other way round, for panels of at most so many lanes.
pub fn pack_transposed<R: SimdReal>(
    spec: &ScanSpec,
    weights: &[R],
    lanes: usize,
) -> Vec<Packed<R>> {
    let pack = |s: &crate::scan::memory::LinearMap| {
        let matrix = &weights[s.weight..][..s.inputs * s.outputs];
        Packed::transposed(matrix, s.outputs, s.inputs, lanes)
    };
    spec.linear_maps().iter().map(pack).collect()
}

/// Gradients that are summed over samples and steps.
#[derive(Debug)]
pub struct Sums<R> {
    /// Of the weights, in one row.
    pub weights: Vec<R>,
    /// Of the decay, `[memory]`.
    pub decay: Vec<R>,
    /// Of the gate, `[memory]`.
    pub gate: Vec<R>,
}

impl<R: SimdReal> Sums<R> {
    /// Nothing yet.
    pub fn new(spec: &ScanSpec) -> Self {
        Self {
            weights: vec![R::default(); spec.num_weights()],
            decay: vec![R::default(); spec.memory],
            gate: vec![R::default(); spec.memory],
        }
    }

    /// Both together.
    pub fn plus(mut self, other: Self) -> Self {
        let pairs = [
            (&mut self.weights, other.weights),
            (&mut self.decay, other.decay),
            (&mut self.gate, other.gate),
        ];
        for (to, from) in pairs {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        }
        self
    }
}

struct BackwardTile<'a, R> {
    spec: ScanSpec,
    time: usize,
    grad: &'a [R],
    memory: &'a [R],
    tanh: &'a [R],
    decay: &'a [R],
    gate: &'a [R],
    start: &'a [R],
    transposed: &'a [Packed<R>],
    hidden: &'a mut [R],
    drive: &'a mut [R],
    dstart: &'a mut [R],
    sums: Sums<R>,
}

by_isa!(backward_tile_isa => backward_tile [R: SimdReal] [ROWS] (tile: &mut BackwardTile<'_, R>));

#[inline(always)]
fn backward_tile<I: Isa, R: SimdReal, const ROWS: usize>(tile: &mut BackwardTile<'_, R>) {
    let (spec, time, m) = (tile.spec, tile.time, tile.spec.memory);
    let mp = padded::<R>(m);
    let steps = chunk_steps(ROWS, time);
    let mut chunk = Chunk::new(&spec, ROWS, steps);
    let mut reverse = Reverse::new(&spec, tile.decay, tile.gate, tile.transposed, ROWS);
    let mut kept = KeptSteps {
        time,
        first: 0,
        memory: tile.memory,
        memory_rows: Rows::by_sample(time, 0),
        tanh: tile.tanh,
        start: tile.start,
        hidden: &mut *tile.hidden,
        drive: match spec.hidden_layers {
            0 => Outgoing::Buffer(&mut *tile.drive),
            _ => Outgoing::HiddenPlace,
        },
    };
    for begin in (0..time).step_by(steps).rev() {
        chunk.clear();
        for t in (begin..(begin + steps).min(time)).rev() {
            for r in 0..ROWS {
                let grad = &tile.grad[(r * time + t) * m..][..m];
                let dm = &mut reverse.dm[r * mp..][..m];
                dm.iter_mut().zip(grad).for_each(|(d, g)| *d += *g);
            }
            reverse.step::<I, ROWS>(t, &mut kept, &mut chunk, &mut tile.sums);
        }
        chunk.add_to(&spec, &mut tile.sums.weights);
    }
    for r in 0..ROWS {
        tile.dstart[r * m..][..m].copy_from_slice(&reverse.dm[r * mp..][..m]);
    }
}

/// What a tile's forward pass kept, `[sample, time, ·]` but for the memory.
#[derive(Debug)]
pub struct KeptSteps<'a, R> {
    /// Steps of the sequence.
    pub time: usize,
    /// The first of the steps that are gone through.
    pub first: usize,
    /// The memory after each of these steps.
    pub memory: &'a [R],
    /// Its rows.
    pub memory_rows: Rows,
    /// The tanh values.
    pub tanh: &'a [R],
    /// The memory before the first of these steps, `[sample, memory]`.
    pub start: &'a [R],
    /// Hidden pre-activations; they are overwritten.
    pub hidden: &'a mut [R],
    /// Where the drive's gradient goes besides the chunk.
    pub drive: Outgoing<'a, R>,
}

/// Where the drive's gradient goes.
#[derive(Debug)]
pub enum Outgoing<'a, R> {
    /// To the chunk only.
    Chunk,
    /// With the other layers' into the place of the hidden pre-activations.
    HiddenPlace,
    /// Into a buffer of its own, as there is no hidden layer.
    Buffer(&'a mut [R]),
}

/// The reverse loop of a tile: its weights and the state between two steps.
#[derive(Debug)]
pub struct Reverse<'a, R> {
    spec: ScanSpec,
    decay: &'a [R],
    gate: &'a [R],
    transposed: &'a [Packed<R>],
    /// Gradient of the memory on its way back, `[sample, padded memory]`; after a step, of the memory before it.
    pub dm: Vec<R>,
    dz: Vec<R>,
    dhidden: Vec<Vec<R>>,
}

impl<'a, R: SimdReal> Reverse<'a, R> {
    /// After the last step, with no gradient yet.
    pub fn new(
        spec: &ScanSpec,
        decay: &'a [R],
        gate: &'a [R],
        transposed: &'a [Packed<R>],
        samples: usize,
    ) -> Self {
        let (mp, hp) = (padded::<R>(spec.memory), padded::<R>(spec.hidden));
        let zeros = |width: usize| vec![R::default(); samples * width];
        Self {
            spec: *spec,
            decay,
            gate,
            transposed,
            dm: zeros(mp),
            dz: zeros(mp),
            dhidden: (0..spec.hidden_layers).map(|_| zeros(hp)).collect(),
        }
    }

    /// One step back; the gradient of its memory from outside has been added to [`dm`](Self::dm).
    #[inline(always)]
    pub fn step<I: Isa, const ROWS: usize>(
        &mut self,
        t: usize,
        kept: &mut KeptSteps<'_, R>,
        chunk: &mut Chunk<R>,
        sums: &mut Sums<R>,
    ) {
        let (mp, hp) = (padded::<R>(self.spec.memory), padded::<R>(self.spec.hidden));
        self.through_update::<ROWS>(t, kept, sums);
        for k in (0..self.spec.hidden_layers).rev() {
            let (before, after) = self.dhidden.split_at_mut(k + 1);
            let out = &mut before[k][..];
            out.fill(R::default());
            let weights = &self.transposed[k + 1];
            match after.first() {
                None => weights.multiply_add::<I, ROWS>(&self.dz, mp, out),
                Some(next) => weights.multiply_add::<I, ROWS>(next, hp, out),
            }
            kept.through_activation::<ROWS>(&self.spec, t, k, out, chunk);
        }
        let weights = &self.transposed[0];
        match self.dhidden.first() {
            None => weights.multiply_add::<I, ROWS>(&self.dz, mp, &mut self.dm),
            Some(first) => weights.multiply_add::<I, ROWS>(first, hp, &mut self.dm),
        }
        self.through_decay::<ROWS>(t, kept, chunk, sums);
        chunk.end_step();
    }

    /// Goes back through gate and squash: `dz`.
    #[inline(always)]
    fn through_update<const ROWS: usize>(
        &mut self,
        t: usize,
        kept: &mut KeptSteps<'_, R>,
        sums: &mut Sums<R>,
    ) {
        let m = self.spec.memory;
        let mp = padded::<R>(m);
        let (gate, dgate) = (&self.gate[..m], &mut sums.gate[..m]);
        for r in 0..ROWS {
            let row = (r * kept.time + t) * m;
            let th = &kept.tanh[row..][..m];
            let (dm, dz) = (&self.dm[r * mp..][..m], &mut self.dz[r * mp..][..m]);
            for j in 0..m {
                dgate[j] += dm[j] * squash_value(th[j]);
                dz[j] = dm[j] * gate[j] * squash_slope(th[j]);
            }
            if let Outgoing::Buffer(drive) = &mut kept.drive {
                drive[row..][..m].copy_from_slice(dz);
            }
        }
    }

    /// Goes back through the decay to the memory of the step before.
    #[inline(always)]
    fn through_decay<const ROWS: usize>(
        &mut self,
        t: usize,
        kept: &KeptSteps<'_, R>,
        chunk: &mut Chunk<R>,
        sums: &mut Sums<R>,
    ) {
        let m = self.spec.memory;
        let mp = padded::<R>(m);
        let (decay, ddecay) = (&self.decay[..m], &mut sums.decay[..m]);
        for r in 0..ROWS {
            let previous = if t == kept.first {
                &kept.start[r * m..][..m]
            } else {
                &kept.memory[kept.memory_rows.at(r, t - 1) * m..][..m]
            };
            let (decayed, dz) = chunk.memory(r);
            dz.copy_from_slice(&self.dz[r * mp..][..m]);
            let dm = &mut self.dm[r * mp..][..m];
            for j in 0..m {
                decayed[j] = decay[j] * previous[j];
                ddecay[j] += dm[j] * previous[j];
                dm[j] = dm[j] * decay[j];
            }
        }
    }
}

impl<R: SimdReal> KeptSteps<'_, R> {
    /// Multiplies by the activation's derivative; the kept pre-activation becomes the activated value, or its gradient.
    #[inline(always)]
    fn through_activation<const ROWS: usize>(
        &mut self,
        spec: &ScanSpec,
        t: usize,
        layer: usize,
        grad: &mut [R],
        chunk: &mut Chunk<R>,
    ) {
        let (h, kept) = (spec.hidden, spec.hidden_total());
        for r in 0..ROWS {
            let at = (r * self.time + t) * kept + layer * h;
            let grad = &mut grad[r * padded::<R>(h)..][..h];
            let pre = &mut self.hidden[at..][..h];
            hidden_backs_and_values(grad, pre, spec.activation);
            chunk.hidden(r, layer, pre, grad);
            if let Outgoing::HiddenPlace = self.drive {
                pre.copy_from_slice(grad);
            }
        }
    }
}
