//! A model with the loss of a task: one mechanism for every task.

use std::fmt::Debug;

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use crate::caught::device_failed;
use crate::error::{Result, TrainError};
use crate::model::{PairHead, SequenceToSequence};

/// A batch on a device, made from one in memory.
pub trait OnDevice<B>: Sized + Send + 'static {
    /// Moves a batch to a device.
    fn on_device(batch: B, device: &Device) -> Self;
}

/// What a task makes of a model's outputs.
pub trait Objective: Clone + Debug + Send + Sync + 'static {
    /// A batch on a device.
    type Batch: Send + 'static;
    /// What a model makes of a batch, off the device.
    type Answers: Send + 'static;
    /// Collects the answers to batch after batch.
    type Meter: Default;
    /// What goes on from one batch to the next; `()` for nothing.
    type Carry: Carry;

    /// Loss of a model on a batch that it is trained on.
    ///
    /// # Errors
    /// If the batch does not fit the model, or the device fails.
    fn losses(
        model: &TaskModel<Self>,
        batch: Self::Batch,
        carry: &mut Self::Carry,
    ) -> Result<Losses>;

    /// A model's answers to a batch, without training.
    ///
    /// # Errors
    /// If the batch does not fit the model, or the device fails.
    fn answer(
        model: &TaskModel<Self>,
        batch: Self::Batch,
        carry: &mut Self::Carry,
    ) -> Result<Self::Answers>;

    /// Adds the answers to the next batch to a meter.
    fn collect(&self, answers: Self::Answers, meter: &mut Self::Meter);

    /// What the batches of a meter come to.
    fn measured(meter: &Self::Meter) -> Measured;
}

/// What goes on from one batch to the next, such as the states of streams of text. While a model is trained it is part of a
/// checkpoint.
pub trait Carry: Default + Send + 'static {
    /// Does the answer to a batch depend on the batches before it?
    const GOES_ON: bool;

    /// Its bytes; none where there is nothing to keep.
    ///
    /// # Errors
    /// If the device does not hand it out.
    fn save(&self) -> Result<Option<Vec<u8>>>;

    /// What [`save`](Self::save) made these bytes of.
    ///
    /// # Errors
    /// What is wrong with them.
    fn load(bytes: Option<&[u8]>) -> std::result::Result<Self, String>;

    /// What of it goes on in parts of a batch with these many samples, each on a device of its own.
    fn cut(self, sizes: &[usize], devices: &[Device]) -> Vec<Self>;

    /// What [`cut`](Self::cut) cut, again as one, on this device.
    fn join(parts: Vec<Self>, device: &Device) -> Self;
}

impl Carry for () {
    const GOES_ON: bool = false;

    fn save(&self) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn load(_: Option<&[u8]>) -> std::result::Result<Self, String> {
        Ok(())
    }

    fn cut(self, sizes: &[usize], _: &[Device]) -> Vec<Self> {
        vec![(); sizes.len()]
    }

    fn join(_: Vec<Self>, _: &Device) {}
}

/// The loss of a batch.
pub struct Losses {
    /// Mean loss, `[1]`.
    pub loss: Tensor<1>,
    /// Penalties on what the model does, `[1]`; they are in no metric, so that losses of different models compare.
    pub penalty: Option<Tensor<1>>,
}

/// Loss and metrics of a part of the data.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Mean loss.
    pub loss: f64,
    /// The task's metrics, in the order of its columns; NaN where there is no value.
    pub metrics: Vec<f64>,
}

/// A model that is trained on a task.
#[derive(Module, Debug)]
pub struct TaskModel<O: Objective> {
    /// The model.
    pub body: SequenceToSequence,
    /// What compares the two sequences of a pair, where the task is to.
    pub head: Option<PairHead>,
    #[module(skip)]
    pub(crate) objective: O,
}

impl<O: Objective> TaskModel<O> {
    /// `body` with a task's loss.
    pub fn new(body: SequenceToSequence, head: Option<PairHead>, objective: O) -> Self {
        Self {
            body,
            head,
            objective,
        }
    }

    /// Number of trained numbers.
    pub fn num_trained(&self) -> usize {
        let head = self.head.as_ref().map_or(0, Module::num_params);
        self.body.num_trained() + head
    }
}

/// A tensor's numbers, in their order.
///
/// # Errors
/// [`TrainError::Run`] if the device does not hand them out.
pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let data = tensor.try_into_data().map_err(device_failed)?;
    data.try_into_vec_as::<f32>()
        .map_err(|e| TrainError::Run(format!("values cannot be read: {e:?}")))
}
