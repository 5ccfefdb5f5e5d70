//! The global heap, section III.E: objects of variable length in collections anywhere in the file.
//!
//! A collection is `GCOL`, version 1, 3 zero bytes, its size (`u64`), then objects, each of index (`u16`, 0: free space
//! to the end), reference count (`u16`), 4 zero bytes, size (`u64`), and data padded to 8 bytes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hdf5_pure::{FormatError, Source};

use super::REFERENCE;

/// Header of a collection, and header of an object in it.
const HEADER: u64 = 16;
/// An index has 16 bits.
const MOST_OBJECTS: usize = 1 << 16;
/// Objects that may be looked at before this bounds them: as many again for every 16 bytes of the file, which is what an
/// object takes at least. Only a file that lets its directories be forgotten again and again asks for more.
const MOST_VISITED: u64 = 4 << 20;
/// The directories of collections are forgotten when they hold more objects than this together.
const MOST_REMEMBERED: usize = 1 << 20;

/// A variable-length element: where its numbers are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reference {
    /// Numbers in it.
    pub(super) length: u32,
    /// Address of its collection.
    address: u64,
    /// Its index there.
    index: u32,
}

impl Reference {
    /// The references in `bytes`.
    pub(super) fn all(bytes: &[u8]) -> Vec<Self> {
        let (references, _) = bytes.as_chunks::<REFERENCE>();
        let one = |bytes: &[u8; REFERENCE]| {
            let low = u128::from_le_bytes(*bytes);
            Self {
                length: low as u32,
                address: (low >> 32) as u64,
                index: (low >> 96) as u32,
            }
        };
        references.iter().map(one).collect()
    }
}

/// Place of an object's data in the file.
#[derive(Debug, Clone, Copy)]
struct Object {
    index: u16,
    offset: u64,
    size: u64,
}

/// The global heap of an open file; may be asked by several threads.
pub(super) struct GlobalHeap<S> {
    source: S,
    /// Where address 0 is in the file.
    base: u64,
    /// Objects by the address of their collection, sorted by index.
    collections: Mutex<Collections>,
}

#[derive(Default)]
struct Collections {
    known: HashMap<u64, Arc<[Object]>>,
    objects: usize,
    /// Objects looked at so far, also of directories that were forgotten.
    visited: u64,
}

impl<S: Source> GlobalHeap<S> {
    pub(super) fn new(source: S, base: u64) -> Self {
        Self {
            source,
            base,
            collections: Mutex::default(),
        }
    }

    /// Data of the element `reference`, whose numbers have `element` bytes.
    ///
    /// Nothing is allocated that the object, and so the file, does not hold.
    pub(super) fn read(&self, reference: Reference, element: usize) -> Result<Vec<u8>, String> {
        if reference.length == 0 {
            return Ok(Vec::new()); // the address of an empty element means nothing
        }
        let Reference {
            length,
            address,
            index,
        } = reference;
        let objects = self.collection(address)?;
        let object = u16::try_from(index)
            .ok()
            .and_then(|index| objects.binary_search_by_key(&index, |o| o.index).ok())
            .and_then(|place| objects.get(place))
            .ok_or_else(|| format!("expected object {index} in the collection at {address}"))?;
        let bytes = u64::from(length) * element as u64;
        if bytes > object.size {
            let found = object.size;
            return Err(format!(
                "expected {length} numbers ({bytes} bytes), found an object of {found} bytes"
            ));
        }
        let bytes = usize::try_from(bytes).map_err(|_| format!("{bytes} bytes are too many"))?;
        self.source
            .read_exact_at(object.offset, bytes)
            .map_err(|e| e.to_string())
    }

    fn collection(&self, address: u64) -> Result<Arc<[Object]>, String> {
        let lock = || {
            self.collections
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(objects) = lock().known.get(&address) {
            return Ok(objects.clone());
        }
        let objects: Arc<[Object]> = self
            .directory(address)
            .map_err(|problem| format!("the heap collection at {address}: {problem}"))?
            .into();
        let mut collections = lock();
        collections.visited += objects.len() as u64 + 1;
        if collections.visited > MOST_VISITED + 4 * self.source.len() / HEADER {
            return Err(format!(
                "its heap is visited again and again: {} objects in a file of {} bytes",
                collections.visited,
                self.source.len()
            ));
        }
        collections.objects += objects.len() + 1;
        if collections.objects > MOST_REMEMBERED {
            *collections = Collections {
                objects: objects.len() + 1,
                visited: collections.visited,
                ..Collections::default()
            };
        }
        collections.known.insert(address, objects.clone());
        Ok(objects)
    }

    /// The objects of the collection at `address`, by index.
    fn directory(&self, address: u64) -> Result<Vec<Object>, String> {
        let past_end = || {
            let length = self.source.len();
            format!("expected it within the {length} bytes of the file")
        };
        let start = self.base.checked_add(address).ok_or_else(past_end)?;
        let header = self.header(start)?;
        if header[..5] != *b"GCOL\x01" {
            return Err("expected GCOL, version 1, found something else".into());
        }
        let size = last_u64(&header);
        let end = start.checked_add(size).ok_or_else(past_end)?;
        if size < HEADER || end > self.source.len() {
            return Err(past_end());
        }
        let mut objects = Vec::new();
        let mut at = start + HEADER;
        while at.checked_add(HEADER).is_some_and(|data| data <= end) {
            let header = self.header(at)?;
            let index = u16::from_le_bytes([header[0], header[1]]);
            if index == 0 {
                break;
            }
            if objects.len() == MOST_OBJECTS {
                return Err(format!("expected at most {MOST_OBJECTS} objects"));
            }
            let (offset, size) = (at + HEADER, last_u64(&header));
            let data_end = offset.checked_add(size).filter(|e| *e <= end);
            let data_end = data_end.ok_or_else(|| {
                format!("object {index} of {size} bytes does not fit into the collection")
            })?;
            objects.push(Object {
                index,
                offset,
                size,
            });
            at = offset + (data_end - offset).next_multiple_of(8);
        }
        objects.sort_by_key(|o| o.index);
        Ok(objects)
    }

    fn header(&self, offset: u64) -> Result<[u8; HEADER as usize], String> {
        let mut header = [0; HEADER as usize];
        self.source
            .read_at(offset, &mut header)
            .map_err(|e: FormatError| e.to_string())?;
        Ok(header)
    }
}

/// The size field of a header.
fn last_u64(header: &[u8; HEADER as usize]) -> u64 {
    (u128::from_le_bytes(*header) >> 64) as u64
}
