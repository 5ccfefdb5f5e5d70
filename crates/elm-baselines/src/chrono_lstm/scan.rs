//! The recurrence of an LSTM as one operation with a gradient derived by hand.

use burn::backend::{
    Autodiff, Backend, Dispatch, DispatchDevice, Flex, TensorData, TensorMetadata,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    backend_extension,
    ops::FloatTensorOps,
    tensor::FloatTensor,
};
use burn::tensor::{DType, Device, Shape, Tensor};
use burn_flex::FlexTensor;

use super::kernel::{self, Start};

/// Backends with the recurrence as one operation.
///
/// The `*_forward` and `*_backward` methods are the inner halves that the autodiff version calls; they are not
/// differentiable themselves. `drive` is what the input gives the gates, `[batch, time, 4·hidden]`, in the order input, forget,
/// output, candidate; `recurrent` is `[hidden, 4·hidden]`, cell and hidden state before the first step `[batch, hidden]`. The
/// result, `[batch, time, 2·hidden]`, holds the hidden state and then the cell of every step.
#[backend_extension(Flex: cfg(feature = "flex"), Autodiff)]
pub trait LstmOps: Backend {
    /// The result.
    fn elm_lstm(
        drive: FloatTensor<Self>,
        recurrent: FloatTensor<Self>,
        cell: FloatTensor<Self>,
        hidden: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// The result, and the values of the gates, `[batch, time, 4·hidden]`.
    fn elm_lstm_forward(
        drive: FloatTensor<Self>,
        recurrent: FloatTensor<Self>,
        cell: FloatTensor<Self>,
        hidden: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// Gradients of drive, recurrent weights, cell and hidden state.
    #[allow(clippy::type_complexity)] // the tuple that the dispatched operation returns
    fn elm_lstm_backward(
        grad: FloatTensor<Self>,
        states: FloatTensor<Self>,
        gates: FloatTensor<Self>,
        recurrent: FloatTensor<Self>,
        cell: FloatTensor<Self>,
        hidden: FloatTensor<Self>,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    );
}

/// Has this device the operation, for this number type?
pub(super) fn is_fused(device: &Device, dtype: DType) -> bool {
    fn is_flex(device: &DispatchDevice) -> bool {
        match device {
            DispatchDevice::Flex(_) => true,
            DispatchDevice::Autodiff(inner) => is_flex(inner),
            #[allow(unreachable_patterns)] // where Flex is the only backend
            _ => false,
        }
    }
    dtype == DType::F32 && is_flex(device.as_dispatch())
}

/// The operation: hidden states and cells of all steps, `[batch, time, hidden]` each. Only where [`is_fused`].
pub(super) fn scan(
    drive: Tensor<3>,
    recurrent: Tensor<2>,
    cell: Tensor<2>,
    hidden: Tensor<2>,
) -> [Tensor<3>; 2] {
    let units = recurrent.dims()[0];
    let states = Tensor::<3>::from_dispatch(Dispatch::elm_lstm(
        drive.into_dispatch(),
        recurrent.into_dispatch(),
        cell.into_dispatch(),
        hidden.into_dispatch(),
    ));
    [0, units].map(|start| states.clone().narrow(2, start, units))
}

impl LstmOps for Flex {
    fn elm_lstm(
        drive: FlexTensor,
        recurrent: FlexTensor,
        cell: FlexTensor,
        hidden: FlexTensor,
    ) -> FlexTensor {
        Self::elm_lstm_forward(drive, recurrent, cell, hidden).0
    }

    fn elm_lstm_forward(
        drive: FlexTensor,
        recurrent: FlexTensor,
        cell: FlexTensor,
        hidden: FlexTensor,
    ) -> (FlexTensor, FlexTensor) {
        let [batch, time, gates_width] = drive.shape().dims::<3>();
        let sizes = [batch, time, gates_width / 4];
        let (mut gates, recurrent) = (plain(drive), plain(recurrent));
        let (cell, hidden) = (plain(cell), plain(hidden));
        let mut states = vec![0.0; batch * time * 2 * sizes[2]];
        let start = Start {
            cell: numbers(&cell),
            hidden: numbers(&hidden),
        };
        let values = &mut gates.storage_mut::<f32>()[..batch * time * gates_width];
        kernel::forward(sizes, values, &recurrent, start, &mut states);
        (tensor(states, [batch, time, 2 * sizes[2]]), gates)
    }

    fn elm_lstm_backward(
        grad: FlexTensor,
        states: FlexTensor,
        gates: FlexTensor,
        recurrent: FlexTensor,
        cell: FlexTensor,
        hidden: FlexTensor,
    ) -> (FlexTensor, FlexTensor, FlexTensor, FlexTensor) {
        let [batch, time, gates_width] = gates.shape().dims::<3>();
        let units = gates_width / 4;
        let (mut gates, recurrent) = (plain(gates), plain(recurrent));
        let (grad, states) = (plain(grad), plain(states));
        let (cell, hidden) = (plain(cell), plain(hidden));
        let start = Start {
            cell: numbers(&cell),
            hidden: numbers(&hidden),
        };
        let values = &mut gates.storage_mut::<f32>()[..batch * time * gates_width];
        let (states, grad) = (numbers(&states), numbers(&grad));
        let found = kernel::backward(
            [batch, time, units],
            values,
            &recurrent,
            start,
            states,
            grad,
        );
        // hidden states before each step, for all steps in one product
        let mut before = Vec::with_capacity(batch * time * units);
        let sequences = states.chunks_exact(time * 2 * units);
        for (states, first) in sequences.zip(start.hidden.chunks_exact(units)) {
            before.extend_from_slice(first);
            let rows = states.chunks_exact(2 * units).take(time - 1);
            before.extend(rows.flat_map(|row| &row[..units]));
        }
        let before = tensor(before, [batch * time, units]).transpose(0, 1);
        let of_gates = gates.reshape(Shape::new([batch * time, gates_width]));
        let recurrent = Self::float_matmul(before, of_gates);
        let [cell, hidden] = found.map(|values| tensor(values, [batch, units]));
        (gates, recurrent, cell, hidden)
    }
}

/// The tensor with its numbers row by row from the beginning of its storage.
fn plain(tensor: FlexTensor) -> FlexTensor {
    match tensor.is_contiguous() && tensor.layout().start_offset() == 0 {
        true => tensor,
        false => tensor.to_contiguous(),
    }
}

/// The numbers of a tensor that is [`plain`].
fn numbers(tensor: &FlexTensor) -> &[f32] {
    &tensor.storage::<f32>()[..tensor.layout().num_elements()]
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

#[derive(Debug)]
struct LstmBackward;

/// What the backward pass needs.
#[derive(Debug, Clone)]
struct Kept<B: LstmOps> {
    states: FloatTensor<B>,
    gates: FloatTensor<B>,
    recurrent: FloatTensor<B>,
    cell: FloatTensor<B>,
    hidden: FloatTensor<B>,
}

impl<B: LstmOps> Backward<B, 4> for LstmBackward {
    type State = Kept<B>;

    fn backward(self, ops: Ops<Self::State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let grad = grads.consume::<B>(&ops.node);
        let kept = ops.state;
        let (drive, recurrent, cell, hidden) = B::elm_lstm_backward(
            grad,
            kept.states,
            kept.gates,
            kept.recurrent,
            kept.cell,
            kept.hidden,
        );
        for (parent, grad) in ops
            .parents
            .into_iter()
            .zip([drive, recurrent, cell, hidden])
        {
            if let Some(node) = parent {
                grads.register::<B>(node.id, grad);
            }
        }
    }
}

impl<B: LstmOps, C: CheckpointStrategy> LstmOps for Autodiff<B, C> {
    fn elm_lstm(
        drive: FloatTensor<Self>,
        recurrent: FloatTensor<Self>,
        cell: FloatTensor<Self>,
        hidden: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let tensors = [drive, recurrent, cell, hidden];
        let nodes = tensors.each_ref().map(|t| t.node());
        let [drive, recurrent, cell, hidden] = tensors.map(|t| t.into_primitive());
        match LstmBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let (states, gates) =
                    B::elm_lstm_forward(drive, recurrent.clone(), cell.clone(), hidden.clone());
                let kept = Kept {
                    states: states.clone(),
                    gates,
                    recurrent,
                    cell,
                    hidden,
                };
                prep.finish(kept, states)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::elm_lstm(drive, recurrent, cell, hidden)),
        }
    }

    fn elm_lstm_forward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        unreachable!("{INNER}")
    }

    fn elm_lstm_backward(
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
        _: FloatTensor<Self>,
    ) -> (
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
        FloatTensor<Self>,
    ) {
        unreachable!("{INNER}")
    }
}

/// Why an autodiff backend has no inner halves.
const INNER: &str = "the inner halves of an operation are called on the backend below autodiff";
