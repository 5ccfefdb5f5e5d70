//! One run on several devices: the same numbers as on one, in any order, however it ends.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

mod common;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use burn::tensor::Tensor;
use common::{assert_steps_close, failure, finished, steps, timeless};
use elm_data::Task;
use elm_data::arrays::{
    InputKind, Inputs, SequenceData, SequenceSample, Target, TargetKind, Targets,
};
use elm_train::recipe::Recipe;
use elm_train::run::{Column, Ended, TrainOptions, train_task};
use elm_train::stop::Stop;
use elm_train::task::own::{Judge, Meter, RowTargets, SequenceTask, judge};
use elm_train::{Devices, TrainError};
use serde_json::Value;

/// A small training of 100 steps on simulations in `run`, on these devices.
fn simulations(run: &Path, devices: &str, set: &[&str]) -> Vec<String> {
    let mut args = vec!["train", "--device", devices, "--out", run.to_str().unwrap()];
    let sizes = [
        "model.num_memory=6",
        "train.epochs=2",
        "train.batches_per_epoch=50",
        "train.batch_size=5",
        "train.window_ms=60",
        "train.clip_norm=0.5",
        "train.log_every=1",
    ];
    for assignment in sizes.iter().chain(set) {
        args.extend(["--set", assignment]);
    }
    args.into_iter().map(String::from).collect()
}

#[test]
fn several_devices_train_as_one_and_always_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let one = path("one");
    finished(&simulations(&one, "flex", &[]));
    let two = path("two");
    let said = finished(&simulations(&two, "flex,flex", &[]));
    assert!(said.contains("Flex(Cpu), Flex(Cpu)"), "{said}");
    assert_steps_close(&steps(&two), &steps(&one), 100, 1e-5, "flex,flex");
    let again = path("again");
    finished(&simulations(&again, "flex,flex", &[]));
    assert_eq!(timeless(&again), timeless(&two));
    let model = |run: &Path| std::fs::read(run.join("model.safetensors")).unwrap();
    assert!(model(&again) == model(&two), "the models differ");
    // more devices than samples: one of them has nothing to do
    let many = path("many");
    finished(&simulations(&many, "flex,flex,flex,flex,flex,flex", &[]));
    assert_steps_close(
        &steps(&many),
        &steps(&one),
        100,
        1e-5,
        "six for five samples",
    );
    #[cfg(feature = "ndarray")]
    {
        let mixed = path("mixed");
        finished(&simulations(&mixed, "flex,ndarray", &[]));
        assert_steps_close(&steps(&mixed), &steps(&one), 100, 1e-5, "flex,ndarray");
    }
}

#[test]
fn several_devices_validate_as_one() {
    let folder = tempfile::tempdir().unwrap();
    // steps that change no weight: what differs would come from the validation
    let still = [
        "train.learning_rate=1e-30",
        "train.epochs=1",
        "train.batches_per_epoch=2",
    ];
    let of = |name: &str, devices: &str| {
        let run = folder.path().join(name);
        finished(&simulations(&run, devices, &still));
        let mut rows = timeless(&run);
        // the training's loss is a sum of parts
        for row in &mut rows {
            row.as_object_mut().unwrap().remove("train_loss");
        }
        assert!(rows[0]["valid_loss"].as_f64().unwrap() > 0.0);
        rows
    };
    let one = of("one", "flex");
    assert_eq!(of("two", "flex,flex"), one);
    assert_eq!(of("three", "flex,flex,flex"), one);
}

/// A small network with every kind of dropout and its penalties, on synthetic spikes.
fn network(run: &Path, data: &Path, devices: &str) -> Vec<String> {
    let data = format!("data.dir={}", data.display());
    let sizes = [
        data.as_str(),
        "data.make_train=60",
        "data.make_test=20",
        "data.valid_samples=10",
        "data.test_samples=10",
        "data.bin_ms=40",
        "network.hidden_neurons=[6]",
        "network.num_memory=3",
        "network.num_branches=4",
        "network.synapses_per_branch=3",
        "network.input_dropout=0.2",
        "network.recurrent_dropout=0.2",
        "network.memory_dropout=0.2",
        "train.steps=40",
        "train.batch_size=5",
        "train.accumulate=2",
        "train.warmup_steps=4",
        "train.log_every=1",
    ];
    let mut args = vec!["train", "--recipe", "spikes-adding-network"];
    args.extend(["--device", devices, "--out", run.to_str().unwrap()]);
    for assignment in &sizes {
        args.extend(["--set", assignment]);
    }
    args.into_iter().map(String::from).collect()
}

