//! Picks the instruction set at run time.
//!
//! A kernel is written once as an `#[inline(always)]` function, generic over the [`Isa`]; the macro `by_isa!`
//! compiles it again with AVX2 or AVX-512 enabled and calls the best copy that the machine runs. On 64-bit Arm the
//! base set (NEON) has 32 registers and fused multiply-add already, so the portable copy is compiled for it.

use std::sync::OnceLock;

/// An instruction set that a kernel is compiled for; none can be added elsewhere.
///
/// Code that is generic over it runs only where the machine has the set: `by_isa!` alone chooses one, after
/// [`Level::detect`] found it, and tests do so by hand.
pub trait Isa: sealed::Sealed + Copy {
    /// Does it have fused multiply-add?
    const FMA: bool;
    /// Which one, for code that is written by hand for it.
    const LEVEL: Level;
}

/// The base set of the target: SSE2 on x86-64, NEON on 64-bit Arm.
#[derive(Debug, Clone, Copy)]
pub struct Base;
/// AVX2 with fused multiply-add and bit operations.
#[derive(Debug, Clone, Copy)]
pub struct Avx2;
/// AVX-512 (F, VL, BW and DQ).
#[derive(Debug, Clone, Copy)]
pub struct Avx512;

impl Isa for Base {
    const FMA: bool = cfg!(target_arch = "aarch64");
    const LEVEL: Level = Level::Base;
}
impl Isa for Avx2 {
    const FMA: bool = true;
    const LEVEL: Level = Level::Avx2;
}
impl Isa for Avx512 {
    const FMA: bool = true;
    const LEVEL: Level = Level::Avx512;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Base {}
    impl Sealed for super::Avx2 {}
    impl Sealed for super::Avx512 {}
}

/// Instruction sets by rank, as values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// [`Base`].
    Base,
    /// [`struct@Avx2`].
    Avx2,
    /// [`struct@Avx512`].
    Avx512,
}

/// Environment variable that holds the kernels to an instruction set at most (`base`, `avx2`, `avx512`), for tests and
/// comparisons.
pub const ISA_VARIABLE: &str = "ELM_ISA";

impl Level {
    /// The best one that this machine runs, or the lesser one that `ELM_ISA` names; a value that names none counts as no
    /// value, for [`problem`](Self::problem) has told it before.
    pub fn detect() -> Self {
        static LEVEL: OnceLock<Level> = OnceLock::new();
        *LEVEL.get_or_init(|| Self::of_machine().min(Self::most().clone().unwrap_or(Self::Avx512)))
    }

    /// What is wrong with the value of `ELM_ISA`, if anything is.
    pub fn problem() -> Option<&'static str> {
        Self::most().as_ref().err().map(String::as_str)
    }

    /// What the variable allows; it is read once, so that no two parts of a computation differ.
    fn most() -> &'static Result<Self, String> {
        static MOST: OnceLock<Result<Level, String>> = OnceLock::new();
        MOST.get_or_init(|| Self::at_most(std::env::var_os(ISA_VARIABLE)))
    }

    /// What the variable's value allows.
    fn at_most(value: Option<std::ffi::OsString>) -> Result<Self, String> {
        let Some(value) = value else {
            return Ok(Self::Avx512);
        };
        match value.to_str() {
            Some("base") => Ok(Self::Base),
            Some("avx2") => Ok(Self::Avx2),
            Some("avx512") => Ok(Self::Avx512),
            _ => Err(format!(
                "must be \"base\", \"avx2\" or \"avx512\", or not be set; found {value:?}"
            )),
        }
    }

    fn of_machine() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("bmi1")
                && is_x86_feature_detected!("bmi2")
                && is_x86_feature_detected!("lzcnt")
                && is_x86_feature_detected!("popcnt");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq");
            match (avx2, avx512) {
                (true, true) => return Self::Avx512,
                (true, false) => return Self::Avx2,
                _ => {}
            }
        }
        Self::Base
    }

    /// Most samples that share one load of a weight.
    pub fn max_rows(self) -> usize {
        match self {
            Self::Base | Self::Avx2 => 4,
            Self::Avx512 => 8,
        }
    }

    /// Most lanes (see `Real::LANE`) of a panel whose results for this many samples stay in
    /// registers.
    ///
    /// AVX-512 has 32 registers: up to 24 hold results, the rest weights and inputs, and at least 8 results are under
    /// way at a time, as two multiply-add units of latency 4 need. AVX2's 16 registers hold one lane of 16 f32 for four
    /// samples.
    pub fn max_lanes(self, rows: usize) -> usize {
        match self {
            Self::Base | Self::Avx2 => 1,
            Self::Avx512 => (MAX_RESULTS / rows).clamp(1, MAX_LANES),
        }
    }
}

/// Registers of AVX-512 that may hold results.
pub(super) const MAX_RESULTS: usize = 24;
/// Widest panel in lanes.
pub(super) const MAX_LANES: usize = 8;

/// Defines `fn $name` that runs `$inner` in the best instruction set of this machine.
macro_rules! by_isa {
    ($(#[$meta:meta])* $name:ident => $inner:ident [$($generic:ident $(: $bound:tt)?),*] [$($const:ident),*] ($($arg:ident : $type:ty),* $(,)?)) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        fn $name<$($generic $(: $bound)?,)* $(const $const: usize),*>($($arg: $type),*) {
            use $crate::kernels::cpu::isa::{Base, Level};
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::kernels::cpu::isa::{Avx2, Avx512};
                #[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
                #[allow(clippy::too_many_arguments)]
                fn avx2<$($generic $(: $bound)?,)* $(const $const: usize),*>($($arg: $type),*) {
                    $inner::<Avx2, $($generic,)* $($const),*>($($arg),*)
                }
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
                #[allow(clippy::too_many_arguments)]
                fn avx512<$($generic $(: $bound)?,)* $(const $const: usize),*>($($arg: $type),*) {
                    $inner::<Avx512, $($generic,)* $($const),*>($($arg),*)
                }
                match Level::detect() {
                    // SAFETY: the machine has these features, as `detect` found.
                    Level::Avx512 => return unsafe { avx512::<$($generic,)* $($const),*>($($arg),*) },
                    // SAFETY: as above.
                    Level::Avx2 => return unsafe { avx2::<$($generic,)* $($const),*>($($arg),*) },
                    Level::Base => {}
                }
            }
            $inner::<Base, $($generic,)* $($const),*>($($arg),*)
        }
    };
}
pub(crate) use by_isa;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_that_is_not_known_is_named_and_not_ignored() {
        let at_most = |value: &str| Level::at_most(Some(value.into()));
        assert_eq!(Level::at_most(None), Ok(Level::Avx512));
        assert_eq!(at_most("base"), Ok(Level::Base));
        assert_eq!(at_most("avx2"), Ok(Level::Avx2));
        for wrong in ["AVX2", "sse2", ""] {
            let problem = at_most(wrong).expect_err("it is not known");
            assert!(problem.contains(&format!("{wrong:?}")), "{problem}");
        }
    }
}
