//! Buffers that several threads write parts of.

use core::cell::UnsafeCell;
use core::ops::Range;

/// A buffer whose parts belong to different threads at different times; rounds separate the times.
#[derive(Debug)]
pub struct SharedSlice<T>(Box<[UnsafeCell<T>]>);

// SAFETY: threads only reach elements through the unsafe methods below, whose callers promise that no element is
// written by one thread while another reads or writes it.
unsafe impl<T: Send + Sync> Sync for SharedSlice<T> {}

impl<T: Copy + Default> SharedSlice<T> {
    /// A buffer of so many default values.
    pub fn new(len: usize) -> Self {
        Self::from_vec(vec![T::default(); len])
    }

    /// A buffer of these values.
    pub fn from_vec(values: Vec<T>) -> Self {
        let values = values.into_boxed_slice();
        // SAFETY: `UnsafeCell<T>` has the layout of `T`.
        Self(unsafe { Box::from_raw(Box::into_raw(values) as *mut [UnsafeCell<T>]) })
    }

    /// The values, once all threads are done.
    pub fn into_vec(self) -> Vec<T> {
        // SAFETY: as in `from_vec`.
        let values = unsafe { Box::from_raw(Box::into_raw(self.0) as *mut [T]) };
        values.into_vec()
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A part to read.
    ///
    /// # Safety
    /// No thread writes to it as long as the slice lives.
    pub unsafe fn read(&self, part: Range<usize>) -> &[T] {
        let part = &self.0[part];
        // SAFETY: `UnsafeCell<T>` has the layout of `T`; the caller promises that nothing is written.
        unsafe { core::slice::from_raw_parts(part.as_ptr().cast(), part.len()) }
    }

    /// A part to write.
    ///
    /// # Safety
    /// No other thread reads or writes it, and no other slice to it exists, as long as this one lives.
    #[allow(clippy::mut_from_ref)] // the purpose of this type
    pub unsafe fn write(&self, part: Range<usize>) -> &mut [T] {
        let part = &self.0[part];
        // SAFETY: as above, and the caller promises that this slice is the only way to these elements.
        unsafe { core::slice::from_raw_parts_mut(part.as_ptr() as *mut T, part.len()) }
    }

    /// Writes one element.
    ///
    /// # Safety
    /// No other thread reads or writes it meanwhile.
    pub unsafe fn set(&self, at: usize, value: T) {
        // SAFETY: the caller's promise; the index is checked.
        unsafe { *self.0[at].get() = value }
    }
}
