//! The whole neuron: as one operation on the CPU, or operation by operation.

#[cfg(feature = "host")]
use burn::tensor::DType;
use burn::tensor::Tensor;

#[cfg(feature = "host")]
use super::support::cpu_threads;
use super::{ScanPath, input_product, leaky_trace, memory_scan};
use crate::equations::tensor::cast;
#[cfg(feature = "host")]
use crate::scan::memory::ops::KeepHidden;
use crate::scan::memory::{ScanInputs, ScanSpec};
#[cfg(feature = "host")]
use crate::scan::neuron::ops;
use crate::scan::neuron::{NeuronInputs, NeuronResult};

/// Output and last memory of a neuron over a sequence of one step at least.
///
/// Differentiable in every tensor. Shapes must fit each other and `spec`; [`ElmNeuron`](crate::ElmNeuron) sees to that.
pub fn neuron_scan(inputs: NeuronInputs, spec: &ScanSpec, path: ScanPath) -> NeuronResult {
    if runs_as_one(&inputs, spec, path) {
        #[cfg(feature = "host")]
        return ops::neuron_scan(inputs, spec);
    }
    let [batch, time, _] = inputs.x.dims();
    let drive = drive(&inputs, spec, path);
    let memory = memory_scan(
        ScanInputs {
            drive,
            weights: inputs.weights,
            decay: inputs.decay,
            gate: inputs.gate,
            memory: inputs.memory,
        },
        spec,
        path,
    );
    let outputs = inputs.readout.dims()[1];
    let y = memory
        .clone()
        .reshape([batch * time, spec.memory])
        .matmul(inputs.readout)
        + inputs.readout_bias.unsqueeze::<2>();
    NeuronResult {
        y: y.reshape([batch, time, outputs]),
        memory: memory.narrow(1, time - 1, 1).reshape([batch, spec.memory]),
    }
}

/// Does [`neuron_scan`] run these inputs as one fused operation?
///
/// That operation takes a tile of samples on each thread from the input to the output. With fewer samples than threads
/// the parent's operations are better, which spread the products before and after the scan over all threads; and they
/// alone compute hidden values again where memory is short, which saves any only where there are many of them: the drive, the
/// memory and their gradients lie there as a whole, which the one operation has a chunk of at a time.
pub fn runs_as_one(inputs: &NeuronInputs, spec: &ScanSpec, path: ScanPath) -> bool {
    #[cfg(feature = "host")]
    {
        fits(inputs, spec, path)
    }
    #[cfg(not(feature = "host"))]
    {
        let _ = (inputs, spec, path);
        false
    }
}

/// The first layer's share of the branches with its bias, `[batch, time, first]`.
fn drive(inputs: &NeuronInputs, spec: &ScanSpec, path: ScanPath) -> Tensor<3> {
    let [batch, time, _] = inputs.x.dims();
    let trace = leaky_product(
        inputs.x.clone(),
        inputs.matrix.clone(),
        inputs.trace_decay,
        Some(inputs.trace.clone()),
        path,
    );
    let width = trace.dims()[2];
    let rows = trace.reshape([batch * time, width]);
    let drive = match &inputs.branch_weights {
        Some(weights) => rows.matmul(weights.clone()),
        None => rows,
    } + inputs.bias.clone().unsqueeze::<2>();
    drive.reshape([batch, time, spec.first()])
}

/// Leaky sum over time of `x · matrix`, `[batch, time, column]`, from rest or from a trace `[batch, column]`; without a
/// decay the product alone. The product is taken in the number type of `x`, and the sum in that of the matrix.
pub(crate) fn leaky_product(
    x: Tensor<3>,
    matrix: Tensor<2>,
    decay: Option<f64>,
    start: Option<Tensor<2>>,
    path: ScanPath,
) -> Tensor<3> {
    let [batch, time, channels] = x.dims();
    let width = matrix.dims()[1];
    let rows = x.reshape([batch * time, channels]);
    let (narrow, wide) = (rows.dtype(), matrix.dtype());
    let product = input_product(rows, cast(matrix, narrow), path);
    let product = cast(product, wide).reshape([batch, time, width]);
    let Some(decay) = decay else {
        return product;
    };
    let options = (&product.device(), product.dtype());
    let decay = Tensor::full([width], decay, options);
    let start = start.unwrap_or_else(|| Tensor::zeros([batch, width], options));
    leaky_trace(product, decay, start, path)
}

/// Does the fused operation serve this call? See [`runs_as_one`].
#[cfg(feature = "host")]
fn fits(inputs: &NeuronInputs, spec: &ScanSpec, path: ScanPath) -> bool {
    let (device, dtype) = (inputs.x.device(), inputs.x.dtype());
    let [batch, time, _] = inputs.x.dims();
    path != ScanPath::Reference
        && matches!(dtype, DType::F32 | DType::F64)
        && cpu_threads(device.as_dispatch()).is_some_and(|threads| batch >= threads)
        && match path {
            ScanPath::MemoryBudget(_) | ScanPath::Auto if keeps_less(spec) => true,
            _ => {
                super::memory::keep_of(path, device.as_dispatch(), [batch, time], dtype, spec)
                    == KeepHidden::All
            }
        }
}

/// Does the fused operation keep no more of a step than its parts, however much these compute again? It keeps hidden values
/// and the tanh of the memory's updates.
#[cfg(feature = "host")]
fn keeps_less(spec: &ScanSpec) -> bool {
    spec.hidden_total() + spec.memory <= 2 * (spec.first() + spec.memory)
}
