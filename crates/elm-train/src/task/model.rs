//! A model with the loss of a task, as Burn's learner wants it: one mechanism for every task.

use std::fmt::Debug;

use burn::module::Module;
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;
use burn::train::{InferenceStep, ItemLazy, TrainOutput, TrainStep};

use super::sequence::PairHead;
use crate::model::SequenceToSequence;
use crate::optim::clip_global_norm;

/// What a task makes of a model's outputs.
pub trait Objective: Clone + Debug + Send + Sync + 'static {
    /// A batch on a device.
    type Batch: Send + 'static;
    /// What a step gives to the metrics.
    type Output: ItemLazy + 'static;

    /// Answers of a model to a batch, judged.
    fn judge(model: &TaskModel<Self>, batch: Self::Batch) -> Judged<Self::Output>;

    /// Mean loss of a batch, `[1]`.
    fn loss(output: &Self::Output) -> Tensor<1>;
}

/// A batch's answers and what training adds to their loss.
pub struct Judged<T> {
    /// What a step gives to the metrics.
    pub output: T,
    /// Penalties on what the model does, `[1]`; they are in no metric, so that losses of different models compare.
    pub penalty: Option<Tensor<1>>,
}

/// A model that is trained on a task.
#[derive(Module, Debug)]
pub struct TaskModel<O: Objective> {
    /// The model.
    pub body: SequenceToSequence,
    /// What compares the two sequences of a pair, where the task is to.
    pub head: Option<PairHead>,
    #[module(skip)]
    pub(super) objective: O,
    #[module(skip)]
    clip_norm: f64,
}

impl<O: Objective> TaskModel<O> {
    /// `body` with a task's loss; `clip_norm` bounds the global norm of the gradient, 0 means no bound.
    pub fn new(
        body: SequenceToSequence,
        head: Option<PairHead>,
        objective: O,
        clip_norm: f64,
    ) -> Self {
        Self {
            body,
            head,
            objective,
            clip_norm,
        }
    }

    /// Number of trained numbers.
    pub fn num_trained(&self) -> usize {
        let head = self.head.as_ref().map_or(0, Module::num_params);
        self.body.num_trained() + head
    }
}

impl<O: Objective> TrainStep for TaskModel<O> {
    type Input = O::Batch;
    type Output = O::Output;

    fn step(&self, batch: O::Batch) -> TrainOutput<O::Output> {
        let Judged { output, penalty } = O::judge(self, batch);
        let loss = match penalty {
            Some(penalty) => O::loss(&output) + penalty,
            None => O::loss(&output),
        };
        let grads = loss.backward();
        TrainOutput::new(self, grads, output)
    }

    fn optimize(
        self,
        optim: &mut ModuleOptimizer,
        rate: ModuleLearningRate,
        mut grads: GradientsParams,
    ) -> Self {
        if self.clip_norm > 0.0 {
            clip_global_norm(&self, &mut grads, self.clip_norm);
        }
        optim.step(rate, self, grads)
    }
}

impl<O: Objective> InferenceStep for TaskModel<O> {
    type Input = O::Batch;
    type Output = O::Output;

    fn step(&self, batch: O::Batch) -> O::Output {
        O::judge(self, batch).output
    }
}
