//! Predictions into files.
//!
//! | format | what it holds |
//! |---|---|
//! | CSV | a row for each sequence, or for each step with its number in `step`; a column for each output, whose name says `next` where it is about the step that follows |
//! | JSON lines | an object for each sequence |
//! | npz, safetensors | `y` `[sample, output]`, or `[sample, step, output]` with `lengths` and zeros past the end; of classes also `predicted`; names in `sample`, `output` and `class` (safetensors: in the metadata) |

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use elm_model::weights::{NumberFormat, StateDict, StateTensor};
use serde_json::{Map, Value, json};

use super::npz::{Content, Named, npz};
use super::source::SampleAnswer;
use crate::durable;
use crate::error::{Result, TrainError};
use crate::model::card::{OutputCard, ReadoutCard};

/// Largest array that is written (values): more belongs into CSV or JSON lines, which do not pad.
const MOST_VALUES: usize = 1 << 31;

/// Formats of predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Comma-separated values.
    Csv,
    /// An object in each line.
    #[value(name = "jsonl", alias = "json")]
    JsonLines,
    /// Arrays of numpy.
    Npz,
    /// Tensors.
    Safetensors,
}

impl Format {
    /// The format that a file's name ends with.
    ///
    /// # Errors
    /// [`TrainError::Usage`] with the endings that are known.
    pub fn of_path(path: &Path) -> Result<Self> {
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        Ok(match ending.as_deref() {
            Some("csv") => Self::Csv,
            Some("jsonl" | "json" | "ndjson") => Self::JsonLines,
            Some("npz") => Self::Npz,
            Some("safetensors") => Self::Safetensors,
            _ => {
                return Err(TrainError::Usage(format!(
                    "--out {}: expected a name that ends with .csv, .jsonl, .npz or .safetensors, or --format",
                    path.display()
                )));
            }
        })
    }
}

/// Takes answers one by one.
pub struct Writer {
    output: OutputCard,
    format: Format,
    /// Rows or lines that are not written yet.
    text: Vec<u8>,
    kept: Vec<Kept>,
}

/// An answer that is kept until all are there.
struct Kept {
    name: String,
    values: Vec<f32>,
    rows: usize,
}

impl Writer {
    /// For the outputs of a model.
    pub fn new(output: OutputCard, format: Format) -> Self {
        let mut writer = Self {
            output,
            format,
            text: Vec::new(),
            kept: Vec::new(),
        };
        if format == Format::Csv {
            writer.header();
        }
        writer
    }

    fn per_step(&self) -> bool {
        self.output.readout == ReadoutCard::EveryStep
    }

    fn header(&mut self) {
        let mut columns = vec!["sample".to_string()];
        columns.extend(self.per_step().then(|| "step".to_string()));
        columns.extend(self.output.classes().map(|_| self.output.choice().into()));
        columns.extend(self.output.columns());
        self.row(&columns);
    }

    fn row(&mut self, cells: &[String]) {
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        self.text.extend(cells.join(",").bytes());
        self.text.push(b'\n');
    }

    /// The values of an answer, `[row, output]`.
    fn values(&self, answer: &SampleAnswer) -> Vec<f32> {
        let width = self.output.columns().len().max(1);
        let rows = answer.outputs.chunks_exact(width);
        rows.flat_map(|row| self.output.values(row))
            .map(|v| v as f32)
            .collect()
    }

    /// Adds an answer.
    pub fn add(&mut self, answer: &SampleAnswer) {
        let values = self.values(answer);
        match self.format {
            Format::Csv => self.add_rows(&answer.name, &values),
            Format::JsonLines => self.add_line(&answer.name, &values),
            Format::Npz | Format::Safetensors => self.kept.push(Kept {
                name: answer.name.clone(),
                values,
                rows: answer.rows,
            }),
        }
    }

    fn add_rows(&mut self, name: &str, values: &[f32]) {
        let width = self.output.columns().len().max(1);
        for (step, row) in values.chunks_exact(width).enumerate() {
            let mut cells = vec![name.to_string()];
            cells.extend(self.per_step().then(|| step.to_string()));
            cells.extend(self.class_name(row));
            cells.extend(row.iter().map(f32::to_string));
            self.row(&cells);
        }
    }

    fn class_name(&self, row: &[f32]) -> Option<String> {
        self.output.classes()?.get(best(row)).cloned()
    }