#[test]
fn masks_are_of_samples_and_a_run_goes_on_with_other_devices() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let data = path("data");
    let (one, two, changed) = (path("one"), path("two"), path("changed"));
    finished(&network(&one, &data, "flex"));
    finished(&network(&two, &data, "flex,flex"));
    let (of_one, of_two) = (steps(&one), steps(&two));
    assert_eq!(of_one.len(), 40);
    for (step, (a, b)) in of_one.iter().zip(&of_two).enumerate() {
        assert!((a[0] - b[0]).abs() < 1e-5, "step {step}: {a:?} and {b:?}");
    }
    // stopped on two, gone on with one
    common::stop(&changed, &network(&changed, &data, "flex,flex"), 12);
    common::resume(&changed);
    for (step, (a, b)) in steps(&changed).iter().zip(&of_one).enumerate() {
        assert!((a[0] - b[0]).abs() < 1e-5, "step {step}: {a:?} and {b:?}");
    }
}

#[test]
fn models_that_look_across_samples_are_refused() {
    let args = ["train", "--recipe", "spikes", "--device", "flex,flex"];
    for (model, key) in [("transformer", "dropout"), ("tcn", "norm")] {
        let folder = tempfile::tempdir().unwrap();
        let data = format!("data.dir={}", folder.path().join("data").display());
        let set = [
            "--set",
            &data,
            "--set",
            "data.make_train=20",
            "--set",
            "data.make_test=4",
        ];
        let out = folder.path().join("run");
        let mut args = [&args[..], &["--model", model], &set].concat();
        args.extend(["--out", out.to_str().unwrap()]);
        match model {
            "tcn" => args.extend(["--set", "tcn.norm=batch"]),
            _ => args.extend(["--set", "transformer.dropout=0.1"]),
        }
        let (code, error) = failure(&args);
        assert_eq!(code, 2, "{error}");
        assert!(error.contains("expected one device, found 2"), "{error}");
        assert!(error.contains(key), "{error}");
        assert!(!out.exists());
    }
}

/// Which of two channels is larger.
struct Larger {
    targets: Targets,
    fault: Fault,
}

/// What goes wrong on a device.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    Nothing,
    /// One of three is slow: another in each step.
    Sleeps,
    /// The second panics when 14 steps were trained.
    Panics,
}

impl SequenceData for Larger {
    fn len(&self) -> usize {
        60
    }
    fn inputs(&self) -> InputKind {
        InputKind::Values { channels: 2 }
    }
    fn targets(&self) -> &Targets {
        &self.targets
    }
    fn steps(&self, sample: usize) -> usize {
        8 + sample % 3
    }
    fn sample(&self, n: usize) -> elm_data::Result<SequenceSample> {
        let value = |i: usize| ((i * 7 + n * 13) % 11) as f64 + ((i + n) % 2) as f64;
        Ok(SequenceSample {
            inputs: Inputs::Values((0..2 * self.steps(n)).map(value).collect()),
            target: Target::Class(n % 2),
        })
    }
}

impl SequenceTask for Larger {
    fn name(&self) -> String {
        "larger".into()
    }
    fn data(&self) -> Arc<dyn SequenceData> {
        Arc::new(Larger {
            targets: self.targets.clone(),
            fault: self.fault,
        })
    }
    fn judge(
        &self,
        data: &dyn SequenceData,
        targets: &elm_data::arrays::Scaler,
    ) -> elm_train::Result<Arc<dyn Judge>> {
        Ok(Arc::new(Faulty {
            inner: judge(None, data.targets(), targets, 0.0)?,
            fault: self.fault,
            parts: AtomicUsize::new(0),
        }))
    }
}

