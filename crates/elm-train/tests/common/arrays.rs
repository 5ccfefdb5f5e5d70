//! Files of arrays as NumPy writes them.
#![allow(dead_code)] // each test file uses its own part

use std::path::Path;

/// An array to be written.
pub struct Array {
    name: String,
    bytes: Vec<u8>,
}

impl Array {
    /// Doubles of this shape.
    pub fn floats(name: &str, shape: &[usize], values: impl IntoIterator<Item = f64>) -> Self {
        let bytes: Vec<u8> = values.into_iter().flat_map(f64::to_le_bytes).collect();
        Self::new(name, "<f8", shape, bytes, 8)
    }

    /// Single-precision numbers of this shape.
    pub fn singles(name: &str, shape: &[usize], values: impl IntoIterator<Item = f32>) -> Self {
        let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        Self::new(name, "<f4", shape, bytes, 4)
    }

    /// Integers of this shape.
    pub fn integers(name: &str, shape: &[usize], values: impl IntoIterator<Item = i64>) -> Self {
        let bytes: Vec<u8> = values.into_iter().flat_map(i64::to_le_bytes).collect();
        Self::new(name, "<i8", shape, bytes, 8)
    }

    fn new(name: &str, descr: &str, shape: &[usize], data: Vec<u8>, size: usize) -> Self {
        assert_eq!(data.len(), size * shape.iter().product::<usize>(), "{name}");
        let sizes: String = shape.iter().map(|n| format!("{n}, ")).collect();
        let mut header =
            format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({sizes}), }}");
        while !(10 + header.len() + 1).is_multiple_of(64) {
            header.push(' ');
        }
        header.push('\n');
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.into_bytes());
        bytes.extend(data);
        Self {
            name: format!("{name}.npy"),
            bytes,
        }
    }
}

/// Writes arrays as `np.savez` does: a zip archive whose members are stored as they are.
pub fn npz(path: &Path, arrays: &[Array]) {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for Array { name, bytes } in arrays {
        let at = file.len() as u32;
        let size = bytes.len() as u32;
        // version, flags, method, time and date, checksum, sizes, lengths of name and extra field
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        common.extend(crc32(bytes).to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend(size.to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.bytes());
        file.extend(bytes);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.bytes());
    }
    let (count, at) = (arrays.len() as u16, file.len() as u32);
    let size = directory.len() as u32;
    file.extend(directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend(count.to_le_bytes());
    file.extend(count.to_le_bytes());
    file.extend(size.to_le_bytes());
    file.extend(at.to_le_bytes());
    file.extend([0, 0]);
    std::fs::write(path, file).unwrap();
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc = (crc >> 1) ^ (low * 0xedb8_8320);
        }
    }
    !crc
}

/// Numbers that look random, from -1 to 1, the same each time.
pub struct Noise(u64);

impl Noise {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// The next one.
    pub fn draw(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}
