//! AVX2 and AVX-512: whether this machine has them, and how they add rows.

use core::arch::x86_64::*;

use super::{Isa, Lane, WIDTH};

/// AVX2 with FMA. Private inside: whoever holds one knows that this machine has them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx2(());

/// AVX-512 F, with AVX2 and FMA. Private inside: whoever holds one knows that this machine has them.
#[cfg(avx512)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Avx512(());

impl Avx2 {
    pub fn detect() -> Option<Self> {
        (found() >= Found::Avx2).then_some(Self(()))
    }
}

#[cfg(avx512)]
impl Avx512 {
    pub fn detect() -> Option<Self> {
        (found() >= Found::Avx512).then_some(Self(()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Found {
    Neither,
    Avx2,
    #[cfg_attr(not(avx512), allow(dead_code))]
    Avx512,
}

/// Asks the processor what it has, and the control register what the operating system keeps for each process.
// in newer compilers `__cpuid` is safe
#[allow(unused_unsafe)]
fn found() -> Found {
    let has = |register: u32, bits: &[u32]| bits.iter().all(|bit| register & (1 << bit) != 0);
    // SAFETY: every x86-64 processor has CPUID, and leaf 0 tells how many leaves there are.
    let leaves = unsafe { __cpuid(0) }.eax;
    if leaves < 7 {
        return Found::Neither;
    }
    // SAFETY: leaf 1 is among the leaves.
    let basic = unsafe { __cpuid(1) }.ecx;
    // FMA, OSXSAVE, AVX
    if !has(basic, &[12, 27, 28]) {
        return Found::Neither;
    }
    // SAFETY: leaf 7 is among the leaves.
    let extended = unsafe { __cpuid_count(7, 0) }.ebx;
    // SAFETY: OSXSAVE says that the operating system has switched XGETBV on.
    let kept = unsafe { _xgetbv(0) } as u32;
    // the registers of SSE and AVX are kept, and AVX2 is there
    if !(has(kept, &[1, 2]) && has(extended, &[5])) {
        return Found::Neither;
    }
    // mask registers and both halves of the wide ones are kept, and F is there
    match has(kept, &[5, 6, 7]) && has(extended, &[16]) {
        true => Found::Avx512,
        false => Found::Avx2,
    }
}

/// Defines both sums of [`Isa`] with registers of `$n` numbers.
macro_rules! sums {
    ($isa:ident, $module:ident, $features:literal, $n:literal,
     $set:ident, $load:ident, $store:ident, $zero:ident, $fused:ident, $add:ident) => {
        // the build script has asked whether the compiler knows them
        #[allow(clippy::incompatible_msrv)]
        mod $module {
            use super::*;

            /// # Safety
            /// The machine has these instructions.
            #[inline]
            #[target_feature(enable = $features)]
            pub unsafe fn add_row(x: f32, row: &[Lane], out: &mut [Lane]) {
                // SAFETY: the instructions are there; both lanes have the numbers that are read and written.
                unsafe {
                    let x = $set(x);
                    for (out, row) in out.iter_mut().zip(row) {
                        let (sum, w) = (out.0.as_mut_ptr(), row.0.as_ptr());
                        let mut at = 0;
                        while at < WIDTH {
                            $store(sum.add(at), $fused(x, $load(w.add(at)), $load(sum.add(at))));
                            at += $n;
                        }
                    }
                }
            }

            /// Panels of two lanes and perhaps a last one of one, sums in registers.
            ///
            /// # Safety
            /// The machine has these instructions.
            #[inline]
            #[target_feature(enable = $features)]
            pub unsafe fn add_rows(x: &[f32], rows: &[Lane], out: &mut [Lane]) {
                let stride = out.len();
                for start in (0..stride / 2 * 2).step_by(2) {
                    // SAFETY: as the caller promises.
                    unsafe { panel::<2, { 2 * WIDTH / $n }, 2>(x, rows, stride, start, out) };
                }
                if stride % 2 == 1 {
                    // SAFETY: as the caller promises.
                    unsafe { panel::<1, { WIDTH / $n }, 4>(x, rows, stride, stride - 1, out) };
                }
            }

            /// The `LANES` lanes from `start` on, `VECTORS` registers wide, in `SUMS` partial sums: one addition need not
            /// wait for the one before it.
            ///
            /// # Safety
            /// The machine has these instructions.
            #[inline]
            #[target_feature(enable = $features)]
            unsafe fn panel<const LANES: usize, const VECTORS: usize, const SUMS: usize>(
                x: &[f32],
                rows: &[Lane],
                stride: usize,
                start: usize,
                out: &mut [Lane],
            ) {
                assert!(VECTORS * $n == LANES * WIDTH);
                assert!(
                    x.len() * stride <= rows.len()
                        && start + LANES <= stride
                        && stride == out.len()
                );
                let first = rows.as_ptr().cast::<f32>();
                // SAFETY: the instructions are there. By the asserts, row k has its `LANES` lanes of the panel at
                // `k · stride + start` for every k that `x` has, and `out` at `start`.
                unsafe {
                    let mut sums = [[$zero(); VECTORS]; SUMS];
                    let mut k = 0;
                    while k + SUMS <= x.len() {
                        let mut i = 0;
                        while i < SUMS {
                            let x = $set(*x.as_ptr().add(k + i));
                            let row = first.add(((k + i) * stride + start) * WIDTH);
                            let mut v = 0;
                            while v < VECTORS {
                                sums[i][v] = $fused(x, $load(row.add(v * $n)), sums[i][v]);
                                v += 1;
                            }
                            i += 1;
                        }
                        k += SUMS;
                    }
                    while k < x.len() {
                        let x = $set(*x.as_ptr().add(k));
                        let row = first.add((k * stride + start) * WIDTH);
                        let mut v = 0;
                        while v < VECTORS {
                            sums[0][v] = $fused(x, $load(row.add(v * $n)), sums[0][v]);
                            v += 1;
                        }
                        k += 1;
                    }
                    let to = out.as_mut_ptr().cast::<f32>().add(start * WIDTH);
                    let mut v = 0;
                    while v < VECTORS {
                        let mut sum = $load(to.add(v * $n));
                        let mut i = 0;
                        while i < SUMS {
                            sum = $add(sum, sums[i][v]);
                            i += 1;
                        }
                        $store(to.add(v * $n), sum);
                        v += 1;
                    }
                }
            }
        }

        impl Isa for $isa {
            #[inline(always)]
            fn add_row(self, x: f32, row: &[Lane], out: &mut [Lane]) {
                // SAFETY: there is a `self` only where the machine has these instructions.
                unsafe { $module::add_row(x, row, out) }
            }

            #[inline(always)]
            fn add_rows(self, x: &[f32], rows: &[Lane], out: &mut [Lane]) {
                // SAFETY: as above.
                unsafe { $module::add_rows(x, rows, out) }
            }
        }
    };
}

sums!(
    Avx2,
    avx2,
    "avx2,fma",
    8,
    _mm256_set1_ps,
    _mm256_loadu_ps,
    _mm256_storeu_ps,
    _mm256_setzero_ps,
    _mm256_fmadd_ps,
    _mm256_add_ps
);
#[cfg(avx512)]
sums!(
    Avx512,
    avx512,
    "avx2,fma,avx512f",
    16,
    _mm512_set1_ps,
    _mm512_loadu_ps,
    _mm512_storeu_ps,
    _mm512_setzero_ps,
    _mm512_fmadd_ps,
    _mm512_add_ps
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_what_the_standard_library_finds() {
        use std::is_x86_feature_detected;
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        assert_eq!(Avx2::detect().is_some(), avx2);
        #[cfg(avx512)]
        let avx512 = avx2 && is_x86_feature_detected!("avx512f");
        #[cfg(avx512)]
        assert_eq!(Avx512::detect().is_some(), avx512);
    }
}
