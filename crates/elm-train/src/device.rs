//! The device chosen at run time by `--device`.

use burn::tensor::Device;

use crate::error::{Result, TrainError};
use crate::remote;

/// A backend that this build may hold, and the name it is chosen by.
struct Choice {
    name: &'static str,
    /// The feature that compiles it in.
    feature: &'static str,
    /// What its devices are, for people.
    cards: &'static str,
    /// Its device of choice; none in builds without it.
    open: Option<fn() -> Device>,
    /// All its devices that this machine has.
    all: fn() -> Vec<Device>,
}

fn choices() -> Vec<Choice> {
    let cpu = |name, open| Choice {
        name,
        feature: name,
        cards: "CPU",
        open,
        all: Vec::new,
    };
    let card = |name, cards, open, all| Choice {
        name,
        feature: name,
        cards,
        open,
        all,
    };
    vec![
        cpu("flex", flex()),
        cpu("ndarray", ndarray()),
        card("cuda", "NVIDIA GPU", cuda(), all_cuda),
        card("rocm", "AMD GPU", rocm(), all_rocm),
        card("wgpu", "graphics adapter", wgpu(), all_wgpu),
    ]
}

/// Device names that `--device` knows, for help texts.
pub const DEVICE_NAMES: [&str; 9] = [
    "auto", "cpu", "gpu", "flex", "ndarray", "wgpu", "cuda", "rocm", "remote",
];

/// Opens the device of this name; `cuda:1` is the second of the NVIDIA cards, and the like, and
/// `remote:ws://10.0.0.2:3000/0` the first that `elm serve` hosts there (`remote:iroh://KEY@10.0.0.2:3000/0` if it encrypts).
///
/// `auto` takes a real GPU if this build has a backend for one and the machine has the card, else the CPU; a
/// software GPU driver is a CPU in disguise and never taken by `auto` or `gpu`.
///
/// # Errors
/// [`TrainError::Usage`] for an unknown name, a backend that is not compiled in (with the feature that adds it),
/// a machine without the device, or a name of several devices; [`TrainError::Run`] if a server does not answer.
pub fn open(name: &str) -> Result<Device> {
    let devices = named(name)?;
    match <[Device; 1]>::try_from(devices) {
        Ok([device]) => Ok(device),
        Err(devices) => Err(TrainError::Usage(format!(
            "device `{name}`: expected one device, found {}",
            devices.len()
        ))),
    }
}

/// The devices of one name, at least one; `cuda:all` are all the cards of the machine.
pub(crate) fn named(name: &str) -> Result<Vec<Device>> {
    let choices = choices();
    match name {
        "auto" => return gpu().map_or_else(|| cpu(&choices), Ok).map(|d| vec![d]),
        "cpu" => return cpu(&choices).map(|d| vec![d]),
        "gpu" => {
            return gpu()
                .map(|d| vec![d])
                .ok_or_else(|| TrainError::Usage(no_gpu()));
        }
        _ => {}
    }
    let (backend, place) = match name.split_once(':') {
        Some((backend, place)) => (backend, Some(place)),
        None => (name, None),
    };
    if backend == "remote" {
        return remote::open(place.unwrap_or_default());
    }
    let choice = choices
        .iter()
        .find(|c| c.name == backend)
        .ok_or_else(|| unknown(name))?;
    let open = choice.open.ok_or_else(|| {
        TrainError::Usage(format!(
            "device `{backend}` is not in this build; build with `--features {}`",
            choice.feature
        ))
    })?;
    let fail = |problem: String| Err(TrainError::Usage(format!("device `{name}`: {problem}")));
    if choice.cards == "CPU" {
        return match place {
            None => Ok(vec![open()]),
            Some(_) => fail(format!("expected `{backend}`: a CPU is one device")),
        };
    }
    // a card that is not there would panic on first use: ask first
    let all = (choice.all)();
    let cards = choice.cards;
    let count = all.len();
    match (place, place.map(str::parse::<usize>)) {
        _ if count == 0 => fail(format!("no {cards} found on this machine")),
        (None, _) => Ok(vec![open()]),
        (Some("all"), _) => Ok(all),
        (_, Some(Ok(place))) if place < count => Ok(all.into_iter().skip(place).take(1).collect()),
        (place, _) => fail(format!(
            "expected a number from 0 to {}, or `all`, found {:?}: this machine has {count} of this kind ({cards})",
            count - 1,
            place.unwrap_or_default()
        )),
    }
}

/// Is it the host itself, so that nothing is moved to it?
pub fn is_cpu(device: &Device) -> bool {
    let name = format!("{:?}", device.as_dispatch());
    !is_remote(device) && ["Flex", "NdArray"].iter().any(|cpu| name.contains(cpu))
}

