//! The forward pass.

use core::ops::Range;

use rayon::prelude::*;

use super::{Rows, Tiling, by_rows, parts, tiles};
use crate::kernels::cpu::{
    isa::{Isa, by_isa},
    pack::{Packed, padded},
    simd::SimdReal,
};
use crate::kernels::scalar::{hidden_values, memory_value, squash_tanh};
use crate::scan::memory::ScanSpec;

/// Inputs of the forward pass as slices, shapes as in [`crate::scan::memory::ScanInputs`]; the drive is handed in apart.
#[derive(Debug, Clone, Copy)]
pub struct ForwardInputs<'a, R> {
    /// Weights of the MLP but for those on the drive, in one row.
    pub weights: &'a [R],
    /// Decay of each memory unit per step, `[memory]`.
    pub decay: &'a [R],
    /// Gate on the memory update, `[memory]`.
    pub gate: &'a [R],
    /// Memory before the first step, `[batch, memory]`.
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
    /// One piece for each tile of `drive` and `hidden` numbers per sample.
    fn tiles(self, samples: &'a [usize], drive: usize, hidden: usize) -> Vec<Self> {
        match self {
            Self::Read(x) => parts(x, samples, drive).map(Self::Read).collect(),
            Self::Overwrite(x) => tiles(x, samples, drive).map(Self::Overwrite).collect(),
            Self::KeepHidden(x, kept) => parts(x, samples, drive)
                .zip(tiles(kept, samples, hidden))
                .map(|(x, kept)| Self::KeepHidden(x, kept))
                .collect(),
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
pub fn forward<R: SimdReal>(
    [batch, time]: [usize; 2],
    spec: &ScanSpec,
    drive: Drive<'_, R>,
    x: &ForwardInputs<'_, R>,
    memory: &mut [R],
    tanh: Option<&mut [R]>,
) {
    let m = spec.memory;
    let tiling = Tiling::new::<R>(batch);
    let maps = pack_maps(spec, x.weights, tiling.lanes);
    let samples = &tiling.samples;
    let mut tanh_tiles = tanh.map(|tanh| tiles(tanh, samples, time * m));
    let jobs: Vec<_> = tiles(memory, samples, time * m)
        .zip(drive.tiles(samples, time * spec.first(), time * spec.hidden_total()))
        .zip(parts(x.start, samples, m))
        .map(|((memory, drive), start)| ForwardTile {
            spec: *spec,
            time,
            drive,
            decay: x.decay,
            gate: x.gate,
            start,
            maps: &maps,
            memory,
            tanh: tanh_tiles.as_mut().and_then(Iterator::next),
        })
        .collect();
    jobs.into_par_iter()
        .for_each(|tile| by_rows!(tile.start.len() / m, forward_tile_isa, R, tile));
}

/// One linear map, packed.
#[derive(Debug)]
pub struct PackedMap<'a, R> {
    weight: Packed<R>,
    bias: Option<&'a [R]>,
}

/// Packs the maps of a scan for panels of at most so many lanes.
pub fn pack_maps<'a, R: SimdReal>(
    spec: &ScanSpec,
    weights: &'a [R],
    lanes: usize,
) -> Vec<PackedMap<'a, R>> {
    let pack = |s: &crate::scan::memory::LinearMap| PackedMap {
        weight: Packed::new(
            &weights[s.weight..][..s.inputs * s.outputs],
            s.inputs,
            s.outputs,
            lanes,
        ),
        bias: s.bias.map(|at| &weights[at..][..s.outputs]),
    };
    spec.linear_maps().iter().map(pack).collect()
}

struct ForwardTile<'a, R> {
    spec: ScanSpec,
    time: usize,
    drive: Drive<'a, R>,
    decay: &'a [R],
    gate: &'a [R],
    start: &'a [R],
    maps: &'a [PackedMap<'a, R>],
    memory: &'a mut [R],
    tanh: Option<&'a mut [R]>,
}

by_isa!(forward_tile_isa => forward_tile [R: SimdReal] [ROWS] (tile: ForwardTile<'_, R>));

#[inline(always)]
fn forward_tile<I: Isa, R: SimdReal, const ROWS: usize>(tile: ForwardTile<'_, R>) {
    let mut steps = Steps::new(&tile.spec, tile.decay, tile.gate, tile.maps, tile.start);
    let whole = Rows::by_sample(tile.time, 0);
    let mut buffers = Buffers {
        drive: tile.drive,
        drive_rows: whole,
        memory: tile.memory,
        memory_rows: whole,
        tanh: tile.tanh,
        kept_rows: whole,
    };
    steps.run::<I, ROWS>(0..tile.time, &mut buffers);
}

/// What the steps of a tile read and write.
#[derive(Debug)]
pub struct Buffers<'a, R> {
    /// Drive, and where hidden pre-activations go.
    pub drive: Drive<'a, R>,
    /// Rows of the drive.
    pub drive_rows: Rows,
    /// The memory after each step.
    pub memory: &'a mut [R],
    /// Its rows.
    pub memory_rows: Rows,
    /// The tanh values, if they are kept.
    pub tanh: Option<&'a mut [R]>,
    /// Rows of hidden pre-activations and tanh values.
    pub kept_rows: Rows,
}

/// The loop over time of a tile: its weights and the state between two steps.
#[derive(Debug)]
pub struct Steps<'a, R> {
    spec: ScanSpec,
    decay: &'a [R],
    gate: &'a [R],
    maps: &'a [PackedMap<'a, R>],
    /// Decayed memory `[sample, padded memory]`.
    decayed: Vec<R>,
    /// Pre-activations of each map, in place activated for the next.
    values: Vec<Vec<R>>,
}

