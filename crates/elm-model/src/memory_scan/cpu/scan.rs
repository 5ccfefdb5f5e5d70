//! The time loop of the memory scan, forward and backward, for a tile of samples.

use rayon::prelude::*;

use super::{
    gradients,
    isa::by_isa,
    pack::{Packed, padded},
    real::{Real, sigmoid},
};
use crate::memory_scan::{SQUASH_GAIN, SQUASH_SLOPE, ScanSpec};
use crate::neuron::HiddenActivation;

/// Most samples in one tile.
pub const MAX_ROWS: usize = 4;

/// Inputs of the forward pass as slices, shapes as in [`crate::memory_scan::ScanInputs`].
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Inputs<'a, R> {
    pub drive: &'a [R],
    pub weights: &'a [R],
    pub decay: &'a [R],
    pub gate: &'a [R],
    pub start: &'a [R],
}

/// What the forward pass keeps for the backward pass.
#[derive(Debug)]
pub struct Kept<R> {
    /// Hidden pre-activations `[batch, time, layers · hidden]`.
    pub hidden: Vec<R>,
    /// tanh values `[batch, time, memory]`.
    pub tanh: Vec<R>,
}

/// Gradients of the inputs.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Gradients<R> {
    pub drive: Vec<R>,
    pub weights: Vec<R>,
    pub decay: Vec<R>,
    pub gate: Vec<R>,
    pub start: Vec<R>,
}

/// Samples per tile: as many as possible while every thread has one.
fn tile_rows(batch: usize) -> usize {
    batch
        .div_ceil(rayon::current_num_threads().max(1))
        .clamp(1, MAX_ROWS)
}

/// Runs the scan; keeps what the backward pass needs if `keep`.
pub fn forward<R: Real>(
    batch: usize,
    time: usize,
    spec: &ScanSpec,
    x: &Inputs<'_, R>,
    keep: bool,
) -> (Vec<R>, Option<Kept<R>>) {
    let (m, h) = (spec.memory, spec.hidden_total());
    let stages: Vec<ForwardStage<'_, R>> = spec
        .stages()
        .iter()
        .map(|s| ForwardStage {
            weight: Packed::new(
                &x.weights[s.weight..][..s.inputs * s.outputs],
                s.inputs,
                s.outputs,
            ),
            bias: s.bias.map(|at| &x.weights[at..][..s.outputs]),
        })
        .collect();
    let rows = tile_rows(batch);
    let mut memory = vec![R::default(); batch * time * m];
    let kept_len = if keep { batch * time } else { 0 };
    let mut kept = Kept {
        hidden: vec![R::default(); kept_len * h],
        tanh: vec![R::default(); kept_len * m],
    };
    let mut hidden_tiles = tiles(&mut kept.hidden, rows * time * h);
    let mut tanh_tiles = tiles(&mut kept.tanh, rows * time * m);
    let jobs: Vec<_> = memory
        .chunks_mut((rows * time * m).max(1))
        .map(|memory| {
            (
                memory,
                hidden_tiles.next().unwrap_or_default(),
                tanh_tiles.next().unwrap_or_default(),
            )
        })
        .collect();
    jobs.into_par_iter()
        .enumerate()
        .for_each(|(i, (memory, hidden, tanh))| {
            let n = memory.len() / (time * m);
            let first = i * rows;
            let tile = ForwardTile {
                spec: *spec,
                time,
                drive: &x.drive[first * time * spec.first()..][..n * time * spec.first()],
                decay: x.decay,
                gate: x.gate,
                start: &x.start[first * m..][..n * m],
                stages: &stages,
                memory,
                hidden,
                tanh,
                keep,
            };
            match n {
                4 => forward_tile_isa::<R, 4>(tile),
                3 => forward_tile_isa::<R, 3>(tile),
                2 => forward_tile_isa::<R, 2>(tile),
                _ => forward_tile_isa::<R, 1>(tile),
            }
        });
    (memory, keep.then_some(kept))
}

