//! The operations as a client sends them.
//!
//! Results have the shapes that they have on the server where somebody asks for them. What only goes back to the server,
//! between the halves of a differentiable operation, is of a size that the server alone knows: it stands for one number
//! here.

mod layer;
mod memory;
mod neuron;

use burn::backend::ir::TensorIr;
use burn::backend::{Remote, TensorMetadata, tensor::FloatTensor};
use burn::remote::CustomOpClient;
use burn::server::CustomOpIr;
use burn::tensor::{DType, Shape};

use super::numbers::{Carried, numbers};

/// A tensor on a server, of numbers of any kind.
pub(super) type There = FloatTensor<Remote>;

/// Sends an operation to the server that has these tensors, at least one. Results are of these shapes.
pub(super) fn send<const IN: usize, const OUT: usize>(
    name: &'static str,
    tensors: [There; IN],
    call: &impl Carried,
    results: [(Shape, DType); OUT],
) -> [There; OUT] {
    let client = CustomOpClient::new(&tensors[0].device());
    let inputs = tensors.map(|tensor| tensor.into_ir());
    let outputs =
        results.map(|(shape, dtype)| TensorIr::uninit(client.create_empty_handle(), shape, dtype));
    let operation = CustomOpIr::with_scalars(name, &inputs, &outputs, numbers(call));
    match client.register(operation).try_into() {
        Ok(results) => results,
        Err(_) => unreachable!("{name} has {OUT} results"),
    }
}

/// Shape and number type of a tensor.
fn like(tensor: &There) -> (Shape, DType) {
    (tensor.shape(), tensor.dtype())
}

/// What is never looked at here.
fn kept(dtype: DType) -> (Shape, DType) {
    (Shape::new([1]), dtype)
}

/// The tensors of two lists, one after the other.
fn joined<const A: usize, const B: usize, const ALL: usize>(
    a: [There; A],
    b: [There; B],
) -> [There; ALL] {
    let all: Vec<There> = a.into_iter().chain(b).collect();
    match all.try_into() {
        Ok(all) => all,
        Err(_) => unreachable!("{A} and {B} are {ALL}"),
    }
}