/// A judge that fails while it trains.
#[derive(Debug)]
struct Faulty {
    inner: Arc<dyn Judge>,
    fault: Fault,
    parts: AtomicUsize,
}

impl Judge for Faulty {
    fn losses(&self, y: Tensor<2>, targets: RowTargets) -> Tensor<1> {
        let thread = std::thread::current().name().map(String::from);
        VALIDATED.lock().unwrap().extend(thread);
        self.inner.losses(y, targets)
    }
    fn training_losses(&self, y: Tensor<2>, targets: RowTargets) -> Tensor<1> {
        let part = self.parts.fetch_add(1, Ordering::SeqCst);
        let thread = std::thread::current();
        let rank = thread.name().and_then(|name| name.strip_prefix("device-"));
        match self.fault {
            Fault::Sleeps if rank == Some(["0", "1", "2"][part / 3 % 3]) => {
                std::thread::sleep(Duration::from_millis(3));
            }
            Fault::Panics if part >= 3 * 14 && rank == Some("1") => panic!("the card fell out"),
            _ => {}
        }
        self.inner.training_losses(y, targets)
    }
    fn columns(&self) -> &'static [Column] {
        self.inner.columns()
    }
    fn meter(&self) -> Box<dyn Meter> {
        self.inner.meter()
    }
}

fn classes() -> Targets {
    Targets {
        kind: TargetKind::Classify,
        outputs: 2,
        classes: Default::default(),
    }
}

fn larger(run: &Path, devices: &str, fault: Fault) -> elm_train::Result<Ended> {
    let targets = classes();
    let mut recipe = Recipe::of(Task::ARRAYS);
    for assignment in [
        "model.num_memory=4",
        "train.steps=40",
        "train.batch_size=5",
        "train.log_every=1",
        "checkpoint.every_steps=4",
    ] {
        recipe.set(assignment).unwrap();
    }
    let devices = Devices::open(devices).unwrap();
    let mut options = TrainOptions::new("larger", recipe, devices, Stop::default());
    options.out = Some(run.to_path_buf());
    train_task(options, &Larger { targets, fault })
}

/// Names of the threads that judged batches to validate.
static VALIDATED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Start weights are drawn by the process's one generator: trainings in this process take turns.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn a_slow_device_changes_nothing() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let runs = ["plain", "slow"].map(|name| folder.path().join(name));
    larger(&runs[0], "flex,flex,flex", Fault::Nothing).unwrap();
    VALIDATED.lock().unwrap().clear();
    larger(&runs[1], "flex,flex,flex", Fault::Sleeps).unwrap();
    let threads = VALIDATED.lock().unwrap().clone();
    assert!(threads.contains("device-1"), "they validate: {threads:?}");
    assert_eq!(timeless(&runs[0]), timeless(&runs[1]));
    assert_eq!(steps(&runs[0]), steps(&runs[1]));
}

#[test]
fn a_device_that_fails_ends_the_run_with_its_last_checkpoint() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    let error = larger(&run, "flex,flex,flex", Fault::Panics).unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(matches!(error, TrainError::Run(_)));
    let error = error.to_string();
    assert!(error.contains("device 2 of 3"), "{error}");
    assert!(error.contains("the card fell out"), "{error}");
    // the checkpoint of step 12 is there, and is gone on with
    let mut options = TrainOptions::new(
        "larger",
        Recipe::of(Task::ARRAYS),
        Devices::open("flex").unwrap(),
        Stop::default(),
    );
    options.resume = Some(run.clone());
    let task = Larger {
        targets: classes(),
        fault: Fault::Nothing,
    };
    assert_eq!(train_task(options, &task).unwrap(), Ended::Finished);
    let record: Value =
        serde_json::from_str(&std::fs::read_to_string(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(record["sessions"][0]["ended"]["how"], "failed");
    assert_eq!(record["sessions"][1]["from_step"], 12);
    assert_eq!(steps(&run).len(), 40);
}