/// Splits a buffer into tiles; an empty buffer (nothing kept, no hidden layer) gives empty tiles.
fn tiles<R>(buffer: &mut [R], size: usize) -> core::slice::ChunksMut<'_, R> {
    buffer.chunks_mut(size.max(1))
}

struct ForwardStage<'a, R> {
    weight: Packed<R>,
    bias: Option<&'a [R]>,
}

struct ForwardTile<'a, R> {
    spec: ScanSpec,
    time: usize,
    drive: &'a [R],
    decay: &'a [R],
    gate: &'a [R],
    start: &'a [R],
    stages: &'a [ForwardStage<'a, R>],
    memory: &'a mut [R],
    hidden: &'a mut [R],
    tanh: &'a mut [R],
    keep: bool,
}

by_isa!(forward_tile_isa => forward_tile [R: Real] [ROWS] (tile: ForwardTile<'_, R>));

#[inline(always)]
fn forward_tile<R: Real, const ROWS: usize, const FMA: bool>(tile: ForwardTile<'_, R>) {
    let ForwardTile {
        spec,
        time,
        drive,
        decay,
        gate,
        start,
        stages,
        memory,
        hidden,
        tanh,
        keep,
    } = tile;
    let (m, first, kept) = (spec.memory, spec.first(), spec.hidden_total());
    let mp = padded(m);
    let (gain, slope) = (R::of(SQUASH_GAIN), R::of(SQUASH_SLOPE));
    let mut decayed = vec![R::default(); ROWS * mp];
    for r in 0..ROWS {
        for j in 0..m {
            decayed[r * mp + j] = decay[j] * start[r * m + j];
        }
    }
    // pre-activations of each stage, in place activated for the next
    let mut values: Vec<Vec<R>> = stages
        .iter()
        .map(|s| vec![R::default(); ROWS * s.weight.width])
        .collect();
    for t in 0..time {
        for (k, stage) in stages.iter().enumerate() {
            let width = stage.weight.width;
            let (before, rest) = values.split_at_mut(k);
            let out = &mut rest[0][..];
            for r in 0..ROWS {
                match stage.bias {
                    None => out[r * width..][..first]
                        .copy_from_slice(&drive[(r * time + t) * first..][..first]),
                    Some(bias) => out[r * width..][..bias.len()].copy_from_slice(bias),
                }
            }
            match before.last() {
                None => stage.weight.multiply_add::<ROWS, FMA>(&decayed, mp, out),
                Some(input) => {
                    stage
                        .weight
                        .multiply_add::<ROWS, FMA>(input, padded(spec.hidden), out)
                }
            }
            if k < spec.hidden_layers {
                if keep {
                    for r in 0..ROWS {
                        hidden[(r * time + t) * kept + k * spec.hidden..][..spec.hidden]
                            .copy_from_slice(&out[r * width..][..spec.hidden]);
                    }
                }
                activate(out, spec.activation);
            }
        }
        let z = &mut values[spec.hidden_layers][..];
        for v in z.iter_mut() {
            *v = (slope * *v).tanh_fast();
        }
        for r in 0..ROWS {
            let z = &z[r * mp..][..m];
            let row = (r * time + t) * m;
            let out = &mut memory[row..][..m];
            let decayed = &mut decayed[r * mp..][..m];
            for j in 0..m {
                let value = decayed[j] + gate[j] * gain * z[j];
                out[j] = value;
                decayed[j] = decay[j] * value;
            }
            if keep {
                tanh[row..][..m].copy_from_slice(z);
            }
        }
    }
}

#[inline(always)]
pub(super) fn activate<R: Real>(values: &mut [R], activation: HiddenActivation) {
    let zero = R::default();
    match activation {
        HiddenActivation::Relu => values
            .iter_mut()
            // written so that it is one `max` and keeps a NaN
            .for_each(|v| *v = if *v < zero { zero } else { *v }),
        HiddenActivation::SquaredRelu => {
            values
                .iter_mut()
                .for_each(|v| *v = if *v > zero { *v * *v } else { zero });
        }
        HiddenActivation::Silu => values.iter_mut().for_each(|v| *v = *v * sigmoid(*v)),
    }
}

/// `grad[i] *= act'(pre[i])`.
#[inline(always)]
fn activation_gradient<R: Real>(grad: &mut [R], pre: &[R], activation: HiddenActivation) {
    let (zero, one) = (R::default(), R::of(1.0));
    match activation {
        HiddenActivation::Relu => {
            grad.iter_mut()
                .zip(pre)
                .for_each(|(g, a)| *g = if *a > zero { *g } else { zero });
        }
        HiddenActivation::SquaredRelu => grad
            .iter_mut()
            .zip(pre)
            .for_each(|(g, a)| *g = if *a > zero { *g * (*a + *a) } else { zero }),
        HiddenActivation::Silu => grad.iter_mut().zip(pre).for_each(|(g, a)| {
            let s = sigmoid(*a);
            *g = *g * (s * (one + *a * (one - s)));
        }),
    }
}

/// What the backward pass reads: the inputs, the result and what was kept.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct BackwardInputs<'a, R> {
    pub grad: &'a [R],
    pub memory: &'a [R],
    pub hidden: &'a [R],
    pub tanh: &'a [R],
    pub weights: &'a [R],
    pub decay: &'a [R],
    pub gate: &'a [R],
    pub start: &'a [R],
}

/// Gradients of all inputs, from the gradient of the memory `[batch, time, memory]`.
pub fn backward<R: Real>(
    batch: usize,
    time: usize,
    spec: &ScanSpec,
    x: &BackwardInputs<'_, R>,
) -> Gradients<R> {
    let (m, h) = (spec.memory, spec.hidden_total());
    let transposed: Vec<Packed<R>> = spec
        .stages()
        .iter()
        .map(|s| {
            Packed::transposed(
                &x.weights[s.weight..][..s.inputs * s.outputs],
                s.outputs,
                s.inputs,
            )
        })
        .collect();
    let rows = tile_rows(batch);
    let zeros = |n: usize| vec![R::default(); n];
    let (mut dhidden, mut dz) = (zeros(batch * time * h), zeros(batch * time * m));
    let (mut ddecay, mut dgate, mut dstart) =
        (zeros(batch * m), zeros(batch * m), zeros(batch * m));
    let mut hidden_tiles = tiles(&mut dhidden, rows * time * h);
    let jobs: Vec<_> = dz
        .chunks_mut((rows * time * m).max(1))
        .zip(ddecay.chunks_mut((rows * m).max(1)))
        .zip(dgate.chunks_mut((rows * m).max(1)))
        .zip(dstart.chunks_mut((rows * m).max(1)))
        .map(|(((dz, ddecay), dgate), dstart)| {
            (
                hidden_tiles.next().unwrap_or_default(),
                dz,
                ddecay,
                dgate,
                dstart,
            )
        })
        .collect();
    jobs.into_par_iter()
        .enumerate()
        .for_each(|(i, (dhidden, dz, ddecay, dgate, dstart))| {
            let n = dstart.len() / m;
            let (at, len) = (i * rows * time, n * time);
            let tile = BackwardTile {
                spec: *spec,
                time,
                grad: &x.grad[at * m..][..len * m],
                memory: &x.memory[at * m..][..len * m],
                hidden: &x.hidden[at * h..][..len * h],
                tanh: &x.tanh[at * m..][..len * m],
                decay: x.decay,
                gate: x.gate,
                start: &x.start[i * rows * m..][..n * m],
                transposed: &transposed,
                dhidden,
                dz,
                ddecay,
                dgate,
                dstart,
            };
            match n {
                4 => backward_tile_isa::<R, 4>(tile),
                3 => backward_tile_isa::<R, 3>(tile),
                2 => backward_tile_isa::<R, 2>(tile),
                _ => backward_tile_isa::<R, 1>(tile),
            }
        });
    let weights = gradients::weights(batch, time, spec, x, &dhidden, &dz);
    let drive = gradients::drive(spec, dhidden, dz);
    Gradients {
        drive,
        weights,
        decay: gradients::sum_rows(&ddecay, m),
        gate: gradients::sum_rows(&dgate, m),
        start: dstart,
    }
}

struct BackwardTile<'a, R> {
    spec: ScanSpec,
    time: usize,
    grad: &'a [R],
    memory: &'a [R],
    hidden: &'a [R],
    tanh: &'a [R],
    decay: &'a [R],
    gate: &'a [R],
    start: &'a [R],
    transposed: &'a [Packed<R>],
    dhidden: &'a mut [R],
    dz: &'a mut [R],
    ddecay: &'a mut [R],
    dgate: &'a mut [R],
    dstart: &'a mut [R],
}

