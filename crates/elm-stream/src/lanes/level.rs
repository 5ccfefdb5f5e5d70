//! Picks the instruction set at run time, without an operating system to ask.
//!
//! A hot function is written once, `#[inline(always)]` and generic over [`Isa`](super::Isa); `by_level!` compiles it again with AVX2
//! and with AVX-512 and calls the best copy that the machine runs. Elsewhere (WebAssembly, Arm, targets without SSE) the
//! copy for the target's own instruction set is the only one. `cfg(avx512)` is set by the build script where the
//! compiler knows AVX-512.

use super::isa::Own;
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
use super::x86::Avx2;
#[cfg(avx512)]
use super::x86::Avx512;
#[cfg(test)]
use alloc::{vec, vec::Vec};

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
