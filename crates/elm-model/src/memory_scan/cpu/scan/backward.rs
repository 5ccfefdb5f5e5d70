//! The backward pass: one reverse loop, and the weight gradients piece by piece while their factors are in the cache.

use rayon::prelude::*;

use super::{Tiling, activation_gradient, by_rows, tiles, weight_gradients::Chunk};
use crate::memory_scan::cpu::{
    isa::{Isa, by_isa},
    pack::{Packed, padded},
    real::Real,
};
use crate::memory_scan::{SQUASH_GAIN, SQUASH_SLOPE, ScanSpec};

/// What the backward pass reads: the gradient of the memory, the inputs, the result and what was kept.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct BackwardInputs<'a, R> {
    pub grad: &'a [R],
    pub memory: &'a [R],
    pub tanh: &'a [R],
    pub weights: &'a [R],
    pub decay: &'a [R],
    pub gate: &'a [R],
    pub start: &'a [R],
}

/// Gradients of the inputs other than the drive.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Gradients<R> {
    pub weights: Vec<R>,
    pub decay: Vec<R>,
    pub gate: Vec<R>,
    pub start: Vec<R>,
}

/// Gradients of all inputs, from the gradient of the memory `[batch, time, memory]`.
///
/// The hidden pre-activations become their gradients; those of the first layer are the drive's. Without a hidden layer
/// `drive`, `[batch, time, memory]`, receives the drive's gradient; else it is empty.
pub fn backward<R: Real>(
    [batch, time]: [usize; 2],
    spec: &ScanSpec,
    x: &BackwardInputs<'_, R>,
    hidden: &mut [R],
    drive: &mut [R],
) -> Gradients<R> {
    let (m, h) = (spec.memory, spec.hidden_total());
    let tiling = Tiling::new::<R>(batch);
    let rows = tiling.rows;
    let transposed = pack_transposed(spec, x.weights, tiling.lanes);
    let mut start = vec![R::default(); batch * m];
    let mut hidden_tiles = tiles(hidden, rows * time * h);
    let mut drive_tiles = tiles(drive, rows * time * m);
    let jobs: Vec<_> = start
        .chunks_mut((rows * m).max(1))
        .enumerate()
        .map(|(i, dstart)| {
            let (at, len) = (i * rows * time * m, dstart.len() * time);
            BackwardTile {
                spec: *spec,
                time,
                grad: &x.grad[at..][..len],
                memory: &x.memory[at..][..len],
                tanh: &x.tanh[at..][..len],
                decay: x.decay,
                gate: x.gate,
                start: &x.start[i * rows * m..][..dstart.len()],
                transposed: &transposed,
                hidden: hidden_tiles.next().unwrap_or_default(),
                drive: drive_tiles.next().unwrap_or_default(),
                dstart,
                sums: Sums::new(spec),
            }
        })
        .collect();
    let sums = jobs
        .into_par_iter()
        .map(|mut tile| {
            by_rows!(tile.dstart.len() / m, backward_tile_isa, R, &mut tile);
            tile.sums
        })
        .reduce_with(Sums::add)
        .unwrap_or_else(|| Sums::new(spec));
    Gradients {
        weights: sums.weights,
        decay: sums.decay,
        gate: sums.gate,
        start,
    }
}

fn pack_transposed<R: Real>(spec: &ScanSpec, weights: &[R], lanes: usize) -> Vec<Packed<R>> {
    let pack = |s: &crate::memory_scan::spec::Stage| {
        let matrix = &weights[s.weight..][..s.inputs * s.outputs];
        Packed::transposed(matrix, s.outputs, s.inputs, lanes)
    };
    spec.stages().iter().map(pack).collect()
}

/// Gradients that are summed over samples and steps.
struct Sums<R> {
    weights: Vec<R>,
    decay: Vec<R>,
    gate: Vec<R>,
}

impl<R: Real> Sums<R> {
    fn new(spec: &ScanSpec) -> Self {
        Self {
            weights: vec![R::default(); spec.num_weights()],
            decay: vec![R::default(); spec.memory],
            gate: vec![R::default(); spec.memory],
        }
    }

