//! One gradient step: forward, loss, checks, backward, bound, optimizer, average.

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::optim::{GradientsAccumulator, ModuleOptimizer, OptimizerRecord};
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device, Tensor};
use elm_data::Cut;

use super::checkpoint::Saved;
use super::fan::Fan;
use super::gradient::{self, Gradient, number};
use crate::devices::Devices;
use crate::error::{Result, TrainError};
use crate::optim::{self, Average};
use crate::recipe::{Recipe, TrainRecipe};
use crate::task::{Carry, Objective, OnDevice, TaskModel};

/// Files of a checkpoint that hold tensors.
const MODEL: &str = "model.bpk";
const OPTIMIZER: &str = "optimizer.bpk";
const AVERAGE: &str = "average.bpk";
/// File of what goes on from batch to batch, where anything does.
const CARRY: &str = "carry.bin";

/// A model with its optimizer, taken from step to step.
pub(crate) struct Trainer<O: Objective> {
    model: TaskModel<O>,
    optimizer: ModuleOptimizer,
    average: Option<Average<TaskModel<O>>>,
    /// What goes on from one batch to the next.
    carry: O::Carry,
    /// The parameters with a learning rate of their own.
    timescales: Vec<ParamId>,
    train: TrainRecipe,
    seed: u64,
    /// The main device, with autodiff.
    device: Device,
    /// Where several devices share a batch.
    fan: Option<Fan>,
}

/// What a step came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stepped {
    /// Mean loss over its batches, without penalties.
    pub(crate) loss: f64,
    /// Norm of the gradient over all parameters, before it is bounded.
    pub(crate) gradient_norm: f64,
    /// What is not a number; the model then stayed as it was.
    pub(crate) fault: Option<String>,
}

impl<O: Objective> Trainer<O> {
    /// Begins with `model`, which is on the main of these devices with autodiff.
    ///
    /// Start weights are drawn when a parameter is first used: all of them are drawn here, before the first step seeds the
    /// device anew.
    ///
    /// # Errors
    /// If the system gives no thread for a device.
    pub(crate) fn new(model: TaskModel<O>, recipe: &Recipe, devices: &Devices) -> Result<Self> {
        model.visit(&mut Draw);
        let train = recipe.train.clone();
        let average = train.average_decay;
        Ok(Self {
            optimizer: optim::optimizer(&train),
            average: (average > 0.0).then(|| Average::new(&model, average)),
            timescales: optim::timescale_parameters(&model),
            carry: O::Carry::default(),
            train,
            seed: recipe.seed,
            device: devices.main().clone().autodiff(),
            fan: match devices.count() {
                1 => None,
                _ => Some(Fan::new(devices)?),
            },
            model,
        })
    }

    /// Takes step number `step`, counted from 0, with the learning rate `rate`, on the batches that `next` gives.
    ///
    /// Everything random in it follows from the recipe's seed and the step: a step is the same whether it is taken in one
    /// go with the others or after a restart.
    ///
    /// # Errors
    /// Those of `next`, and if the device fails.
    pub(crate) fn step<B>(
        &mut self,
        step: u64,
        rate: f64,
        mut next: impl FnMut() -> Result<B>,
    ) -> Result<Stepped>
    where
        O: Objective<Batch: OnDevice<B>>,
        B: Cut + Send + 'static,
    {
        let seed = mix(self.seed, step);
        self.device.seed(seed);
        let count = self.train.accumulate.max(1);
        let Gradient {
            mut grads,
            mut loss,
        } = self.gradient(next()?, mix(seed, 0))?;
        if count > 1 {
            let mut sum = GradientsAccumulator::new();
            sum.accumulate(&self.model, grads);
            for place in 1..count {
                let more = self.gradient(next()?, mix(seed, place as u64))?;
                sum.accumulate(&self.model, more.grads);
                loss += more.loss;
            }
            grads = sum.grads();
            loss /= count as f64;
            let share = Tensor::from_data([1.0 / count as f32], &self.device.clone().inner());
            optim::scale(&self.model, &mut grads, share);
        }
        let norm = optim::global_norm(&self.model, &grads);
        let gradient_norm = match &norm {
            Some(norm) => number(norm.clone())?,
            None => 0.0,
        };
        let stepped = |fault| Stepped {
            loss,
            gradient_norm,
            fault,
        };
        if !(loss.is_finite() && gradient_norm.is_finite()) {
            let gradient = optim::not_finite_gradient(&self.model, &grads);
            let fault = match gradient {
                Some(tensor) => format!("the gradient of `{tensor}`"),
                None if loss.is_finite() => "the norm of the gradient".into(),
                None => "the loss".into(),
            };
            return Ok(stepped(Some(fault)));
        }
        if self.train.clip_norm > 0.0
            && let Some(norm) = norm
        {
            optim::clip_global_norm(&self.model, &mut grads, norm, self.train.clip_norm);
        }
        let rates = optim::rates(rate, &self.timescales, self.train.timescale_rate);
        self.model = self.optimizer.step(rates, self.model.clone(), grads);
        if let Some(average) = &mut self.average {
            average.update(&self.model);
        }
        Ok(stepped(None))
    }

