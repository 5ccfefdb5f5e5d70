//! Numbers as HDF5 files store them.

use half::f16;
use hdf5_pure::{Datatype, DatatypeByteOrder, FloatingPointLayout};

/// IEEE half precision, which `hdf5-pure` has no name for.
const IEEE754_BINARY16: FloatingPointLayout = FloatingPointLayout {
    bit_offset: 0,
    bit_precision: 16,
    exponent_location: 10,
    exponent_size: 5,
    mantissa_location: 0,
    mantissa_size: 10,
    exponent_bias: 15,
};

/// Whole or broken numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NumberKind {
    /// Integers of any width and sign.
    Integer,
    /// IEEE floats.
    Float,
}

/// What the bytes of a number mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Unsigned,
    Signed,
    Float,
}

/// How a number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number {
    kind: Kind,
    /// 1, 2, 4 or 8; a float has no single byte.
    size: usize,
    big_endian: bool,
}

impl Number {
    /// The stored number that `datatype` describes, if it is an ordinary integer of 1, 2, 4 or 8 bytes or an IEEE float
    /// of 2, 4 or 8.
    pub(super) fn of(datatype: &Datatype) -> Option<Self> {
        let (kind, size, order) = match datatype {
            Datatype::FixedPoint {
                size,
                byte_order,
                layout,
            } => {
                if !matches!(size, 1 | 2 | 4 | 8)
                    || layout.bit_offset != 0
                    || u32::from(layout.bit_precision) != size * 8
                {
                    return None;
                }
                let kind = match layout.signed {
                    true => Kind::Signed,
                    false => Kind::Unsigned,
                };
                (kind, *size, *byte_order)
            }
            Datatype::FloatingPoint {
                size,
                byte_order,
                layout,
            } => {
                let expected = match size {
                    2 => IEEE754_BINARY16,
                    4 => FloatingPointLayout::IEEE754_BINARY32,
                    8 => FloatingPointLayout::IEEE754_BINARY64,
                    _ => return None,
                };
                if *layout != expected {
                    return None;
                }
                (Kind::Float, *size, *byte_order)
            }
            _ => return None,
        };
        let big_endian = match order {
            DatatypeByteOrder::LittleEndian => false,
            DatatypeByteOrder::BigEndian => true,
            DatatypeByteOrder::Vax => return None,
        };
        Some(Self {
            kind,
            size: size as usize,
            big_endian,
        })
    }

    pub(super) fn kind(self) -> NumberKind {
        match self.kind {
            Kind::Unsigned | Kind::Signed => NumberKind::Integer,
            Kind::Float => NumberKind::Float,
        }
    }

    /// Bytes of one number.
    pub(super) fn size(self) -> usize {
        self.size
    }

    /// The bytes of one number as those of a little-endian `u64`.
    fn bits(self, bytes: &[u8]) -> u64 {
        let mut wide = [0; 8];
        for (at, byte) in bytes.iter().enumerate() {
            let at = if self.big_endian {
                self.size - 1 - at
            } else {
                at
            };
            wide[at] = *byte;
        }
        u64::from_le_bytes(wide)
    }

    /// The integers in `bytes`, those above `i64::MAX` as `i64::MAX`: nothing here has a range that wide.
    pub(super) fn integers(self, bytes: &[u8]) -> impl Iterator<Item = i64> {
        let unused = 64 - 8 * self.size;
        bytes.chunks_exact(self.size).map(move |one| {
            let bits = self.bits(one);
            match self.kind {
                // The sign bit goes to the top and is drawn down again.
                Kind::Signed => (bits << unused).cast_signed() >> unused,
                _ => i64::try_from(bits).unwrap_or(i64::MAX),
            }
        })
    }

    /// The floats in `bytes`.
    pub(super) fn floats(self, bytes: &[u8]) -> impl Iterator<Item = f64> {
        bytes.chunks_exact(self.size).map(move |one| {
            let bits = self.bits(one);
            match self.size {
                2 => f16::from_bits(bits as u16).to_f64(),
                4 => f64::from(f32::from_bits(bits as u32)),
                _ => f64::from_bits(bits),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hdf5_pure::FixedPointLayout;

    fn integer(size: u32, signed: bool, byte_order: DatatypeByteOrder) -> Option<Number> {
        let layout = FixedPointLayout {
            signed,
            bit_offset: 0,
            bit_precision: (size * 8) as u16,
        };
        Number::of(&Datatype::FixedPoint {
            size,
            byte_order,
            layout,
        })
    }

    fn integers(number: Option<Number>, bytes: &[u8]) -> Vec<i64> {
        number.map_or(vec![], |n| n.integers(bytes).collect())
    }

    #[test]
    fn integers_of_any_width_sign_and_order() {
        use DatatypeByteOrder::{BigEndian, LittleEndian, Vax};
        assert_eq!(
            integers(integer(1, false, LittleEndian), &[255, 7]),
            [255, 7]
        );
        assert_eq!(integers(integer(1, true, LittleEndian), &[255, 7]), [-1, 7]);
        assert_eq!(integers(integer(2, false, BigEndian), &[2, 187]), [699]);
        assert_eq!(integers(integer(2, true, LittleEndian), &[254, 255]), [-2]);
        let minus_three = (-3_i32).to_be_bytes();
        assert_eq!(integers(integer(4, true, BigEndian), &minus_three), [-3]);
        assert_eq!(
            integers(integer(8, false, LittleEndian), &[255; 8]),
            [i64::MAX]
        );
        assert_eq!(integers(integer(8, true, LittleEndian), &[255; 8]), [-1]);
        assert_eq!(integer(3, true, LittleEndian), None);
        assert_eq!(integer(2, true, Vax), None);
    }

    #[test]
    fn floats_of_every_width_and_order() {
        let float = |size, byte_order, layout| {
            Number::of(&Datatype::FloatingPoint {
                size,
                byte_order,
                layout,
            })
        };
        let value = |number: Option<Number>, bytes: &[u8]| -> Option<f64> {
            number.and_then(|n| n.floats(bytes).next())
        };
        use DatatypeByteOrder::{BigEndian, LittleEndian};
        let half = float(2, BigEndian, IEEE754_BINARY16);
        assert_eq!(
            value(half, &f16::from_f64(0.375).to_be_bytes()),
            Some(0.375)
        );
        let single = float(4, LittleEndian, FloatingPointLayout::IEEE754_BINARY32);
        assert_eq!(
            value(single, &0.1_f32.to_le_bytes()),
            Some(f64::from(0.1_f32))
        );
        let double = float(8, BigEndian, FloatingPointLayout::IEEE754_BINARY64);
        assert_eq!(value(double, &0.1_f64.to_be_bytes()), Some(0.1));
        // bfloat16 has the size of a half, but not its layout
        let bfloat = FloatingPointLayout {
            exponent_size: 8,
            ..IEEE754_BINARY16
        };
        assert_eq!(float(2, LittleEndian, bfloat), None);
    }
}
