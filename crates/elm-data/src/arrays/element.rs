//! The types of single numbers and texts in array files.

use half::{bf16, f16};
use safetensors::Dtype;

/// What the bytes of an element mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ElementKind {
    Bool,
    Unsigned,
    Signed,
    Float,
    /// The upper half of a 32-bit float.
    BFloat,
    /// Bytes, padded with zeros.
    Bytes,
    /// Characters of four bytes each, padded with zeros.
    Text,
}

/// How an element is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) kind: ElementKind,
    /// Bytes of one element.
    pub(super) size: usize,
    big_endian: bool,
}

impl Element {
    /// Little-endian double precision.
    pub(super) const F64: Self = Self {
        kind: ElementKind::Float,
        size: 8,
        big_endian: false,
    };

    /// The element that a NumPy type string such as `<f4` describes.
    ///
    /// # Errors
    /// That it is another type than a real number, a truth value or a text, in words.
    pub(super) fn from_numpy(name: &str) -> Result<Self, String> {
        let refused = |why: &str| Err(format!("type {name}: {why}"));
        let (order, rest) = match name.as_bytes() {
            [b'<' | b'>' | b'|' | b'=', ..] => name.split_at(1),
            _ => ("=", name),
        };
        let Some((code, digits)) = rest.split_at_checked(1) else {
            return refused("expected a NumPy type such as <f4");
        };
        let Ok(size) = digits.parse::<usize>() else {
            return match code {
                "O" => refused(
                    "an array of Python objects can only be read by running pickle, which is not done here; save texts \
                     as texts, y.astype(str), and each of several sequences under its own key: \
                     np.savez(path, **{f\"x_{i}\": a for i, a in enumerate(x)}, y=y)",
                ),
                _ => refused("expected numbers, truth values or texts"),
            };
        };
        let (kind, size) = match (code, size) {
            ("b", 1) | ("?", _) => (ElementKind::Bool, 1),
            ("u", 1 | 2 | 4 | 8) => (ElementKind::Unsigned, size),
            ("i", 1 | 2 | 4 | 8) => (ElementKind::Signed, size),
            ("f", 2 | 4 | 8) => (ElementKind::Float, size),
            ("f", _) => return refused("save it as float64, x.astype(np.float64)"),
            ("c", _) => {
                return refused("complex numbers: save real and imaginary part as channels");
            }
            ("S", 0..=65_536) => (ElementKind::Bytes, size),
            ("U", 0..=65_536) => (ElementKind::Text, 4 * size),
            _ => return refused("expected numbers of 1, 2, 4 or 8 bytes, truth values or texts"),
        };
        let big_endian = order == ">" || (order == "=" && cfg!(target_endian = "big"));
        Ok(Self {
            kind,
            size,
            big_endian,
        })
    }

    /// The element of a safetensors tensor, if it is a real number of whole bytes or a truth value.
    pub(super) fn from_safetensors(dtype: Dtype) -> Option<Self> {
        let (kind, size) = match dtype {
            Dtype::BOOL => (ElementKind::Bool, 1),
            Dtype::U8 => (ElementKind::Unsigned, 1),
            Dtype::U16 => (ElementKind::Unsigned, 2),
            Dtype::U32 => (ElementKind::Unsigned, 4),
            Dtype::U64 => (ElementKind::Unsigned, 8),
            Dtype::I8 => (ElementKind::Signed, 1),
            Dtype::I16 => (ElementKind::Signed, 2),
            Dtype::I32 => (ElementKind::Signed, 4),
            Dtype::I64 => (ElementKind::Signed, 8),
            Dtype::F16 => (ElementKind::Float, 2),
            Dtype::BF16 => (ElementKind::BFloat, 2),
            Dtype::F32 => (ElementKind::Float, 4),
            Dtype::F64 => (ElementKind::Float, 8),
            _ => return None,
        };
        Some(Self {
            kind,
            size,
            big_endian: false,
        })
    }

    /// Whole numbers or truth values.
    pub(super) fn is_integer(self) -> bool {
        use ElementKind::{Bool, Signed, Unsigned};
        matches!(self.kind, Bool | Unsigned | Signed)
    }

