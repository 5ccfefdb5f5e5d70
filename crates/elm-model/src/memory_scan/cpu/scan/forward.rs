//! The forward pass.

use rayon::prelude::*;

use super::{Tiling, activate, by_rows, tiles};
use crate::memory_scan::cpu::{
    isa::{Isa, by_isa},
    pack::{Packed, padded},
    real::Real,
};
use crate::memory_scan::{SQUASH_GAIN, SQUASH_SLOPE, ScanSpec};

/// Inputs of the forward pass as slices, shapes as in [`crate::memory_scan::ScanInputs`]; the drive is handed in apart.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)]
pub struct Inputs<'a, R> {
    pub weights: &'a [R],
    pub decay: &'a [R],
    pub gate: &'a [R],
    pub start: &'a [R],
}

/// The drive `[batch, time, first]`, and where the hidden pre-activations `[batch, time, layers · hidden]` go.
#[derive(Debug)]
pub enum Drive<'a, R> {
    /// They are not kept.
    Read(&'a [R]),
    /// They take the drive's place (one hidden layer).
    Overwrite(&'a mut [R]),
    /// They go to the second buffer.
    KeepHidden(&'a [R], &'a mut [R]),
}

impl<'a, R> Drive<'a, R> {
    /// One piece for each tile of `drive` and `hidden` numbers.
    fn tiles(self, drive: usize, hidden: usize) -> Vec<Self> {
        let drive = drive.max(1);
        match self {
            Self::Read(x) => x.chunks(drive).map(Self::Read).collect(),
            Self::Overwrite(x) => x.chunks_mut(drive).map(Self::Overwrite).collect(),
            Self::KeepHidden(x, kept) => {
                let mut kept = tiles(kept, hidden);
                x.chunks(drive)
                    .map(|x| Self::KeepHidden(x, kept.next().unwrap_or_default()))
                    .collect()
            }
        }
    }

    fn values(&self) -> &[R] {
        match self {
            Self::Read(x) | Self::KeepHidden(x, _) => x,
            Self::Overwrite(x) => x,
        }
    }

    fn hidden(&mut self) -> Option<&mut [R]> {
        match self {
            Self::Read(_) => None,
            Self::Overwrite(x) => Some(x),
            Self::KeepHidden(_, x) => Some(x),
        }
    }
}

/// Runs the scan and writes the memory `[batch, time, memory]` and, for the backward pass, the tanh values of the same
/// shape.
pub fn forward<R: Real>(
    [batch, time]: [usize; 2],
    spec: &ScanSpec,
    drive: Drive<'_, R>,
    x: &Inputs<'_, R>,
    memory: &mut [R],
    tanh: Option<&mut [R]>,
) {
    let m = spec.memory;
    let tiling = Tiling::new::<R>(batch);
    let stages = pack_stages(spec, x.weights, tiling.lanes);
    let steps = tiling.rows * time;
    let mut tanh_tiles = tanh.map(|tanh| tiles(tanh, steps * m));
    let jobs: Vec<_> = memory
        .chunks_mut((steps * m).max(1))
        .zip(drive.tiles(steps * spec.first(), steps * spec.hidden_total()))
        .zip(x.start.chunks(tiling.rows * m))
        .map(|((memory, drive), start)| ForwardTile {
            spec: *spec,
            time,
            drive,
            decay: x.decay,
            gate: x.gate,
            start,
            stages: &stages,
            memory,
            tanh: tanh_tiles.as_mut().and_then(Iterator::next),
        })
        .collect();
    jobs.into_par_iter()
        .for_each(|tile| by_rows!(tile.start.len() / m, forward_tile_isa, R, tile));
}

struct Stage<'a, R> {
    weight: Packed<R>,
    bias: Option<&'a [R]>,
}

fn pack_stages<'a, R: Real>(spec: &ScanSpec, weights: &'a [R], lanes: usize) -> Vec<Stage<'a, R>> {
    let pack = |s: &crate::memory_scan::spec::Stage| Stage {
        weight: Packed::new(
            &weights[s.weight..][..s.inputs * s.outputs],
            s.inputs,
            s.outputs,
            lanes,
        ),
        bias: s.bias.map(|at| &weights[at..][..s.outputs]),
    };
    spec.stages().iter().map(pack).collect()
}

