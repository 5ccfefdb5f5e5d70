//! Eight samples side by side: the unit that every kernel of this folder works in.
//!
//! Weights differ from neuron to neuron, samples share them. So the numbers of eight samples lie next to each other in
//! one [`Row`], a weight is read once and multiplied with a whole row, and a synapse reads its source as one row from
//! wherever it lies. [`Lanes`] is a row in registers; the kernels are generic over it, and [`LayerReal::dispatch`]
//! picks the instruction set at run time.
//!
//! Of a single sample most of a row is computed in vain. The forward pass therefore runs with rows of one sample as
//! well ([`OneSample`]); registers hold neighbouring results of a product then. It is generic over [`AnyRow`] and
//! [`AnyLanes`], and comes to the same numbers bit by bit.

use crate::kernels::cpu::real::Real;

/// Samples in a row.
pub const W: usize = 8;

/// One number of each of [`W`] samples.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(32))]
pub struct Row<R>(pub [R; W]);

/// The number of a tile's only sample.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(transparent)]
pub struct OneSample<R>([R; 1]);

/// One number of each sample of a tile.
///
/// # Safety
/// It is [`SAMPLES`](Self::SAMPLES) numbers one behind the other and nothing else, padding included.
pub unsafe trait AnyRow: Copy + Default + Send + Sync + core::fmt::Debug {
    /// The number type.
    type R: LayerReal;
    /// Such a row in registers, where eight samples are in `V`.
    type In<V: Lanes<R = Self::R>>: AnyLanes<R = Self::R, Row = Self>;
    /// Samples in a row, and so in a tile.
    const SAMPLES: usize;

    /// The same number for all samples.
    #[inline(always)]
    fn splat(v: Self::R) -> Self {
        Self::default().map(|_| v)
    }

    /// `f` of each number.
    #[inline(always)]
    fn map(mut self, f: impl Fn(Self::R) -> Self::R) -> Self {
        self.samples_mut().iter_mut().for_each(|a| *a = f(*a));
        self
    }

    /// `f` of each pair of numbers.
    #[inline(always)]
    fn zip(mut self, other: Self, f: impl Fn(Self::R, Self::R) -> Self::R) -> Self {
        for (a, b) in self.samples_mut().iter_mut().zip(other.samples()) {
            *a = f(*a, *b);
        }
        self
    }

    /// The number of each sample.
    #[inline(always)]
    fn samples(&self) -> &[Self::R] {
        Self::numbers(core::slice::from_ref(self))
    }

    /// The number of each sample, to be written to.
    #[inline(always)]
    fn samples_mut(&mut self) -> &mut [Self::R] {
        Self::numbers_mut(core::slice::from_mut(self))
    }

    /// The numbers of rows, one after the other.
    #[inline(always)]
    fn numbers(rows: &[Self]) -> &[Self::R] {
        let len = rows.len() * Self::SAMPLES;
        // SAFETY: so many numbers stand there, as the implementation promises, and are borrowed as the rows are.
        unsafe { core::slice::from_raw_parts(rows.as_ptr().cast(), len) }
    }

    /// The numbers of rows, one after the other, to be written to.
    #[inline(always)]
    fn numbers_mut(rows: &mut [Self]) -> &mut [Self::R] {
        let len = rows.len() * Self::SAMPLES;
        // SAFETY: as above; any numbers are rows.
        unsafe { core::slice::from_raw_parts_mut(rows.as_mut_ptr().cast(), len) }
    }
}

// SAFETY: an array of W numbers and no padding, since W numbers of 4 or 8 bytes are a multiple of its alignment.
unsafe impl<R: LayerReal> AnyRow for Row<R> {
    type R = R;
    type In<V: Lanes<R = R>> = V;
    const SAMPLES: usize = W;
}

// SAFETY: an array of one number, and `repr(transparent)`.
unsafe impl<R: LayerReal> AnyRow for OneSample<R> {
    type R = R;
    type In<V: Lanes<R = R>> = OneSampleLanes<V>;
    const SAMPLES: usize = 1;
}

