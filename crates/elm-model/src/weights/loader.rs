//! From a state dict to parameters, name by name.

use std::collections::BTreeSet;

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};

use super::state_dict::StateDict;
use crate::ElmError;
use crate::parts::MemoryTimescales;

/// What the names of tensors begin with that belong to what reads the model's outputs, not to the model.
const HEAD: &str = "head.";

/// Takes tensors out of a state dict, and notes what is missing, of another shape or out of range.
pub(super) struct Loader<'a> {
    pub dict: &'a StateDict,
    pub device: &'a Device,
    problems: Vec<String>,
    seen: BTreeSet<String>,
}

impl<'a> Loader<'a> {
    pub fn new(dict: &'a StateDict, device: &'a Device) -> Self {
        Self {
            dict,
            device,
            problems: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Notes a problem.
    pub fn problem(&mut self, problem: String) {
        self.problems.push(problem);
    }

    /// This name is known, whether there or not.
    pub fn knows(&mut self, name: &str) {
        self.seen.insert(name.into());
    }

    /// Every problem, and every name that nobody asked for.
    pub fn finish(mut self) -> Result<(), ElmError> {
        let unknown = self.dict.tensors.keys();
        let unknown = unknown.filter(|k| !self.seen.contains(*k) && !k.starts_with(HEAD));
        self.problems
            .extend(unknown.map(|name| format!("`{name}` is not known")));
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(ElmError::Weights {
                path: self.dict.path.clone(),
                problems: self.problems,
            }),
        }
    }

    /// The finite numbers of a tensor, or a problem noted.
    pub fn take(&mut self, name: &str, shape: &[usize]) -> Option<Vec<f64>> {
        self.take_if(name, shape, f64::is_finite, "a finite number")
    }

    /// The numbers of a tensor, all of which are to be `good`, or a problem noted; `what` says what was expected.
    fn take_if(
        &mut self,
        name: &str,
        shape: &[usize],
        good: fn(f64) -> bool,
        what: &str,
    ) -> Option<Vec<f64>> {
        self.knows(name);
        match self.dict.tensors.get(name) {
            None => self.problem(format!("`{name}` {shape:?} is missing")),
            Some(t) if t.shape != shape => self.problem(format!(
                "`{name}` has shape {:?}, expected {shape:?}",
                t.shape
            )),
            Some(t) => match t.values.iter().position(|v| !good(*v)) {
                None => return Some(t.values.clone()),
                Some(at) => {
                    let place = place(&t.shape, at);
                    self.problem(format!(
                        "`{name}`{place} is {}, expected {what}",
                        t.values[at]
                    ));
                }
            },
        }
        None
    }

    /// Whole numbers from 0 to below `end`, or a problem noted; `what` says what they are.
    pub fn indices(
        &mut self,
        name: &str,
        shape: &[usize],
        what: &str,
        end: usize,
    ) -> Option<Vec<i64>> {
        let values = self.take(name, shape)?;
        let fits = |v: &&f64| (0.0..end as f64).contains(*v) && v.fract() == 0.0;
        if let Some(bad) = values.iter().find(|v| !fits(v)) {
            self.problem(format!("`{name}` names {what} {bad}, expected 0..{end}"));
            return None;
        }
        Some(values.iter().map(|v| *v as i64).collect())
    }

    /// A parameter that is stored as it is.
    pub fn param<const D: usize>(&mut self, name: &str, param: &mut Param<Tensor<D>>) {
        let shape = param.dims();
        if let Some(values) = self.take(name, &shape) {
            *param = self.replaced(param, values);
        }
    }

    /// A weight whose last two dimensions are stored the other way round, as PyTorch does.
    pub fn swapped<const D: usize>(&mut self, name: &str, param: &mut Param<Tensor<D>>) {
        let mut shape = param.dims();
        shape.swap(D - 1, D - 2);
        if let Some(values) = self.take(name, &shape) {
            let values = transposed(&values, shape[D - 2], shape[D - 1]);
            *param = self.replaced(param, values);
        }
    }

    /// A linear map.
    pub fn linear(&mut self, name: &str, layer: &mut Linear) {
        self.swapped(&format!("{name}.weight"), &mut layer.weight);
        if let Some(bias) = &mut layer.bias {
            self.param(&format!("{name}.bias"), bias);
        }
    }

    /// Parameters of the memory timescales.
    pub fn timescales<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
        timescales: &mut MemoryTimescales<D>,
    ) {
        // without a bound in f32: the longest timescale is that of +infinity
        let values = self.take_if(name, &shape, |v| !v.is_nan(), "a number");
        if let Some(values) = values {
            *timescales = timescales.with_proto(&values, self.device);
        }
    }

    /// The parameter with other numbers, laid out as the kernels read them.
    fn replaced<const D: usize>(
        &self,
        param: &Param<Tensor<D>>,
        values: Vec<f64>,
    ) -> Param<Tensor<D>> {
        let data = TensorData::new(values, param.dims());
        let tensor = Tensor::from_data(data, (self.device, param.val().dtype()));
        Param::initialized(param.id, tensor.set_require_grad(param.is_require_grad()))
    }
}

/// Where number `at` of a tensor is, as an index.
fn place(shape: &[usize], at: usize) -> String {
    let mut rest = at;
    let mut index: Vec<usize> = Vec::with_capacity(shape.len());
    for size in shape.iter().rev() {
        index.push(rest % size.max(&1));
        rest /= size.max(&1);
    }
    index.reverse();
    format!("{index:?}")
}

/// Matrices `[.., rows, columns]` as `[.., columns, rows]`, on the host so that the result is contiguous.
fn transposed(values: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    values
        .chunks_exact((rows * columns).max(1))
        .flat_map(|matrix| {
            (0..rows * columns).map(move |i| matrix[(i % rows) * columns + i / rows])
        })
        .collect()
}
