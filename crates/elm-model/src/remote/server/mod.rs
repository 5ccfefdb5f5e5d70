//! The operations where they are computed.
//!
//! A call that cannot be, because its tensors do not fit its numbers, panics: by Burn's design that ends the session of
//! the client who sent it, and no other. Kernels check what they read as well; the checks here keep sizes that somebody
//! merely claims from asking for memory.

mod layer;
mod memory;
mod neuron;

use burn::backend::ir::{BackendIr, TensorIr};
use burn::backend::{
    DispatchDevice, TensorData, TensorMetadata,
    tensor::{FloatTensor, IntTensor},
};
use burn::server::{CustomOpIr, HandleContainer, RemoteServer};
use burn::tensor::{DType, Device};

use super::numbers::{Carried, Numbers};
use super::{FORM, names};
use crate::kernels::host::{HostBackend, memory_bytes};
use crate::scan::layer::ops::LayerOps;
use crate::scan::memory::ops::FusedOps;
use crate::scan::neuron::ops::NeuronOps;

/// A server of this device that runs the fused operations which its clients name, too.
#[allow(deprecated)] // Burn 0.22 deprecates NdArray; people still use it
pub fn with_operations(server: RemoteServer, device: &Device) -> RemoteServer {
    match device.clone().inner().as_dispatch() {
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => on_host::<burn::backend::Flex>(server),
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => on_host::<burn::backend::NdArray>(server),
        #[cfg(feature = "cube")]
        DispatchDevice::Cube(_) => about::<burn::backend::Cube>(server, false),
        // whatever else cannot be hosted
        #[allow(unreachable_patterns)]
        _ => server,
    }
}

fn on_host<B: BackendIr + HostBackend + FusedOps + NeuronOps + LayerOps>(
    server: RemoteServer,
) -> RemoteServer {
    let server = about::<B>(server, true);
    layer::serve::<B>(neuron::serve::<B>(memory::serve::<B>(server)))
}

/// Answers what a client asks first.
fn about<B: BackendIr>(server: RemoteServer, has_operations: bool) -> RemoteServer {
    server.with_custom_op::<B, _>(names::ABOUT, move |handles, ir, device| {
        let megabytes = memory_bytes().map_or(0, |bytes| bytes / 1_000_000);
        let answer = [
            FORM,
            has_operations.into(),
            i32::try_from(rayon::current_num_threads()).unwrap_or(i32::MAX),
            i32::try_from(megabytes).unwrap_or(i32::MAX),
        ];
        let answer = B::int_from_data(TensorData::from(answer), device);
        let mut call = Call::<B>::new(handles, ir);
        drop(call.float());
        call.give_int(answer);
    })
}

/// Runs `handler` for the operation of this name.
fn operation<B: BackendIr>(
    server: RemoteServer,
    name: &'static str,
    handler: impl Fn(&mut Call<'_, B>) + Send + Sync + 'static,
) -> RemoteServer {
    server.with_custom_op::<B, _>(name, move |handles, ir, _| {
        handler(&mut Call::new(handles, ir));
    })
}

/// One call of an operation: what of it was not read yet, and which results are still to be given.
struct Call<'a, B: BackendIr> {
    name: &'a str,
    handles: &'a mut HandleContainer<B::Handle>,
    inputs: std::slice::Iter<'a, TensorIr>,
    numbers: Numbers<'a>,
    outputs: std::slice::Iter<'a, TensorIr>,
    /// Number type of the tensors so far.
    dtype: Option<DType>,
}

impl<'a, B: BackendIr> Call<'a, B> {
    fn new(handles: &'a mut HandleContainer<B::Handle>, ir: &'a CustomOpIr) -> Self {
        Self {
            name: &ir.id,
            handles,
            inputs: ir.inputs.iter(),
            numbers: ir.scalars.iter(),
            outputs: ir.outputs.iter(),
            dtype: None,
        }
    }

    fn fail(&self, problem: &str) -> ! {
        panic!("{}: {problem}", self.name)
    }

    fn input(&mut self) -> &'a TensorIr {
        match self.inputs.next() {
            Some(input) => input,
            None => self.fail("a tensor is missing"),
        }
    }

    /// The next tensor; all of a call are of one number type.
    fn float(&mut self) -> FloatTensor<B> {
        let input = self.input();
        let tensor = self.handles.get_float_tensor::<B>(input);
        if *self.dtype.get_or_insert(tensor.dtype()) != tensor.dtype() {
            self.fail("its tensors are of different number types");
        }
        tensor
    }

    fn floats<const N: usize>(&mut self) -> [FloatTensor<B>; N] {
        std::array::from_fn(|_| self.float())
    }

    /// The next tensor, of whole numbers.
    fn int(&mut self) -> IntTensor<B> {
        let input = self.input();
        self.handles.get_int_tensor::<B>(input)
    }

    /// The call's numbers.
    fn numbers<T: Carried>(&mut self) -> T {
        match T::read(&mut self.numbers) {
            Some(value) => value,
            None => self.fail("its numbers are not those of such an operation"),
        }
    }

    /// Refuses a tensor of another shape.
    fn expect(&self, what: &str, tensor: &FloatTensor<B>, shape: &[usize]) {
        let found = tensor.shape();
        if found.to_vec() != shape {
            self.fail(&format!("{what} is {found:?}, expected {shape:?}"));
        }
    }

    fn output(&mut self) -> &'a TensorIr {
        match self.outputs.next() {
            Some(output) => output,
            None => self.fail("it has more results than were asked for"),
        }
    }

    /// The next result.
    fn give(&mut self, result: FloatTensor<B>) {
        let output = self.output();
        self.handles.register_float_tensor::<B>(&output.id, result);
    }

    fn give_all(&mut self, results: impl IntoIterator<Item = FloatTensor<B>>) {
        results.into_iter().for_each(|result| self.give(result));
    }

    /// The next result, of whole numbers.
    fn give_int(&mut self, result: IntTensor<B>) {
        let output = self.output();
        self.handles.register_int_tensor::<B>(&output.id, result);
    }
}