    /// Texts.
    pub(super) fn is_text(self) -> bool {
        matches!(self.kind, ElementKind::Bytes | ElementKind::Text)
    }

    /// The type in NumPy's words.
    pub(super) fn name(self) -> String {
        let bits = 8 * self.size;
        match self.kind {
            ElementKind::Bool => "bool".into(),
            ElementKind::Unsigned => format!("uint{bits}"),
            ElementKind::Signed => format!("int{bits}"),
            ElementKind::Float => format!("float{bits}"),
            ElementKind::BFloat => "bfloat16".into(),
            ElementKind::Bytes | ElementKind::Text => "text".into(),
        }
    }

    /// The bytes of a number as those of a little-endian `u64`.
    fn bits(self, bytes: &[u8]) -> u64 {
        let mut wide = [0; 8];
        for (wide, byte) in wide.iter_mut().zip(bytes) {
            *wide = *byte;
        }
        if self.big_endian {
            wide[..self.size.min(8)].reverse();
        }
        u64::from_le_bytes(wide)
    }

    /// One number; a text is NaN.
    pub(super) fn float(self, bytes: &[u8]) -> f64 {
        let bits = self.bits(bytes);
        match (self.kind, self.size) {
            (ElementKind::Bool, _) => f64::from(u8::from(bits != 0)),
            (ElementKind::Unsigned, _) => bits as f64,
            (ElementKind::Signed, _) => self.signed(bits) as f64,
            (ElementKind::Float, 2) => f16::from_bits(bits as u16).to_f64(),
            (ElementKind::Float, 4) => f64::from(f32::from_bits(bits as u32)),
            (ElementKind::Float, _) => f64::from_bits(bits),
            (ElementKind::BFloat, _) => bf16::from_bits(bits as u16).to_f64(),
            (ElementKind::Bytes | ElementKind::Text, _) => f64::NAN,
        }
    }

    /// One whole number; none of a float that is not whole, of what does not fit, and of a text.
    pub(super) fn integer(self, bytes: &[u8]) -> Option<i64> {
        match self.kind {
            ElementKind::Bool => Some(i64::from(self.bits(bytes) != 0)),
            ElementKind::Unsigned => i64::try_from(self.bits(bytes)).ok(),
            ElementKind::Signed => Some(self.signed(self.bits(bytes))),
            ElementKind::Float | ElementKind::BFloat => {
                let value = self.float(bytes);
                let whole = value.trunc() == value && value.abs() < 9.0e15;
                whole.then_some(value as i64)
            }
            ElementKind::Bytes | ElementKind::Text => None,
        }
    }

    fn signed(self, bits: u64) -> i64 {
        // the sign bit goes to the top and is drawn down again
        let unused = 64 - 8 * self.size.min(8);
        (bits << unused).cast_signed() >> unused
    }

    /// One text, without its padding; bytes that are no text are replaced.
    pub(super) fn text(self, bytes: &[u8]) -> String {
        let text: String = match self.kind {
            ElementKind::Text => bytes
                .chunks_exact(4)
                .map(|c| self.with_size(4).bits(c) as u32)
                .map(|c| char::from_u32(c).unwrap_or(char::REPLACEMENT_CHARACTER))
                .collect(),
            _ => String::from_utf8_lossy(bytes).into_owned(),
        };
        text.trim_end_matches('\0').to_owned()
    }

    fn with_size(self, size: usize) -> Self {
        Self { size, ..self }
    }

