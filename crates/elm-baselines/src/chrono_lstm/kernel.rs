//! The recurrence of an LSTM and its gradient, in host memory.
//!
//! Samples are divided among threads. A step is one product with the recurrent weights for all samples of a thread, and loops
//! over units, whose exponentials have no branches, so that the compiler makes vector code of them.

use burn::backend::{Flex, TensorData, ops::FloatTensorOps};
use burn_flex::FlexTensor;
use rayon::prelude::*;

/// `[batch, time, hidden]` of a call.
pub(super) type Sizes = [usize; 3];

/// Both halves of a state, `[batch, hidden]` each.
#[derive(Clone, Copy)]
pub(super) struct Start<'a> {
    pub(super) cell: &'a [f32],
    pub(super) hidden: &'a [f32],
}

/// Cell and hidden state of every step as `[batch, time, 2·hidden]`, hidden states first. `gates`, `[batch, time, 4·hidden]`
/// in the order input, forget, output, candidate, hold what the input gives them, and then their values.
pub(super) fn forward(
    [_, time, hidden]: Sizes,
    gates: &mut [f32],
    recurrent: &FlexTensor,
    start: Start<'_>,
    states: &mut [f32],
) {
    let samples = share(start.cell.len() / hidden);
    gates
        .par_chunks_mut(samples * time * 4 * hidden)
        .zip(states.par_chunks_mut(samples * time * 2 * hidden))
        .zip(start.cell.par_chunks(samples * hidden))
        .zip(start.hidden.par_chunks(samples * hidden))
        .for_each(|(((gates, states), cell), before)| {
            let (mut cell, mut before) = (cell.to_vec(), before.to_vec());
            for t in 0..time {
                let from_before = product(before.clone(), hidden, recurrent);
                let from_before = from_before.storage::<f32>().chunks_exact(4 * hidden);
                let units = cell
                    .chunks_exact_mut(hidden)
                    .zip(before.chunks_exact_mut(hidden));
                for (sample, (from_before, (cell, before))) in from_before.zip(units).enumerate() {
                    let at = sample * time + t;
                    let gates = &mut gates[at * 4 * hidden..][..4 * hidden];
                    step(gates, from_before, cell, before);
                    let state = &mut states[at * 2 * hidden..][..2 * hidden];
                    state[..hidden].copy_from_slice(before);
                    state[hidden..].copy_from_slice(cell);
                }
            }
        });
}

/// One step of a sample.
fn step(gates: &mut [f32], from_before: &[f32], cell: &mut [f32], hidden: &mut [f32]) {
    let units = cell.len();
    for (gate, from_before) in gates.iter_mut().zip(from_before) {
        *gate += from_before;
    }
    let (opening, candidate) = gates.split_at_mut(3 * units);
    opening.iter_mut().for_each(|gate| *gate = sigmoid(*gate));
    candidate.iter_mut().for_each(|gate| *gate = tanh(*gate));
    let (input, rest) = opening.split_at(units);
    let (forget, output) = rest.split_at(units);
    for (((cell, input), forget), candidate) in
        cell.iter_mut().zip(input).zip(forget).zip(&*candidate)
    {
        *cell = forget * *cell + input * candidate;
    }
    for ((hidden, output), cell) in hidden.iter_mut().zip(output).zip(&*cell) {
        *hidden = output * tanh(*cell);
    }
}

/// Gradients from that of the states: that of what the input gives the gates in the place of their values, and those of the
/// cell and the hidden state before the first step.
pub(super) fn backward(
    [_, time, hidden]: Sizes,
    gates: &mut [f32],
    recurrent: &FlexTensor,
    start: Start<'_>,
    states: &[f32],
    grad: &[f32],
) -> [Vec<f32>; 2] {
    let samples = share(start.cell.len() / hidden);
    let transposed = recurrent.transpose(0, 1).to_contiguous();
    let mut found = [start.cell, start.hidden].map(|state| vec![0.0; state.len()]);
    let [to_cell, to_hidden] = &mut found;
    gates
        .par_chunks_mut(samples * time * 4 * hidden)
        .zip(states.par_chunks(samples * time * 2 * hidden))
        .zip(grad.par_chunks(samples * time * 2 * hidden))
        .zip(start.cell.par_chunks(samples * hidden))
        .zip(to_cell.par_chunks_mut(samples * hidden))
        .zip(to_hidden.par_chunks_mut(samples * hidden))
        .for_each(|(((((gates, states), grad), first), to_cell), to_hidden)| {
            let mut step_gates = vec![0.0; 4 * to_cell.len()];
            for t in (0..time).rev() {
                let units = to_cell
                    .chunks_exact_mut(hidden)
                    .zip(to_hidden.chunks_exact(hidden));
                for (sample, (to_cell, to_hidden)) in units.enumerate() {
                    let at = sample * time + t;
                    let cell = |at: usize| &states[at * 2 * hidden + hidden..][..hidden];
                    let before = match t {
                        0 => &first[sample * hidden..][..hidden],
                        _ => cell(at - 1),
                    };
                    let gates = &mut gates[at * 4 * hidden..][..4 * hidden];
                    let grad = &grad[at * 2 * hidden..][..2 * hidden];
                    step_backward(gates, cell(at), before, grad, to_cell, to_hidden);
                    step_gates[sample * 4 * hidden..][..4 * hidden].copy_from_slice(gates);
                }
                let back = product(step_gates.clone(), 4 * hidden, &transposed);
                to_hidden.copy_from_slice(back.storage::<f32>());
            }
        });
    found
}