    /// The gradient of a batch, whose masks are drawn by `seed`.
    fn gradient<B>(&mut self, batch: B, seed: u64) -> Result<Gradient>
    where
        O: Objective<Batch: OnDevice<B>>,
        B: Cut + Send + 'static,
    {
        let (model, carry) = (&self.model, &mut self.carry);
        match &self.fan {
            None => gradient::on_one(model, batch, carry, seed, &self.device),
            Some(fan) => gradient::on_several(model, batch, carry, seed, fan),
        }
    }

    /// The devices that share a batch, where there are several.
    pub(super) fn fan(&self) -> Option<&Fan> {
        self.fan.as_ref()
    }

    /// The model that is evaluated: the average if there is one, without autodiff.
    pub(crate) fn evaluated(&self) -> TaskModel<O> {
        match &self.average {
            Some(average) => average.model().clone(),
            None => self.model.valid(),
        }
    }

    /// Steps that the averaged weights are over.
    pub(super) fn averaged(&self) -> u64 {
        self.average.as_ref().map_or(0, Average::steps)
    }

    /// The first tensor of the model that is not finite.
    pub(super) fn fault(&self) -> Option<String> {
        optim::not_finite_parameter(&self.model)
    }

    /// The files of a checkpoint that hold its tensors.
    ///
    /// # Errors
    /// If the device does not hand them out.
    pub(super) fn save(&self) -> Result<Vec<(&'static str, Vec<u8>)>> {
        let optimizer = self.optimizer.to_record().into_bytes().map_err(unsaved)?;
        let mut files = vec![
            (MODEL, module_bytes(&self.model)?),
            (OPTIMIZER, optimizer.to_vec()),
        ];
        if let Some(average) = &self.average {
            files.push((AVERAGE, module_bytes(average.model())?));
        }
        files.extend(self.carry.save()?.map(|bytes| (CARRY, bytes)));
        Ok(files)
    }

    /// Goes on from a checkpoint, with an average that is over `averaged` steps.
    ///
    /// # Errors
    /// What does not fit.
    pub(super) fn load(&mut self, saved: &Saved, averaged: u64) -> std::result::Result<(), String> {
        let model = load_module(self.model.clone(), MODEL, saved.file(MODEL)?)?;
        let optimizer = Bytes::from_bytes_vec(saved.file(OPTIMIZER)?.to_vec());
        let optimizer =
            OptimizerRecord::from_bytes(optimizer).map_err(|e| format!("{OPTIMIZER}: {e}"))?;
        // an average that was not asked for until now begins now
        if let (Some(average), Some(bytes)) = (&mut self.average, saved.optional(AVERAGE)) {
            let mean = load_module(average.model().clone(), AVERAGE, bytes)?;
            *average = Average::resumed(mean, self.train.average_decay, averaged);
        }
        self.carry = O::Carry::load(saved.optional(CARRY)).map_err(|e| format!("{CARRY}: {e}"))?;
        // their names are those of the checkpoint from now on
        self.timescales = optim::timescale_parameters(&model);
        self.optimizer = optim::optimizer(&self.train).load_record(optimizer);
        self.model = model;
        Ok(())
    }
}

/// Uses every parameter in the module's order.
struct Draw;

impl ModuleVisitor for Draw {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        param.val();
    }
}

/// A module's tensors as bytes, which [`load_module`] reads.
///
/// # Errors
/// If the device does not hand them out.
pub(super) fn module_bytes<M: Module>(module: &M) -> Result<Vec<u8>> {
    let bytes = module.clone().into_record().into_bytes();
    Ok(bytes.map_err(unsaved)?.to_vec())
}

/// `module` with the tensors that [`module_bytes`] made the file `name` of.
///
/// # Errors
/// What does not fit.
pub(super) fn load_module<M: Module>(
    module: M,
    name: &str,
    bytes: &[u8],
) -> std::result::Result<M, String> {
    ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes.to_vec()))
        .and_then(|record| module.try_load_record(record))
        .map_err(|e| format!("{name}: {e}"))
}

fn unsaved(error: impl std::fmt::Display) -> TrainError {
    TrainError::Run(format!("the model cannot be saved: {error}"))
}

/// A seed for one step, unlike those of other steps and seeds (the finaliser of SplitMix64).
fn mix(seed: u64, step: u64) -> u64 {
    let mut z = seed
        .wrapping_mul(0xd134_2543_de82_ef95)
        .wrapping_add(step.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::mix;

    #[test]
    fn steps_and_seeds_have_seeds_of_their_own() {
        let mut all = std::collections::HashSet::new();
        for seed in 0..40 {
            for step in 0..40 {
                assert!(all.insert(mix(seed, step)), "{seed} {step}");
            }
        }
    }
}