    fn add_line(&mut self, name: &str, values: &[f32]) {
        let columns = self.output.columns();
        let width = columns.len().max(1);
        let rows: Vec<&[f32]> = values.chunks_exact(width).collect();
        let mut object = Map::new();
        object.insert("sample".into(), name.into());
        let one = |row: &[f32]| -> Value {
            let named = columns.iter().zip(row);
            match self.output.classes() {
                None => named
                    .map(|(c, v)| (c.clone(), number(*v)))
                    .collect::<Map<_, _>>()
                    .into(),
                Some(classes) => {
                    let p = classes.iter().zip(row);
                    p.map(|(c, v)| (c.clone(), number(*v)))
                        .collect::<Map<_, _>>()
                        .into()
                }
            }
        };
        let key = match self.output.classes() {
            Some(_) => "probability",
            None => "value",
        };
        if self.per_step() {
            if self.output.classes().is_some() {
                let names: Vec<_> = rows.iter().map(|row| self.class_name(row)).collect();
                object.insert(self.output.choice().into(), json!(names));
            }
            // columns of steps: short, and each is a series
            for (index, column) in columns.iter().enumerate() {
                let series: Vec<Value> = rows.iter().map(|row| number(row[index])).collect();
                object.insert(column.clone(), json!(series));
            }
        } else if let Some(row) = rows.first() {
            if let Some(class) = self.class_name(row) {
                object.insert(self.output.choice().into(), class.into());
            }
            object.insert(key.into(), one(row));
        }
        self.text.extend(Value::from(object).to_string().bytes());
        self.text.push(b'\n');
    }

    /// Writes what is there so far, where the format has lines.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn flush_to(&mut self, out: &mut dyn Write) -> std::io::Result<()> {
        out.write_all(&std::mem::take(&mut self.text))
    }

    /// Are there lines that can be written before all answers are there?
    pub fn is_text(&self) -> bool {
        matches!(self.format, Format::Csv | Format::JsonLines)
    }

    /// Writes everything that was not written yet into a file, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written, or would be too large.
    pub fn finish(self, path: &Path) -> Result<()> {
        let bytes = match self.format {
            Format::Csv | Format::JsonLines => self.text,
            Format::Npz => npz(&self.arrays(path)?).map_err(|e| TrainError::file(path, e))?,
            Format::Safetensors => self.tensors(path)?,
        };
        durable::write_whole(path, bytes)
    }

    fn arrays(&self, path: &Path) -> Result<Vec<Named>> {
        let width = self.output.columns().len();
        let samples = self.kept.len();
        let steps = self.kept.iter().map(|kept| kept.rows).max().unwrap_or(0);
        let (shape, rows) = match self.per_step() {
            true => (vec![samples, steps, width], steps),
            false => (vec![samples, width], 1),
        };
        let total = samples.saturating_mul(rows).saturating_mul(width);
        if total > MOST_VALUES {
            return Err(TrainError::file(
                path,
                format!(
                    "{samples} sequences of up to {rows} steps are too many for one array; write .csv or .jsonl"
                ),
            ));
        }
        let mut values = vec![0.0; total];
        for (out, kept) in values
            .chunks_exact_mut((rows * width).max(1))
            .zip(&self.kept)
        {
            out[..kept.values.len()].copy_from_slice(&kept.values);
        }
        let integers = |name: &str, shape, values| Named {
            name: name.into(),
            shape,
            content: Content::Integers(values),
        };
        let texts = |name: &str, texts: Vec<String>| Named {
            name: name.into(),
            shape: vec![texts.len()],
            content: Content::Texts(texts),
        };
        let mut arrays = vec![Named {
            name: "y".into(),
            shape: shape.clone(),
            content: Content::Floats(values.clone()),
        }];
        if let Some(classes) = self.output.classes() {
            let predicted = values
                .chunks_exact(width.max(1))
                .map(|row| best(row) as i64);
            let mut shape = shape;
            shape.pop();
            arrays.push(integers("predicted", shape, predicted.collect()));
            arrays.push(texts("class", classes.to_vec()));
        }
        if self.per_step() {
            let lengths = self.kept.iter().map(|kept| kept.rows as i64).collect();
            arrays.push(integers("lengths", vec![samples], lengths));
        }
        let names = self.kept.iter().map(|kept| kept.name.clone()).collect();
        arrays.push(texts("sample", names));
        arrays.push(texts("output", self.output.columns()));
        Ok(arrays)
    }

    fn tensors(&self, path: &Path) -> Result<Vec<u8>> {
        let mut dict = StateDict {
            path: path.into(),
            tensors: BTreeMap::new(),
            metadata: BTreeMap::new(),
        };
        for Named {
            name,
            shape,
            content,
        } in self.arrays(path)?
        {
            let tensor = |values: Vec<f64>, format| StateTensor {
                shape,
                values,
                format,
            };
            match content {
                Content::Floats(values) => {
                    let values = values.into_iter().map(f64::from).collect();
                    dict.tensors.insert(name, tensor(values, NumberFormat::F32));
                }
                Content::Integers(values) => {
                    let values = values.into_iter().map(|v| v as f64).collect();
                    dict.tensors.insert(name, tensor(values, NumberFormat::I64));
                }
                Content::Texts(texts) => {
                    dict.metadata.insert(name, json!(texts).to_string());
                }
            }
        }
        Ok(dict.to_safetensors()?)
    }
}

