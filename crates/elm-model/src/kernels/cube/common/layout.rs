//! How the products of one step are laid over the units of a cube.
//!
//! A step is a chain of small matrix products `[rows, inputs] · [inputs, outputs]`. Each *group* of neighbouring
//! units owns four neighbouring outputs ([`LANES`]); the units of a group split the inputs between them in
//! *slices*, input `k` going to slice `k mod slices`, and add their partial sums up at the end. What is decided
//! here, once per shape and device, is how many units a cube has, how many slices each product is cut into, how
//! many samples (*rows*) a cube carries, and where each weight lies.

/// Outputs of one group of units, and so the length of the weight vectors.
pub(crate) const LANES: usize = 4;
/// Numbers of samples that a cube may carry.
const ROWS: [usize; 3] = [1, 2, 4];
/// Registers that a unit needs besides its weights.
const WORKING_REGISTERS: usize = 40;

/// How the units of a group add their partial sums up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Combining {
    /// By shuffles within a plane (warp, subgroup).
    Plane,
    /// Through shared memory, at the price of one more barrier per product.
    Shared,
}

/// What of a device decides the layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Most units of one cube.
    pub units: usize,
    /// Units of the smallest plane.
    pub plane: usize,
    /// Shared memory of one cube in bytes.
    pub shared_bytes: usize,
    /// 32-bit registers that one unit may use, however few units there are.
    pub unit_registers: usize,
    /// 32-bit registers of one multiprocessor.
    pub registers: usize,
    /// Number of multiprocessors.
    pub multiprocessors: usize,
    pub combining: Combining,
    /// Most multiply-adds of one launch.
    pub launch_work: usize,
}

/// One product and where its weights lie.
///
/// Its packed weights are `chunks · units` vectors of [`LANES`] numbers: chunk `q` of unit `u` belongs to input
/// `q · slices + (u mod slices)` and to the outputs of group `u / slices`. The first `resident` chunks stay in
/// registers, the next `staged` ones in shared memory, and what is left is read from global memory each step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Product {
    pub inputs: usize,
    pub outputs: usize,
    /// Units that share the inputs of one group of outputs; a power of two.
    pub slices: usize,
    /// Inputs of one slice, the last ones padded.
    pub chunks: usize,
    pub resident: usize,
    pub staged: usize,
    /// First vector in the packed weights.
    pub packed_at: usize,
    /// First vector in the staged weights.
    pub staged_at: usize,
    /// First resident vector of a unit.
    pub resident_at: usize,
    /// Where its input lies in the shared state, `[inputs padded, rows]`.
    pub state_at: usize,
}

impl Product {
    /// Number of groups that own outputs.
    pub fn groups(&self) -> usize {
        self.outputs.div_ceil(LANES)
    }

    /// Inputs with their padding.
    pub fn padded(&self) -> usize {
        self.chunks * self.slices
    }
}

/// What all products of a step share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CubeShape {
    /// Units of a cube.
    pub units: usize,
    /// Samples of a cube.
    pub rows: usize,
    pub combining: Combining,
}

impl CubeShape {
    /// Sums that a group of units has to add up.
    pub fn elements(&self) -> usize {
        LANES * self.rows
    }

    /// Number of units of a group among which the elements are spread.
    pub fn spread(&self, product: Product) -> usize {
        product.slices.min(self.elements())
    }

    /// Of the elements of a group, those that one unit finishes.
    pub fn slots(&self, product: Product) -> usize {
        self.elements() / self.spread(product)
    }
}

/// The layout of a whole step.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Layout {
    pub cube: CubeShape,
    pub products: Vec<Product>,
}

impl Layout {
    /// The layout with the least estimated time for `batch` samples; `shapes` are inputs and outputs per product.
    /// `None` if a cube of this device is too small for one.
    pub fn new(shapes: &[(usize, usize)], batch: usize, limits: &Limits) -> Option<Self> {
        let most = limits.units.min(1024);
        let step = limits.plane.max(1);
        ROWS.into_iter()
            .filter(|&rows| rows == 1 || rows / 2 < batch)
            .flat_map(|rows| (1..=most / step).map(move |n| (n * step, rows)))
            .map(|(units, rows)| Self::with_units(shapes, units, rows, limits))
            .filter(|layout| {
                layout.cube.units <= most && layout.shared_bytes() <= limits.shared_bytes
            })
            .min_by_key(|layout| layout.estimate(batch, limits))
    }

