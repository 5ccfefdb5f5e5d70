//! Number formats of tensors.

use alloc::vec::Vec;

/// A number format; all are stored little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// Float of 64 bits.
    F64,
    /// Float of 32 bits.
    F32,
    /// Float of 16 bits (IEEE 754): 5 of exponent, 10 of fraction.
    F16,
    /// The upper 16 bits of a float of 32: 8 of exponent, 7 of fraction.
    BF16,
    /// Integer of 64 bits.
    I64,
    /// Integer of 32 bits.
    I32,
    /// Integer of 16 bits.
    I16,
    /// Integer of 8 bits.
    I8,
    /// Integer of 64 bits without sign.
    U64,
    /// Integer of 32 bits without sign.
    U32,
    /// Integer of 16 bits without sign.
    U16,
    /// Integer of 8 bits without sign.
    U8,
    /// Truth value, a byte: 0 is false, all else true.
    Bool,
}

impl Dtype {
    /// The format of this name in the header.
    pub fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "F64" => Self::F64,
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::BF16,
            "I64" => Self::I64,
            "I32" => Self::I32,
            "I16" => Self::I16,
            "I8" => Self::I8,
            "U64" => Self::U64,
            "U32" => Self::U32,
            "U16" => Self::U16,
            "U8" => Self::U8,
            "BOOL" => Self::Bool,
            _ => return None,
        })
    }

    /// Is it one of the formats for numbers with a fraction?
    pub fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }

    /// Bytes of a number.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::BF16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Numbers of this format as f64; integers beyond 2^53 are rounded.
    pub fn decode(self, bytes: &[u8]) -> Vec<f64> {
        match self {
            Self::F64 => each(bytes, f64::from_le_bytes),
            Self::F32 => each(bytes, |b| f32::from_le_bytes(b).into()),
            Self::F16 => each(bytes, |b| half(u16::from_le_bytes(b))),
            Self::BF16 => each(bytes, |b| {
                f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16).into()
            }),
            Self::I64 => each(bytes, |b| i64::from_le_bytes(b) as f64),
            Self::I32 => each(bytes, |b| i32::from_le_bytes(b).into()),
            Self::I16 => each(bytes, |b| i16::from_le_bytes(b).into()),
            Self::I8 => each(bytes, |b| i8::from_le_bytes(b).into()),
            Self::U64 => each(bytes, |b| u64::from_le_bytes(b) as f64),
            Self::U32 => each(bytes, |b| u32::from_le_bytes(b).into()),
            Self::U16 => each(bytes, |b| u16::from_le_bytes(b).into()),
            Self::U8 => each(bytes, |b| u8::from_le_bytes(b).into()),
            Self::Bool => each(bytes, |[b]: [u8; 1]| f64::from(u8::from(b != 0))),
        }
    }
}

fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
    let chunks = bytes.chunks_exact(N);
    chunks
        .filter_map(|chunk| chunk.try_into().ok())
        .map(number)
        .collect()
}

/// The number with the bits of a 16-bit float: sign, 5 bits of exponent, 10 of fraction.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match i32::from(bits >> 10 & 0x1f) {
        0 => libm::ldexp(fraction, -24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => libm::ldexp(fraction + 1024.0, exponent - 25),
    };
    if bits >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_floats_are_what_they_are() {
        let halves = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960_464_477_539_063e-8),
        ];
        for (bits, value) in halves {
            assert_eq!(half(bits), value);
        }
        assert_eq!(half(0xfc00), f64::NEG_INFINITY);
        assert!(half(0x7e00).is_nan() && half(0x8000).is_sign_negative());
        assert_eq!(Dtype::BF16.decode(&[0x80, 0x3f, 0x40, 0xc0]), [1.0, -3.0]);
    }

    #[test]
    fn integers_keep_their_sign() {
        assert_eq!(Dtype::I8.decode(&[0xff, 0x7f]), [-1.0, 127.0]);
        assert_eq!(Dtype::U8.decode(&[0xff]), [255.0]);
        assert_eq!(Dtype::I16.decode(&[0xfe, 0xff]), [-2.0]);
        assert_eq!(Dtype::U16.decode(&[0xfe, 0xff]), [65534.0]);
        assert_eq!(Dtype::I32.decode(&(-5i32).to_le_bytes()), [-5.0]);
        assert_eq!(Dtype::U32.decode(&[0xff; 4]), [4_294_967_295.0]);
        assert_eq!(Dtype::I64.decode(&(-9i64).to_le_bytes()), [-9.0]);
        assert_eq!(Dtype::U64.decode(&7u64.to_le_bytes()), [7.0]);
        assert_eq!(Dtype::Bool.decode(&[0, 1, 7]), [0.0, 1.0, 1.0]);
        assert_eq!(Dtype::F64.decode(&0.1f64.to_le_bytes()), [0.1]);
    }
}