/// A number with the digits that it has in single precision, and no more; null where it is none.
fn number(value: f32) -> Value {
    serde_json::from_str(&value.to_string()).unwrap_or_default()
}

/// Place of the largest value.
fn best(row: &[f32]) -> usize {
    let places = row.iter().enumerate();
    places.max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |b| b.0)
}

/// A cell of a table; in quotes where it must be.
fn quoted(cell: &str) -> String {
    match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.into(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::card::Meaning;
    use crate::predict::Truth;

    fn answer(name: &str, outputs: &[f32], rows: usize) -> SampleAnswer {
        SampleAnswer {
            name: name.into(),
            outputs: outputs.to_vec(),
            rows,
            truth: Truth::Unknown,
        }
    }

    fn classes(readout: ReadoutCard) -> OutputCard {
        OutputCard {
            readout,
            next: false,
            meaning: Meaning::Classes(vec!["no".into(), "yes, it is".into()]),
        }
    }

    fn text(output: OutputCard, format: Format, answers: &[SampleAnswer]) -> String {
        let mut writer = Writer::new(output, format);
        let mut out = Vec::new();
        for answer in answers {
            writer.add(answer);
            writer.flush_to(&mut out).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn tables_and_lines_say_what_they_hold() {
        let three = 3.0f32.ln();
        let csv = text(
            classes(ReadoutCard::Last),
            Format::Csv,
            &[answer("a", &[0.0, three], 1)],
        );
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines[0], "sample,predicted,p(no),\"p(yes, it is)\"");
        assert!(lines[1].starts_with("a,\"yes, it is\",0.25"), "{csv}");
        let steps = answer("a", &[1.0, 2.0, 3.0, 4.0], 2);
        let csv = text(
            OutputCard::plain(2),
            Format::Csv,
            std::slice::from_ref(&steps),
        );
        assert_eq!(csv, "sample,step,y0,y1\na,0,1,2\na,1,3,4\n");
        let line = text(OutputCard::plain(2), Format::JsonLines, &[steps]);
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value, json!({"sample": "a", "y0": [1, 3], "y1": [2, 4]}));
        let line = text(
            classes(ReadoutCard::Mean),
            Format::JsonLines,
            &[answer("a", &[0.0, three], 1)],
        );
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["predicted"], "yes, it is");
        assert_eq!(number(0.1).to_string(), "0.1");
        assert_eq!(number(f32::NAN), Value::Null);
        assert!((value["probability"]["no"].as_f64().unwrap() - 0.25).abs() < 1e-6);
    }

    #[test]
    fn arrays_are_read_by_our_own_reader() {
        use elm_data::arrays::{
            ArrayData, ArrayKeys, ArrayOptions, InputKind, Inputs, Known, SequenceData,
        };
        use elm_data::arrays::{ClassNames, TargetKind, Targets};
        let folder = tempfile::tempdir().unwrap();
        for name in ["p.npz", "p.safetensors"] {
            let path = folder.path().join(name);
            let mut writer = Writer::new(OutputCard::plain(2), Format::of_path(&path).unwrap());
            assert!(!writer.is_text());
            writer.add(&answer("first", &[1.0, 2.0, 3.0, 4.0], 2));
            writer.add(&answer("zweite", &[5.0, 6.0], 1));
            writer.finish(&path).unwrap();
            let options = ArrayOptions {
                keys: ArrayKeys {
                    x: "y".into(),
                    y: "none".into(),
                    ..ArrayKeys::default()
                },
                ..ArrayOptions::default()
            };
            let known = Known {
                inputs: &InputKind::Values { channels: 2 },
                targets: &Targets {
                    kind: TargetKind::Regress,
                    outputs: 1,
                    classes: ClassNames::default(),
                },
            };
            let data = ArrayData::open(&[path], &options, Some(known)).unwrap();
            assert_eq!((data.len(), data.steps(0), data.steps(1)), (2, 2, 1));
            assert_eq!(
                data.sample(1).unwrap().inputs,
                Inputs::Values(vec![5.0, 6.0])
            );
        }
        assert!(Format::of_path(Path::new("x.txt")).is_err());
    }
}