/// A row in registers.
pub trait AnyLanes: Copy {
    /// The number type.
    type R: LayerReal;
    /// The row.
    type Row: AnyRow<R = Self::R>;
    /// Eight numbers in the same registers.
    type Eight: Lanes<R = Self::R>;
    /// The same number for all samples.
    fn splat(v: Self::R) -> Self;
    /// A row from memory.
    fn load(row: &Self::Row) -> Self;
    /// A row to memory.
    fn store(self, row: &mut Self::Row);
    /// `self · a + b`.
    fn fused(self, a: Self, b: Self) -> Self;
}

/// A row of eight samples in registers, or any eight numbers.
pub trait Lanes: AnyLanes<Row = Row<<Self as AnyLanes>::R>> {
    /// Any eight numbers from memory.
    fn load_numbers(numbers: &[Self::R; W]) -> Self;
    /// Eight numbers to anywhere in memory.
    fn store_numbers(self, numbers: &mut [Self::R; W]);
    /// [`fused`](AnyLanes::fused) of single numbers, rounded alike.
    fn fused_number(x: Self::R, a: Self::R, b: Self::R) -> Self::R;
    /// Sum over the samples.
    fn sum(self) -> Self::R;
}

/// The number of one sample, in the instruction set of `V`.
#[derive(Debug, Clone, Copy)]
pub struct OneSampleLanes<V: Lanes>(V::R);

impl<V: Lanes> AnyLanes for OneSampleLanes<V> {
    type R = V::R;
    type Row = OneSample<V::R>;
    type Eight = V;
    #[inline(always)]
    fn splat(v: V::R) -> Self {
        Self(v)
    }
    #[inline(always)]
    fn load(row: &OneSample<V::R>) -> Self {
        Self(row.0[0])
    }
    #[inline(always)]
    fn store(self, row: &mut OneSample<V::R>) {
        row.0 = [self.0];
    }
    #[inline(always)]
    fn fused(self, a: Self, b: Self) -> Self {
        Self(V::fused_number(self.0, a.0, b.0))
    }
}

/// Plain arrays, for machines without instructions written out here.
#[derive(Debug, Clone, Copy)]
pub struct Portable<R>([R; W]);

impl<R: LayerReal> AnyLanes for Portable<R> {
    type R = R;
    type Row = Row<R>;
    type Eight = Self;
    #[inline(always)]
    fn splat(v: R) -> Self {
        Self([v; W])
    }
    #[inline(always)]
    fn load(row: &Row<R>) -> Self {
        Self(row.0)
    }
    #[inline(always)]
    fn store(self, row: &mut Row<R>) {
        row.0 = self.0;
    }
    #[inline(always)]
    fn fused(self, a: Self, b: Self) -> Self {
        let mut out = b;
        for (o, (x, y)) in out.0.iter_mut().zip(self.0.into_iter().zip(a.0)) {
            *o = Self::fused_number(x, y, *o);
        }
        out
    }
}

impl<R: LayerReal> Lanes for Portable<R> {
    #[inline(always)]
    fn load_numbers(numbers: &[R; W]) -> Self {
        Self(*numbers)
    }
    #[inline(always)]
    fn store_numbers(self, numbers: &mut [R; W]) {
        *numbers = self.0;
    }
    #[inline(always)]
    fn fused_number(x: R, a: R, b: R) -> R {
        // on x86-64 without FMA a fused product is a function call
        match cfg!(target_arch = "aarch64") {
            true => x.fused(a, b),
            false => x * a + b,
        }
    }
    #[inline(always)]
    fn sum(self) -> R {
        self.0.into_iter().fold(R::default(), |sum, v| sum + v)
    }
}

/// A piece of work that is compiled once per instruction set. Everything that `run` calls in its inner loops must be
/// `#[inline(always)]`, or it is compiled for the base set.
pub trait Kernel<R> {
    /// What it yields.
    type Out;
    /// The work.
    fn run<V: Lanes<R = R>>(self) -> Self::Out;
}

/// A number type that knows its registers.
pub trait LayerReal: Real {
    /// Runs the kernel in the best instruction set of this machine.
    fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Out;
}

