//! Picks the instruction set at run time.
//!
//! A kernel is written once as an `#[inline(always)]` generic function with a `FMA` flag; the macro
//! compiles it a second time with AVX2 and FMA enabled and calls that copy where the machine has them.
//! On 64-bit Arm the base set (NEON) has fused multiply-add already.

/// Defines `fn $name` that runs `$inner` in the best instruction set of this machine.
macro_rules! by_isa {
    ($(#[$meta:meta])* $name:ident => $inner:ident [$($generic:ident $(: $bound:tt)?),*] [$($const:ident),*] ($($arg:ident : $type:ty),* $(,)?)) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments)]
        fn $name<$($generic $(: $bound)?,)* $(const $const: usize),*>($($arg: $type),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                #[allow(clippy::too_many_arguments)]
                fn wide<$($generic $(: $bound)?,)* $(const $const: usize),*>($($arg: $type),*) {
                    $inner::<$($generic,)* $($const,)* true>($($arg),*)
                }
                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: the machine has both features, as the line above found.
                    return unsafe { wide::<$($generic,)* $($const),*>($($arg),*) };
                }
            }
            #[cfg(target_arch = "aarch64")]
            return $inner::<$($generic,)* $($const,)* true>($($arg),*);
            #[cfg(not(target_arch = "aarch64"))]
            $inner::<$($generic,)* $($const,)* false>($($arg),*)
        }
    };
}
pub(super) use by_isa;
