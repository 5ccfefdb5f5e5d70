//! An array in a file, read where it is needed.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::element::Element;
use super::labels::Label;
use super::npy::Header;
use crate::files::Content;
use crate::{DataError, Result};

/// A file and the name of an array in it, for errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    pub(super) path: PathBuf,
    pub(super) key: String,
}

impl Origin {
    pub(super) fn new(path: &Path, key: &str) -> Self {
        Self {
            path: path.into(),
            key: key.into(),
        }
    }

    /// An error about this array.
    pub(super) fn error(&self, problem: impl std::fmt::Display) -> DataError {
        DataError::format(&self.path, format!("`{}`: {problem}", self.key))
    }
}

/// The bytes of an array: a part of a mapped file, or memory.
#[derive(Debug, Clone)]
pub(super) struct Bytes {
    content: Arc<Content>,
    range: Range<usize>,
}

impl Bytes {
    /// The part `range` of `content`.
    pub(super) fn part(content: &Arc<Content>, range: Range<usize>) -> Option<Self> {
        content.get(range.clone())?;
        Some(Self {
            content: Arc::clone(content),
            range,
        })
    }

    /// Bytes in memory.
    pub(super) fn owned(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self {
            content: Arc::new(Content::Owned(bytes)),
            range,
        }
    }

    fn get(&self, range: Range<usize>) -> &[u8] {
        // ranges are checked against the shape when an array is made
        &self.content[self.range.start + range.start..self.range.start + range.end]
    }
}

/// Numbers in memory as a file would hold them, so that a large table is there only once.
#[derive(Debug, Default)]
pub(super) struct Doubles(Vec<u8>);

impl Doubles {
    const SIZE: usize = size_of::<f64>();

    pub(super) fn push(&mut self, value: f64) {
        self.0.extend(value.to_le_bytes());
    }

    fn len(&self) -> usize {
        self.0.len() / Self::SIZE
    }

    pub(super) fn get(&self, index: usize) -> f64 {
        Element::F64.float(&self.0[index * Self::SIZE..][..Self::SIZE])
    }

    /// The rows of `columns` values in another order.
    pub(super) fn rows(&self, order: &[usize], columns: usize) -> Self {
        let size = columns * Self::SIZE;
        let rows = order.iter().flat_map(|r| &self.0[r * size..][..size]);
        Self(rows.copied().collect())
    }
}

impl FromIterator<f64> for Doubles {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        let mut all = Self::default();
        values.into_iter().for_each(|v| all.push(v));
        all
    }
}

/// Numbers or texts with a shape.
#[derive(Debug, Clone)]
pub(super) struct Array {
    pub(super) origin: Arc<Origin>,
    pub(super) element: Element,
    pub(super) shape: Vec<usize>,
    /// Elements between neighbours along each axis.
    strides: Vec<usize>,
    bytes: Bytes,
}

impl Array {
    /// An array of the shape and type of `header` in `bytes`.
    ///
    /// # Errors
    /// If the bytes are not as many as the shape asks for.
    pub(super) fn new(origin: Origin, header: &Header, bytes: Bytes) -> Result<Self> {
        let expected = header.data_bytes().map_err(|p| origin.error(p))?;
        let found = bytes.range.len();
        if expected != found {
            let shape = &header.shape;
            let cut = if found < expected {
                " (was the file cut short?)"
            } else {
                ""
            };
            return Err(origin.error(format!(
                "the shape {shape:?} of {} takes {expected} bytes, found {found}{cut}",
                header.element.name()
            )));
        }
        let mut strides = vec![1; header.shape.len()];
        let mut stride = 1;
        let mut axes: Vec<usize> = (0..strides.len()).collect();
        if !header.fortran_order {
            axes.reverse();
        }
        for axis in axes {
            strides[axis] = stride;
            stride *= header.shape[axis].max(1);
        }
        Ok(Self {
            origin: Arc::new(origin),
            element: header.element,
            shape: header.shape.clone(),
            strides,
            bytes,
        })
    }

    /// Doubles in memory, `[rows, columns]`.
    pub(super) fn from_values(origin: Origin, values: Doubles, columns: usize) -> Result<Self> {
        let header = Header {
            element: Element::F64,
            fortran_order: false,
            shape: vec![values.len() / columns.max(1), columns],
            length: 0,
        };
        Self::new(origin, &header, Bytes::owned(values.0))
    }

    pub(super) fn error(&self, problem: impl std::fmt::Display) -> DataError {
        self.origin.error(problem)
    }

    /// Shape and type, for errors.
    pub(super) fn describe(&self) -> String {
        format!("{:?} of {}", self.shape, self.element.name())
    }

    fn at(&self, element: usize) -> &[u8] {
        let size = self.element.size;
        self.bytes.get(element * size..(element + 1) * size)
    }

    /// Number of the element at `place`.
    fn place(&self, place: &[usize]) -> usize {
        place.iter().zip(&self.strides).map(|(p, s)| p * s).sum()
    }

