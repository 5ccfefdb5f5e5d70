//! A task of one's own: how long ago was the last of three pulses? The loss is the mean absolute error; reports,
//! checkpoints and exact resuming are those of the named tasks.

use std::sync::Arc;

use burn::tensor::{Device, Tensor};
use elm_data::arrays::{InputKind, Inputs, Scaler, SequenceData, SequenceSample};
use elm_data::arrays::{Target, TargetKind, Targets};
use elm_train::recipe::Recipe;
use elm_train::run::{Column, TrainOptions, train_task};
use elm_train::stop::Stop;
use elm_train::task::own::{Judge, MeanOf, Meter, RowTargets, SequenceTask};

const STEPS: usize = 60;

/// The samples: pulses at steps that follow from the number of the sample.
struct Pulses(Targets);

impl SequenceData for Pulses {
    fn len(&self) -> usize {
        400
    }
    fn inputs(&self) -> InputKind {
        InputKind::Values { channels: 1 }
    }
    fn targets(&self) -> &Targets {
        &self.0
    }
    fn steps(&self, _: usize) -> usize {
        STEPS
    }
    fn sample(&self, n: usize) -> elm_data::Result<SequenceSample> {
        let pulses = [n * 7 % STEPS, n * 31 % STEPS, n * 53 % STEPS];
        let last = pulses.into_iter().max().unwrap_or(0);
        let x = (0..STEPS).map(|t| f64::from(u8::from(pulses.contains(&t))));
        Ok(SequenceSample {
            inputs: Inputs::Values(x.collect()),
            target: Target::Values(vec![(STEPS - last) as f64]),
        })
    }
}

/// The loss, and what is told of it.
#[derive(Debug)]
struct Absolute(Scaler);

impl Judge for Absolute {
    fn losses(&self, y: Tensor<2>, targets: RowTargets) -> Tensor<1> {
        match targets {
            RowTargets::Values(targets) => (y - targets).abs().mean_dim(1).flatten(0, 1),
            RowTargets::Classes(_) => unreachable!("the targets are values"),
        }
    }
    fn columns(&self) -> &'static [Column] {
        const ERROR: Column = Column {
            key: "valid_error",
            title: "error",
            unit: "steps",
            decimals: 2,
        };
        &[ERROR]
    }
    fn meter(&self) -> Box<dyn Meter> {
        Box::new(MeanOf::new(&self.0, |y, target| (y - target).abs()))
    }
}

struct LastPulse;

impl SequenceTask for LastPulse {
    fn name(&self) -> String {
        "last pulse".into()
    }
    fn data(&self) -> Arc<dyn SequenceData> {
        let kind = TargetKind::Regress;
        Arc::new(Pulses(Targets {
            kind,
            outputs: 1,
            classes: Default::default(),
        }))
    }
    fn judge(&self, _: &dyn SequenceData, targets: &Scaler) -> elm_train::Result<Arc<dyn Judge>> {
        Ok(Arc::new(Absolute(targets.clone())))
    }
}

fn main() -> elm_train::Result<()> {
    let recipe = Recipe::builtin("arrays")?;
    let stop = Stop::on_signals(true)?;
    let options = TrainOptions::new("last-pulse", recipe, Device::flex(), stop);
    train_task(options, &LastPulse).map(drop)
}