    /// The layout for a given number of units and rows.
    pub fn with_units(
        shapes: &[(usize, usize)],
        units: usize,
        rows: usize,
        limits: &Limits,
    ) -> Self {
        let widest = match limits.combining {
            Combining::Plane => limits.plane,
            Combining::Shared => 32,
        };
        let mut products: Vec<Product> = shapes
            .iter()
            .map(|&(inputs, outputs)| {
                let groups = outputs.div_ceil(LANES);
                let mut slices = 1;
                while 2 * slices * groups <= units && 2 * slices <= widest && 2 * slices <= inputs {
                    slices *= 2;
                }
                Product {
                    inputs,
                    outputs,
                    slices,
                    chunks: inputs.div_ceil(slices),
                    resident: 0,
                    staged: 0,
                    packed_at: 0,
                    staged_at: 0,
                    resident_at: 0,
                    state_at: 0,
                }
            })
            .collect();
        let needed = products
            .iter()
            .map(|p| p.groups() * p.slices)
            .max()
            .unwrap_or(1);
        let units = needed.max(1).next_multiple_of(limits.plane.max(1));
        let (mut packed, mut state) = (0, 0);
        for product in &mut products {
            product.packed_at = packed;
            packed += product.chunks * units;
            product.state_at = state;
            state += product.padded() * rows;
        }
        let mut layout = Self {
            cube: CubeShape {
                units,
                rows,
                combining: limits.combining,
            },
            products,
        };
        layout.place_weights(limits);
        layout
    }

    /// Registers first, shared memory next; what is left stays in global memory.
    fn place_weights(&mut self, limits: &Limits) {
        // registers are handed out in eights
        let per_unit = limits
            .unit_registers
            .min(limits.registers / self.cube.units.max(1) / 8 * 8);
        let working = WORKING_REGISTERS + 2 * LANES * self.cube.rows;
        let mut registers = per_unit.saturating_sub(working) / LANES;
        let used = 4 * (self.state_len() + self.scratch_len());
        let mut shared =
            limits.shared_bytes.saturating_sub(used) / (4 * LANES * self.cube.units.max(1));
        let (mut resident_at, mut staged_at) = (0, 0);
        for product in &mut self.products {
            product.resident = product.chunks.min(registers);
            product.resident_at = resident_at;
            registers -= product.resident;
            resident_at += product.resident;
            product.staged = (product.chunks - product.resident).min(shared);
            product.staged_at = staged_at * self.cube.units;
            shared -= product.staged;
            staged_at += product.staged;
        }
    }

    /// Number of slots of a unit in the products before one of them.
    pub fn slots_before(&self, product: usize) -> usize {
        let before = &self.products[..product];
        before.iter().map(|p| self.cube.slots(*p)).sum()
    }

    /// Does one product write the state that it reads? Then there are two copies of it.
    pub fn alternates(&self) -> bool {
        self.products.len() == 1
    }

    /// Numbers of the shared state.
    pub fn state_len(&self) -> usize {
        let one: usize = self
            .products
            .iter()
            .map(|p| p.padded() * self.cube.rows)
            .sum();
        if self.alternates() { 2 * one } else { one }
    }

    /// Numbers of the shared memory through which partial sums travel.
    pub fn scratch_len(&self) -> usize {
        match self.cube.combining {
            Combining::Shared if self.products.iter().any(|p| p.slices > 1) => {
                self.cube.elements() * self.cube.units
            }
            _ => 0,
        }
    }

    /// Weight vectors in shared memory.
    pub fn staged_len(&self) -> usize {
        self.products
            .iter()
            .map(|p| p.staged * self.cube.units)
            .sum()
    }

    /// Shared memory of one cube.
    pub fn shared_bytes(&self) -> usize {
        4 * (self.state_len() + self.scratch_len()) + 4 * LANES * self.staged_len()
    }

    /// Weight vectors in all.
    pub fn packed_len(&self) -> usize {
        self.products
            .iter()
            .map(|p| p.chunks * self.cube.units)
            .sum()
    }

