//! The kernels behind the operations of [`scan`](crate::scan): for CPUs and for graphics cards.
//!
//! Private to this crate; what reaches them has been checked by the operations' callers.

#[cfg(feature = "host")]
pub(crate) mod cpu;
#[cfg(feature = "cube")]
pub(crate) mod cube;
#[cfg(feature = "host")]
pub(crate) mod host;
#[cfg(any(feature = "flex", feature = "ndarray"))]
pub(crate) mod scalar;