    /// Appends the numbers in `bytes`, one after the other.
    pub(super) fn append(self, bytes: &[u8], out: &mut Vec<f64>) {
        /// A loop of its own for the common types, which the compiler turns into vector code.
        macro_rules! append_as {
            ($type:ty, $convert:expr) => {{
                const SIZE: usize = size_of::<$type>();
                let (numbers, _) = bytes.as_chunks::<SIZE>();
                if self.big_endian {
                    out.extend(numbers.iter().map(|n| $convert(<$type>::from_be_bytes(*n))));
                } else {
                    out.extend(numbers.iter().map(|n| $convert(<$type>::from_le_bytes(*n))));
                }
            }};
        }
        match (self.kind, self.size) {
            (ElementKind::Float, 4) => append_as!(f32, f64::from),
            (ElementKind::Float, 8) => append_as!(f64, f64::from),
            (ElementKind::Unsigned, 1) => append_as!(u8, f64::from),
            (ElementKind::Unsigned, 2) => append_as!(u16, f64::from),
            (ElementKind::Signed, 1) => append_as!(i8, f64::from),
            (ElementKind::Signed, 2) => append_as!(i16, f64::from),
            (ElementKind::Signed, 4) => append_as!(i32, f64::from),
            (ElementKind::Signed, 8) => append_as!(i64, |v| v as f64),
            _ => out.extend(bytes.chunks_exact(self.size.max(1)).map(|n| self.float(n))),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn element(name: &str) -> Element {
        Element::from_numpy(name).unwrap()
    }

    #[test]
    fn numbers_of_every_width_and_order() {
        let cases: [(&str, &[u8], f64); 14] = [
            ("|b1", &[1], 1.0),
            ("|u1", &[200], 200.0),
            ("|i1", &[200], -56.0),
            ("<u2", &[1, 2], 513.0),
            (">u2", &[1, 2], 258.0),
            ("<i2", &[0xfe, 0xff], -2.0),
            (">i4", &[0xff, 0xff, 0xff, 0xfd], -3.0),
            ("<u4", &[0, 0, 0, 0x80], 2_147_483_648.0),
            (">i8", &[0xff; 8], -1.0),
            ("<u8", &[0xff; 8], u64::MAX as f64),
            ("<f2", &[0, 0x36], 0.375),
            (">f4", &0.1_f32.to_be_bytes(), 0.1_f32 as f64),
            ("<f8", &0.1_f64.to_le_bytes(), 0.1),
            (">f8", &0.1_f64.to_be_bytes(), 0.1),
        ];
        for (name, bytes, expected) in cases {
            let element = element(name);
            assert_eq!(element.float(bytes), expected, "{name}");
            let mut many = vec![];
            element.append(&bytes.repeat(3), &mut many);
            assert_eq!(many, [expected; 3], "{name}");
        }
        let bfloat = Element::from_safetensors(Dtype::BF16).unwrap();
        assert_eq!(bfloat.float(&[0x80, 0x3f]), 1.0);
    }

    #[test]
    fn whole_numbers_are_told_from_broken_ones() {
        assert_eq!(element(">i2").integer(&[0xff, 0xfe]), Some(-2));
        assert_eq!(element("<u8").integer(&[0xff; 8]), None);
        assert_eq!(element("<f4").integer(&3.0_f32.to_le_bytes()), Some(3));
        assert_eq!(element("<f4").integer(&3.5_f32.to_le_bytes()), None);
        assert_eq!(
            element("<f8").integer(&f64::INFINITY.to_le_bytes()),
            None,
            "an infinity is no whole number"
        );
    }

    #[test]
    fn texts_of_both_kinds_lose_their_padding() {
        assert_eq!(element("|S4").text(b"ab\0\0"), "ab");
        assert_eq!(
            element("<U3").text(&[97, 0, 0, 0, 0xe9, 0, 0, 0, 0, 0, 0, 0]),
            "aé"
        );
        assert_eq!(
            element(">U2").text(&[0, 0, 0, 98, 0xff, 0xff, 0, 0]),
            "b\u{fffd}"
        );
    }

    #[test]
    fn other_types_are_refused_with_a_way_out() {
        let message = |name: &str| Element::from_numpy(name).unwrap_err();
        assert!(message("|O").contains("x_{i}"), "{}", message("|O"));
        assert!(message("<c8").contains("imaginary"));
        assert!(message("<f16").contains("astype"));
        for bad in ["", "<", "<i3", "<M8[ns]", "é4", "<U99999999999999999999"] {
            assert!(message(bad).contains("expected"), "{bad}");
        }
    }
}
