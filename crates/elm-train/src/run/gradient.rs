//! The gradient of a batch: on one device, or in parts on several.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Tensor};
use elm_data::{Cut, part_sizes};
use elm_model::layer::MaskSeed;

use super::fan::Fan;
use super::together;
use crate::devices::Summing;
use crate::error::{Result, TrainError};
use crate::task::{Carry, Losses, Objective, OnDevice, TaskModel, numbers};

/// The gradient of a loss.
pub(super) struct Gradient {
    /// On the main device.
    pub(super) grads: GradientsParams,
    /// The loss without penalties.
    pub(super) loss: f64,
}

/// Samples of a batch, and what their loss counts in that of the whole batch.
struct Part<O: Objective, B> {
    model: TaskModel<O>,
    batch: B,
    carry: O::Carry,
    masks: MaskSeed,
    shares: Shares,
    /// Where it is the first one.
    first: bool,
}

/// Shares of a part in the whole batch, up to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shares {
    /// Of the terms of the mean loss.
    terms: f64,
    /// Of the samples, whose mean penalties are.
    samples: f64,
}

impl Shares {
    const WHOLE: Self = Self {
        terms: 1.0,
        samples: 1.0,
    };
}

/// The gradient of a batch on one device, which has autodiff; masks are drawn by `seed`.
///
/// # Errors
/// If the batch does not fit the model, or the device fails.
pub(super) fn on_one<O, B>(
    model: &TaskModel<O>,
    batch: B,
    carry: &mut O::Carry,
    seed: u64,
    device: &Device,
) -> Result<Gradient>
where
    O: Objective<Batch: OnDevice<B>>,
{
    let masks = MaskSeed {
        seed,
        first_sample: 0,
    };
    backward(model, batch, carry, masks, Shares::WHOLE, device)
}

/// The same on several devices, each of which has the samples next to those of the one before. As the loss is a mean, each
/// part's counts by its share, and the sum of the gradients is that of the whole batch.
///
/// # Errors
/// As [`on_one`]; a device that panics is an error too.
pub(super) fn on_several<O, B>(
    model: &TaskModel<O>,
    batch: B,
    carry: &mut O::Carry,
    seed: u64,
    fan: &Fan,
) -> Result<Gradient>
where
    O: Objective<Batch: OnDevice<B>>,
    B: Cut + Send + 'static,
{
    let (samples, terms) = (batch.samples(), batch.terms());
    let sizes = part_sizes(samples, fan.count());
    let devices: Vec<Device> = fan.devices().cloned().collect();
    let carries = std::mem::take(carry).cut(&sizes, &devices);
    let mut first_sample = 0;
    let batches = batch.cut(&sizes).into_iter();
    let parts = batches.zip(carries).map(|(batch, carry)| {
        let masks = MaskSeed { seed, first_sample };
        let first = first_sample == 0;
        first_sample += batch.samples();
        Part {
            shares: Shares {
                terms: batch.terms() as f64 / terms.max(1) as f64,
                samples: batch.samples() as f64 / samples.max(1) as f64,
            },
            model: model.clone(),
            batch,
            carry,
            masks,
            first,
        }
    });
    let parts: Vec<Part<O, B>> = parts.collect();
    let main = devices[0].clone().inner();
    let target = main.clone();
    // devices without a part would be waited for
    let together = fan.summing() == Summing::Nccl && parts.len() == devices.len();
    let all: Vec<Device> = devices.into_iter().map(Device::inner).collect();
    let results = fan.map(parts, move |device, part: Part<O, B>| {
        let Part {
            model,
            batch,
            mut carry,
            masks,
            shares,
            first,
        } = part;
        // with a graph of its own, on whatever device
        let model = model.fork(device);
        let mut gradient = backward(&model, batch, &mut carry, masks, shares, device)?;
        if together {
            together::sum(&model, &mut gradient.grads, &all);
        }
        // each has the sum then
        let wanted = first || !together;
        let grads = wanted.then(|| gradient.grads.to_device(&target, &model));
        Ok((grads, gradient.loss, carry))
    })?;
    let mut sum = GradientsAccumulator::new();
    let mut loss = 0.0;
    let mut carries = Vec::with_capacity(results.len());
    for (grads, part, carry) in results {
        if let Some(grads) = grads {
            sum.accumulate(model, grads);
        }
        loss += part;
        carries.push(carry);
    }
    *carry = O::Carry::join(carries, &main.autodiff());
    Ok(Gradient {
        grads: sum.grads(),
        loss,
    })
}

fn backward<O, B>(
    model: &TaskModel<O>,
    batch: B,
    carry: &mut O::Carry,
    masks: MaskSeed,
    shares: Shares,
    device: &Device,
) -> Result<Gradient>
where
    O: Objective<Batch: OnDevice<B>>,
{
    let batch = O::Batch::on_device(batch, device);
    let Losses { loss, penalty } = masks.scope(|| O::losses(model, batch, carry))?;
    let weighted = |value: Tensor<1>, share: f64| match share == 1.0 {
        true => value,
        false => value * share,
    };
    let loss = weighted(loss, shares.terms);
    let total = match penalty {
        Some(penalty) => loss.clone() + weighted(penalty, shares.samples),
        None => loss.clone(),
    };
    let grads = GradientsParams::from_grads(total.backward(), model);
    Ok(Gradient {
        grads,
        loss: number(loss)?,
    })
}

/// The number in a tensor `[1]`.
pub(super) fn number(tensor: Tensor<1>) -> Result<f64> {
    let found = numbers(tensor)?;
    match found[..] {
        [number] => Ok(f64::from(number)),
        _ => Err(TrainError::Run(format!(
            "the device failed: expected one number, found {}",
            found.len()
        ))),
    }
}