    /// Estimated time of one step for the whole batch, in clock cycles of one multiprocessor with four schedulers.
    ///
    /// Rough on purpose: it only has to rank layouts. Per product, instructions are issued by four schedulers, each
    /// warp alone at most one in three cycles; reads of the state go through one unit for shared memory; weights
    /// outside of registers cost their bytes. Then come the latencies of loads, shuffles, activation and barrier,
    /// which other cubes on the same multiprocessor hide.
    fn estimate(&self, batch: usize, limits: &Limits) -> u64 {
        let warps = self.cube.units.div_ceil(32) as u64;
        let rows = self.cube.rows as u64;
        let (mut busy, mut latency) = (0, 0);
        let mut weights = 0;
        for p in &self.products {
            let chunks = p.chunks as u64;
            let finish = 40 * self.cube.slots(*p) as u64;
            let shuffles = 2 * rows * LANES as u64 + u64::from(p.slices.ilog2());
            let instructions = chunks * rows * (LANES as u64 + 1) + finish + shuffles;
            let issue = warps.div_ceil(4).max(3) * instructions;
            let shared = warps * (chunks * rows + 4 * p.staged as u64);
            let global = (p.chunks - p.resident - p.staged) as u64 * warps * 16;
            busy += issue.max(shared).max(global);
            let combining = match self.cube.combining {
                Combining::Plane => 25 * u64::from(p.slices.ilog2()),
                Combining::Shared if p.slices > 1 => 60 + warps + 8 * p.slices as u64,
                Combining::Shared => 0,
            };
            latency += 120 + 2 * warps + combining;
            weights += LANES * p.resident;
        }
        let registers =
            self.cube.units * (weights + WORKING_REGISTERS + 2 * LANES * self.cube.rows);
        let resident = (limits.registers / registers.max(1))
            .min(2048 / self.cube.units.max(1))
            .min(limits.shared_bytes / (16 * self.staged_len() + 4 * self.state_len()).max(1))
            .max(1) as u64;
        let cubes = batch.div_ceil(self.cube.rows);
        let load = cubes.div_ceil(limits.multiprocessors.max(1)) as u64;
        let waves = load.div_ceil(resident);
        let together = load.div_ceil(waves.max(1));
        waves * (busy * together).max(busy + latency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn h100() -> Limits {
        Limits {
            units: 1024,
            plane: 32,
            shared_bytes: 227 << 10,
            unit_registers: 232,
            registers: 65536,
            multiprocessors: 132,
            combining: Combining::Plane,
            launch_work: usize::MAX,
        }
    }

    fn smallest() -> Limits {
        Limits {
            units: 256,
            plane: 4,
            shared_bytes: 16 << 10,
            unit_registers: 64,
            registers: 16384,
            multiprocessors: 8,
            combining: Combining::Shared,
            launch_work: usize::MAX,
        }
    }

    fn layout(shapes: &[(usize, usize)], batch: usize, limits: &Limits) -> Layout {
        match Layout::new(shapes, batch, limits) {
            Some(layout) => layout,
            None => panic!("no layout for {shapes:?}"),
        }
    }

    /// Every input of every output is read exactly once, and no part overlaps another.
    fn check(layout: &Layout, limits: &Limits) {
        assert!(layout.cube.units <= limits.units);
        assert!(layout.shared_bytes() <= limits.shared_bytes, "{layout:?}");
        let mut packed = 0;
        for p in &layout.products {
            assert!(p.slices.is_power_of_two());
            assert!(p.groups() * p.slices <= layout.cube.units, "{layout:?}");
            assert!(p.padded() >= p.inputs && p.padded() < p.inputs + p.slices);
            assert!(p.resident + p.staged <= p.chunks);
            assert_eq!(p.packed_at, packed);
            packed += p.chunks * layout.cube.units;
            if limits.combining == Combining::Plane {
                assert!(p.slices <= limits.plane);
            }
        }
        assert_eq!(packed, layout.packed_len());
    }

    #[test]
    fn layouts_are_sound_for_all_sizes() {
        for limits in [h100(), smallest()] {
            for m in [1, 2, 3, 5, 20, 33, 100, 200, 256] {
                for h in [1, 2, 7, 40, 200, 512] {
                    for batch in [1, 8, 33, 128, 1000] {
                        for shapes in [
                            vec![(m, m)],
                            vec![(m, h), (h, m)],
                            vec![(m, h), (h, h), (h, m)],
                        ] {
                            check(&layout(&shapes, batch, &limits), &limits);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn weights_of_the_target_size_stay_in_registers() {
        let layout = layout(&[(100, 200), (200, 100)], 128, &h100());
        for p in &layout.products {
            assert_eq!(p.resident, p.chunks, "{layout:?}");
        }
        assert_eq!(layout.cube.rows, 1);
    }

    #[test]
    fn what_no_cube_can_hold_has_no_layout() {
        assert_eq!(Layout::new(&[(5000, 5000)], 1, &h100()), None);
    }

    #[test]
    fn large_batches_share_weights_between_rows() {
        let layout = layout(&[(256, 512), (512, 256)], 1024, &h100());
        assert_eq!(layout.cube.rows, 4, "{layout:?}");
    }
}
