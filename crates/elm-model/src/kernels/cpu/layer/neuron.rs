//! One neuron on one tile of samples, be it eight or one: its weights, its state, and a run over some steps.

use super::frame::Frame;
use super::lanes::{AnyLanes, AnyRow, LayerReal};
use super::product::product;
use crate::kernels::cpu::real::Real;
use crate::kernels::scalar;
use crate::scan::layer::{LayerMap, LayerSpec};

/// The trained numbers and the wiring of one neuron.
#[derive(Debug, Clone, Copy)]
pub struct Weights<'a, R> {
    /// Source of each synapse, in walking order.
    pub sources: &'a [u32],
    /// Feed-forward synapses of each branch; they come first.
    pub feed_forward: &'a [u32],
    /// Synapse weights, in walking order.
    pub synapses: &'a [R],
    /// First map of the MLP, `[branch + memory, first]`.
    pub first_weight: &'a [R],
    /// Its bias.
    pub first_bias: &'a [R],
    /// The other maps.
    pub packed: &'a [R],
    /// Decay of each memory unit.
    pub decay: &'a [R],
    /// Gate of each memory unit.
    pub gate: &'a [R],
    /// Readout of each memory unit.
    pub readout: &'a [R],
    /// Bias of the output.
    pub bias: R,
}

/// Constants of a layer in its number type.
#[derive(Debug, Clone)]
pub struct Constants<R> {
    /// Sizes.
    pub spec: LayerSpec,
    /// Places in a frame.
    pub frame: Frame,
    /// Packed linear maps.
    pub maps: Vec<LayerMap>,
    /// Decay of the branch trace.
    pub branch_decay: Option<R>,
    /// Decay of the high-pass's mean.
    pub high_pass_decay: Option<R>,
}

impl<R: LayerReal> Constants<R> {
    /// The constants of a layer.
    pub fn new(spec: &LayerSpec) -> Self {
        Self {
            spec: *spec,
            frame: Frame::new(spec),
            maps: spec.packed_maps(),
            branch_decay: spec.branch_decay.map(R::of),
            high_pass_decay: spec.high_pass_decay.map(R::of),
        }
    }
}

/// Sources of all synapses at some steps: the row of source s at step t stands at `t · step + s · source`.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a, P> {
    /// All rows.
    pub rows: &'a [P],
    /// Rows from one step to the next.
    pub step: usize,
    /// Rows from one source to the next.
    pub source: usize,
}

/// State of one neuron between steps: memory, then trace and mean as in the packed state.
pub type State<'a, P> = &'a mut [P];

/// What a run over some steps also yields.
pub struct Run<'a, P> {
    /// One frame per step, or with `stride` 0 one for all.
    pub frames: &'a mut [P],
    /// Rows from one frame to the next.
    pub stride: usize,
    /// Sum of |MLP output|.
    pub magnitude: &'a mut P,
    /// Factors on the MLP's output, one row per memory unit.
    pub mask: Option<&'a [P]>,
}

/// Runs one neuron over `steps` steps and shows the activity after each to `emit`.
#[inline(always)]
pub fn forward<V: AnyLanes>(
    constants: &Constants<V::R>,
    weights: &Weights<'_, V::R>,
    sources: Sources<'_, V::Row>,
    steps: usize,
    state: State<'_, V::Row>,
    run: Run<'_, V::Row>,
    mut emit: impl FnMut(usize, V::Row),
) {
    let frame = &constants.frame;
    let spec = &constants.spec;
    let Run {
        frames,
        stride,
        magnitude,
        mask,
    } = run;
    let blockwise = stride > 0;
    if blockwise {
        let branches = &mut frames[frame.joined.start..];
        branch_sums_block::<V>(spec, weights, sources, steps, branches, stride);
    }
    for t in 0..steps {
        let rows = &mut frames[t * stride..][..frame.len];
        if !blockwise {
            branch_sums::<V>(spec, weights, sources, t, &mut rows[frame.branches()]);
        }
        if let Some(decay) = constants.branch_decay {
            let trace = &mut state[spec.memory..][..spec.branches];
            for (trace, b) in trace.iter_mut().zip(&mut rows[frame.branches()]) {
                let value = trace.zip(*b, |trace, b| decay * trace + b);
                *trace = value;
                *b = value;
            }
        }
        memory_update::<V>(constants, weights, state, rows, magnitude, mask);
        emit(t, output(constants, weights, state, rows));
    }
}

/// `b[d] = Σ w · z[source]` for one step, whose sources lie next to each other.
#[inline(always)]
fn branch_sums<V: AnyLanes>(
    spec: &LayerSpec,
    weights: &Weights<'_, V::R>,
    sources: Sources<'_, V::Row>,
    t: usize,
    out: &mut [V::Row],
) {
    let rows = &sources.rows[t * sources.step..];
    assert!(sources.source == 1 && rows.len() >= spec.inputs + spec.neurons);
    let synapses = weights.synapses.chunks_exact(spec.per_branch);
    let indices = weights.sources.chunks_exact(spec.per_branch);
    for ((out, w), index) in out.iter_mut().zip(synapses).zip(indices) {
        let mut acc = V::splat(V::R::default());
        for (w, s) in w.iter().zip(index) {
            // SAFETY: a plan's sources are below I + N, and there are as many rows, as asserted above. The check would
            // cost as much as the product.
            let row = unsafe { rows.get_unchecked(*s as usize) };
            acc = V::load(row).fused(V::splat(*w), acc);
        }
        acc.store(out);
    }
}

