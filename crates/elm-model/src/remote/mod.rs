//! The fused operations over a network: a client names an operation, its tensors, which are on the server already, and its
//! numbers; the server runs it with its own kernels, and the results stay there.
//!
//! - `numbers`: a call's numbers in a fixed order;
//! - `about`: what a client must know of a server before it sends any operation;
//! - `client`: the operations as Burn's remote backend has them;
//! - `server`: the same where they are computed.
//!
//! Only CPUs are reached so. A server with graphics cards says that it has none of the operations, and its clients run
//! plain tensor steps, as do clients that are built with Burn's kernel fusion.

#[cfg(not(feature = "fusion"))]
pub(crate) mod about;
#[cfg(not(feature = "fusion"))]
mod client;
mod numbers;
mod server;

pub use server::with_operations;

/// Number of the form of all that is sent; clients and servers of different forms use plain tensor steps.
const FORM: i32 = 1;

/// Names of the operations. That of [`ABOUT`] and what it answers first stay the same in all forms.
mod names {
    pub const ABOUT: &str = "elm.about";
    pub const SCAN: &str = "elm.scan";
    pub const SCAN_FORWARD: &str = "elm.scan.forward";
    pub const SCAN_BACKWARD: &str = "elm.scan.backward";
    pub const TRACE: &str = "elm.trace";
    pub const TRACE_BACKWARD: &str = "elm.trace.backward";
    pub const PRODUCT: &str = "elm.product";
    pub const PRODUCT_BACKWARD: &str = "elm.product.backward";
    pub const NEURON: &str = "elm.neuron";
    pub const NEURON_FORWARD: &str = "elm.neuron.forward";
    pub const NEURON_BACKWARD: &str = "elm.neuron.backward";
    pub const LAYER: &str = "elm.layer";
    pub const LAYER_FORWARD: &str = "elm.layer.forward";
    pub const LAYER_BACKWARD: &str = "elm.layer.backward";
}