    /// The whole numbers of a one-dimensional array.
    ///
    /// # Errors
    /// If it has another shape or other elements.
    pub(super) fn integers(&self) -> Result<Vec<i64>> {
        let [count] = self.shape[..] else {
            return Err(self.error(format!(
                "expected one dimension of integers, found {}",
                self.describe()
            )));
        };
        (0..count)
            .map(|i| {
                let bytes = self.at(i);
                self.element.integer(bytes).ok_or_else(|| {
                    let found = self.element.float(bytes);
                    self.error(format!("[{i}]: expected an integer, found {found}"))
                })
            })
            .collect()
    }

    /// The numbers of a one-dimensional array.
    pub(super) fn numbers(&self) -> Result<Vec<f64>> {
        if self.shape.len() != 1 || self.element.is_text() {
            return Err(self.error(format!(
                "expected one dimension of numbers, found {}",
                self.describe()
            )));
        }
        let mut all = Vec::new();
        self.element
            .append(self.bytes.get(0..self.bytes.range.len()), &mut all);
        Ok(all)
    }

    /// The element `element`, counted in memory, as a label.
    ///
    /// # Errors
    /// If it is a number that is not whole.
    pub(super) fn label(&self, element: usize) -> Result<Label> {
        let bytes = self.at(element);
        if self.element.is_text() {
            return Ok(Label::parse(&self.element.text(bytes)));
        }
        match self.element.integer(bytes) {
            Some(integer) => Ok(Label::Integer(integer)),
            None => Err(self.error(format!(
                "expected labels that are integers or texts, found {}",
                self.element.float(bytes)
            ))),
        }
    }

    /// The part at `index` of the first axis as `[steps, channels]`: of `[sample, time, channel]` one sequence, of
    /// `[sample, time]` one with a single channel, of `[sample]` one number.
    pub(super) fn row(self: &Arc<Self>, index: usize) -> View {
        let axis = |axis: usize| {
            let size = self.shape.get(axis).copied().unwrap_or(1);
            (size, self.strides.get(axis).copied().unwrap_or(1))
        };
        let ((steps, step), (channels, channel)) = (axis(1), axis(2));
        View {
            array: Arc::clone(self),
            first: self.place(&[index]),
            steps,
            step,
            channels,
            channel,
        }
    }

    /// All of a `[time, channel]` or `[time]` array.
    pub(super) fn all(self: &Arc<Self>) -> View {
        let axis = |axis: usize| {
            let size = self.shape.get(axis).copied().unwrap_or(1);
            (size, self.strides.get(axis).copied().unwrap_or(1))
        };
        let ((steps, step), (channels, channel)) = (axis(0), axis(1));
        View {
            array: Arc::clone(self),
            first: 0,
            steps,
            step,
            channels,
            channel,
        }
    }
}

/// `[steps, channels]` of an array.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) array: Arc<Array>,
    first: usize,
    pub(super) steps: usize,
    step: usize,
    pub(super) channels: usize,
    channel: usize,
}

impl View {
    /// The steps `range` of it.
    pub(super) fn steps_in(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.steps);
        let start = range.start.min(end);
        Self {
            first: self.first + start * self.step,
            steps: end - start,
            ..self.clone()
        }
    }

    /// The single step as one of `[channels]` values: a `[sample, output]` array read as steps.
    pub(super) fn as_channels(&self) -> Self {
        Self {
            steps: 1,
            step: 1,
            channels: self.steps * self.channels,
            channel: if self.steps > 1 {
                self.step
            } else {
                self.channel
            },
            ..self.clone()
        }
    }

    /// The numbers, step by step.
    pub(super) fn read(&self) -> Vec<f64> {
        let array = &self.array;
        let count = self.steps * self.channels;
        let mut out = Vec::with_capacity(count);
        if count == 0 {
            return out; // an empty array has no place to start from
        }
        let size = array.element.size;
        let together = (self.channels == 1 || self.channel == 1)
            && (self.steps <= 1 || self.step == self.channels);
        if together {
            let range = self.first * size..(self.first + count) * size;
            array.element.append(array.bytes.get(range), &mut out);
        } else {
            for element in self.elements() {
                out.push(array.element.float(array.at(element)));
            }
        }
        out
    }

    /// The elements, step by step, as numbers of the array's elements in memory.
    pub(super) fn elements(&self) -> impl Iterator<Item = usize> + use<> {
        let (first, step, channels, channel) = (self.first, self.step, self.channels, self.channel);
        (0..self.steps)
            .flat_map(move |s| (0..channels).map(move |c| first + s * step + c * channel))
    }

    /// The labels, step by step.
    pub(super) fn labels(&self) -> impl Iterator<Item = Result<Label>> + '_ {
        self.elements().map(|element| self.array.label(element))
    }

    /// Whole numbers, step by step; none of what is not whole.
    pub(super) fn integers(&self) -> impl Iterator<Item = Option<i64>> + '_ {
        let array = &self.array;
        self.elements()
            .map(|element| array.element.integer(array.at(element)))
    }
}
