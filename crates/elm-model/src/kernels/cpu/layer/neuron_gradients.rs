//! Weight gradients of some neurons.

use core::ops::Range;

use super::lanes::LayerReal;
use super::neuron_backward::WeightGradients;
use super::view::View;

/// Number of kinds of weights.
const KINDS: usize = 8;

/// Weight gradients of some neurons, one buffer per kind; each neuron's numbers stand together.
#[derive(Debug)]
pub struct NeuronGradients<R> {
    /// Synapses in walking order, first weight, first bias, packed, decay, gate, readout, output bias.
    kinds: [Vec<R>; KINDS],
    widths: [usize; KINDS],
}

impl<R> Default for NeuronGradients<R> {
    fn default() -> Self {
        Self {
            kinds: [const { Vec::new() }; KINDS],
            widths: [0; KINDS],
        }
    }
}

impl<R: LayerReal> NeuronGradients<R> {
    /// No gradient yet.
    pub fn zeros(view: &View<'_, R>, neurons: Range<usize>) -> Self {
        let spec = view.spec();
        let widths = [
            spec.synapses(),
            spec.joined() * spec.first(),
            spec.first(),
            spec.packed_len(),
            spec.memory,
            spec.memory,
            spec.memory,
            1,
        ];
        Self {
            kinds: widths.map(|width| vec![R::default(); neurons.len() * width]),
            widths,
        }
    }

    /// The buffers: synapses in walking order, first weight, first bias, packed, decay, gate, readout, output bias.
    pub fn into_kinds(self) -> [Vec<R>; KINDS] {
        self.kinds
    }

    /// The gradients of a group: those of its shares, whose neurons follow each other.
    pub fn join(parts: Vec<Self>) -> Option<Self> {
        parts.into_iter().reduce(|mut whole, part| {
            for (whole, mut part) in whole.kinds.iter_mut().zip(part.kinds) {
                whole.append(&mut part);
            }
            whole
        })
    }

    /// The sum over two groups, which have the same neurons.
    pub fn add(mut self, other: Self) -> Self {
        for (sum, other) in self.kinds.iter_mut().zip(other.kinds) {
            for (sum, other) in sum.iter_mut().zip(other) {
                *sum += other;
            }
        }
        self
    }

    /// Adds to the gradients of decay and gate of memory unit j of the k-th of these neurons.
    pub fn add_timescale(&mut self, k: usize, j: usize, decay: R, gate: R) {
        let at = k * self.widths[4] + j;
        self.kinds[4][at] += decay;
        self.kinds[5][at] += gate;
    }

    /// The other gradients of the k-th of these neurons.
    #[inline(always)]
    pub fn neuron(&mut self, k: usize) -> WeightGradients<'_, R> {
        let [s, w, b, p, _, _, y, o] = self.widths;
        let [
            synapses,
            first_weight,
            first_bias,
            packed,
            _,
            _,
            readout,
            bias,
        ] = &mut self.kinds;
        WeightGradients {
            synapses: &mut synapses[k * s..][..s],
            first_weight: &mut first_weight[k * w..][..w],
            first_bias: &mut first_bias[k * b..][..b],
            packed: &mut packed[k * p..][..p],
            readout: &mut readout[k * y..][..y],
            bias: &mut bias[k * o..][..o],
        }
    }
}