struct ForwardTile<'a, R> {
    spec: ScanSpec,
    time: usize,
    drive: Drive<'a, R>,
    decay: &'a [R],
    gate: &'a [R],
    start: &'a [R],
    stages: &'a [Stage<'a, R>],
    memory: &'a mut [R],
    tanh: Option<&'a mut [R]>,
}

by_isa!(forward_tile_isa => forward_tile [R: Real] [ROWS] (tile: ForwardTile<'_, R>));

#[inline(always)]
fn forward_tile<I: Isa, R: Real, const ROWS: usize>(mut tile: ForwardTile<'_, R>) {
    let (m, layers) = (tile.spec.memory, tile.spec.hidden_layers);
    let (mp, hp) = (padded::<R>(m), padded::<R>(tile.spec.hidden));
    let mut decayed = vec![R::default(); ROWS * mp];
    for r in 0..ROWS {
        for j in 0..m {
            decayed[r * mp + j] = tile.decay[j] * tile.start[r * m + j];
        }
    }
    // pre-activations of each stage, in place activated for the next
    let mut values: Vec<Vec<R>> = tile
        .stages
        .iter()
        .map(|s| vec![R::default(); ROWS * s.weight.width])
        .collect();
    for t in 0..tile.time {
        for (k, stage) in tile.stages.iter().enumerate() {
            let (before, rest) = values.split_at_mut(k);
            let out = &mut rest[0][..];
            tile.begin_stage::<ROWS>(t, stage, out);
            match before.last() {
                None => stage.weight.multiply_add::<I, ROWS>(&decayed, mp, out),
                Some(input) => stage.weight.multiply_add::<I, ROWS>(input, hp, out),
            }
            if k < layers {
                tile.keep_hidden::<ROWS>(t, k, out);
                activate(out, tile.spec.activation);
            }
        }
        tile.update::<ROWS>(t, &mut values[layers], &mut decayed);
    }
}

impl<R: Real> ForwardTile<'_, R> {
    /// Puts the drive or the bias where a stage's product is added.
    #[inline(always)]
    fn begin_stage<const ROWS: usize>(&self, t: usize, stage: &Stage<'_, R>, out: &mut [R]) {
        let (width, first) = (stage.weight.width, self.spec.first());
        for r in 0..ROWS {
            match stage.bias {
                None => out[r * width..][..first]
                    .copy_from_slice(&self.drive.values()[(r * self.time + t) * first..][..first]),
                Some(bias) => out[r * width..][..bias.len()].copy_from_slice(bias),
            }
        }
    }

    #[inline(always)]
    fn keep_hidden<const ROWS: usize>(&mut self, t: usize, layer: usize, pre: &[R]) {
        let (h, kept) = (self.spec.hidden, self.spec.hidden_total());
        let Some(to) = self.drive.hidden() else {
            return;
        };
        for r in 0..ROWS {
            to[(r * self.time + t) * kept + layer * h..][..h]
                .copy_from_slice(&pre[r * padded::<R>(h)..][..h]);
        }
    }

    /// `m = u + g ⊙ squash(z)`, and the decayed memory of the next step.
    #[inline(always)]
    fn update<const ROWS: usize>(&mut self, t: usize, z: &mut [R], decayed: &mut [R]) {
        let m = self.spec.memory;
        let mp = padded::<R>(m);
        let (gain, slope) = (R::of(SQUASH_GAIN), R::of(SQUASH_SLOPE));
        for v in z.iter_mut() {
            *v = (slope * *v).tanh_fast();
        }
        for r in 0..ROWS {
            let z = &z[r * mp..][..m];
            let row = (r * self.time + t) * m;
            let out = &mut self.memory[row..][..m];
            let decayed = &mut decayed[r * mp..][..m];
            let (decay, gate) = (&self.decay[..m], &self.gate[..m]);
            for j in 0..m {
                let value = decayed[j] + gate[j] * gain * z[j];
                out[j] = value;
                decayed[j] = decay[j] * value;
            }
            if let Some(tanh) = &mut self.tanh {
                tanh[row..][..m].copy_from_slice(z);
            }
        }
    }
}
