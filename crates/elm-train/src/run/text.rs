//! Training on a text.

use std::sync::Arc;

use burn::tensor::Device;
use elm_data::Split;
use elm_data::text::{NGram, StateDrop, StreamBatches, Text, bits_per_character};

use super::card;
use super::describe::Finished;
use super::experiment::{self, Experiment};
use super::history::Column;
use super::outcome::{Outcome, ResultRow};
use super::progress::StatusLine;
use crate::error::{Result, TrainError};
use crate::model::card::TaskCard;
use crate::recipe::{DataForm, Recipe};
use crate::report::Report;
use crate::stop::Stop;
use crate::task::text::{Sampler, SamplerOptions, TextLoss, TextMeter, TextModel};
use crate::tell;

/// Most bytes that n-grams are counted in: they take about a hundred bytes of memory for each.
const MAX_COUNTED: usize = 8 << 20;
/// Bytes of the sample in the report, and of the text before it.
const SAMPLE: usize = 300;
const PROMPT: usize = 60;

/// What n-grams reach on the test.
pub(super) struct Baseline {
    /// Bits per character, of order 1 first; at least one.
    bits: Vec<f64>,
    /// What they were counted in.
    of: String,
}

impl Baseline {
    /// Of the longest.
    fn longest(&self) -> f64 {
        self.bits.last().copied().unwrap_or(f64::NAN)
    }

    fn about(&self) -> String {
        let order = self.bits.len();
        let shorter = self.bits[..order.saturating_sub(1)].iter().enumerate();
        let shorter: Vec<String> = shorter
            .map(|(k, bits)| format!("{bits:.3} of order {}", k + 1))
            .collect();
        let shorter = match shorter.is_empty() {
            true => String::new(),
            false => format!(
                " Bits per character of shorter ones: {}.",
                shorter.join(", ")
            ),
        };
        format!(
            "Compared with: {order}-grams with Kneser-Ney smoothing, counted in {}; they see the {} bytes before each.{shorter}",
            self.of,
            order.saturating_sub(1)
        )
    }
}

/// A text with a recipe.
pub(super) struct TextRun {
    /// For the text as it was found.
    recipe: Recipe,
    text: Text,
    train: Arc<StreamBatches>,
    valid: Arc<StreamBatches>,
    test: Arc<StreamBatches>,
}

impl TextRun {
    /// Reads the text of a recipe.
    pub(super) fn open(recipe: &Recipe) -> Result<Self> {
        let own = &recipe.text;
        let text = Text::open(&own.options(&recipe.data))?;
        for note in text.notes() {
            tell!("note: {note}");
        }
        let symbols = text.vocabulary().len();
        let recipe = recipe.clone().with_form(DataForm {
            inputs: symbols,
            outputs: Some(symbols),
            steps: own.steps,
            causal: true,
        });
        recipe.validate_settings()?;
        let part = |split, drop| -> Result<Arc<StreamBatches>> {
            if text.part(split).is_empty() {
                return Err(TrainError::Usage(format!(
                    "recipe: expected a text for the part {split}, found none; give it a share (text.{split}_fraction) or files (data.{split})"
                )));
            }
            // a short part has fewer streams
            let most = (text.part(split).len() / 2).max(1);
            let streams = recipe.train.batch_size.min(most);
            let streams = text.streams(split, streams, recipe.text.steps)?;
            Ok(Arc::new(StreamBatches::new(streams, drop, recipe.seed)?))
        };
        Ok(Self {
            train: part(Split::Train, recipe.text.state_drop)?,
            valid: part(Split::Valid, StateDrop::NEVER)?,
            test: part(Split::Test, StateDrop::NEVER)?,
            recipe,
            text,
        })
    }

    /// n-grams of every order up to the recipe's on the test; none if that is 0 or the text is too short.
    fn baseline(&self) -> Result<Option<Baseline>> {
        let order = self.recipe.text.ngram;
        let train = self.text.part(Split::Train);
        if order == 0 || train.len() <= order {
            return Ok(None);
        }
        // the part next to the test
        let counted = &train[train.len().saturating_sub(MAX_COUNTED)..];
        let symbols = self.text.vocabulary().len();
        let test = self.text.part(Split::Test);
        let bits = (1..=order)
            .map(|order| Ok(NGram::train(counted, symbols, order)?.bits_per_token(test)?))
            .collect::<Result<_>>()?;
        let of = match counted.len() == train.len() {
            true => "the same text".to_string(),
            false => format!("its last {} MiB", MAX_COUNTED >> 20),
        };
        Ok(Some(Baseline { bits, of }))
    }