    fn add(mut self, other: Self) -> Self {
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

by_isa!(backward_tile_isa => backward_tile [R: Real] [ROWS] (tile: &mut BackwardTile<'_, R>));

#[inline(always)]
fn backward_tile<I: Isa, R: Real, const ROWS: usize>(tile: &mut BackwardTile<'_, R>) {
    let (m, h, layers) = (tile.spec.memory, tile.spec.hidden, tile.spec.hidden_layers);
    let (mp, hp) = (padded::<R>(m), padded::<R>(h));
    // gradient of the memory on its way back; from the last product on, of the decayed memory
    let mut dm = vec![R::default(); ROWS * mp];
    let mut dz = vec![R::default(); ROWS * mp];
    let mut dhidden: Vec<Vec<R>> = (0..layers).map(|_| vec![R::default(); ROWS * hp]).collect();
    let mut chunk = Chunk::new(&tile.spec, ROWS, tile.time);
    for t in (0..tile.time).rev() {
        tile.through_update::<ROWS>(t, &mut dm, &mut dz);
        for k in (0..layers).rev() {
            let (before, after) = dhidden.split_at_mut(k + 1);
            let out = &mut before[k][..];
            out.fill(R::default());
            let weights = &tile.transposed[k + 1];
            match after.first() {
                None => weights.multiply_add::<I, ROWS>(&dz, mp, out),
                Some(next) => weights.multiply_add::<I, ROWS>(next, hp, out),
            }
            tile.through_activation::<ROWS>(t, k, out, &mut chunk);
        }
        match dhidden.first() {
            None => tile.transposed[0].multiply_add::<I, ROWS>(&dz, mp, &mut dm),
            Some(first) => tile.transposed[0].multiply_add::<I, ROWS>(first, hp, &mut dm),
        }
        tile.through_decay::<ROWS>(t, &mut dm, &dz, &mut chunk);
        if chunk.end_step() || t == 0 {
            chunk.flush(&tile.spec, &mut tile.sums.weights);
        }
    }
    for r in 0..ROWS {
        tile.dstart[r * m..][..m].copy_from_slice(&dm[r * mp..][..m]);
    }
}

impl<R: Real> BackwardTile<'_, R> {
    /// Adds the gradient from outside and goes back through gate and squash: `dz`.
    #[inline(always)]
    fn through_update<const ROWS: usize>(&mut self, t: usize, dm: &mut [R], dz: &mut [R]) {
        let m = self.spec.memory;
        let mp = padded::<R>(m);
        let (gain, one) = (R::of(SQUASH_GAIN), R::of(1.0));
        let gain_slope = R::of(SQUASH_GAIN * SQUASH_SLOPE);
        let (gate, dgate) = (&self.gate[..m], &mut self.sums.gate[..m]);
        for r in 0..ROWS {
            let row = (r * self.time + t) * m;
            let (g, th) = (&self.grad[row..][..m], &self.tanh[row..][..m]);
            let (dm, dz) = (&mut dm[r * mp..][..m], &mut dz[r * mp..][..m]);
            for j in 0..m {
                let d = dm[j] + g[j];
                dm[j] = d;
                dgate[j] += d * gain * th[j];
                dz[j] = d * gate[j] * gain_slope * (one - th[j] * th[j]);
            }
            if !self.drive.is_empty() {
                self.drive[row..][..m].copy_from_slice(dz);
            }
        }
    }

    /// Multiplies by the activation's derivative; the kept pre-activation is replaced by its gradient.
    #[inline(always)]
    fn through_activation<const ROWS: usize>(
        &mut self,
        t: usize,
        layer: usize,
        grad: &mut [R],
        chunk: &mut Chunk<R>,
    ) {
        let (h, kept) = (self.spec.hidden, self.spec.hidden_total());
        for r in 0..ROWS {
            let at = (r * self.time + t) * kept + layer * h;
            let grad = &mut grad[r * padded::<R>(h)..][..h];
            let pre = &mut self.hidden[at..][..h];
            activation_gradient(grad, pre, self.spec.activation);
            chunk.hidden(r, layer, pre, grad);
            pre.copy_from_slice(grad);
        }
    }

    /// Goes back through the decay to the memory of the step before.
    #[inline(always)]
    fn through_decay<const ROWS: usize>(
        &mut self,
        t: usize,
        dm: &mut [R],
        dz: &[R],
        chunk: &mut Chunk<R>,
    ) {
        let m = self.spec.memory;
        let mp = padded::<R>(m);
        let (decay, ddecay) = (&self.decay[..m], &mut self.sums.decay[..m]);
        for r in 0..ROWS {
            let previous = match t {
                0 => &self.start[r * m..][..m],
                _ => &self.memory[(r * self.time + t - 1) * m..][..m],
            };
            let (decayed, dz_kept) = chunk.memory(r);
            dz_kept.copy_from_slice(&dz[r * mp..][..m]);
            let dm = &mut dm[r * mp..][..m];
            for j in 0..m {
                decayed[j] = decay[j] * previous[j];
                ddecay[j] += dm[j] * previous[j];
                dm[j] = dm[j] * decay[j];
            }
        }
    }
}
