//! The model, its configuration and its state.

use burn::config::Config;
use burn::module::{Content, DisplaySettings, Module, ModuleDisplay, Param};
#[cfg(feature = "flex")]
use burn::nn::{GateController, activation::Activation};
use burn::nn::{Linear, Lstm, LstmConfig, LstmState};
use burn::tensor::{DType, Device, Distribution, Int, Tensor};
use elm_model::sequence::refilled;
use elm_model::{ElmError, RecurrentState, check, state_methods};

#[cfg(feature = "flex")]
use super::scan;
use crate::{cast, check_state, linear, linear_parameters, pieces, read_input};

/// Configuration of a [`ChronoLstm`].
#[derive(Config, Debug, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChronoLstmConfig {
    /// Input channels.
    pub num_inputs: usize,
    /// Outputs.
    pub num_outputs: usize,
    /// Units of the LSTM.
    #[config(default = 128)]
    pub hidden_size: usize,
    /// Longest memory T_max at the start, in steps, at least 3; unless set 100, in recipes the longest sequence.
    pub t_max: Option<usize>,
}

impl ChronoLstmConfig {
    /// Longest memory at the start, in steps: `t_max`, or 100 unless it is set.
    pub fn longest_memory(&self) -> usize {
        self.t_max.unwrap_or(100)
    }

    /// Number of trained numbers: `4·H·(I + H + 1)` in the gates and `(H + 1)·O` in the readout.
    pub fn num_trained(&self) -> usize {
        let h = self.hidden_size;
        4 * h * (self.num_inputs + h + 1) + linear_parameters(h, self.num_outputs)
    }

    /// Checks that the sizes describe a model.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first field at fault, what was expected and what was found.
    pub fn validate(&self) -> Result<(), ElmError> {
        let h = self.hidden_size;
        check::at_least_one(&[
            ("num_inputs", self.num_inputs),
            ("num_outputs", self.num_outputs),
            ("hidden_size", h),
        ])?;
        check::fits("num_inputs", &[self.num_inputs, h])?;
        check::fits("hidden_size", &[h, h])?;
        check::fits("num_outputs", &[h, self.num_outputs])?;
        let t_max = self.longest_memory();
        if t_max < 3 {
            return Err(ElmError::config(
                "t_max",
                format!("must be at least 3 steps, found {t_max}"),
            ));
        }
        Ok(())
    }

    /// A model with chrono initialisation (Tallec & Ollivier 2018):
    /// `b_f ~ log U(1, T_max − 1)` and `b_i = −b_f`; the other biases are 0, the weights Burn's start values.
    ///
    /// # Errors
    /// [`ElmError::Config`], see [`validate`](Self::validate).
    pub fn init(&self, device: &Device) -> Result<ChronoLstm, ElmError> {
        self.validate()?;
        let h = self.hidden_size;
        let longest = Distribution::Uniform(1.0, (self.longest_memory() - 1) as f64);
        let forget = Tensor::<1>::random([h], longest, device).log();
        let zeros = Tensor::zeros([h], device);
        // Burn's gates add a bias to the input's share and one to the hidden state's; one of them is enough
        let mut lstm = LstmConfig::new(self.num_inputs, h, false).init(device);
        let gates = [
            (Some(&mut lstm.input_gate), -forget.clone()),
            (lstm.forget_gate.as_mut(), forget),
            (Some(&mut lstm.output_gate), zeros.clone()),
            (Some(&mut lstm.cell_gate), zeros),
        ];
        for (gate, bias) in gates {
            if let Some(gate) = gate {
                gate.input_transform.bias = Some(Param::from_tensor(bias));
            }
        }
        Ok(ChronoLstm {
            lstm,
            readout: linear(h, self.num_outputs, device),
            config: self.clone(),
        })
    }
}

