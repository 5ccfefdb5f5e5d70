//! A layer.

use std::sync::{Arc, Mutex};

use burn::backend::ir::BackendIr;
use burn::backend::{TensorMetadata, tensor::IntTensor};
use burn::server::RemoteServer;
use burn::tensor::IntDType;

use super::{Call, operation};
use crate::kernels::host::HostBackend;
use crate::remote::names;
use crate::remote::numbers::LayerNumbers;
use crate::scan::layer::ops::{LayerGivens, LayerOps, LayerTensors, Wanted};
use crate::scan::layer::{ConnectomePlan, LayerCall, LayerSpec, SourceKind};

pub(super) fn serve<B: BackendIr + HostBackend + LayerOps>(server: RemoteServer) -> RemoteServer {
    let plans = Plans::default();
    let known = plans.clone();
    let server = operation::<B>(server, names::LAYER, move |call| {
        let (tensors, givens, connectome) = inputs(call);
        let about = fixed(call, &tensors, &givens, connectome, &known);
        call.give(B::elm_layer_scan(tensors, givens, about));
    });
    let known = plans.clone();
    let server = operation::<B>(server, names::LAYER_FORWARD, move |call| {
        let (tensors, givens, connectome) = inputs(call);
        let about = fixed(call, &tensors, &givens, connectome, &known);
        let (result, kept) = B::elm_layer_scan_forward(tensors, givens, about);
        call.give_all([result, kept]);
    });
    operation::<B>(server, names::LAYER_BACKWARD, move |call| {
        let (tensors, givens, connectome) = inputs(call);
        let [result, kept, grad] = call.floats();
        let about = fixed(call, &tensors, &givens, connectome, &plans);
        let wanted: Wanted = call.numbers();
        let gradients =
            B::elm_layer_scan_backward(tensors, givens, result, kept, grad, about, wanted);
        call.give_all(gradients.into_array());
    })
}

/// The tensors of a call, and the connectome.
fn inputs<B: BackendIr>(call: &mut Call<'_, B>) -> (LayerTensors<B>, LayerGivens<B>, IntTensor<B>) {
    let tensors = LayerTensors::<B>::from_array(call.floats());
    let tokens = call.int();
    let [input_mask, recurrent_mask, memory_mask] = call.floats();
    let givens: LayerGivens<B> = LayerGivens {
        tokens,
        input_mask,
        recurrent_mask,
        memory_mask,
    };
    (tensors, givens, call.int())
}

/// All that is fixed during a call.
fn fixed<B: BackendIr + HostBackend>(
    call: &mut Call<'_, B>,
    tensors: &LayerTensors<B>,
    givens: &LayerGivens<B>,
    connectome: IntTensor<B>,
    plans: &Plans,
) -> LayerCall {
    let numbers: LayerNumbers = call.numbers();
    let LayerNumbers {
        spec,
        source,
        gain,
        masked,
    } = numbers;
    let input = match source {
        SourceKind::Dense => tensors.x.shape().to_vec(),
        SourceKind::OneHot => givens.tokens.shape().to_vec(),
    };
    let &[batch, time, ..] = &input[..] else {
        call.fail("the input has other dimensions");
    };
    check_weights(call, tensors, &spec);
    check_samples(call, tensors, givens, &numbers, [batch, time]);
    if source == SourceKind::OneHot {
        check_tokens(call, givens.tokens.clone(), &spec);
    }
    LayerCall {
        spec,
        batch,
        time,
        // kernels for CPUs choose both themselves
        block: time,
        kept: 0,
        plan: plans.get(call, connectome, &spec),
        source,
        gain,
        masked,
    }
}