/// The same for a block of steps: a weight and its source are read once for [`STEPS`] steps.
#[inline(always)]
fn branch_sums_block<V: AnyLanes>(
    spec: &LayerSpec,
    weights: &Weights<'_, V::R>,
    sources: Sources<'_, V::Row>,
    steps: usize,
    frames: &mut [V::Row],
    stride: usize,
) {
    let synapses = weights.synapses.chunks_exact(spec.per_branch);
    let indices = weights.sources.chunks_exact(spec.per_branch);
    for (d, (w, index)) in synapses.zip(indices).enumerate() {
        let mut t = 0;
        while t + STEPS <= steps {
            branch_sum_steps::<V, STEPS>(w, index, sources, t, &mut frames[d..], stride);
            t += STEPS;
        }
        while t < steps {
            branch_sum_steps::<V, 1>(w, index, sources, t, &mut frames[d..], stride);
            t += 1;
        }
    }
}

/// Steps that share the read of a weight and its index.
const STEPS: usize = 8;

#[inline(always)]
fn branch_sum_steps<V: AnyLanes, const N: usize>(
    w: &[V::R],
    index: &[u32],
    sources: Sources<'_, V::Row>,
    t: usize,
    frames: &mut [V::Row],
    stride: usize,
) {
    let mut acc = [V::splat(V::R::default()); N];
    for (w, s) in w.iter().zip(index) {
        let w = V::splat(*w);
        let rows = &sources.rows[*s as usize * sources.source + t * sources.step..];
        let rows = &rows[..(N - 1) * sources.step + 1];
        for (i, acc) in acc.iter_mut().enumerate() {
            *acc = V::load(&rows[i * sources.step]).fused(w, *acc);
        }
    }
    for (i, acc) in acc.into_iter().enumerate() {
        acc.store(&mut frames[(t + i) * stride]);
    }
}

/// `m_t` from `m_{t−1}` and the branches in the frame.
#[inline(always)]
fn memory_update<V: AnyLanes>(
    constants: &Constants<V::R>,
    weights: &Weights<'_, V::R>,
    state: State<'_, V::Row>,
    rows: &mut [V::Row],
    magnitude: &mut V::Row,
    mask: Option<&[V::Row]>,
) {
    let (spec, frame) = (&constants.spec, &constants.frame);
    let memory = &mut state[..spec.memory];
    for (u, (m, decay)) in rows[frame.decayed()]
        .iter_mut()
        .zip(memory.iter().zip(weights.decay))
    {
        *u = m.map(|m| *decay * m);
    }
    linear::<V>(
        weights.first_weight,
        weights.first_bias,
        rows,
        frame.joined.clone(),
        frame.first(),
    );
    for (k, map) in constants.maps.iter().enumerate() {
        rows.copy_within(frame.pre[k].clone(), frame.active[k].start);
        let active = V::Row::numbers_mut(&mut rows[frame.active[k].clone()]);
        scalar::hidden_values(active, spec.activation);
        linear::<V>(
            &weights.packed[map.at..map.bias()],
            &weights.packed[map.bias()..][..map.outputs],
            rows,
            frame.active[k].clone(),
            frame.map(k + 1),
        );
    }
    let tanh = &mut rows[frame.tanh.clone()];
    if let Some(mask) = mask {
        for (z, mask) in tanh.iter_mut().zip(mask) {
            *z = z.zip(*mask, |z, mask| z * mask);
        }
    }
    for z in tanh.iter() {
        *magnitude = magnitude.zip(*z, |sum, z| sum + scalar::absolute(z));
    }
    for z in V::Row::numbers_mut(tanh) {
        *z = scalar::squash_tanh(*z);
    }
    for j in 0..spec.memory {
        let gate = weights.gate[j];
        let u = rows[frame.decayed().start + j];
        let tanh = rows[frame.tanh.start + j];
        let value = u.zip(tanh, |u, tanh| scalar::memory_value(u, gate, tanh));
        rows[frame.memory.start + j] = value;
        memory[j] = value;
    }
}

/// `out = bias + input · weight`, both ranges of the frame's rows, the input behind the output.
#[inline(always)]
fn linear<V: AnyLanes>(
    weight: &[V::R],
    bias: &[V::R],
    rows: &mut [V::Row],
    input: core::ops::Range<usize>,
    out: core::ops::Range<usize>,
) {
    let (lower, upper) = rows.split_at_mut(input.start);
    let out = &mut lower[out];
    set::<V>(out, bias);
    product::<V>(weight, &upper[..input.len()], out);
}

#[inline(always)]
fn set<V: AnyLanes>(out: &mut [V::Row], bias: &[V::R]) {
    for (out, bias) in out.iter_mut().zip(bias) {
        *out = V::Row::splat(*bias);
    }
}

/// Readout, high-pass and output activation.
#[inline(always)]
fn output<P: AnyRow>(
    constants: &Constants<P::R>,
    weights: &Weights<'_, P::R>,
    state: State<'_, P>,
    rows: &mut [P],
) -> P {
    let spec = &constants.spec;
    let mut o = P::default();
    for (m, w) in state[..spec.memory].iter().zip(weights.readout) {
        o = o.zip(*m, |o, m| o + *w * m);
    }
    if let Some(decay) = constants.high_pass_decay {
        let mean = &mut state[spec.memory + spec.trace_width()];
        let rest = P::R::of(1.0) - decay;
        *mean = mean.zip(o, |mean, o| decay * mean + rest * o);
        o = o.zip(*mean, |o, mean| o - mean);
    }
    let v = o.map(|o| o + weights.bias);
    rows[constants.frame.pre_activation] = v;
    v.map(|v| scalar::output_value(v, spec.output))
}