/// Is it a device that a server hosts?
pub fn is_remote(device: &Device) -> bool {
    remote::name_of(device).is_some()
}

/// Name of a device for logs and reports.
pub fn describe(device: &Device) -> String {
    remote::name_of(device).unwrap_or_else(|| format!("{:?}", device.as_dispatch()))
}

fn unknown(name: &str) -> TrainError {
    let nearest = DEVICE_NAMES
        .iter()
        .min_by_key(|known| strsim::osa_distance(known, name));
    let hint = nearest
        .map(|n| format!(", did you mean `{n}`?"))
        .unwrap_or_default();
    TrainError::Usage(format!(
        "unknown device `{name}`{hint} (known: {})",
        DEVICE_NAMES.join(", ")
    ))
}

fn cpu(choices: &[Choice]) -> Result<Device> {
    let open = choices
        .iter()
        .filter(|c| matches!(c.name, "flex" | "ndarray"))
        .find_map(|c| c.open);
    open.map(|open| open()).ok_or_else(|| {
        TrainError::Usage("this build has no CPU backend; build with `--features flex`".into())
    })
}

fn no_gpu() -> String {
    if cfg!(any(feature = "wgpu", feature = "cuda", feature = "rocm")) {
        "no GPU found on this machine; use `--device cpu`".into()
    } else {
        "this build has no GPU backend; build with `--features wgpu` or `--features cuda`, or use `--device cpu`".into()
    }
}

fn flex() -> Option<fn() -> Device> {
    #[cfg(feature = "flex")]
    return Some(Device::flex);
    #[cfg(not(feature = "flex"))]
    None
}

#[allow(deprecated)] // deprecated by Burn 0.22, kept for people who have it
fn ndarray() -> Option<fn() -> Device> {
    #[cfg(feature = "ndarray")]
    return Some(Device::ndarray);
    #[cfg(not(feature = "ndarray"))]
    None
}

fn cuda() -> Option<fn() -> Device> {
    #[cfg(feature = "cuda")]
    return Some(|| Device::cuda(0));
    #[cfg(not(feature = "cuda"))]
    None
}

fn rocm() -> Option<fn() -> Device> {
    #[cfg(feature = "rocm")]
    return Some(|| Device::rocm(0));
    #[cfg(not(feature = "rocm"))]
    None
}

fn wgpu() -> Option<fn() -> Device> {
    #[cfg(feature = "wgpu")]
    return Some(|| Device::wgpu(burn::tensor::DeviceKind::DefaultDevice));
    #[cfg(not(feature = "wgpu"))]
    None
}

/// The first real card, over every GPU backend of this build.
fn gpu() -> Option<Device> {
    #[cfg(any(feature = "wgpu", feature = "cuda", feature = "rocm"))]
    {
        Device::enumerate_physical()
            .into_iter()
            .find_map(|card| card.devices.into_vec().into_iter().next())
    }
    #[cfg(not(any(feature = "wgpu", feature = "cuda", feature = "rocm")))]
    None
}

fn all_cuda() -> Vec<Device> {
    #[cfg(feature = "cuda")]
    return Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec();
    #[cfg(not(feature = "cuda"))]
    Vec::new()
}

fn all_rocm() -> Vec<Device> {
    #[cfg(feature = "rocm")]
    return Device::enumerate(burn::tensor::DeviceType::Rocm).into_vec();
    #[cfg(not(feature = "rocm"))]
    Vec::new()
}

fn all_wgpu() -> Vec<Device> {
    #[cfg(feature = "wgpu")]
    return Device::enumerate(burn::tensor::DeviceType::Wgpu).into_vec();
    #[cfg(not(feature = "wgpu"))]
    Vec::new()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_unknown_device_suggests_the_nearest_name() {
        let error = open("cdua").unwrap_err();
        assert!(error.to_string().contains("did you mean `cuda`"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_is_not_compiled_in_names_its_feature() {
        let error = open("cuda").unwrap_err();
        assert!(error.to_string().contains("--features cuda"), "{error}");
    }

    #[cfg(not(feature = "remote"))]
    #[test]
    fn devices_of_other_machines_name_their_feature() {
        for name in ["remote", "remote:ws://127.0.0.1:3000/0"] {
            let error = open(name).unwrap_err();
            assert!(error.to_string().contains("--features remote"), "{error}");
            assert_eq!(error.exit_code(), 2);
        }
    }

    #[cfg(feature = "flex")]
    #[test]
    fn the_cpu_is_always_there_and_one_device() {
        assert_eq!(open("cpu").unwrap(), Device::flex());
        let error = open("flex:1").unwrap_err();
        assert!(error.to_string().contains("one device"), "{error}");
        assert_eq!(error.exit_code(), 2);
    }
}
