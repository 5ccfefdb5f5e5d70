//! Tensors by name, with a note of everything that does not fit.

use alloc::collections::BTreeSet;
use alloc::{format, string::String, vec::Vec};

use super::{Container, FileError, TensorView};
use crate::LinearParts;

/// What the names of tensors begin with that belong to what reads the model's outputs, not to the model.
const HEAD: &str = "head.";

/// A file from which tensors are taken one by one.
pub(super) struct Dict<'a> {
    file: &'a Container<'a>,
    seen: BTreeSet<String>,
    problems: Vec<String>,
}

impl<'a> Dict<'a> {
    pub fn new(file: &'a Container<'a>) -> Self {
        Self {
            file,
            seen: BTreeSet::new(),
            problems: Vec::new(),
        }
    }

    /// Notes what does not fit.
    pub fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// A tensor that may be missing.
    pub fn optional(&mut self, name: &str) -> Option<&'a TensorView<'a>> {
        self.seen.insert(name.into());
        self.file.tensors.get(name)
    }

    /// A tensor of this shape, or a problem noted.
    pub fn tensor(&mut self, name: &str, shape: &[usize]) -> Option<&'a TensorView<'a>> {
        match self.optional(name) {
            None => self.problem(format!("`{name}` {shape:?} is missing")),
            Some(t) if t.shape() != shape => {
                self.problem(format!(
                    "`{name}` has shape {:?}, expected {shape:?}",
                    t.shape()
                ));
            }
            found => return found,
        }
        None
    }

    /// Its numbers, which are finite; none where a problem was noted.
    pub fn floats(&mut self, name: &str, shape: &[usize]) -> Vec<f32> {
        self.floats_if(name, shape, f32::is_finite, "finite numbers")
    }

    /// The parameters of timescales, which are infinite where a timescale is its bound; none where a problem was noted.
    pub fn timescales(&mut self, name: &str, shape: &[usize]) -> Vec<f32> {
        self.floats_if(name, shape, |x| !x.is_nan(), "numbers")
    }

    fn floats_if(
        &mut self,
        name: &str,
        shape: &[usize],
        good: fn(f32) -> bool,
        what: &str,
    ) -> Vec<f32> {
        let values = self
            .tensor(name, shape)
            .map_or_else(Vec::new, TensorView::to_f32);
        if let Some(bad) = values.iter().find(|x| !good(**x)) {
            self.problem(format!("`{name}` holds {bad}, expected {what}"));
            return Vec::new();
        }
        values
    }

    /// Whole numbers below a bound; none where a problem was noted.
    pub fn indices(&mut self, name: &str, shape: &[usize], below: usize) -> Vec<u32> {
        let values = self
            .tensor(name, shape)
            .map_or_else(Vec::new, TensorView::to_f64);
        let below = below.min(u32::MAX as usize) as f64;
        let fits = |x: f64| (0.0..below).contains(&x) && libm::trunc(x) == x;
        if let Some(bad) = values.iter().find(|x| !fits(**x)) {
            self.problem(format!(
                "`{name}` holds {bad}, expected whole numbers from 0 to below {below}"
            ));
            return Vec::new();
        }
        values.into_iter().map(|x| x as u32).collect()
    }

    /// A linear map of each of `stack` neurons, stored `[neuron, out, in]`; without `stack` of one, stored `[out, in]`.
    pub fn linear(
        &mut self,
        name: &str,
        stack: Option<usize>,
        inputs: usize,
        outputs: usize,
    ) -> LinearParts {
        let shape: Vec<usize> = stack.into_iter().chain([outputs, inputs]).collect();
        let stored = self.floats(&format!("{name}.weight"), &shape);
        let bias: Vec<usize> = stack.into_iter().chain([outputs]).collect();
        LinearParts {
            weight: transposed(&stored, outputs, inputs),
            bias: self.floats(&format!("{name}.bias"), &bias),
        }
    }

    /// Ends the search where so much does not fit that the list of it would only grow.
    pub fn check_not_hopeless(&mut self) -> Result<(), FileError> {
        const MANY: usize = 100;
        match self.problems.len() > MANY {
            false => Ok(()),
            true => Err(FileError::Tensors {
                problems: core::mem::take(&mut self.problems),
            }),
        }
    }

    /// Nothing that does not fit, and nothing that nobody asked for?
    pub fn finish(mut self) -> Result<(), FileError> {
        let unknown = self
            .file
            .tensors
            .keys()
            .filter(|name| !self.seen.contains(*name) && !name.starts_with(HEAD));
        self.problems
            .extend(unknown.map(|name| format!("`{name}` is not known")));
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(FileError::Tensors {
                problems: self.problems,
            }),
        }
    }
}

/// Each matrix `[rows, columns]` as `[columns, rows]`.
fn transposed(stored: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(stored.len());
    for matrix in stored.chunks_exact((rows * columns).max(1)) {
        for column in 0..columns {
            out.extend((0..rows).map(|row| matrix[row * columns + column]));
        }
    }
    out
}