#[cfg(not(target_arch = "x86_64"))]
mod arch {
    use super::{Kernel, LayerReal, Portable};

    impl LayerReal for f32 {
        fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Out {
            kernel.run::<Portable<Self>>()
        }
    }

    impl LayerReal for f64 {
        fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Out {
            kernel.run::<Portable<Self>>()
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod arch {
    use core::arch::x86_64::{
        __m256, __m256d, _mm_add_pd, _mm_add_ps, _mm_add_sd, _mm_add_ss, _mm_cvtsd_f64,
        _mm_cvtss_f32, _mm_movehdup_ps, _mm_movehl_ps, _mm_unpackhi_pd, _mm256_add_pd,
        _mm256_castpd256_pd128, _mm256_castps256_ps128, _mm256_extractf128_pd,
        _mm256_extractf128_ps, _mm256_fmadd_pd, _mm256_fmadd_ps, _mm256_load_pd, _mm256_load_ps,
        _mm256_loadu_pd, _mm256_loadu_ps, _mm256_set1_pd, _mm256_set1_ps, _mm256_store_pd,
        _mm256_store_ps, _mm256_storeu_pd, _mm256_storeu_ps,
    };

    use super::{AnyLanes, Kernel, Lanes, LayerReal, Portable, Row, W};
    use crate::kernels::cpu::isa::Level;
    use crate::kernels::cpu::real::Real;

    /// Eight f32 in one register of AVX2 with FMA. Values of this type exist in kernels that
    /// [`LayerReal::dispatch`] runs where the machine has both.
    #[derive(Clone, Copy)]
    pub struct F32Lanes(__m256);

    /// Eight f64 in two registers; the same holds.
    #[derive(Clone, Copy)]
    pub struct F64Lanes(__m256d, __m256d);

    // SAFETY, for every block of both implementations: `dispatch` found AVX2 and FMA before it ran the only kernels
    // that name these types; the eight numbers that are read or written are there, and a row is aligned to 32 bytes.
    impl AnyLanes for F32Lanes {
        type R = f32;
        type Row = Row<f32>;
        type Eight = Self;
        #[inline(always)]
        fn splat(v: f32) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_set1_ps(v) })
        }
        #[inline(always)]
        fn load(row: &Row<f32>) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_load_ps(row.0.as_ptr()) })
        }
        #[inline(always)]
        fn store(self, row: &mut Row<f32>) {
            // SAFETY: see above.
            unsafe { _mm256_store_ps(row.0.as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        fn fused(self, a: Self, b: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_fmadd_ps(self.0, a.0, b.0) })
        }
    }

    impl Lanes for F32Lanes {
        #[inline(always)]
        fn load_numbers(numbers: &[f32; W]) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_loadu_ps(numbers.as_ptr()) })
        }
        #[inline(always)]
        fn store_numbers(self, numbers: &mut [f32; W]) {
            // SAFETY: see above.
            unsafe { _mm256_storeu_ps(numbers.as_mut_ptr(), self.0) }
        }
        #[inline(always)]
        fn fused_number(x: f32, a: f32, b: f32) -> f32 {
            x.fused(a, b)
        }
        #[inline(always)]
        fn sum(self) -> f32 {
            // SAFETY: see above.
            unsafe {
                let four = _mm_add_ps(
                    _mm256_castps256_ps128(self.0),
                    _mm256_extractf128_ps::<1>(self.0),
                );
                let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
                _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
            }
        }
    }

    impl AnyLanes for F64Lanes {
        type R = f64;
        type Row = Row<f64>;
        type Eight = Self;
        #[inline(always)]
        fn splat(v: f64) -> Self {
            // SAFETY: see above.
            let v = unsafe { _mm256_set1_pd(v) };
            Self(v, v)
        }
        #[inline(always)]
        fn load(row: &Row<f64>) -> Self {
            let at = row.0.as_ptr();
            // SAFETY: see above.
            unsafe { Self(_mm256_load_pd(at), _mm256_load_pd(at.add(4))) }
        }
        #[inline(always)]
        fn store(self, row: &mut Row<f64>) {
            let at = row.0.as_mut_ptr();
            // SAFETY: see above.
            unsafe {
                _mm256_store_pd(at, self.0);
                _mm256_store_pd(at.add(4), self.1);
            }
        }
        #[inline(always)]
        fn fused(self, a: Self, b: Self) -> Self {
            // SAFETY: see above.
            unsafe {
                Self(
                    _mm256_fmadd_pd(self.0, a.0, b.0),
                    _mm256_fmadd_pd(self.1, a.1, b.1),
                )
            }
        }
    }

    impl Lanes for F64Lanes {
        #[inline(always)]
        fn load_numbers(numbers: &[f64; W]) -> Self {
            let at = numbers.as_ptr();
            // SAFETY: see above.
            unsafe { Self(_mm256_loadu_pd(at), _mm256_loadu_pd(at.add(4))) }
        }
        #[inline(always)]
        fn store_numbers(self, numbers: &mut [f64; W]) {
            let at = numbers.as_mut_ptr();
            // SAFETY: see above.
            unsafe {
                _mm256_storeu_pd(at, self.0);
                _mm256_storeu_pd(at.add(4), self.1);
            }
        }
        #[inline(always)]
        fn fused_number(x: f64, a: f64, b: f64) -> f64 {
            x.fused(a, b)
        }
        #[inline(always)]
        fn sum(self) -> f64 {
            // SAFETY: see above.
            unsafe {
                let four = _mm256_add_pd(self.0, self.1);
                let two = _mm_add_pd(
                    _mm256_castpd256_pd128(four),
                    _mm256_extractf128_pd::<1>(four),
                );
                _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)))
            }
        }
    }

    #[target_feature(enable = "avx2,fma")]
    fn avx2<V: Lanes, K: Kernel<V::R>>(kernel: K) -> K::Out {
        kernel.run::<V>()
    }

    /// The machine has both, and `ELM_ISA` does not hold the kernels to less.
    fn has_avx2() -> bool {
        Level::detect() >= Level::Avx2
    }

    impl LayerReal for f32 {
        fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Out {
            match has_avx2() {
                // SAFETY: the machine has both features.
                true => unsafe { avx2::<F32Lanes, K>(kernel) },
                false => kernel.run::<Portable<Self>>(),
            }
        }
    }

    impl LayerReal for f64 {
        fn dispatch<K: Kernel<Self>>(kernel: K) -> K::Out {
            match has_avx2() {
                // SAFETY: the machine has both features.
                true => unsafe { avx2::<F64Lanes, K>(kernel) },
                false => kernel.run::<Portable<Self>>(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums and products of rows by the registers of this machine or by plain arrays.
    struct Both<R>(Row<R>, Row<R>, R);

    impl<R: LayerReal> Kernel<R> for Both<R> {
        type Out = (Row<R>, R);
        #[inline(always)]
        fn run<V: Lanes<R = R>>(self) -> (Row<R>, R) {
            let product = V::load(&self.0).fused(V::load(&self.1), V::splat(self.2));
            let mut out = Row::default();
            product.store(&mut out);
            (out, product.sum())
        }
    }

    fn check<R: LayerReal>() {
        let a = Row(core::array::from_fn(|i| R::of(i as f64 - 3.0)));
        let b = Row(core::array::from_fn(|i| R::of(0.5 * i as f64)));
        let best = R::dispatch(Both(a, b, R::of(2.0)));
        let plain = Both(a, b, R::of(2.0)).run::<Portable<R>>();
        assert_eq!(best, plain);
        let expected: f64 = (0..W)
            .map(|i| (i as f64 - 3.0) * 0.5 * i as f64 + 2.0)
            .sum();
        assert_eq!(plain.1, R::of(expected));
    }

    #[test]
    fn registers_do_what_arrays_do() {
        check::<f32>();
        check::<f64>();
    }

    #[test]
    fn rows_are_flat() {
        let mut rows = [Row([1.0f64; W]), Row([2.0; W])];
        Row::numbers_mut(&mut rows)[W] = 3.0;
        assert_eq!(rows[1].0[0], 3.0);
        assert_eq!(Row::numbers(&rows).len(), 2 * W);
    }
}
