//! The memory timescales of a neuron or a layer.

use burn::module::{Module, Param, ParamId};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::Cache;
use crate::ElmError;
use crate::equations::{NeuronForm, tensor};
use crate::error::{read, read_ints};

/// Parameters of the memory timescales, before bounding: trained, or fixed.
///
/// Fixed ones are no trained parameter and so no float [`Param`]: they are held as the bits of their f32 values in an
/// integer tensor. That is saved and loaded with every record, and neither an optimizer, `unfreeze` nor a cast of the
/// module to another number type touches it. Decay and gate are computed from them once.
#[derive(Module, Debug)]
pub struct MemoryTimescales<const D: usize> {
    trained: Option<Param<Tensor<D>>>,
    fixed: Option<Param<Tensor<D, Int>>>,
    rates: Cache<Rates<D>>,
    #[module(skip)]
    form: NeuronForm,
}

/// Decay and gate of fixed timescales in one number type.
#[derive(Debug, Clone)]
struct Rates<const D: usize> {
    dtype: DType,
    decay: Tensor<D>,
    gate: Tensor<D>,
}

impl<const D: usize> MemoryTimescales<D> {
    /// Timescales with these parameters, row by row of `shape`.
    pub(crate) fn new(
        proto: &[f64],
        shape: [usize; D],
        form: &NeuronForm,
        device: &Device,
    ) -> Self {
        let mut found = Self {
            trained: None,
            fixed: None,
            rates: Cache::default(),
            form: form.clone(),
        };
        match form.learn_memory_tau {
            true => {
                let data = TensorData::new(proto.to_vec(), shape);
                found.trained = Some(Param::from_tensor(Tensor::from_data(data, device)));
            }
            false => {
                found.fixed = Some(Param::initialized(
                    ParamId::new(),
                    bits(proto, shape, device),
                ));
            }
        }
        found
    }

    /// Are they trained?
    pub fn is_trained(&self) -> bool {
        self.trained.is_some()
    }

    /// The trained parameters, if they are trained.
    pub fn trained(&self) -> Option<&Param<Tensor<D>>> {
        self.trained.as_ref()
    }

    /// The parameters as numbers, row by row.
    ///
    /// # Errors
    /// [`ElmError::Read`] if the device does not hand them out.
    pub fn proto(&self) -> Result<Vec<f64>, ElmError> {
        match (&self.trained, &self.fixed) {
            (Some(proto), _) => read("timescales", proto.val()),
            (None, Some(bits)) => Ok(read_ints("timescales", bits.val())?
                .into_iter()
                .map(|bits| f64::from(f32::from_bits(bits as i32 as u32)))
                .collect()),
            (None, None) => unreachable!("timescales are trained or fixed"),
        }
    }

    /// The same timescales with other parameters, row by row; whether they are trained stays.
    #[cfg(feature = "weights")]
    pub(crate) fn with_proto(&self, proto: &[f64], device: &Device) -> Self {
        let mut found = self.clone();
        found.rates = Cache::default();
        found.trained = self.trained.as_ref().map(|old| {
            let data = TensorData::new(proto.to_vec(), old.dims());
            let tensor = Tensor::from_data(data, (device, old.val().dtype()));
            Param::initialized(old.id, tensor.set_require_grad(old.is_require_grad()))
        });
        found.fixed = self
            .fixed
            .as_ref()
            .map(|old| Param::initialized(old.id, bits(proto, old.dims(), device)));
        found
    }

    /// Timescales in ms; in f32 at least, whatever the number type of the module.
    ///
    /// # Errors
    /// [`ElmError::Read`] if the device does not hand fixed ones out.
    pub fn ms(&self) -> Result<Tensor<D>, ElmError> {
        match &self.trained {
            Some(proto) => Ok(tensor::timescales(proto.val(), &self.form)),
            None => {
                let taus = self.proto()?.into_iter().map(|p| self.form.tau(p));
                let (shape, device) = self.place();
                let data = TensorData::new(taus.collect::<Vec<f64>>(), shape);
                Ok(Tensor::from_data(data, &device))
            }
        }
    }

    /// Decay `κ_m` and gate `g` for a computation in this number type; in f32 at least.
    ///
    /// # Errors
    /// [`ElmError::Read`] if the device does not hand fixed timescales out.
    pub(crate) fn decay_and_gate(&self, dtype: DType) -> Result<(Tensor<D>, Tensor<D>), ElmError> {
        let dtype = tensor::wide(dtype);
        if let Some(proto) = &self.trained {
            let tau = tensor::timescales(proto.val().cast(dtype), &self.form);
            return Ok(tensor::decay_and_gate(tau, &self.form));
        }
        let rates = self.rates.get_or_try(|| self.fixed_rates(dtype))?;
        let rates = match rates.dtype == dtype {
            true => rates,
            // one module used with two number types
            false => self.fixed_rates(dtype)?,
        };
        Ok((rates.decay, rates.gate))
    }

    fn fixed_rates(&self, dtype: DType) -> Result<Rates<D>, ElmError> {
        let (shape, device) = self.place();
        // the same steps as for trained ones and as in the published code, rounding included
        let data = TensorData::new(self.proto()?, shape);
        let tau = tensor::timescales(Tensor::from_data(data, (&device, dtype)), &self.form);
        let (decay, gate) = tensor::decay_and_gate(tau, &self.form);
        Ok(Rates { dtype, decay, gate })
    }

    fn place(&self) -> ([usize; D], Device) {
        match (&self.trained, &self.fixed) {
            (Some(proto), _) => (proto.dims(), proto.val().device()),
            (None, Some(bits)) => (bits.dims(), bits.val().device()),
            (None, None) => unreachable!("timescales are trained or fixed"),
        }
    }
}

/// The bits of the f32 values of these numbers.
fn bits<const D: usize>(values: &[f64], shape: [usize; D], device: &Device) -> Tensor<D, Int> {
    let bits = values.iter().map(|v| (*v as f32).to_bits() as i32);
    Tensor::from_data(TensorData::new(bits.collect::<Vec<i32>>(), shape), device)
}
