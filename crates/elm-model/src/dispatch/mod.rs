//! Which implementation of an operation runs where: the plain-tensor reference, or the backend's own kernels.

mod layer;
mod memory;
mod neuron;
#[cfg(feature = "fused")]
mod support;
mod tokens;

pub(crate) use layer::layer_steps;
pub use layer::{describe_layer, layer_scan};
pub use memory::{describe_path, has_fused, input_product, leaky_trace, memory_scan};
pub(crate) use neuron::leaky_product;
pub use neuron::{neuron_scan, runs_as_one};

use crate::ElmError;

/// Which implementation of the operations to use, and how much it keeps for the backward pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScanPath {
    /// The fused one where the device and the number type have one, else the reference. The backward pass gets half
    /// of the memory that the device has (a graphics card's own, for a CPU what the system or the container has for
    /// everything); where that cannot be told, [`DEFAULT_MEMORY_BUDGET`].
    #[default]
    Auto,
    /// Always the plain-tensor reference.
    Reference,
    /// Like `Auto`, with this many bytes for what the scan's backward pass keeps and computes. Where all of it does not
    /// fit, the hidden values are computed again in the backward pass, in segments that do. A neuron that runs as one operation
    /// on the CPU and keeps less than that would save stays one, whatever the budget.
    MemoryBudget(u64),
    /// Like `Auto`, but the backward pass always computes the hidden values again, this many steps at a time.
    CheckpointEvery(usize),
}

/// Memory for the backward pass of a scan where the device does not tell how much it has: 8 GiB.
pub const DEFAULT_MEMORY_BUDGET: u64 = 8 << 30;

/// Checks `ELM_ISA`, the environment variable that holds the kernels on CPUs to an instruction set at most. Neurons and
/// layers do so at each call.
///
/// # Errors
/// [`ElmError::Environment`] if it names none.
pub fn check_environment() -> Result<(), ElmError> {
    #[cfg(feature = "host")]
    {
        use crate::kernels::cpu::isa::{ISA_VARIABLE, Level};
        if let Some(problem) = Level::problem() {
            return Err(ElmError::Environment {
                variable: ISA_VARIABLE,
                problem: problem.into(),
            });
        }
    }
    Ok(())
}

/// Do the tensors of this device lie in host memory, where reading them costs nothing?
pub(crate) fn is_host(device: &burn::tensor::Device) -> bool {
    #[cfg(feature = "host")]
    {
        support::is_host(device.as_dispatch())
    }
    #[cfg(not(feature = "host"))]
    {
        let _ = device;
        false
    }
}
