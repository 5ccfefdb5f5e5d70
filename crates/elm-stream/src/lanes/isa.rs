//! Picks the instruction set at run time, without an operating system to ask.
//!
//! A hot function is written once, `#[inline(always)]` and generic over [`Isa`]; `by_level!` compiles it again with AVX2
//! and with AVX-512 and calls the best copy that the machine runs. Elsewhere (WebAssembly, Arm, targets without SSE) the
//! copy for the target's own instruction set is the only one. `cfg(avx512)` is set by the build script where the
//! compiler knows AVX-512.

#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use super::x86::Avx2;
#[cfg(avx512)]
use super::x86::Avx512;
use super::{Lane, flat, flat_mut};
#[cfg(test)]
use alloc::{vec, vec::Vec};

/// An instruction set: how rows are added to sums. All rows have as many lanes as `out`.
pub(crate) trait Isa: Copy {
    /// `out += x · row`.
    fn add_row(self, x: f32, row: &[Lane], out: &mut [Lane]);

    /// `out += Σ x[k] · row k` for as many rows as there are numbers in `x`; the rows stand one behind the other.
    fn add_rows(self, x: &[f32], rows: &[Lane], out: &mut [Lane]);
}

/// The target's own instruction set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own;

impl Isa for Own {
    #[inline(always)]
    fn add_row(self, x: f32, row: &[Lane], out: &mut [Lane]) {
        for (sum, w) in flat_mut(out).iter_mut().zip(flat(row)) {
            *sum += x * w;
        }
    }

    /// Four rows at a time: what is added within them does not wait for the sums, which stay in memory. That a compiler
    /// keeps sums in registers over a loop cannot be relied on.
    #[inline(always)]
    fn add_rows(self, x: &[f32], rows: &[Lane], out: &mut [Lane]) {
        let width = out.len();
        let mut groups = x.chunks_exact(4);
        let mut fours = rows.chunks_exact(4 * width);
        for (group, four) in (&mut groups).zip(&mut fours) {
            let &[a, b, c, d] = group else { continue };
            let out = flat_mut(out);
            let (first, second) = flat(four).split_at(2 * out.len());
            let ((p, q), (r, s)) = (first.split_at(out.len()), second.split_at(out.len()));
            for i in 0..out.len() {
                out[i] += (a * p[i] + b * q[i]) + (c * r[i] + d * s[i]);
            }
        }
        let rest = rows.chunks_exact(width).skip(x.len() / 4 * 4);
        for (x, row) in groups.remainder().iter().zip(rest) {
            self.add_row(*x, row, out);
        }
    }
}

/// The best instruction set of this machine. The ones inside are proof that it is there: [`detect`](Level::detect) alone
/// makes them.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(all(target_arch = "x86_64", target_feature = "sse2")),
    allow(dead_code)
)]
pub(crate) enum Level {
    Own(Own),
    #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
    Avx2(Avx2),
    #[cfg(avx512)]
    Avx512(Avx512),
}

impl Level {
    /// The best that processor and operating system allow.
    pub fn detect() -> Self {
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        {
            #[cfg(avx512)]
            if let Some(isa) = Avx512::detect() {
                return Self::Avx512(isa);
            }
            if let Some(isa) = Avx2::detect() {
                return Self::Avx2(isa);
            }
        }
        Self::Own(Own)
    }

    /// Every level that this machine runs, for tests.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        #[allow(unused_mut)]
        let mut all = vec![Self::Own(Own)];
        #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
        {
            all.extend(Avx2::detect().map(Self::Avx2));
            #[cfg(avx512)]
            all.extend(Avx512::detect().map(Self::Avx512));
        }
        all
    }
}

/// Defines `fn $name(level, …)` that runs `$inner(isa, …)` compiled for the best instruction set of this machine.
macro_rules! by_level {
    ($(#[$meta:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) => $inner:path) => {
        $(#[$meta])*
        fn $name(level: $crate::lanes::Level, $($arg: $type),*) {
            use $crate::lanes::Level;
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            #[target_feature(enable = "avx2,fma")]
            unsafe fn avx2(isa: $crate::lanes::Avx2, $($arg: $type),*) {
                $inner(isa, $($arg),*)
            }
            #[cfg(avx512)]
            #[target_feature(enable = "avx2,fma,avx512f")]
            unsafe fn avx512(isa: $crate::lanes::Avx512, $($arg: $type),*) {
                $inner(isa, $($arg),*)
            }
            match level {
                Level::Own(isa) => $inner(isa, $($arg),*),
                #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
                // SAFETY: `isa` is there only where this machine was found to have these instructions.
                Level::Avx2(isa) => unsafe { avx2(isa, $($arg),*) },
                #[cfg(avx512)]
                // SAFETY: as above.
                Level::Avx512(isa) => unsafe { avx512(isa, $($arg),*) },
            }
        }
    };
}
pub(crate) use by_level;
