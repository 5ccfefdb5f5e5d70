//! Eight samples side by side: the unit that every kernel of this folder works in.
//!
//! Weights differ from neuron to neuron, samples share them. So the numbers of eight samples lie next to each other in
//! one [`Row`], a weight is read once and multiplied with a whole row, and a synapse reads its source as one row from
//! wherever it lies. [`Lanes`] is a row in registers; the kernels are generic over it, and [`LayerReal::dispatch`]
//! picks the instruction set at run time.

use crate::kernels::cpu::real::Real;

/// Samples in a row.
pub const W: usize = 8;

/// One number of each of [`W`] samples.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(32))]
pub struct Row<R>(pub [R; W]);

impl<R: Real> Row<R> {
    /// The same number for all samples.
    #[inline(always)]
    pub fn splat(v: R) -> Self {
        Self([v; W])
    }

    /// `f` of each number.
    #[inline(always)]
    pub fn map(self, f: impl Fn(R) -> R) -> Self {
        Self(self.0.map(f))
    }

    /// `f` of each pair of numbers.
    #[inline(always)]
    pub fn zip(self, other: Self, f: impl Fn(R, R) -> R) -> Self {
        let mut out = self;
        for (a, b) in out.0.iter_mut().zip(other.0) {
            *a = f(*a, b);
        }
        out
    }
}

/// The numbers of rows, one after the other.
#[inline(always)]
pub fn flat<R: Real>(rows: &mut [Row<R>]) -> &mut [R] {
    let len = rows.len() * W;
    // SAFETY: a row is an array of W numbers and no padding, since W numbers of 4 or 8 bytes are a multiple of its
    // alignment.
    unsafe { core::slice::from_raw_parts_mut(rows.as_mut_ptr().cast(), len) }
}

/// A row in registers.
pub trait Lanes: Copy {
    /// The number type.
    type R: Real;
    /// The same number for all samples.
    fn splat(v: Self::R) -> Self;
    /// A row from memory.
    fn load(row: &Row<Self::R>) -> Self;
    /// A row to memory.
    fn store(self, row: &mut Row<Self::R>);
    /// `self · a + b`.
    fn fused(self, a: Self, b: Self) -> Self;
    /// Sum over the samples.
    fn sum(self) -> Self::R;
}

/// Plain arrays, for machines without instructions written out here.
#[derive(Debug, Clone, Copy)]
pub struct Portable<R>([R; W]);

impl<R: Real> Lanes for Portable<R> {
    type R = R;
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
            // on x86-64 without FMA a fused product is a function call
            *o = match cfg!(target_arch = "aarch64") {
                true => x.fused(y, *o),
                false => x * y + *o,
            };
        }
        out
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
        _mm256_set1_pd, _mm256_set1_ps, _mm256_store_pd, _mm256_store_ps,
    };

    use super::{Kernel, Lanes, LayerReal, Portable, Row};
    use crate::kernels::cpu::isa::Level;

    /// Eight f32 in one register of AVX2 with FMA. Values of this type exist in kernels that
    /// [`LayerReal::dispatch`] runs where the machine has both.
    #[derive(Clone, Copy)]
    pub struct F32Lanes(__m256);

    /// Eight f64 in two registers; the same holds.
    #[derive(Clone, Copy)]
    pub struct F64Lanes(__m256d, __m256d);

    // SAFETY, for every block of both implementations: `dispatch` found AVX2 and FMA before it ran the only kernels
    // that name these types, and a row is aligned to 32 bytes and holds the eight numbers that are read or written.
    impl Lanes for F32Lanes {
        type R = f32;
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

    impl Lanes for F64Lanes {
        type R = f64;
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

    impl<R: Real> Kernel<R> for Both<R> {
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
        flat(&mut rows)[W] = 3.0;
        assert_eq!(rows[1].0[0], 3.0);
        assert_eq!(flat(&mut rows).len(), 2 * W);
    }
}