    /// A few lines that the model makes from the beginning of the test.
    fn sample(&self, finished: &Finished<'_>) -> Result<String> {
        let vocabulary = self.text.vocabulary();
        let test = self.text.part(Split::Test);
        let prompt = vocabulary.decode(&test[..test.len().min(PROMPT)])?;
        let options = SamplerOptions {
            temperature: 0.7,
            seed: self.recipe.seed,
        };
        let mut sampler = Sampler::new(
            finished.body(),
            vocabulary,
            &prompt,
            options,
            finished.device,
        )?;
        let made: Vec<u8> = (0..SAMPLE)
            .map(|_| sampler.next_byte())
            .collect::<Result<_>>()?;
        let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace(char::is_control, " ");
        Ok(format!(
            "At temperature 0.7 the model goes on from “{}” with “{}”.",
            shown(&prompt),
            shown(&made)
        ))
    }
}

impl Experiment for TextRun {
    type Objective = TextLoss;
    type Source = StreamBatches;
    type Tested = (TextMeter, Option<Baseline>);

    const ITEMS: &'static str = "streams";

    fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    fn columns(&self) -> &'static [Column] {
        &[Column {
            key: "valid_bits_per_character",
            title: "bits per character",
            unit: "",
            decimals: 3,
        }]
    }

    fn card(&self) -> Option<TaskCard> {
        Some(card::of_text(&self.name(), self.text.vocabulary()))
    }

    fn batches_in_data(&self) -> u64 {
        self.train.streams().batches() as u64
    }

    fn init(&self, device: &Device) -> Result<TextModel> {
        let body = self.recipe.init_model(device)?;
        Ok(TextModel::new(body, None, TextLoss))
    }

    fn train(&self) -> Arc<StreamBatches> {
        Arc::clone(&self.train)
    }

    fn valid(&self) -> (Arc<StreamBatches>, u64) {
        let batches = self.valid.streams().batches() as u64;
        (Arc::clone(&self.valid), batches)
    }

    fn test(
        &self,
        model: &TextModel,
        device: &Device,
        stop: &Stop,
        line: &mut StatusLine,
    ) -> Result<Self::Tested> {
        let batches = (Arc::clone(&self.test), self.test.streams().batches() as u64);
        let meter = experiment::measure(self, model, batches, device, stop, &mut |done, total| {
            line.show(&format!("testing, batch {done}/{total}"));
        })?;
        line.show("counting n-grams");
        Ok((meter, self.baseline()?))
    }

    fn outcome(&self, _: &TextModel, (meter, baseline): &Self::Tested) -> Outcome {
        let bits = bits_per_character(meter.loss());
        let order = self.recipe.text.ngram;
        let parts = [Split::Train, Split::Valid, Split::Test].map(|s| self.text.part(s).len());
        let mut notes = vec![format!(
            "Text of {} files, {} different bytes: {} bytes to train on, {} to validate, {} to test, by the model of the \
             epoch with the least validation loss; states are carried from the beginning of each stream to its end.",
            self.text.files(),
            self.text.vocabulary().len(),
            parts[0],
            parts[1],
            parts[2]
        )];
        notes.extend(self.text.notes().iter().cloned());
        let bits_of_baseline = baseline.as_ref().map(Baseline::longest);
        Outcome {
            samples: meter.tokens(),
            items: "bytes",
            rows: vec![
                ResultRow::new("Bits per character", bits, 3).published(bits_of_baseline),
                ResultRow::new("Perplexity of a byte", meter.loss().exp(), 3)
                    .published(bits_of_baseline.map(f64::exp2)),
            ],
            published: baseline.as_ref().map(|_| format!("{order}-grams")),
            comparison: baseline.iter().map(Baseline::about).collect(),
            notes,
            details: serde_json::json!({
                "symbols": self.text.vocabulary().len(),
                "ngram_bits_per_character": baseline.as_ref().map(|baseline| &baseline.bits),
            }),
        }
    }

    fn illustrate(
        &self,
        _: &Self::Tested,
        finished: &Finished<'_>,
        report: &mut Report,
    ) -> Result<()> {
        report.plain = true;
        report.notes.push(self.sample(finished)?);
        Ok(())
    }
}
