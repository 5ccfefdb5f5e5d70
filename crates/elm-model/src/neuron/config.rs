//! The configuration of a single neuron, and what makes it valid.

use burn::config::Config;
pub use elm_stream::Routing;

use crate::ElmError;
use crate::equations::NeuronForm;
use crate::error::check;

/// Configuration of an [`ElmNeuron`](crate::ElmNeuron) of any published form.
///
/// ```
/// use elm_model::{ElmNeuronConfig, NeuronForm};
///
/// let config = ElmNeuronConfig::new(12, 2).with_neuron(NeuronForm::v2().with_num_memory(8));
/// assert_eq!(config.form().branches(), 12); // one for each channel, unless set
/// ```
#[derive(Config, Debug, PartialEq)]
pub struct ElmNeuronConfig {
    /// Input channels I.
    pub num_inputs: usize,
    /// Outputs O.
    pub num_outputs: usize,
    /// The neuron's options; the first published form unless set.
    #[config(default = "NeuronForm::v1()")]
    pub neuron: NeuronForm,
    /// How channels reach synapses.
    #[config(default = "Routing::None")]
    pub routing: Routing,
    /// Added to the start value of output 0's bias, for NeuronIO's spike logit (Spieler et al. 2026: −5).
    #[config(default = 0.0)]
    pub spike_bias: f64,
}

impl ElmNeuronConfig {
    /// The published NeuronIO neuron (Spieler et al. 2024): 1278 channels, 45 branches of 100 synapses, timescales 1 to
    /// 150 ms, two outputs (spike logit, scaled soma voltage).
    pub fn neuronio(num_memory: usize) -> Self {
        Self::on_neuronio(NeuronForm::v1().with_num_memory(num_memory))
    }

    /// The neuron of the networks' form on NeuronIO (Spieler et al. 2026): rectified synapses that start at 0.5/√P, a
    /// branch trace of 5 ms, linear outputs without high-pass, spike logit with bias −5.
    ///
    /// Branch trace and start value are a reading of that paper, which does not state them.
    pub fn neuronio_network_form(num_memory: usize) -> Self {
        use crate::equations::{FilterTau, OutputActivation, SynapseInit, SynapseRectification};
        let form = NeuronForm::network()
            .with_num_memory(num_memory)
            .with_synapse_rectification(SynapseRectification::Relu)
            .with_synapse_init(SynapseInit::Constant { value: 0.5 })
            .with_branch_tau(FilterTau::Ms(5.0))
            .with_high_pass_tau(FilterTau::Off)
            .with_output_activation(OutputActivation::Identity);
        Self::on_neuronio(form).with_spike_bias(-5.0)
    }

    fn on_neuronio(form: NeuronForm) -> Self {
        Self::new(1278, 2)
            .with_routing(Routing::Neuronio)
            .with_neuron(
                form.with_num_branches(Some(45))
                    .with_synapses_per_branch(Some(100))
                    .with_memory_tau_max(150.0),
            )
    }

    /// The neuron's options with the number of branches and of synapses on each as they are for these inputs.
    pub fn form(&self) -> NeuronForm {
        self.neuron.clone().sized_for(self.num_inputs)
    }

    /// Number of trained numbers, as the papers count them: synapses, MLP, readout and its biases, and the timescales
    /// where they are trained.
    pub fn num_trained(&self) -> usize {
        self.form().num_trained(self.num_outputs)
    }

    /// Checks that the sizes and constants describe a neuron.
    ///
    /// # Errors
    /// [`ElmError::Config`] that names the first field at fault, what was expected and what was found.
    pub fn validate(&self) -> Result<(), ElmError> {
        check::at_least_one(&[
            ("num_inputs", self.num_inputs),
            ("num_outputs", self.num_outputs),
        ])?;
        let form = self.form();
        form.validate(1)?;
        check::finite(&[("spike_bias", self.spike_bias)])?;
        check::fits("num_branches", &[self.num_inputs, form.branches()])?;
        check::fits("num_memory", &[self.num_inputs, form.first()])?;
        check::fits("num_outputs", &[form.num_memory, self.num_outputs])?;
        check_routing(
            self.routing,
            self.num_inputs,
            form.branches(),
            form.per_branch(),
        )
    }
}

/// Checks that a routing fits a neuron with so many channels, branches, and synapses on each branch.
fn check_routing(
    routing: Routing,
    inputs: usize,
    branches: usize,
    per_branch: usize,
) -> Result<(), ElmError> {
    let synapses = branches.saturating_mul(per_branch);
    match routing {
        Routing::None if synapses != inputs => Err(ElmError::config(
            "routing",
            format!(
                "none needs one synapse per input, found {synapses} synapses ({branches} branches of {per_branch}) for {inputs} inputs"
            ),
        )),
        Routing::Neuronio if inputs.div_ceil(branches) > per_branch => Err(ElmError::config(
            "synapses_per_branch",
            format!(
                "must be at least {} so that neuronio routing reaches all {inputs} inputs from {branches} branches, found {per_branch}",
                inputs.div_ceil(branches),
            ),
        )),
        _ => Ok(()),
    }
}