by_isa!(backward_tile_isa => backward_tile [R: Real] [ROWS] (tile: BackwardTile<'_, R>));

#[inline(always)]
fn backward_tile<R: Real, const ROWS: usize, const FMA: bool>(tile: BackwardTile<'_, R>) {
    let BackwardTile {
        spec,
        time,
        grad,
        memory,
        hidden,
        tanh,
        decay,
        gate,
        start,
        transposed,
        dhidden,
        dz,
        ddecay,
        dgate,
        dstart,
    } = tile;
    let (m, h, kept) = (spec.memory, spec.hidden, spec.hidden_total());
    let (mp, hp) = (padded(m), padded(h));
    let (gain, one) = (R::of(SQUASH_GAIN), R::of(1.0));
    let gain_slope = R::of(SQUASH_GAIN * SQUASH_SLOPE);
    // gradient of the memory on its way back; from the last product on, of the decayed memory
    let mut dm = vec![R::default(); ROWS * mp];
    let mut dz_t = vec![R::default(); ROWS * mp];
    let mut layers: Vec<Vec<R>> = (0..spec.hidden_layers)
        .map(|_| vec![R::default(); ROWS * hp])
        .collect();
    for t in (0..time).rev() {
        for r in 0..ROWS {
            let row = (r * time + t) * m;
            let (g, th) = (&grad[row..][..m], &tanh[row..][..m]);
            let out = &mut dz[row..][..m];
            let dm = &mut dm[r * mp..][..m];
            let dz_t = &mut dz_t[r * mp..][..m];
            let dgate = &mut dgate[r * m..][..m];
            for j in 0..m {
                let d = dm[j] + g[j];
                dm[j] = d;
                dgate[j] += d * gain * th[j];
                let v = d * gate[j] * gain_slope * (one - th[j] * th[j]);
                dz_t[j] = v;
                out[j] = v;
            }
        }
        for k in (0..spec.hidden_layers).rev() {
            let (before, after) = layers.split_at_mut(k + 1);
            let out = &mut before[k][..];
            out.fill(R::default());
            match after.first() {
                None => transposed[k + 1].multiply_add::<ROWS, FMA>(&dz_t, mp, out),
                Some(next) => transposed[k + 1].multiply_add::<ROWS, FMA>(next, hp, out),
            }
            for r in 0..ROWS {
                let at = (r * time + t) * kept + k * h;
                let out = &mut out[r * hp..][..h];
                activation_gradient(out, &hidden[at..][..h], spec.activation);
                dhidden[at..][..h].copy_from_slice(out);
            }
        }
        match layers.first() {
            None => transposed[0].multiply_add::<ROWS, FMA>(&dz_t, mp, &mut dm),
            Some(first) => transposed[0].multiply_add::<ROWS, FMA>(first, hp, &mut dm),
        }
        for r in 0..ROWS {
            let previous = match t {
                0 => &start[r * m..][..m],
                _ => &memory[(r * time + t - 1) * m..][..m],
            };
            let dm = &mut dm[r * mp..][..m];
            let ddecay = &mut ddecay[r * m..][..m];
            for j in 0..m {
                ddecay[j] += dm[j] * previous[j];
                dm[j] = dm[j] * decay[j];
            }
        }
    }
    for r in 0..ROWS {
        dstart[r * m..][..m].copy_from_slice(&dm[r * mp..][..m]);
    }
}
