//! The devices that one training computes on.

use burn::tensor::Device;

use crate::device::{describe, named};
use crate::error::{Result, TrainError};

/// Most devices of one training.
const MOST: usize = 256;

/// How the gradients of several devices come to their sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Summing {
    /// Brought to the first device and summed there, in the order of the devices: the same each time
    #[default]
    First,
    /// By all together, by NVIDIA's NCCL: different CUDA cards of one machine. Untested, as no two were at hand
    Nccl,
}

/// One device or several, which share each batch that is trained on and take turns on those that validate. The first is the
/// main one: it holds the weights and the optimizer, and tests.
#[derive(Debug, Clone, PartialEq)]
pub struct Devices {
    main: Device,
    others: Vec<Device>,
    summing: Summing,
}

impl Devices {
    /// Opens a list of names such as `cuda:0,cuda:1`, `cuda:all` or `flex,flex`; a device may come more than once.
    ///
    /// # Errors
    /// [`TrainError::Usage`] as [`device::open`](crate::device::open), if there are more than 256, or if some are over a WebSocket and
    /// some over Iroh.
    pub fn open(list: &str) -> Result<Self> {
        let over = |transport| {
            list.split(',')
                .any(|name| name.trim().starts_with(transport))
        };
        if over("remote:ws:") && over("remote:iroh:") {
            return Err(TrainError::Usage(
                "--device: servers over ws:// and over iroh:// cannot send each other tensors; expected all over one of them".into(),
            ));
        }
        let mut all = Vec::new();
        for name in list.split(',') {
            all.extend(named(name.trim())?);
        }
        if all.len() > MOST {
            return Err(TrainError::Usage(format!(
                "--device: expected at most {MOST} devices, found {}",
                all.len()
            )));
        }
        let mut all = all.into_iter();
        match all.next() {
            Some(main) => Ok(Self {
                main,
                others: all.collect(),
                summing: Summing::First,
            }),
            None => Err(TrainError::Usage(
                "--device: expected at least one device".into(),
            )),
        }
    }

    /// With the gradients summed in another way.
    ///
    /// # Errors
    /// [`TrainError::Usage`] for NCCL if these are not at least two different CUDA devices.
    pub fn summing(mut self, summing: Summing) -> Result<Self> {
        let names: Vec<String> = self.all().map(describe).collect();
        let different = names
            .iter()
            .collect::<std::collections::BTreeSet<_>>()
            .len();
        let cards = names.iter().all(|name| name.contains("Cuda"));
        if summing == Summing::Nccl && !(cards && different == names.len() && different > 1) {
            return Err(TrainError::Usage(format!(
                "--sum nccl: expected at least two different CUDA devices, such as cuda:all, found {}",
                self.describe()
            )));
        }
        self.summing = summing;
        Ok(self)
    }

    /// How their gradients are summed.
    pub(crate) fn how_summed(&self) -> Summing {
        self.summing
    }

    /// The main one.
    pub fn main(&self) -> &Device {
        &self.main
    }

    /// All of them, the main one first.
    pub fn all(&self) -> impl Iterator<Item = &Device> {
        std::iter::once(&self.main).chain(&self.others)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// Their names for logs and reports.
    pub fn describe(&self) -> String {
        self.all().map(describe).collect::<Vec<_>>().join(", ")
    }
}

impl From<Device> for Devices {
    fn from(main: Device) -> Self {
        Self {
            main,
            others: Vec::new(),
            summing: Summing::First,
        }
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_list_may_name_a_device_more_than_once() {
        let devices = Devices::open("flex, cpu").unwrap();
        assert_eq!(devices.count(), 2);
        assert_eq!(devices.main(), &Device::flex());
        assert_eq!(devices.describe(), "Flex(Cpu), Flex(Cpu)");
        assert_eq!(Devices::from(Device::flex()).count(), 1);
    }

    #[test]
    fn cards_alone_sum_together() {
        let devices = Devices::open("flex,flex").unwrap();
        let first = devices.clone().summing(Summing::First).unwrap();
        assert_eq!(first, devices);
        let error = devices.summing(Summing::Nccl).unwrap_err().to_string();
        assert!(
            error.contains("CUDA") && error.contains("Flex(Cpu), Flex(Cpu)"),
            "{error}"
        );
    }

    #[test]
    fn a_wrong_name_in_a_list_is_named() {
        for list in ["flex,,flex", "flex,flux", ""] {
            let error = Devices::open(list).unwrap_err();
            assert!(error.to_string().contains("unknown device"), "{error}");
        }
        let many = vec!["flex"; 300].join(",");
        let error = Devices::open(&many).unwrap_err().to_string();
        assert!(error.contains("found 300"), "{error}");
    }
}
