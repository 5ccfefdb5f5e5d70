//! The states of models that read streams: run, dropped, kept in checkpoints.

use std::ops::Range;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use elm_baselines::{ChronoLstmState, LifState};
use elm_model::network::InputEmbedding;
use elm_model::{ElmError, ElmNetworkState, ElmState, RecurrentState};

use crate::error::{Result, TrainError};
use crate::model::{Answer, ModelConfig, SequenceToSequence};
use crate::task::{Carry, numbers};

/// What a recurrent model of any kind carries from one piece of a stream to the next.
#[derive(Debug, Clone)]
pub enum ModelState {
    /// Of a neuron.
    Elm(ElmState),
    /// Of a network.
    Network(ElmNetworkState),
    /// Of an LSTM.
    ChronoLstm(ChronoLstmState),
    /// Of integrate-and-fire neurons.
    Lif(LifState),
}

impl ModelState {
    /// The state of a model before the first step; none for models that carry nothing.
    pub fn rest(config: &ModelConfig, streams: usize, device: &Device) -> Option<Self> {
        let dtype = DType::F32;
        match config {
            ModelConfig::Elm(c) => Some(Self::Elm(ElmState::zeros(c, streams, dtype, device))),
            ModelConfig::Network(c) => Some(Self::Network(ElmNetworkState::zeros(
                &c.network, streams, dtype, device,
            ))),
            ModelConfig::ChronoLstm(c) => Some(Self::ChronoLstm(ChronoLstmState::zeros(
                c, streams, dtype, device,
            ))),
            ModelConfig::Lif(c) => Some(Self::Lif(LifState::zeros(c, streams, dtype, device))),
            ModelConfig::Transformer(_) | ModelConfig::Tcn(_) => None,
        }
    }
}

impl RecurrentState for ModelState {
    fn tensors(&self) -> Vec<Tensor<2>> {
        match self {
            Self::Elm(state) => state.tensors(),
            Self::Network(state) => state.tensors(),
            Self::ChronoLstm(state) => state.tensors(),
            Self::Lif(state) => state.tensors(),
        }
    }

    fn with_tensors(&self, tensors: Vec<Tensor<2>>) -> Self {
        match self {
            Self::Elm(state) => Self::Elm(state.with_tensors(tensors)),
            Self::Network(state) => Self::Network(state.with_tensors(tensors)),
            Self::ChronoLstm(state) => Self::ChronoLstm(state.with_tensors(tensors)),
            Self::Lif(state) => Self::Lif(state.with_tensors(tensors)),
        }
    }
}

/// Output and state of a model over tokens `[stream, time]`, each of which is a channel that is 1; without a state they
/// start at rest. Models that carry no state start at rest each time.
///
/// # Errors
/// If tokens or state do not fit the model.
pub fn run_tokens(
    model: &SequenceToSequence,
    tokens: Tensor<2, Int>,
    state: Option<ModelState>,
) -> std::result::Result<(Answer, Option<ModelState>), ElmError> {
    if let SequenceToSequence::Network(network) = model {
        let state = match state {
            Some(ModelState::Network(state)) => Some(state),
            _ => None,
        };
        let config = network.network.config();
        let output = match config.input_embedding {
            InputEmbedding::OneHot { .. } => network.network.run(tokens, state)?,
            _ => {
                let x = one_hot(tokens, config.num_inputs);
                network.network.run(x, state)?
            }
        };
        let ModelConfig::Network(config) = model.config() else {
            unreachable!("a network has a network's configuration");
        };
        let penalty = match config.regularisers.is_empty() {
            true => None,
            false => Some(output.penalty(&config.regularisers)?),
        };
        let state = output.state();
        let y = output.output;
        return Ok((Answer { y, penalty }, Some(ModelState::Network(state))));
    }
    let (inputs, _) = model.config().sizes();
    let x = one_hot(tokens, inputs);
    let plain = |y| Answer { y, penalty: None };
    Ok(match (model, state) {
        (SequenceToSequence::Elm(m), state) => {
            let state = match state {
                Some(ModelState::Elm(state)) => Some(state),
                _ => None,
            };
            let (y, state) = m.try_forward(x, state)?;
            (plain(y), Some(ModelState::Elm(state)))
        }
        (SequenceToSequence::ChronoLstm(m), state) => {
            let state = match state {
                Some(ModelState::ChronoLstm(state)) => Some(state),
                _ => None,
            };
            let (y, state) = m.try_forward(x, state)?;
            (plain(y), Some(ModelState::ChronoLstm(state)))
        }
        (SequenceToSequence::Lif(m), state) => {
            let state = match state {
                Some(ModelState::Lif(state)) => Some(state),
                _ => None,
            };
            let (y, state) = m.try_forward(x, state)?;
            (plain(y), Some(ModelState::Lif(state)))
        }
        (other, _) => (other.run(x, None)?, None),
    })
}