impl<'a, R: SimdReal> Steps<'a, R> {
    /// Before the first step, from the memory `[sample, memory]`.
    pub fn new(
        spec: &ScanSpec,
        decay: &'a [R],
        gate: &'a [R],
        maps: &'a [PackedMap<'a, R>],
        start: &[R],
    ) -> Self {
        let m = spec.memory;
        let (mp, samples) = (padded::<R>(m), start.len() / m.max(1));
        let mut decayed = vec![R::default(); samples * mp];
        for r in 0..samples {
            for j in 0..m {
                decayed[r * mp + j] = decay[j] * start[r * m + j];
            }
        }
        let values = maps
            .iter()
            .map(|s| vec![R::default(); samples * s.weight.width])
            .collect();
        Self {
            spec: *spec,
            decay,
            gate,
            maps,
            decayed,
            values,
        }
    }

    /// Goes through these steps.
    #[inline(always)]
    pub fn run<I: Isa, const ROWS: usize>(
        &mut self,
        steps: Range<usize>,
        buffers: &mut Buffers<'_, R>,
    ) {
        let (mp, hp) = (padded::<R>(self.spec.memory), padded::<R>(self.spec.hidden));
        for t in steps {
            for (k, map) in self.maps.iter().enumerate() {
                let (before, rest) = self.values.split_at_mut(k);
                let out = &mut rest[0][..];
                buffers.begin_map::<ROWS>(self.spec.first(), t, map, out);
                match before.last() {
                    None => map.weight.multiply_add::<I, ROWS>(&self.decayed, mp, out),
                    Some(input) => map.weight.multiply_add::<I, ROWS>(input, hp, out),
                }
                if k < self.spec.hidden_layers {
                    buffers.keep_hidden::<ROWS>(&self.spec, t, k, out);
                    hidden_values(out, self.spec.activation);
                }
            }
            self.update::<ROWS>(t, buffers);
        }
    }

    /// `m = u + g ⊙ squash(z)`, and the decayed memory of the next step.
    #[inline(always)]
    fn update<const ROWS: usize>(&mut self, t: usize, buffers: &mut Buffers<'_, R>) {
        let m = self.spec.memory;
        let mp = padded::<R>(m);
        let z = &mut self.values[self.spec.hidden_layers];
        for v in z.iter_mut() {
            *v = squash_tanh(*v);
        }
        for r in 0..ROWS {
            let z = &z[r * mp..][..m];
            let out = &mut buffers.memory[buffers.memory_rows.at(r, t) * m..][..m];
            let decayed = &mut self.decayed[r * mp..][..m];
            let (decay, gate) = (&self.decay[..m], &self.gate[..m]);
            for j in 0..m {
                let value = memory_value(decayed[j], gate[j], z[j]);
                out[j] = value;
                decayed[j] = decay[j] * value;
            }
            if let Some(tanh) = &mut buffers.tanh {
                tanh[buffers.kept_rows.at(r, t) * m..][..m].copy_from_slice(z);
            }
        }
    }
}

impl<R: SimdReal> Buffers<'_, R> {
    /// Puts the drive or the bias where a map's product is added.
    #[inline(always)]
    fn begin_map<const ROWS: usize>(
        &self,
        first: usize,
        t: usize,
        map: &PackedMap<'_, R>,
        out: &mut [R],
    ) {
        let width = map.weight.width;
        for r in 0..ROWS {
            match map.bias {
                None => {
                    let drive = &self.drive.values()[self.drive_rows.at(r, t) * first..][..first];
                    out[r * width..][..first].copy_from_slice(drive);
                }
                Some(bias) => out[r * width..][..bias.len()].copy_from_slice(bias),
            }
        }
    }

    #[inline(always)]
    fn keep_hidden<const ROWS: usize>(
        &mut self,
        spec: &ScanSpec,
        t: usize,
        layer: usize,
        pre: &[R],
    ) {
        let (h, kept) = (spec.hidden, spec.hidden_total());
        let rows = self.kept_rows;
        let Some(to) = self.drive.hidden() else {
            return;
        };
        for r in 0..ROWS {
            to[rows.at(r, t) * kept + layer * h..][..h]
                .copy_from_slice(&pre[r * padded::<R>(h)..][..h]);
        }
    }
}