/// One step of a sample, backwards. `to_cell` and `to_hidden` are the gradients from the step after it; the former becomes that
/// of the cell before it.
fn step_backward(
    gates: &mut [f32],
    cell: &[f32],
    before: &[f32],
    grad: &[f32],
    to_cell: &mut [f32],
    to_hidden: &[f32],
) {
    let units = cell.len();
    let (grad_hidden, grad_cell) = grad.split_at(units);
    let (input, rest) = gates.split_at_mut(units);
    let (forget, rest) = rest.split_at_mut(units);
    let (output, candidate) = rest.split_at_mut(units);
    let (input, forget, output, candidate) = (
        &mut input[..units],
        &mut forget[..units],
        &mut output[..units],
        &mut candidate[..units],
    );
    let (before, grad_cell) = (&before[..units], &grad_cell[..units]);
    let (to_cell, to_hidden) = (&mut to_cell[..units], &to_hidden[..units]);
    for k in 0..units {
        let (i, f, o, g) = (input[k], forget[k], output[k], candidate[k]);
        let squashed = tanh(cell[k]);
        let of_hidden = grad_hidden[k] + to_hidden[k];
        let of_cell = grad_cell[k] + to_cell[k] + of_hidden * o * (1.0 - squashed * squashed);
        input[k] = of_cell * g * i * (1.0 - i);
        forget[k] = of_cell * before[k] * f * (1.0 - f);
        output[k] = of_hidden * squashed * o * (1.0 - o);
        candidate[k] = of_cell * i * (1.0 - g * g);
        to_cell[k] = of_cell * f;
    }
}

/// Samples for each thread.
fn share(batch: usize) -> usize {
    batch.div_ceil(rayon::current_num_threads().max(1)).max(1)
}

/// `rows [n, width] · matrix [width, …]`.
fn product(rows: Vec<f32>, width: usize, matrix: &FlexTensor) -> FlexTensor {
    let shape = [rows.len() / width, width];
    let rows = FlexTensor::from_data(TensorData::new(rows, shape));
    Flex::float_matmul(rows, matrix.clone()).to_contiguous()
}

/// `e^x` to two units in the last place: `2^n · e^r` with `r` within half of ln 2, and a polynomial for that. NaN stays NaN.
fn exp(x: f32) -> f32 {
    // beyond these σ and tanh are 0, 1 or −1 to the last place
    let x = x.clamp(-87.0, 88.0);
    // adding and taking off 1.5 · 2²³ rounds to whole numbers
    const ROUND: f32 = 12_582_912.0;
    let n = (x * std::f32::consts::LOG2_E + ROUND) - ROUND;
    // ln 2 in two parts, the first of which times n is exact
    let r = x - n * 0.693_359_4 + n * 2.121_944_4e-4;
    // Taylor's coefficients to r⁷/7!
    let mut sum = 1.0 / 5040.0;
    for coefficient in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        sum = sum * r + coefficient;
    }
    sum * f32::from_bits(((n as i32 + 127) << 23) as u32)
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// Near 0, where the quotient would lose digits, the series instead.
fn tanh(x: f32) -> f32 {
    let square = x * x;
    // Taylor's coefficients of tanh(x)/x − 1 over x², to x¹⁴
    let mut near = -929_569.0 / 638_512_875.0;
    for coefficient in [
        21_844.0 / 6_081_075.0,
        -1382.0 / 155_925.0,
        62.0 / 2835.0,
        -17.0 / 315.0,
        2.0 / 15.0,
        -1.0 / 3.0,
    ] {
        near = near * square + coefficient;
    }
    let near = x + x * square * near;
    let far = 1.0 - 2.0 / (1.0 + exp(2.0 * x));
    if square < 0.25 { near } else { far }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squashing_is_right_to_the_last_places() {
        for step in -400_000..=400_000 {
            let x = step as f32 * 1e-4;
            let exact = f64::from(x);
            let close = |found: f32, exact: f64| {
                assert!(
                    (f64::from(found) / exact - 1.0).abs() < 4e-7 || x == 0.0,
                    "{x}: {found}, expected {exact}"
                );
            };
            close(tanh(x), exact.tanh());
            close(exp(x), exact.exp());
            let logistic = 1.0 / (1.0 + (-exact).exp());
            close(sigmoid(x), logistic);
        }
        assert_eq!([tanh(0.0), sigmoid(0.0), exp(0.0)], [0.0, 0.5, 1.0]);
        assert_eq!([f32::INFINITY, f32::NEG_INFINITY].map(tanh), [1.0, -1.0]);
        assert_eq!(sigmoid(f32::INFINITY), 1.0);
        assert!(sigmoid(f32::NEG_INFINITY) < 1e-37);
        assert!([tanh, sigmoid, exp].iter().all(|f| f(f32::NAN).is_nan()));
    }
}
