//! Number formats of stored tensors, as safetensors and PyTorch know them.

pub use elm_stream::file::Dtype as NumberFormat;

/// The format of a tensor in a safetensors file; none for those that hold no plain numbers.
pub(super) fn of_safetensors(dtype: safetensors::Dtype) -> Option<NumberFormat> {
    NumberFormat::of_name(&dtype.to_string())
}

/// The format in safetensors files.
pub(super) fn safetensors(format: NumberFormat) -> safetensors::Dtype {
    use safetensors::Dtype;
    match format {
        NumberFormat::F64 => Dtype::F64,
        NumberFormat::F32 => Dtype::F32,
        NumberFormat::F16 => Dtype::F16,
        NumberFormat::BF16 => Dtype::BF16,
        NumberFormat::I64 => Dtype::I64,
        NumberFormat::I32 => Dtype::I32,
        NumberFormat::I16 => Dtype::I16,
        NumberFormat::I8 => Dtype::I8,
        NumberFormat::U64 => Dtype::U64,
        NumberFormat::U32 => Dtype::U32,
        NumberFormat::U16 => Dtype::U16,
        NumberFormat::U8 => Dtype::U8,
        NumberFormat::Bool => Dtype::BOOL,
    }
}

/// The format of a tensor in a PyTorch file.
pub(super) fn of_pytorch(dtype: pytorch_reader::DType) -> NumberFormat {
    use pytorch_reader::DType;
    match dtype {
        DType::F64 => NumberFormat::F64,
        DType::F32 => NumberFormat::F32,
        DType::F16 => NumberFormat::F16,
        DType::BF16 => NumberFormat::BF16,
        DType::I64 => NumberFormat::I64,
        DType::I32 => NumberFormat::I32,
        DType::I16 => NumberFormat::I16,
        DType::I8 => NumberFormat::I8,
        DType::U64 => NumberFormat::U64,
        DType::U32 => NumberFormat::U32,
        DType::U16 => NumberFormat::U16,
        DType::U8 => NumberFormat::U8,
        DType::Bool => NumberFormat::Bool,
    }
}

/// The class of PyTorch that stores such numbers; none for what every version of PyTorch reads.
pub(super) fn torch_storage(format: NumberFormat) -> Option<&'static str> {
    Some(match format {
        NumberFormat::F64 => "DoubleStorage",
        NumberFormat::F32 => "FloatStorage",
        NumberFormat::F16 => "HalfStorage",
        NumberFormat::BF16 => "BFloat16Storage",
        NumberFormat::I64 => "LongStorage",
        NumberFormat::I32 => "IntStorage",
        NumberFormat::I16 => "ShortStorage",
        NumberFormat::I8 => "CharStorage",
        NumberFormat::U8 => "ByteStorage",
        NumberFormat::Bool => "BoolStorage",
        NumberFormat::U64 | NumberFormat::U32 | NumberFormat::U16 => return None,
    })
}

/// Numbers as they are stored; what [`decode`](NumberFormat::decode) gave becomes the same bytes again.
pub(super) fn encode(format: NumberFormat, values: &[f64]) -> Vec<u8> {
    fn each<const N: usize>(values: &[f64], f: impl Fn(f64) -> [u8; N]) -> Vec<u8> {
        values.iter().flat_map(|v| f(*v)).collect()
    }
    match format {
        NumberFormat::F64 => each(values, f64::to_le_bytes),
        NumberFormat::F32 => each(values, |v| (v as f32).to_le_bytes()),
        NumberFormat::F16 => each(values, |v| burn::tensor::f16::from_f64(v).to_le_bytes()),
        NumberFormat::BF16 => each(values, |v| burn::tensor::bf16::from_f64(v).to_le_bytes()),
        NumberFormat::I64 => each(values, |v| (v as i64).to_le_bytes()),
        NumberFormat::I32 => each(values, |v| (v as i32).to_le_bytes()),
        NumberFormat::I16 => each(values, |v| (v as i16).to_le_bytes()),
        NumberFormat::I8 => each(values, |v| (v as i8).to_le_bytes()),
        NumberFormat::U64 => each(values, |v| (v as u64).to_le_bytes()),
        NumberFormat::U32 => each(values, |v| (v as u32).to_le_bytes()),
        NumberFormat::U16 => each(values, |v| (v as u16).to_le_bytes()),
        NumberFormat::U8 => each(values, |v| [v as u8]),
        NumberFormat::Bool => each(values, |v| [u8::from(v != 0.0)]),
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
            let bytes = encode(format, &values);
            assert_eq!(format.decode(&bytes), values, "{format:?}");
            assert_eq!(of_safetensors(safetensors(format)), Some(format));
        }
    }
}