/// `[stream, time]` as `[stream, time, channel]`.
fn one_hot(tokens: Tensor<2, Int>, channels: usize) -> Tensor<3> {
    let [streams, time] = tokens.dims();
    let table: Tensor<2> = Tensor::eye(channels, &tokens.device());
    let tokens = tokens.reshape([streams * time]);
    table.select(0, tokens).reshape([streams, time, channels])
}

/// The states of parallel streams, between two batches of a training or a test.
#[derive(Debug, Clone, Default)]
pub struct StreamStates {
    state: Option<ModelState>,
    /// The tensors of a checkpoint, until a model is at hand to say whose they are.
    saved: Option<Vec<Saved>>,
}

/// A tensor on the host: `[rows, columns]`.
#[derive(Debug, Clone, PartialEq)]
struct Saved {
    shape: [usize; 2],
    values: Vec<f32>,
}

impl Saved {
    /// Some rows; fewer where it has fewer, which is told when it is used.
    fn rows(&self, rows: &Range<usize>) -> Self {
        let [found, width] = self.shape;
        let rows = rows.start.min(found)..rows.end.min(found);
        Self {
            shape: [rows.len(), width],
            values: self.values[rows.start * width..rows.end * width].to_vec(),
        }
    }
}

impl StreamStates {
    /// Runs a model over the next piece of the streams; those that are `fresh` start at rest.
    ///
    /// # Errors
    /// If the tokens do not fit the model, or a checkpoint's states do not.
    pub fn run(
        &mut self,
        model: &SequenceToSequence,
        tokens: Tensor<2, Int>,
        fresh: &[bool],
    ) -> Result<Answer> {
        let device = tokens.device();
        let state = match self.saved.take() {
            Some(saved) => restored(&model.config(), &saved, &device)?,
            None => self.state.take(),
        };
        let state = match (fresh.iter().all(|f| *f), fresh.iter().any(|f| *f)) {
            (true, _) => None,
            (false, false) => state,
            (false, true) => state.map(|state| {
                let kept: Vec<f32> = fresh.iter().map(|f| f32::from(u8::from(!f))).collect();
                let kept = TensorData::new(kept, [fresh.len(), 1]);
                let kept = Tensor::<2>::from_data(kept, &device);
                // a state at rest is all zeros
                state.map(|tensor| tensor * kept.clone())
            }),
        };
        let (answer, state) = run_tokens(model, tokens, state)?;
        self.state = state.map(RecurrentState::detach);
        Ok(answer)
    }
}

fn restored(config: &ModelConfig, saved: &[Saved], device: &Device) -> Result<Option<ModelState>> {
    let streams = saved.first().map_or(0, |tensor| tensor.shape[0]);
    let Some(rest) = ModelState::rest(config, streams, device) else {
        return Ok(None);
    };
    let expected: Vec<[usize; 2]> = rest.tensors().iter().map(Tensor::dims).collect();
    let found: Vec<[usize; 2]> = saved.iter().map(|tensor| tensor.shape).collect();
    if expected != found {
        return Err(TrainError::Run(format!(
            "the states of the checkpoint are those of another model: expected the sizes {expected:?}, found {found:?}"
        )));
    }
    let tensors = saved.iter().map(|tensor| {
        let data = TensorData::new(tensor.values.clone(), tensor.shape);
        Tensor::from_data(data, device)
    });
    Ok(Some(rest.with_tensors(tensors.collect())))
}

