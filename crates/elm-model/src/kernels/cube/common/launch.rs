//! What all launches need: cube counts, number types, new tensors.

use burn::backend::{DType, cubecl::dtype_to_storage_type};
use burn::tensor::Shape;
use burn_cubecl::{
    cubecl::{client::Client, ir::ElemType, prelude::*},
    ops::numeric::empty_device_contiguous_dtype,
    tensor::CubeTensor,
};

/// Number type of the numbers of a tensor, for the kernels' `F`.
pub(crate) fn elem_type(tensor: &CubeTensor) -> ElemType {
    dtype_to_storage_type(tensor.dtype)
}

/// Width of indices that reaches every number of these tensors.
pub(crate) fn index_type(tensors: &[&CubeTensor]) -> AddressType {
    tensors
        .iter()
        .map(|t| t.required_address_type())
        .max()
        .unwrap_or_default()
}

/// A new tensor of the number type and on the device of `like`; not initialised.
pub(crate) fn empty(like: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    empty_of(like, shape, like.dtype)
}

/// A new f32 tensor on the device of `like`; not initialised.
pub(crate) fn empty_f32(like: &CubeTensor, numbers: usize) -> CubeTensor {
    empty_of(like, [numbers], DType::F32)
}

fn empty_of(like: &CubeTensor, shape: impl Into<Shape>, dtype: DType) -> CubeTensor {
    empty_device_contiguous_dtype(
        like.client.clone(),
        like.device.clone(),
        shape.into(),
        dtype,
    )
}

/// At least `cubes` cubes, spread over two axes where one is too short.
pub(crate) fn cube_counts(client: &Client, cubes: usize) -> CubeCount {
    let most = client.properties().hardware.max_cube_count.0.min(1 << 15) as usize;
    let x = cubes.clamp(1, most);
    CubeCount::Static(x as u32, cubes.div_ceil(x) as u32, 1)
}