/// An LSTM with chrono initialisation and a linear readout of every step (Tallec & Ollivier, *Can recurrent neural
/// networks warp time?*, ICLR 2018).
///
/// ```text
/// i, f, o = σ(W x_t + U h_{t−1} + b),  g = tanh(W_g x_t + U_g h_{t−1} + b_g)   gates, a W, U and b for each
/// c_t = f ⊙ c_{t−1} + i ⊙ g                                                    cell
/// h_t = o ⊙ tanh(c_t)                                                          hidden state
/// y_t = W_y h_t + b_y                                                          readout
/// ```
///
/// A unit whose forget bias is log τ forgets with a timescale of about τ steps where its input is silent. The
/// recurrence is that of [`burn::nn::Lstm`]: one operation in f32 on Flex, Burn's thirty tensor operations per step elsewhere.
/// Made with [`ChronoLstmConfig::init`].
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct ChronoLstm {
    /// The recurrence; each gate has one bias, that of its input transform.
    pub lstm: Lstm,
    /// Readout from the hidden state, `[hidden, output]`.
    pub readout: Linear,
    #[module(skip)]
    config: ChronoLstmConfig,
}

/// State of a [`ChronoLstm`] between two steps.
#[derive(Debug, Clone)]
pub struct ChronoLstmState {
    /// Cell `c`, `[batch, hidden]`.
    pub cell: Tensor<2>,
    /// Hidden state `h`, `[batch, hidden]`.
    pub hidden: Tensor<2>,
}

impl ChronoLstmState {
    /// The state before the first step: all zeros.
    pub fn zeros(config: &ChronoLstmConfig, batch: usize, dtype: DType, device: &Device) -> Self {
        let zeros = Tensor::zeros([batch, config.hidden_size], (device, dtype));
        Self {
            cell: zeros.clone(),
            hidden: zeros,
        }
    }

    /// Number of samples.
    pub fn batch(&self) -> usize {
        self.cell.dims()[0]
    }
}

impl RecurrentState for ChronoLstmState {
    fn tensors(&self) -> Vec<Tensor<2>> {
        vec![self.cell.clone(), self.hidden.clone()]
    }

    fn with_tensors(&self, tensors: Vec<Tensor<2>>) -> Self {
        let tensors = &mut tensors.into_iter();
        Self {
            cell: refilled(&self.cell, tensors),
            hidden: refilled(&self.hidden, tensors),
        }
    }
}

state_methods!(ChronoLstmState);

impl ChronoLstm {
    /// The configuration that this model was made with.
    pub fn config(&self) -> &ChronoLstmConfig {
        &self.config
    }

    /// Output over a sequence, and the state after it; two halves with the state carried over give the whole.
    ///
    /// # Shapes
    /// - `x`: `[batch, time, input]`
    /// - output: `[batch, time, output]`
    ///
    /// # Panics
    /// Where [`try_forward`](Self::try_forward) returns an error.
    #[track_caller]
    pub fn forward(
        &self,
        x: Tensor<3>,
        state: Option<ChronoLstmState>,
    ) -> (Tensor<3>, ChronoLstmState) {
        check::or_panic(self.try_forward(x, state))
    }

    /// The same as [`forward`](Self::forward), with an error in place of the panic.
    ///
    /// # Errors
    /// [`ElmError::Shape`] or [`ElmError::NumberType`] if the input or the state does not fit.
    pub fn try_forward(
        &self,
        x: Tensor<3>,
        state: Option<ChronoLstmState>,
    ) -> Result<(Tensor<3>, ChronoLstmState), ElmError> {
        let (output_type, dtype) = (x.dtype(), self.readout.weight.val().dtype());
        let x = read_input(x, self.config.num_inputs, dtype)?;
        let batch = x.dims()[0];
        let state = match state {
            Some(state) => {
                let shape = [batch, self.config.hidden_size];
                check_state("state.cell", &state.cell, shape, dtype)?;
                check_state("state.hidden", &state.hidden, shape, dtype)?;
                state
            }
            None => ChronoLstmState::zeros(&self.config, batch, dtype, &x.device()),
        };
        let (hidden, state) = self.recurrence(x, state, true);
        Ok((cast(self.readout.forward(hidden), output_type), state))
    }

