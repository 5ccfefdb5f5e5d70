//! Object headers and their messages, section IV.A: what a dataset or a group is.

use super::checksum::checksum;

/// An address or size that is not there.
const UNDEFINED: u64 = u64::MAX;

/// Kinds of elements that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoredType {
    /// Unsigned byte.
    U8,
    /// Unsigned integer of 16 bits.
    U16,
    /// IEEE float of 16 bits.
    F16,
    /// Text of so many bytes, padded with zero bytes.
    Text(u32),
}

/// One message of an object header.
pub(super) struct Message {
    kind: u8,
    /// 1: the message never changes.
    flags: u8,
    body: Vec<u8>,
}

impl Message {
    /// IV.A.2.b: a list of `rows` elements, or a single one.
    pub(super) fn dataspace(rows: Option<u64>) -> Self {
        Self {
            kind: 0x01,
            flags: 0,
            body: dataspace(rows),
        }
    }

    /// IV.A.2.d: elements of type `element`, or variable-length arrays of them.
    pub(super) fn datatype(element: StoredType, ragged: bool) -> Self {
        let mut body = Vec::new();
        if ragged {
            body.extend([0x19, 0, 0, 0]); // class 9, version 1: a sequence
            body.extend((super::REFERENCE as u32).to_le_bytes());
        }
        body.extend(datatype(element));
        Self {
            kind: 0x03,
            flags: 1,
            body,
        }
    }

    /// IV.A.2.f, version 3: no fill value; storage is allocated late and filled when one is set.
    pub(super) fn fill() -> Self {
        Self {
            kind: 0x05,
            flags: 1,
            body: vec![3, 0x0a],
        }
    }

    /// IV.A.2.i, version 3: `size` bytes in one piece at `address`.
    pub(super) fn contiguous(address: u64, size: u64) -> Self {
        let mut body = vec![3, 1];
        // Without elements there is no place.
        let address = if size == 0 { UNDEFINED } else { address };
        body.extend(address.to_le_bytes());
        body.extend(size.to_le_bytes());
        Self {
            kind: 0x08,
            flags: 0,
            body,
        }
    }

    /// IV.A.2.c: the links of the group are messages of its own header.
    pub(super) fn link_info() -> Self {
        let mut body = vec![0, 0];
        body.extend(UNDEFINED.to_le_bytes());
        body.extend(UNDEFINED.to_le_bytes());
        Self {
            kind: 0x02,
            flags: 0,
            body,
        }
    }

    /// IV.A.2.k: nothing special about the group.
    pub(super) fn group_info() -> Self {
        Self {
            kind: 0x0a,
            flags: 1,
            body: vec![0, 0],
        }
    }

    /// IV.A.2.g: the object at `address` is called `name`, of at most 255 bytes.
    pub(super) fn link(name: &str, address: u64) -> Self {
        let mut body = vec![1, 0, name.len() as u8];
        body.extend(name.as_bytes());
        body.extend(address.to_le_bytes());
        Self {
            kind: 0x06,
            flags: 0,
            body,
        }
    }

    /// IV.A.2.m, version 3: the attribute `name` with a text.
    pub(super) fn attribute(name: &str, text: &str) -> Self {
        let datatype = datatype(StoredType::Text(text.len() as u32));
        let dataspace = dataspace(None);
        let mut body = vec![3, 0];
        for size in [name.len() + 1, datatype.len(), dataspace.len()] {
            body.extend((size as u16).to_le_bytes());
        }
        body.push(0); // the name is ASCII
        body.extend(name.as_bytes());
        body.push(0);
        body.extend(datatype);
        body.extend(dataspace);
        body.extend(text.as_bytes());
        Self {
            kind: 0x0c,
            flags: 0,
            body,
        }
    }
}

fn dataspace(rows: Option<u64>) -> Vec<u8> {
    match rows {
        None => vec![2, 0, 0, 0],
        Some(rows) => [&[2, 1, 0, 1], &rows.to_le_bytes()[..]].concat(),
    }
}

fn datatype(element: StoredType) -> Vec<u8> {
    // class and version 1, bit field, size
    let (class, bits, size): (u8, [u8; 3], u32) = match element {
        StoredType::U8 => (0x10, [0; 3], 1),
        StoredType::U16 => (0x10, [0; 3], 2),
        StoredType::F16 => (0x11, [0x20, 15, 0], 2), // implied leading 1, sign in bit 15
        StoredType::Text(size) => (0x13, [1, 0, 0], size), // padded with zero bytes
    };
    let mut body = vec![class];
    body.extend(bits);
    body.extend(size.to_le_bytes());
    match element {
        StoredType::U8 | StoredType::U16 => {
            body.extend(0_u16.to_le_bytes()); // first bit
            body.extend((size as u16 * 8).to_le_bytes()); // bits
        }
        StoredType::F16 => {
            body.extend([0, 0, 16, 0]); // first bit, bits
            body.extend([10, 5, 0, 10]); // exponent: first bit, bits; mantissa: first bit, bits
            body.extend(15_u32.to_le_bytes()); // bias
        }
        StoredType::Text(_) => {}
    }
    body
}

/// IV.A.1.b: an object header of version 2 with these messages.
pub(super) fn object_header(messages: &[Message]) -> Vec<u8> {
    let mut bodies = Vec::new();
    for message in messages {
        bodies.push(message.kind);
        bodies.extend((message.body.len() as u16).to_le_bytes());
        bodies.push(message.flags);
        bodies.extend(&message.body);
    }
    let mut header = b"OHDR\x02\x02".to_vec(); // version 2; its size has 4 bytes
    header.extend((bodies.len() as u32).to_le_bytes());
    header.extend(bodies);
    let sum = checksum(&header);
    header.extend(sum.to_le_bytes());
    header
}

/// II.A, version 2: a file of `end` bytes whose root group is at `root`.
pub(super) fn superblock(end: u64, root: u64) -> Vec<u8> {
    let mut block = b"\x89HDF\r\n\x1a\n".to_vec();
    block.extend([2, 8, 8, 0]); // version, bytes of addresses and of lengths, flags
    for address in [0, UNDEFINED, end, root] {
        block.extend(address.to_le_bytes());
    }
    let sum = checksum(&block);
    block.extend(sum.to_le_bytes());
    block
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::hdf5::{Hdf5File, NumberKind};

    #[test]
    fn types_nested_thousands_deep_are_an_error() {
        // arrays of arrays of ..., as deep as a message can hold
        let level = [&[0x19, 0, 0, 0][..], &16_u32.to_le_bytes()].concat();
        let nested = Message {
            kind: 0x03,
            flags: 1,
            body: level.repeat(8_000),
        };
        let dataset = object_header(&[
            Message::dataspace(Some(1)),
            nested,
            Message::fill(),
            Message::contiguous(0, 16),
        ]);
        let start = superblock(0, 0).len() as u64;
        let group = object_header(&[
            Message::link_info(),
            Message::group_info(),
            Message::link("deep", start),
        ]);
        let root = start + dataset.len() as u64;
        let end = root + group.len() as u64;
        let bytes = [superblock(end, root), dataset, group].concat();
        let file = Hdf5File::from_bytes("deep.h5", "a test file", bytes).unwrap();
        let error = file.ragged("deep", NumberKind::Float).err().unwrap();
        let message = error.to_string();
        assert!(message.contains("deep.h5: dataset deep: "), "{message}");
    }
}
