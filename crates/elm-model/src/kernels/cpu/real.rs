//! The two number types of the kernels on the CPU.

use burn::backend::Element;

use crate::equations::fast;

/// f32 or f64, and nothing else: what is `unsafe` in the kernels rests on it.
pub trait Real:
    sealed::Sealed
    + Copy
    + Default
    + Send
    + Sync
    + PartialOrd
    + core::fmt::Debug
    + core::ops::Add<Output = Self>
    + core::ops::Sub<Output = Self>
    + core::ops::Mul<Output = Self>
    + core::ops::Div<Output = Self>
    + core::ops::AddAssign
    + Element
    + bytemuck::Pod
{
    /// Numbers in one lane, the unit that widths are rounded up to; see `super::panel`.
    const LANE: usize;
    /// The constant `v` in this type.
    fn of(v: f64) -> Self;
    /// `self · a + b` with one rounding.
    fn fused(self, a: Self, b: Self) -> Self;
    /// tanh; for f32 within 4 units in the last place, without branches.
    fn tanh_fast(self) -> Self;
    /// The logistic function; for f32 within 4 units in the last place, without branches.
    fn sigmoid_fast(self) -> Self;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

impl Real for f32 {
    const LANE: usize = 16;
    #[inline(always)]
    fn of(v: f64) -> Self {
        v as f32
    }
    #[inline(always)]
    fn fused(self, a: Self, b: Self) -> Self {
        self.mul_add(a, b)
    }
    #[inline(always)]
    fn tanh_fast(self) -> Self {
        fast::tanh(self)
    }
    #[inline(always)]
    fn sigmoid_fast(self) -> Self {
        fast::sigmoid(self)
    }
}

impl Real for f64 {
    const LANE: usize = 8;
    #[inline(always)]
    fn of(v: f64) -> Self {
        v
    }
    #[inline(always)]
    fn fused(self, a: Self, b: Self) -> Self {
        self.mul_add(a, b)
    }
    #[inline(always)]
    fn tanh_fast(self) -> Self {
        self.tanh()
    }
    #[inline(always)]
    fn sigmoid_fast(self) -> Self {
        let e = (-self.abs()).exp();
        (if self < 0.0 { e } else { 1.0 }) / (1.0 + e)
    }
}