    /// Hidden states of all steps and the state after them, by one operation where `fused` and there is one.
    pub(super) fn recurrence(
        &self,
        x: Tensor<3>,
        state: ChronoLstmState,
        fused: bool,
    ) -> (Tensor<3>, ChronoLstmState) {
        #[cfg(feature = "flex")]
        if fused
            && scan::is_fused(&x.device(), x.dtype())
            && let Some(gates) = self.side_by_side()
        {
            return as_one(x, gates, state);
        }
        #[cfg(not(feature = "flex"))]
        let _ = fused;
        self.step_by_step(&x, state)
    }

    /// Hidden states by Burn's own recurrence.
    fn step_by_step(&self, x: &Tensor<3>, state: ChronoLstmState) -> (Tensor<3>, ChronoLstmState) {
        let mut state = LstmState::new(state.cell, state.hidden);
        let mut hidden = Vec::new();
        for piece in pieces(x) {
            let (steps, last) = self.lstm.forward(piece, Some(state));
            hidden.push(steps);
            state = last;
        }
        let LstmState { cell, hidden: last } = state;
        let state = ChronoLstmState { cell, hidden: last };
        (Tensor::cat(hidden, 1), state)
    }

    /// Weights on the input, on the hidden state and biases of the input, forget, output and candidate gate, side by side; none
    /// where the recurrence was changed to one of another kind.
    #[cfg(feature = "flex")]
    pub(super) fn side_by_side(&self) -> Option<[Tensor<2>; 3]> {
        let lstm = &self.lstm;
        let published = matches!(lstm.gate_activation, Activation::Sigmoid(_))
            && matches!(lstm.cell_activation, Activation::Tanh(_))
            && matches!(lstm.hidden_activation, Activation::Tanh(_))
            && lstm.batch_first
            && !(lstm.reverse || lstm.input_forget || lstm.clip.is_some());
        let forget = lstm.forget_gate.as_ref().filter(|_| published)?;
        let gates = [&lstm.input_gate, forget, &lstm.output_gate, &lstm.cell_gate];
        let side_by_side = |of: &dyn Fn(&GateController) -> Option<Tensor<2>>| {
            let parts: Option<Vec<_>> = gates.into_iter().map(of).collect();
            Some(Tensor::cat(parts?, 1))
        };
        Some([
            side_by_side(&|gate| Some(gate.input_transform.weight.val()))?,
            side_by_side(&|gate| Some(gate.hidden_transform.weight.val()))?,
            side_by_side(&|gate| {
                let [of_input, of_hidden] = [&gate.input_transform, &gate.hidden_transform];
                match &of_hidden.bias {
                    None => Some(of_input.bias.as_ref()?.val().unsqueeze()),
                    Some(_) => None,
                }
            })?,
        ])
    }
}

/// Hidden states by one operation.
#[cfg(feature = "flex")]
fn as_one(
    x: Tensor<3>,
    [input, recurrent, bias]: [Tensor<2>; 3],
    state: ChronoLstmState,
) -> (Tensor<3>, ChronoLstmState) {
    let [batch, time, channels] = x.dims();
    let width = input.dims()[1];
    let drive = x.reshape([batch * time, channels]).matmul(input) + bias;
    let drive = drive.reshape([batch, time, width]);
    let [hidden, cell] = scan::scan(drive, recurrent, state.cell, state.hidden);
    let last = |steps: &Tensor<3>| steps.clone().narrow(1, time - 1, 1).squeeze_dim::<2>(1);
    let state = ChronoLstmState {
        cell: last(&cell),
        hidden: last(&hidden),
    };
    (hidden, state)
}

without_masks!(ChronoLstm, ChronoLstmState);

impl ModuleDisplay for ChronoLstm {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new()
            .with_new_line_after_attribute(false)
            .optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        content
            .add("inputs", &self.config.num_inputs)
            .add("outputs", &self.config.num_outputs)
            .add("hidden", &self.config.hidden_size)
            .add("t_max", &self.config.longest_memory())
            .add("trained", &self.config.num_trained())
            .optional()
    }
}
