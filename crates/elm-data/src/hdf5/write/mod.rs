//! Writing an HDF5 file from front to back: variable-length arrays first, then the datasets, then the groups. Only the
//! references of the arrays stay in memory. HDF5 1.8 and newer read the result.

mod checksum;
mod message;

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

pub(crate) use message::StoredType;
use message::{Message, object_header, superblock};

use super::REFERENCE;
use crate::{DataError, Result};

/// HDF5 takes no smaller collection.
const SMALLEST_COLLECTION: usize = 4096;
/// Header of a collection, and of an object in it.
const HEADER: usize = 16;
/// Size of the superblock.
const SUPERBLOCK: usize = 48;

/// A named object of a group.
pub(crate) struct Link {
    name: &'static str,
    address: u64,
}

/// An HDF5 file that is being written.
pub(crate) struct Hdf5Writer<'a> {
    path: &'a Path,
    file: BufWriter<File>,
    /// Bytes written so far, always a multiple of 8.
    at: u64,
}

impl<'a> Hdf5Writer<'a> {
    /// Starts the file `path`.
    pub(crate) fn create(path: &'a Path) -> Result<Self> {
        let file = File::create(path).map_err(|e| DataError::io(path, "create it", e))?;
        let mut writer = Self {
            path,
            file: BufWriter::with_capacity(1 << 18, file),
            at: 0,
        };
        writer.append(&[0; SUPERBLOCK])?;
        Ok(writer)
    }

    /// Puts `bytes` at the end, padded to a multiple of 8; where that is.
    fn append(&mut self, bytes: &[u8]) -> Result<u64> {
        let (address, padded) = (self.at, bytes.len().next_multiple_of(8));
        let padding = [0; 8];
        self.file
            .write_all(bytes)
            .and_then(|()| self.file.write_all(&padding[..padded - bytes.len()]))
            .map_err(|e| DataError::io(self.path, "write it", e))?;
        self.at += padded as u64;
        Ok(address)
    }

    /// Writes little-endian variable-length elements into the global heap, all of them into one collection; each is the
    /// number of its numbers, and their bytes.
    pub(crate) fn elements<const N: usize>(
        &mut self,
        elements: [(usize, &[u8]); N],
    ) -> Result<[[u8; REFERENCE]; N]> {
        let mut references = [[0; REFERENCE]; N];
        let mut collection = vec![0; HEADER];
        for (index, (&(length, bytes), reference)) in
            (1_u16..).zip(elements.iter().zip(&mut references))
        {
            if length == 0 {
                continue; // nothing in the heap, all zeros in the reference
            }
            let size = bytes.len() as u64;
            collection.extend([index.to_le_bytes(), 1_u16.to_le_bytes()].as_flattened());
            collection.extend([0; 4]);
            collection.extend(size.to_le_bytes());
            collection.extend(bytes);
            collection.resize(collection.len().next_multiple_of(8), 0);
            reference[..4].copy_from_slice(&(length as u32).to_le_bytes());
            reference[4..12].copy_from_slice(&self.at.to_le_bytes());
            reference[12..].copy_from_slice(&u32::from(index).to_le_bytes());
        }
        if collection.len() > HEADER {
            close_collection(&mut collection);
            self.append(&collection)?;
        }
        Ok(references)
    }

    /// Writes a list of elements of type `element`, given as little-endian bytes.
    pub(crate) fn list(
        &mut self,
        name: &'static str,
        element: StoredType,
        rows: usize,
        bytes: &[u8],
    ) -> Result<Link> {
        self.dataset(name, Message::datatype(element, false), rows, bytes)
    }

    /// Writes a list of variable-length arrays of `element`, given the references to them.
    pub(crate) fn ragged(
        &mut self,
        name: &'static str,
        element: StoredType,
        references: &[[u8; REFERENCE]],
    ) -> Result<Link> {
        let (rows, bytes) = (references.len(), references.as_flattened());
        self.dataset(name, Message::datatype(element, true), rows, bytes)
    }

    fn dataset(
        &mut self,
        name: &'static str,
        datatype: Message,
        rows: usize,
        bytes: &[u8],
    ) -> Result<Link> {
        let data = self.append(bytes)?;
        let header = object_header(&[
            Message::dataspace(Some(rows as u64)),
            datatype,
            Message::fill(),
            Message::contiguous(data, bytes.len() as u64),
        ]);
        let address = self.append(&header)?;
        Ok(Link { name, address })
    }

    /// Writes a group of `links` with text attributes `(name, text)`.
    pub(crate) fn group(
        &mut self,
        name: &'static str,
        links: &[Link],
        attributes: &[(&str, &str)],
    ) -> Result<Link> {
        let mut messages = vec![Message::link_info(), Message::group_info()];
        messages.extend(links.iter().map(|l| Message::link(l.name, l.address)));
        messages.extend(attributes.iter().map(|(n, t)| Message::attribute(n, t)));
        let address = self.append(&object_header(&messages))?;
        Ok(Link { name, address })
    }

    /// Finishes the file, whose root group is `root`; its size in bytes.
    pub(crate) fn finish(mut self, root: Link) -> Result<u64> {
        let block = superblock(self.at, root.address);
        let write = |file: &mut BufWriter<File>| {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&block)?;
            file.flush()?;
            file.get_ref().sync_all()
        };
        write(&mut self.file).map_err(|e| DataError::io(self.path, "write it", e))?;
        Ok(self.at)
    }
}

/// Gives a collection its header and its free space, as an object of index 0, if there is any.
fn close_collection(collection: &mut Vec<u8>) {
    let used = collection.len();
    let size = used.max(SMALLEST_COLLECTION);
    collection.resize(size, 0);
    collection[..5].copy_from_slice(b"GCOL\x01");
    collection[8..HEADER].copy_from_slice(&(size as u64).to_le_bytes());
    let free = (size - used) as u64;
    if free >= HEADER as u64 {
        collection[used + 8..used + HEADER].copy_from_slice(&free.to_le_bytes());
    }
}
