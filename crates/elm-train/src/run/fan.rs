//! Threads that work for devices: one for each, for as long as a training lasts.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{Builder, JoinHandle};

use burn::tensor::Device;

use crate::caught::caught;
use crate::device::describe;
use crate::devices::{Devices, Summing};
use crate::error::{Result, TrainError};

type Job = Box<dyn FnOnce() + Send>;

/// Several devices, each with a thread of its own: graphics backends keep a queue for each thread that uses them.
pub(crate) struct Fan {
    workers: Vec<Worker>,
    summing: Summing,
}

struct Worker {
    /// With autodiff.
    device: Device,
    /// None only while it is dropped.
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Fan {
    /// A thread for each of these devices.
    ///
    /// # Errors
    /// [`TrainError::Run`] if the system gives no thread.
    pub(crate) fn new(devices: &Devices) -> Result<Self> {
        let worker = |(rank, device): (usize, &Device)| {
            let (jobs, waiting): (Sender<Job>, Receiver<Job>) = channel();
            let thread = Builder::new()
                .name(format!("device-{rank}"))
                .spawn(move || waiting.into_iter().for_each(|job| job()))
                .map_err(|e| TrainError::Run(format!("no thread for a device: {e}")))?;
            Ok(Worker {
                device: device.clone().autodiff(),
                jobs: Some(jobs),
                thread: Some(thread),
            })
        };
        let workers = devices.all().enumerate().map(worker);
        Ok(Self {
            workers: workers.collect::<Result<_>>()?,
            summing: devices.how_summed(),
        })
    }

    /// Number of devices.
    pub(crate) fn count(&self) -> usize {
        self.workers.len()
    }

    /// How their gradients are summed.
    pub(crate) fn summing(&self) -> Summing {
        self.summing
    }

    /// The devices, with autodiff.
    pub(crate) fn devices(&self) -> impl Iterator<Item = &Device> {
        self.workers.iter().map(|worker| &worker.device)
    }

    /// Does `work` with the first of `parts` on the first device, and so on, all at once; the results are in that order,
    /// whoever is ready first. There are at most as many parts as devices.
    ///
    /// # Errors
    /// The first in that order, once all are ready; a panic is [`TrainError::Run`].
    pub(crate) fn map<T, R, W>(&self, parts: Vec<T>, work: W) -> Result<Vec<R>>
    where
        T: Send + 'static,
        R: Send + 'static,
        W: Fn(&Device, T) -> Result<R> + Send + Sync + 'static,
    {
        let work = Arc::new(work);
        let begin = |(rank, (worker, part)): (usize, (&Worker, T))| {
            let (sender, receiver) = channel();
            let (device, work) = (worker.device.clone(), Arc::clone(&work));
            let job = Box::new(move || {
                let result = caught(|| work(&device, part));
                // nobody listens only where another part failed
                let _ = sender.send(result);
            });
            let sent = worker.jobs.as_ref().map(|jobs| jobs.send(job));
            (rank, matches!(sent, Some(Ok(()))).then_some(receiver))
        };
        let begun: Vec<_> = self
            .workers
            .iter()
            .zip(parts)
            .enumerate()
            .map(begin)
            .collect();
        let ended: Vec<Result<R>> = begun
            .into_iter()
            .map(|(rank, receiver)| {
                let result = receiver.and_then(|r| r.recv().ok());
                let result =
                    result.unwrap_or_else(|| Err(TrainError::Run("its thread ended".into())));
                result.map_err(|error| self.about(rank, error))
            })
            .collect();
        ended.into_iter().collect()
    }

    /// An error with the device that it was met on.
    fn about(&self, rank: usize, error: TrainError) -> TrainError {
        match error {
            TrainError::Run(problem) => TrainError::Run(format!(
                "device {} of {} ({}): {problem}",
                rank + 1,
                self.workers.len(),
                describe(&self.workers[rank].device)
            )),
            other => other,
        }
    }
}

impl Drop for Fan {
    fn drop(&mut self) {
        for worker in &mut self.workers {
            worker.jobs = None;
        }
        for worker in &mut self.workers {
            // a panic was caught and told when it happened
            let _ = worker.thread.take().map(JoinHandle::join);
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::time::Duration;

    use super::*;

    fn fan() -> Fan {
        Fan::new(&Devices::open("flex,flex,flex").unwrap()).unwrap()
    }

    #[test]
    fn results_come_in_the_order_of_the_devices_whoever_is_ready_first() {
        let fan = fan();
        for slow in 0..3 {
            let results = fan.map(vec![0, 1, 2], move |_, part| {
                if part == slow {
                    std::thread::sleep(Duration::from_millis(20));
                }
                let thread = std::thread::current().name().map(String::from);
                Ok((part, thread.unwrap_or_default()))
            });
            for (place, (part, thread)) in results.unwrap().into_iter().enumerate() {
                assert_eq!((place, thread), (part, format!("device-{part}")));
            }
        }
        assert_eq!(fan.map(vec![7, 8], |_, x| Ok(x)).unwrap(), [7, 8]);
    }

    #[test]
    fn a_panic_is_an_error_that_names_its_device_and_the_others_go_on() {
        let fan = fan();
        let error = fan.map(vec![0, 1, 2], |_, part| match part {
            1 => panic!("on purpose"),
            _ => Ok(part),
        });
        let error = error.unwrap_err();
        assert!(error.to_string().starts_with("device 2 of 3"), "{error}");
        assert!(error.to_string().contains("on purpose"), "{error}");
        assert_eq!(error.exit_code(), 1);
        assert_eq!(fan.map(vec![1, 2, 3], |_, x| Ok(x)).unwrap(), [1, 2, 3]);
    }
}