impl Carry for StreamStates {
    const GOES_ON: bool = true;

    fn save(&self) -> Result<Option<Vec<u8>>> {
        let tensors = match (&self.saved, &self.state) {
            (Some(saved), _) => saved.clone(),
            (None, None) => return Ok(None),
            (None, Some(state)) => {
                let read = |tensor: Tensor<2>| {
                    Ok(Saved {
                        shape: tensor.dims(),
                        values: numbers(tensor)?,
                    })
                };
                state
                    .tensors()
                    .into_iter()
                    .map(read)
                    .collect::<Result<_>>()?
            }
        };
        let mut bytes = Vec::new();
        for tensor in &tensors {
            for size in tensor.shape {
                bytes.extend((size as u32).to_le_bytes());
            }
            bytes.extend(tensor.values.iter().flat_map(|v| v.to_le_bytes()));
        }
        Ok(Some(bytes))
    }

    fn load(bytes: Option<&[u8]>) -> std::result::Result<Self, String> {
        let Some(mut rest) = bytes else {
            return Ok(Self::default());
        };
        let mut tensors = Vec::new();
        let word = |rest: &mut &[u8]| -> std::result::Result<[u8; 4], String> {
            let (first, more) = rest.split_first_chunk().ok_or("it is cut short")?;
            *rest = more;
            Ok(*first)
        };
        while !rest.is_empty() {
            let mut size = || word(&mut rest).map(|b| u32::from_le_bytes(b) as usize);
            let shape = [size()?, size()?];
            let count = shape[0].checked_mul(shape[1]).ok_or("it is damaged")?;
            if rest.len() / 4 < count {
                return Err("it is cut short".into());
            }
            let values = (0..count).map(|_| word(&mut rest).map(f32::from_le_bytes));
            tensors.push(Saved {
                shape,
                values: values.collect::<std::result::Result<_, _>>()?,
            });
        }
        Ok(Self {
            state: None,
            saved: Some(tensors),
        })
    }

    fn cut(self, sizes: &[usize], devices: &[Device]) -> Vec<Self> {
        let mut first = 0;
        let part = |(size, device): (&usize, &Device)| {
            let rows = first..first + size;
            first += size;
            let of_state = |tensor: Tensor<2>| tensor.narrow(0, rows.start, *size);
            Self {
                state: self
                    .state
                    .clone()
                    .map(|s| s.map(of_state).to_device(device)),
                saved: self
                    .saved
                    .as_ref()
                    .map(|saved| saved.iter().map(|tensor| tensor.rows(&rows)).collect()),
            }
        };
        sizes.iter().zip(devices).map(part).collect()
    }

