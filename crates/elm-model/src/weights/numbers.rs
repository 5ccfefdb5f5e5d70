//! Number formats of stored tensors.

/// A number format; all are stored little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // they say what they are
pub enum NumberFormat {
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U64,
    U32,
    U16,
    U8,
    Bool,
}

impl NumberFormat {
    /// The format of a tensor in a safetensors file; none for those that hold no plain numbers.
    pub(super) fn of_safetensors(dtype: safetensors::Dtype) -> Option<Self> {
        use safetensors::Dtype;
        Some(match dtype {
            Dtype::F64 => Self::F64,
            Dtype::F32 => Self::F32,
            Dtype::F16 => Self::F16,
            Dtype::BF16 => Self::BF16,
            Dtype::I64 => Self::I64,
            Dtype::I32 => Self::I32,
            Dtype::I16 => Self::I16,
            Dtype::I8 => Self::I8,
            Dtype::U64 => Self::U64,
            Dtype::U32 => Self::U32,
            Dtype::U16 => Self::U16,
            Dtype::U8 => Self::U8,
            Dtype::BOOL => Self::Bool,
            _ => return None,
        })
    }

    /// The same for safetensors.
    pub(super) fn safetensors(self) -> safetensors::Dtype {
        use safetensors::Dtype;
        match self {
            Self::F64 => Dtype::F64,
            Self::F32 => Dtype::F32,
            Self::F16 => Dtype::F16,
            Self::BF16 => Dtype::BF16,
            Self::I64 => Dtype::I64,
            Self::I32 => Dtype::I32,
            Self::I16 => Dtype::I16,
            Self::I8 => Dtype::I8,
            Self::U64 => Dtype::U64,
            Self::U32 => Dtype::U32,
            Self::U16 => Dtype::U16,
            Self::U8 => Dtype::U8,
            Self::Bool => Dtype::BOOL,
        }
    }

    /// The format of a tensor in a PyTorch file.
    pub(super) fn of_pytorch(dtype: pytorch_reader::DType) -> Self {
        use pytorch_reader::DType;
        match dtype {
            DType::F64 => Self::F64,
            DType::F32 => Self::F32,
            DType::F16 => Self::F16,
            DType::BF16 => Self::BF16,
            DType::I64 => Self::I64,
            DType::I32 => Self::I32,
            DType::I16 => Self::I16,
            DType::I8 => Self::I8,
            DType::U64 => Self::U64,
            DType::U32 => Self::U32,
            DType::U16 => Self::U16,
            DType::U8 => Self::U8,
            DType::Bool => Self::Bool,
        }
    }

    /// The class of PyTorch that stores such numbers; none for what every version of PyTorch reads.
    pub(super) fn torch_storage(self) -> Option<&'static str> {
        Some(match self {
            Self::F64 => "DoubleStorage",
            Self::F32 => "FloatStorage",
            Self::F16 => "HalfStorage",
            Self::BF16 => "BFloat16Storage",
            Self::I64 => "LongStorage",
            Self::I32 => "IntStorage",
            Self::I16 => "ShortStorage",
            Self::I8 => "CharStorage",
            Self::U8 => "ByteStorage",
            Self::Bool => "BoolStorage",
            Self::U64 | Self::U32 | Self::U16 => return None,
        })
    }

    /// Is it one of the formats for numbers with a fraction?
    pub fn is_float(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::BF16)
    }

    /// Stored numbers as f64; integers beyond 2^53 are rounded.
    pub(super) fn decode(self, bytes: &[u8]) -> Vec<f64> {
        fn each<const N: usize>(bytes: &[u8], f: impl Fn([u8; N]) -> f64) -> Vec<f64> {
            bytes.as_chunks::<N>().0.iter().map(|c| f(*c)).collect()
        }
        match self {
            Self::F64 => each(bytes, f64::from_le_bytes),
            Self::F32 => each(bytes, |b| f32::from_le_bytes(b).into()),
            Self::F16 => each(bytes, |b| burn::tensor::f16::from_le_bytes(b).into()),
            Self::BF16 => each(bytes, |b| burn::tensor::bf16::from_le_bytes(b).into()),
            Self::I64 => each(bytes, |b| i64::from_le_bytes(b) as f64),
            Self::I32 => each(bytes, |b| i32::from_le_bytes(b).into()),
            Self::I16 => each(bytes, |b| i16::from_le_bytes(b).into()),
            Self::I8 => each(bytes, |b| i8::from_le_bytes(b).into()),
            Self::U64 => each(bytes, |b| u64::from_le_bytes(b) as f64),
            Self::U32 => each(bytes, |b| u32::from_le_bytes(b).into()),
            Self::U16 => each(bytes, |b| u16::from_le_bytes(b).into()),
            Self::U8 => bytes.iter().map(|b| f64::from(*b)).collect(),
            Self::Bool => bytes.iter().map(|b| f64::from(u8::from(*b != 0))).collect(),
        }
    }

    /// Numbers as they are stored; what [`decode`](Self::decode) gave becomes the same bytes again.
    pub(super) fn encode(self, values: &[f64]) -> Vec<u8> {
        fn each<const N: usize>(values: &[f64], f: impl Fn(f64) -> [u8; N]) -> Vec<u8> {
            values.iter().flat_map(|v| f(*v)).collect()
        }
        match self {
            Self::F64 => each(values, f64::to_le_bytes),
            Self::F32 => each(values, |v| (v as f32).to_le_bytes()),
            Self::F16 => each(values, |v| burn::tensor::f16::from_f64(v).to_le_bytes()),
            Self::BF16 => each(values, |v| burn::tensor::bf16::from_f64(v).to_le_bytes()),
            Self::I64 => each(values, |v| (v as i64).to_le_bytes()),
            Self::I32 => each(values, |v| (v as i32).to_le_bytes()),
            Self::I16 => each(values, |v| (v as i16).to_le_bytes()),
            Self::I8 => each(values, |v| (v as i8).to_le_bytes()),
            Self::U64 => each(values, |v| (v as u64).to_le_bytes()),
            Self::U32 => each(values, |v| (v as u32).to_le_bytes()),
            Self::U16 => each(values, |v| (v as u16).to_le_bytes()),
            Self::U8 => each(values, |v| [v as u8]),
            Self::Bool => each(values, |v| [u8::from(v != 0.0)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_keeps_its_numbers() {
        let all = [
            (NumberFormat::F64, [0.1, -3.0, 1e300]),
            (NumberFormat::F32, [0.5, -3.0, 1e30f32 as f64]),
            (NumberFormat::F16, [0.5, -3.0, 1024.0]),
            (NumberFormat::BF16, [0.5, -3.0, 1024.0]),
            (NumberFormat::I64, [0.0, -3.0, 9e15]),
            (NumberFormat::I32, [0.0, -3.0, 2e9]),
            (NumberFormat::I16, [0.0, -3.0, 3e4]),
            (NumberFormat::I8, [0.0, -3.0, 127.0]),
            (NumberFormat::U64, [0.0, 3.0, 9e15]),
            (NumberFormat::U32, [0.0, 3.0, 4e9]),
            (NumberFormat::U16, [0.0, 3.0, 6e4]),
            (NumberFormat::U8, [0.0, 3.0, 255.0]),
            (NumberFormat::Bool, [0.0, 1.0, 1.0]),
        ];
        for (format, values) in all {
            let bytes = format.encode(&values);
            assert_eq!(format.decode(&bytes), values, "{format:?}");
            let same = NumberFormat::of_safetensors(format.safetensors());
            assert_eq!(same, Some(format));
        }
    }
}
