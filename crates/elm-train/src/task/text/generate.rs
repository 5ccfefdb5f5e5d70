//! Text that a model makes, byte by byte.

use burn::tensor::{Device, Tensor, TensorData};
use elm_data::text::Vocabulary;

use super::state::{ModelState, run_tokens};
use crate::error::{Result, TrainError};
use crate::model::SequenceToSequence;
use crate::task::numbers;

/// Steps that a model without a state looks back.
const CONTEXT: usize = 256;

/// How bytes are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplerOptions {
    /// Divides the logits: 1 draws what the model says, less what is likelier, 0 always the likeliest.
    pub temperature: f64,
    /// Seed of the draws.
    pub seed: u64,
}

/// A model that reads a text and goes on with it.
pub struct Sampler<'a> {
    model: &'a SequenceToSequence,
    vocabulary: &'a Vocabulary,
    options: SamplerOptions,
    device: Device,
    state: Option<ModelState>,
    /// What a model without a state has read so far.
    read: Vec<u8>,
    /// Logits of the next byte.
    logits: Vec<f32>,
    random: u64,
}

impl<'a> Sampler<'a> {
    /// Begins with `prompt`, of which there is at least one byte.
    ///
    /// # Errors
    /// If the prompt is empty or has a byte that the model does not know, the vocabulary is another model's, or the
    /// temperature is out of range.
    pub fn new(
        model: &'a SequenceToSequence,
        vocabulary: &'a Vocabulary,
        prompt: &[u8],
        options: SamplerOptions,
        device: &Device,
    ) -> Result<Self> {
        if !(options.temperature >= 0.0 && options.temperature.is_finite()) {
            return Err(TrainError::Usage(format!(
                "--temperature must be a number of at least 0, found {}",
                options.temperature
            )));
        }
        let (inputs, outputs) = model.config().sizes();
        if (inputs, outputs) != (vocabulary.len(), vocabulary.len()) {
            return Err(TrainError::Usage(format!(
                "expected a model of {} inputs and outputs, one for each byte of its vocabulary, found {inputs} and {outputs}",
                vocabulary.len()
            )));
        }
        let mut tokens = prompt.to_vec();
        vocabulary
            .encode(&mut tokens)
            .map_err(|e| TrainError::Usage(format!("--prompt: {e}")))?;
        let mut sampler = Self {
            model,
            vocabulary,
            options,
            device: device.clone(),
            state: None,
            read: Vec::new(),
            logits: Vec::new(),
            random: options.seed,
        };
        if tokens.is_empty() {
            return Err(TrainError::Usage(
                "--prompt must have at least one byte to go on from".into(),
            ));
        }
        sampler.read(&tokens)?;
        Ok(sampler)
    }

    fn read(&mut self, tokens: &[u8]) -> Result<()> {
        let mut piece = tokens.to_vec();
        if self.state.is_none() {
            self.read.extend(tokens);
            let from = self.read.len().saturating_sub(CONTEXT.max(tokens.len()));
            self.read.drain(..from);
            piece.clone_from(&self.read);
        }
        let wide: Vec<i32> = piece.iter().copied().map(i32::from).collect();
        let time = wide.len();
        let x = Tensor::from_data(TensorData::new(wide, [1, time]), &self.device);
        let (answer, state) = run_tokens(self.model, x, self.state.take())?;
        self.state = state;
        self.logits = numbers(answer.y.narrow(1, time - 1, 1))?;
        Ok(())
    }

    /// Draws the next byte and reads it.
    ///
    /// # Errors
    /// If the device fails.
    pub fn next_byte(&mut self) -> Result<u8> {
        let token = self.draw();
        self.read(&[token as u8])?;
        self.vocabulary
            .byte(token)
            .ok_or_else(|| TrainError::Run("the model gave a token without a byte".into()))
    }

    fn draw(&mut self) -> usize {
        let best = self.logits.iter().enumerate();
        let best = best.max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |b| b.0);
        if self.options.temperature == 0.0 {
            return best;
        }
        let most = f64::from(self.logits[best]);
        let weight = |logit: &f32| ((f64::from(*logit) - most) / self.options.temperature).exp();
        let weights: Vec<f64> = self.logits.iter().map(weight).collect();
        let mut left = self.uniform() * weights.iter().sum::<f64>();
        for (token, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return token;
            }
        }
        best
    }

    /// The next number of SplitMix64, from 0 to below 1.
    fn uniform(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
