//! A neuron with some of its memory cut off, to see what it is good for.

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};

use super::module::ElmNeuron;
use crate::ElmError;

impl ElmNeuron {
    /// The same neuron with `units` of its memory cut off: neither MLP nor readout hears them. All else goes on as before,
    /// so that what a task loses by it is what these units, and their timescales, were good for.
    ///
    /// # Errors
    /// [`ElmError::Config`] if there is no such unit.
    pub fn without_units(&self, units: &[usize]) -> Result<Self, ElmError> {
        let memory = self.config().neuron.num_memory;
        let mut heard = vec![1.0f32; memory];
        for &unit in units {
            let Some(heard) = heard.get_mut(unit) else {
                return Err(ElmError::config(
                    "num_memory",
                    format!("is {memory}: expected units below, found {unit}"),
                ));
            };
            *heard = 0.0;
        }
        let mut cut = self.clone();
        let first = &mut cut.mlp.layers[0];
        first.weight = silence(&first.weight, &heard);
        cut.readout.weight = silence(&cut.readout.weight, &heard);
        Ok(cut)
    }
}

/// A weight `[in, out]` whose last inputs, those of the memory, are heard or not.
fn silence(weight: &Param<Tensor<2>>, heard: &[f32]) -> Param<Tensor<2>> {
    let value = weight.val();
    let [inputs, _] = value.dims();
    let mut factors = vec![1.0; inputs];
    factors[inputs - heard.len()..].copy_from_slice(heard);
    let factors = TensorData::new(factors, [inputs, 1]).convert_dtype(value.dtype());
    let factors = Tensor::from_data(factors, (&value.device(), value.dtype()));
    Param::from_tensor(value * factors)
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use burn::tensor::{Device, Distribution, Tensor};

    use crate::{ElmNeuronConfig, NeuronForm};

    #[test]
    fn what_is_cut_off_is_not_heard_and_the_rest_goes_on() {
        let device = Device::flex();
        let form = NeuronForm::v2().with_num_memory(4);
        let neuron = ElmNeuronConfig::new(3, 2).with_neuron(form).init(&device);
        let neuron = neuron.unwrap();
        let x = Tensor::<3>::random([2, 30, 3], Distribution::Default, &device);
        let run = |neuron: &crate::ElmNeuron| {
            let (recorded, _) = neuron.record(x.clone(), None).unwrap();
            let numbers = |t: Tensor<3>| t.into_data().try_into_vec_as::<f32>().unwrap();
            (numbers(recorded.output), numbers(recorded.memory))
        };
        let whole = run(&neuron);
        // one call of the whole neuron has been kept: the copy must not answer with it
        assert_eq!(run(&neuron.without_units(&[]).unwrap()), whole);
        let cut = neuron.without_units(&[1, 3]).unwrap();
        let (output, memory) = run(&cut);
        assert_ne!(output, whole.0);
        assert_eq!(run(&neuron), whole, "the neuron itself stays whole");
        // the readout of the other two alone, by hand
        let weight = neuron.readout.weight.val().into_data();
        let weight = weight.try_into_vec_as::<f32>().unwrap();
        let bias = neuron.bias.val().into_data().try_into_vec_as::<f32>();
        let bias = bias.unwrap();
        for (m, y) in memory.chunks(4).zip(output.chunks(2)) {
            for o in 0..2 {
                let expected = m[0] * weight[o] + m[2] * weight[4 + o] + bias[o];
                assert!((y[o] - expected).abs() < 1e-5, "{} {expected}", y[o]);
            }
        }
        let all = run(&neuron.without_units(&[0, 1, 2, 3]).unwrap());
        assert!(all.0.chunks(2).all(|y| y == bias));
        assert!(neuron.without_units(&[4]).is_err());
    }
}