/// Refuses weights that do not fit the sizes; each size is one of a tensor before any are multiplied.
fn check_weights<B: BackendIr>(call: &Call<'_, B>, t: &LayerTensors<B>, spec: &LayerSpec) {
    let (n, m, first) = (spec.neurons, spec.memory, spec.first());
    call.expect("the decay", &t.decay, &[n, m]);
    call.expect("the first bias", &t.first_bias, &[n, first]);
    let joined = t.first_weight.shape().to_vec();
    if joined.get(1).copied() != spec.branches.checked_add(m) {
        call.fail("the first map has another width");
    }
    let synapses = spec.branches.checked_mul(spec.per_branch);
    call.expect("the synapses", &t.synapses, &[n, synapses.unwrap_or(0)]);
    call.expect("the first map", &t.first_weight, &[n, spec.joined(), first]);
    if spec.hidden_layers > t.packed.shape().num_elements() {
        call.fail("there are fewer maps than it says");
    }
    call.expect("the other maps", &t.packed, &[n, spec.packed_len().max(1)]);
    call.expect("the gate", &t.gate, &[n, m]);
    call.expect("the readout", &t.readout, &[n, m]);
    call.expect("the bias", &t.bias, &[n]);
}

/// Refuses an input, a state or masks that do not fit.
fn check_samples<B: BackendIr>(
    call: &Call<'_, B>,
    t: &LayerTensors<B>,
    givens: &LayerGivens<B>,
    numbers: &LayerNumbers,
    [batch, time]: [usize; 2],
) {
    let LayerNumbers { spec, masked, .. } = numbers;
    let (n, inputs) = (spec.neurons, spec.inputs);
    call.expect("the state", &t.inner, &[batch, n, spec.state_width()]);
    call.expect("the activity", &t.activity, &[batch, n]);
    if numbers.source == SourceKind::Dense {
        call.expect("the input", &t.x, &[batch, time, inputs]);
    }
    if masked.input {
        call.expect("the input's mask", &givens.input_mask, &[batch, inputs]);
    }
    if masked.recurrent {
        call.expect("the activity's mask", &givens.recurrent_mask, &[batch, n]);
    }
    if masked.memory {
        let shape = [batch, n, spec.memory];
        call.expect("the memory's mask", &givens.memory_mask, &shape);
    }
}

/// Refuses tokens that stand for no channel; clients see to it that there are none.
fn check_tokens<B: BackendIr + HostBackend>(
    call: &Call<'_, B>,
    tokens: IntTensor<B>,
    spec: &LayerSpec,
) {
    let tokens = B::hold_int(B::int_cast(tokens, IntDType::I32));
    let channels = 0..i64::try_from(spec.inputs).unwrap_or(i64::MAX);
    let tokens = B::slice::<i32>(&tokens);
    if tokens.iter().any(|t| !channels.contains(&i64::from(*t))) {
        call.fail("a token stands for no channel");
    }
}

/// A layer's sizes and its connectome, checked and ordered.
type Plan = (LayerSpec, Arc<ConnectomePlan>);

/// The connectomes of the last layers: kernels learn from calls with the same.
#[derive(Clone, Default)]
struct Plans(Arc<Mutex<Vec<Plan>>>);

/// Most connectomes that are held on to.
const MOST_PLANS: usize = 64;

impl Plans {
    fn get<B: BackendIr + HostBackend>(
        &self,
        call: &Call<'_, B>,
        connectome: IntTensor<B>,
        spec: &LayerSpec,
    ) -> Arc<ConnectomePlan> {
        let connectome = B::hold_int(B::int_cast(connectome, IntDType::I32));
        let sources = B::slice::<i32>(&connectome);
        let is_same = |plan: &ConnectomePlan| {
            let known = plan.connectome();
            known.len() == sources.len()
                && known
                    .iter()
                    .zip(sources)
                    .all(|(a, b)| i64::from(*a) == i64::from(*b))
        };
        // whoever panicked left whole plans
        let mut plans = self.0.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(at) = plans
            .iter()
            .position(|(of, plan)| of == spec && is_same(plan))
        {
            let found = plans.remove(at);
            let plan = Arc::clone(&found.1);
            plans.push(found);
            return plan;
        }
        let sources = sources.iter().map(|source| i64::from(*source)).collect();
        let plan = match ConnectomePlan::new(sources, spec) {
            Ok(plan) => Arc::new(plan),
            Err(error) => call.fail(&error.to_string()),
        };
        if plans.len() >= MOST_PLANS {
            plans.remove(0);
        }
        plans.push((*spec, Arc::clone(&plan)));
        plan
    }
}
