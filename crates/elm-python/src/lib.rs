//! The Python module `elm`: neurons, trained models and step-by-step inference with numpy arrays.
//!
//! [`Model`] is whatever a weight file holds, [`ElmNeuron`] a single neuron of any form, [`Stream`] either of them step by
//! step. What they do is done by elm-train, elm-model and elm-stream; here are names, arrays and errors of Python. The
//! types that editors see are in `elm.pyi`.

mod arrays;
mod error;
mod model;
mod neuron;
mod stream;

use pyo3::prelude::*;

pub use model::Model;
pub use neuron::ElmNeuron;
pub use stream::Stream;

/// The Expressive Leaky Memory (ELM) neuron: trained models and step-by-step inference with numpy arrays.
#[pymodule]
fn elm(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<Model>()?;
    module.add_class::<ElmNeuron>()?;
    module.add_class::<Stream>()?;
    module.add_function(wrap_pyfunction!(model::load, module)?)?;
    Ok(())
}
