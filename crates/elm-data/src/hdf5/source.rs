//! The bytes of an HDF5 file, with a bound on how often its structure is visited.
//!
//! Blocks of a file name other blocks, and nothing forbids that many name the same one: 27 kB can be made to ask for a
//! million visits, and for twice as many with every further level. The library follows such references wherever they
//! lead; here it runs out of reads.

use std::io::{Read, Seek};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hdf5_pure::{FormatError, ReadSeekSource, Source};

/// Reads that any structure may take, and one more for this many bytes of the file.
const READS: u64 = 4096;
const BYTES_PER_READ: u64 = 16;
/// Bytes that they may read, and how often the whole file.
const BYTES: u64 = 4 << 20;
const TIMES: u64 = 16;

/// Something like a file.
pub(super) trait ReadSeek: Read + Seek + Send {}
impl<R: Read + Seek + Send> ReadSeek for R {}

/// The bytes of the file, for `hdf5-pure` and for what is read here: nothing else is in memory. Clones count together.
#[derive(Clone)]
pub(super) struct Bytes(Arc<Counted>);

struct Counted {
    source: ReadSeekSource<Box<dyn ReadSeek>>,
    reads: AtomicU64,
    bytes: AtomicU64,
}

impl Bytes {
    pub(super) fn new(file: Box<dyn ReadSeek>) -> Result<Self, FormatError> {
        Ok(Self(Arc::new(Counted {
            source: ReadSeekSource::new(file)?,
            reads: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        })))
    }

    /// Begins to count anew, for the next question to the structure.
    pub(super) fn begin(&self) {
        self.0.reads.store(0, Ordering::Relaxed);
        self.0.bytes.store(0, Ordering::Relaxed);
    }

    /// The same bytes without counting, for who bounds his reads himself.
    pub(super) fn uncounted(&self) -> Uncounted {
        Uncounted(self.clone())
    }
}

impl Source for Bytes {
    fn len(&self) -> u64 {
        self.0.source.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FormatError> {
        let length = self.len();
        let size = buffer.len() as u64;
        let reads = self.0.reads.fetch_add(1, Ordering::Relaxed);
        let bytes = self.0.bytes.fetch_add(size, Ordering::Relaxed);
        let most_bytes = length.saturating_mul(TIMES).saturating_add(BYTES);
        if reads > READS + length / BYTES_PER_READ || bytes > most_bytes {
            return Err(FormatError::Source(format!(
                "its blocks name each other again and again: {reads} visits in a file of {length} bytes"
            )));
        }
        self.0.source.read_at(offset, buffer)
    }
}

/// See [`Bytes::uncounted`].
pub(super) struct Uncounted(Bytes);

impl Source for Uncounted {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FormatError> {
        self.0.0.source.read_at(offset, buffer)
    }
}
