//! Picks the instruction set at run time, without an operating system to ask.
//!
//! A hot function is written once, as `#[inline(always)]`; `by_level!` compiles it again with AVX2 and with AVX-512 and
//! calls the best copy that the machine runs. Elsewhere (WebAssembly, Arm, targets without SSE) the copy for the target's
//! own instruction set is the only one.

/// Which copies this machine runs. Private inside, so that none but [`detect`](Level::detect) makes one: that is what the
/// calls of the copies rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(not(all(target_arch = "x86_64", target_feature = "sse2")), allow(dead_code))]
enum Kind {
    Own,
    Avx2,
    Avx512,
}

impl Level {
    /// The best that processor and operating system allow.
    pub fn detect() -> Self {
        Self(best())
    }

    /// May code with AVX2 and FMA run?
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub fn has_avx2(self) -> bool {
        self.0 >= Kind::Avx2
    }

    /// May code with AVX-512 (F, VL, BW, DQ) run?
    #[cfg_attr(not(target_arch = "x86_64"), allow(dead_code))]
    pub fn has_avx512(self) -> bool {
        self.0 >= Kind::Avx512
    }

    /// Every level that this machine runs, for tests.
    #[cfg(test)]
    pub fn all() -> impl Iterator<Item = Self> {
        let kinds = [Kind::Own, Kind::Avx2, Kind::Avx512].into_iter();
        kinds.filter(|kind| *kind <= best()).map(Self)
    }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
fn best() -> Kind {
    Kind::Own
}

/// Asks the processor what it has, and the control register what the operating system keeps for each process.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
// in newer compilers `__cpuid` is safe
#[allow(unused_unsafe)]
fn best() -> Kind {
    use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
    let has = |register: u32, bits: &[u32]| bits.iter().all(|bit| register & (1 << bit) != 0);
    // SAFETY: every x86-64 processor has CPUID, and leaf 0 tells how many leaves there are.
    let leaves = unsafe { __cpuid(0) }.eax;
    if leaves < 7 {
        return Kind::Own;
    }
    // SAFETY: leaf 1 is among the leaves.
    let basic = unsafe { __cpuid(1) }.ecx;
    // FMA, OSXSAVE, AVX
    if !has(basic, &[12, 27, 28]) {
        return Kind::Own;
    }
    // SAFETY: leaf 7 is among the leaves.
    let extended = unsafe { __cpuid_count(7, 0) }.ebx;
    // SAFETY: OSXSAVE says that the operating system has switched XGETBV on.
    let kept = unsafe { _xgetbv(0) } as u32;
    // the registers of SSE and AVX are kept, and AVX2 is there
    if !(has(kept, &[1, 2]) && has(extended, &[5])) {
        return Kind::Own;
    }
    // mask registers and both halves of the wide ones are kept; F, DQ, BW, VL are there
    match has(kept, &[5, 6, 7]) && has(extended, &[16, 17, 30, 31]) {
        true => Kind::Avx512,
        false => Kind::Avx2,
    }
}

/// Defines `fn $name(level, …)` that runs `$inner(…)` compiled for the best instruction set of this machine.
macro_rules! by_level {
    ($(#[$meta:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) => $inner:path) => {
        $(#[$meta])*
        fn $name(level: $crate::lanes::Level, $($arg: $type),*) {
            #[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
            {
                #[target_feature(enable = "avx2,fma")]
                unsafe fn avx2($($arg: $type),*) {
                    $inner($($arg),*)
                }
                #[target_feature(enable = "avx2,fma,avx512f,avx512vl,avx512bw,avx512dq")]
                unsafe fn avx512($($arg: $type),*) {
                    $inner($($arg),*)
                }
                if level.has_avx512() {
                    // SAFETY: a `Level` is made by asking this very machine, and this one says that it has them.
                    return unsafe { avx512($($arg),*) };
                }
                if level.has_avx2() {
                    // SAFETY: as above.
                    return unsafe { avx2($($arg),*) };
                }
            }
            let _ = level;
            $inner($($arg),*)
        }
    };
}
pub(crate) use by_level;

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard library asks the same questions.
    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_level_is_what_the_standard_library_finds() {
        use std::is_x86_feature_detected;
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq");
        assert_eq!(Level::detect().has_avx2(), avx2);
        assert_eq!(Level::detect().has_avx512(), avx2 && avx512);
    }

    #[test]
    fn every_machine_runs_its_own_level() {
        assert!(Level::all().any(|level| !level.has_avx2()));
        assert!(Level::all().all(|level| level.0 <= Level::detect().0));
    }
}
