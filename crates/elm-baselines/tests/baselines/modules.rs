//! Any module's parameters and gradients by name, as plain numbers.

use std::collections::BTreeMap;
use std::sync::Mutex;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Device, Gradients, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::common::host;

/// Numbers by the path of their parameter, e.g. `readout.weight`.
pub type Named = BTreeMap<String, Vec<f64>>;

/// Numbers uniform in `low..high`.
pub fn uniform(len: usize, low: f64, high: f64, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| rng.random_range(low..high)).collect()
}

/// A tensor of these numbers.
pub fn tensor<const D: usize>(values: &[f64], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

/// Makes a module from start values that depend on the seed alone: Burn's generator is shared by all threads.
pub fn seeded<M: Module>(seed: u64, device: &Device, make: impl FnOnce() -> M) -> M {
    static GENERATOR: Mutex<()> = Mutex::new(());
    let _guard = GENERATOR.lock().unwrap_or_else(|e| e.into_inner());
    device.seed(seed);
    make().materialize()
}

/// The module with every number drawn anew from ±0.7, running variances from 0.5..1.5.
pub fn scrambled<M: Module>(module: M, seed: u64) -> M {
    module.map(&mut Scramble {
        path: Vec::new(),
        seed,
    })
}

struct Scramble {
    path: Vec<String>,
    seed: u64,
}

impl ModuleMapper for Scramble {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.seed += 1;
        let variance = self.path.last().is_some_and(|name| name == "running_var");
        let (low, high) = if variance { (0.5, 1.5) } else { (-0.7, 0.7) };
        param.map(|t| {
            let shape = t.dims();
            let values = uniform(shape.iter().product(), low, high, self.seed);
            let trained = t.is_require_grad();
            tensor(&values, shape, &t.device()).set_require_grad(trained)
        })
    }
}

/// Every number of a module.
pub fn parameters<M: Module>(module: &M) -> Named {
    let mut visitor = Collect::default();
    module.visit(&mut visitor);
    visitor.found
}

/// The gradient of every parameter that has one.
pub fn gradients<M: Module>(module: &M, gradients: &Gradients) -> Named {
    let mut visitor = Collect {
        gradients: Some(gradients),
        ..Default::default()
    };
    module.visit(&mut visitor);
    visitor.found
}

#[derive(Default)]
struct Collect<'a> {
    path: Vec<String>,
    gradients: Option<&'a Gradients>,
    found: Named,
}

impl ModuleVisitor for Collect<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.into());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let values = match self.gradients {
            None => Some(host(param.val())),
            Some(gradients) => param.val().grad(gradients).map(host),
        };
        if let Some(values) = values {
            self.found.insert(self.path.join("."), values);
        }
    }
}
