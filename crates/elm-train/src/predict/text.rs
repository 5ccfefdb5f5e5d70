//! Texts, byte by byte.

use std::path::PathBuf;

use burn::tensor::{Int, Tensor, TensorData};
use elm_data::Split;
use elm_data::text::{Text, TextOptions, Vocabulary};

use super::source::{Predicting, SampleAnswer, Source, Truth};
use crate::error::Result;
use crate::task::numbers;
use crate::task::text::{ModelState, run_tokens};
use crate::tell;

/// Bytes of a text that are answered together.
const PIECE: usize = 1024;

/// Texts in the vocabulary of a model, each read from its beginning to its end: the state goes on from piece to piece. The
/// answer to a byte is about the one that follows.
pub struct TextSource {
    texts: Vec<(String, Text)>,
}

impl TextSource {
    /// Reads files, or folders of files, each with what its pieces are called by.
    ///
    /// # Errors
    /// If one cannot be read, is empty, or has a byte that the model does not know.
    pub fn open(named: &[(String, PathBuf)], vocabulary: &Vocabulary) -> Result<Self> {
        let mut texts = Vec::with_capacity(named.len());
        for (name, path) in named {
            let options = TextOptions {
                train: vec![path.clone()],
                valid_fraction: 0.0,
                test_fraction: 0.0,
                ..TextOptions::default()
            };
            let text = Text::open_known(&options, Some(vocabulary))?;
            for note in text.notes() {
                tell!("note: {note}");
            }
            texts.push((name.clone(), text));
        }
        Ok(Self { texts })
    }
}

impl Source for TextSource {
    fn samples(&self) -> usize {
        let pieces = |(_, text): &(String, Text)| text.part(Split::Train).len().div_ceil(PIECE);
        self.texts.iter().map(pieces).sum()
    }

    fn items(&self) -> &'static str {
        "pieces"
    }

    fn predict(
        &self,
        with: &Predicting<'_>,
        take: &mut dyn FnMut(SampleAnswer) -> Result<()>,
    ) -> Result<()> {
        for (name, text) in &self.texts {
            let tokens = text.part(Split::Train);
            let mut state: Option<ModelState> = None;
            for start in (0..tokens.len()).step_by(PIECE) {
                with.stop.check("stopped before everything was predicted")?;
                let end = tokens.len().min(start + PIECE);
                let piece: Vec<i32> = tokens[start..end].iter().copied().map(i32::from).collect();
                let rows = piece.len();
                let piece =
                    Tensor::<2, Int>::from_data(TensorData::new(piece, [1, rows]), with.device);
                let (answer, next) = run_tokens(&with.file.model, piece, state.take())?;
                state = next;
                let following = &tokens[start + 1..tokens.len().min(end + 1)];
                take(SampleAnswer {
                    name: format!("{name}@{start}"),
                    outputs: numbers(answer.y)?,
                    rows,
                    truth: match following.is_empty() {
                        true => Truth::Unknown,
                        false => {
                            Truth::Classes(following.iter().map(|t| usize::from(*t)).collect())
                        }
                    },
                })?;
            }
        }
        Ok(())
    }
}