    fn join(parts: Vec<Self>, device: &Device) -> Self {
        // all have a state after a batch, or none has: it depends on the model
        let states = parts.into_iter().filter_map(|part| part.state);
        let states = states.map(|state| state.to_device(device)).collect();
        Self {
            state: ModelState::cat(states),
            saved: None,
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use elm_data::Task;

    use super::*;
    use crate::model::ModelKind;
    use crate::recipe::{DataForm, Recipe};

    fn model(kind: ModelKind) -> SequenceToSequence {
        let form = DataForm {
            inputs: 6,
            outputs: Some(6),
            steps: 8,
            causal: true,
        };
        let recipe = Recipe::of(Task::TEXT_LM).with_model(kind).with_form(form);
        let recipe = recipe.sized(3000);
        recipe.validate_settings().unwrap();
        recipe.model_config().init(&Device::flex()).unwrap()
    }

    fn tokens(from: usize, time: usize) -> Tensor<2, Int> {
        let values: Vec<i32> = (0..2)
            .flat_map(|row| (from..from + time).map(move |t| ((t * t + row) % 6) as i32))
            .collect();
        Tensor::from_data(TensorData::new(values, [2, time]), &Device::flex())
    }

    #[test]
    fn streams_go_on_whatever_the_pieces_and_checkpoints() {
        for kind in [
            ModelKind::Elm,
            ModelKind::Network,
            ModelKind::ChronoLstm,
            ModelKind::Lif,
        ] {
            let model = model(kind);
            let whole = run_tokens(&model, tokens(0, 8), None).unwrap().0.y;
            let last = |y: Tensor<3>| numbers(y.narrow(1, 3, 1)).unwrap();
            let mut states = StreamStates::default();
            states.run(&model, tokens(0, 4), &[true, true]).unwrap();
            let saved = states.save().unwrap();
            let second = states.run(&model, tokens(4, 4), &[false, false]).unwrap();
            let expected = numbers(whole.clone().narrow(1, 7, 1)).unwrap();
            for (a, b) in last(second.y.clone()).iter().zip(&expected) {
                assert!((a - b).abs() < 1e-4, "{kind}: {a} and {b}");
            }
            let mut again = StreamStates::load(saved.as_deref()).unwrap();
            assert_eq!(again.save().unwrap(), saved);
            let resumed = again.run(&model, tokens(4, 4), &[false, false]).unwrap();
            assert_eq!(last(resumed.y), last(second.y), "{kind}");
            // in parts on devices of their own, whether it comes from a checkpoint or from a batch
            let devices = [Device::flex(), Device::flex()];
            for mut whole in [
                states.clone(),
                StreamStates::load(saved.as_deref()).unwrap(),
            ] {
                let kept = whole.save().unwrap();
                let mut parts = whole.cut(&[1, 1], &devices);
                let stream = |row: i32| tokens(8, 4).narrow(0, row as usize, 1);
                for (row, part) in (0..).zip(&mut parts) {
                    assert_ne!(part.save().unwrap(), kept);
                    part.run(&model, stream(row), &[false]).unwrap();
                }
                let joined = StreamStates::join(parts, &devices[0]).save().unwrap();
                whole = StreamStates::load(kept.as_deref()).unwrap();
                whole.run(&model, tokens(8, 4), &[false, false]).unwrap();
                let values = |bytes: Option<Vec<u8>>| -> Vec<f32> {
                    let bytes = bytes.unwrap();
                    bytes
                        .chunks_exact(4)
                        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                        .collect()
                };
                let (joined, whole) = (values(joined), values(whole.save().unwrap()));
                assert_eq!(joined.len(), whole.len());
                for (a, b) in joined.iter().zip(&whole) {
                    assert!((a - b).abs() < 1e-5, "{kind}: {a} and {b}");
                }
            }
            // one stream begins anew: it answers as from rest, the other goes on
            let mut half = StreamStates::load(saved.as_deref()).unwrap();
            let y = last(half.run(&model, tokens(4, 4), &[true, false]).unwrap().y);
            let rest = last(run_tokens(&model, tokens(4, 4), None).unwrap().0.y);
            for (place, value) in y.iter().enumerate() {
                let expected = if place < 6 {
                    rest[place]
                } else {
                    expected[place]
                };
                assert!((value - expected).abs() < 1e-4, "{kind}");
            }
        }
        assert!(StreamStates::load(Some(&[1, 0, 0, 0, 9])).is_err());
        assert!(StreamStates::load(Some(&[9, 0, 0, 0, 9, 0, 0, 0, 1])).is_err());
    }

    #[test]
    fn models_without_a_state_start_anew() {
        for kind in [ModelKind::Transformer, ModelKind::Tcn] {
            let model = model(kind);
            let mut states = StreamStates::default();
            states.run(&model, tokens(0, 4), &[true, true]).unwrap();
            assert_eq!(states.save().unwrap(), None);
            let y = states.run(&model, tokens(4, 4), &[false, false]).unwrap().y;
            let rest = run_tokens(&model, tokens(4, 4), None).unwrap().0.y;
            assert_eq!(numbers(y).unwrap(), numbers(rest).unwrap());
        }
    }
}
