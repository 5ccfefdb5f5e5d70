//! The device chosen at run time by `--device`.

use burn::tensor::Device;

use crate::error::{Result, TrainError};

/// A backend that this build may hold, and the name it is chosen by.
struct Choice {
    name: &'static str,
    /// The feature that compiles it in.
    feature: &'static str,
    open: Option<fn() -> Device>,
}

fn choices() -> Vec<Choice> {
    vec![
        Choice {
            name: "flex",
            feature: "flex",
            open: flex(),
        },
        Choice {
            name: "ndarray",
            feature: "ndarray",
            open: ndarray(),
        },
        Choice {
            name: "cuda",
            feature: "cuda",
            open: cuda(),
        },
        Choice {
            name: "rocm",
            feature: "rocm",
            open: rocm(),
        },
        Choice {
            name: "wgpu",
            feature: "wgpu",
            open: wgpu(),
        },
    ]
}

/// Device names that `--device` knows, for help texts.
pub const DEVICE_NAMES: [&str; 8] = [
    "auto", "cpu", "gpu", "flex", "ndarray", "wgpu", "cuda", "rocm",
];

/// Opens the device of this name.
///
/// `auto` takes a real GPU if this build has a backend for one and the machine has the card, else the CPU; a
/// software GPU driver is a CPU in disguise and never taken by `auto` or `gpu`.
///
/// # Errors
/// [`TrainError::Usage`] for an unknown name, a backend that is not compiled in (with the feature that adds it),
/// or a machine without a GPU.
pub fn open(name: &str) -> Result<Device> {
    let choices = choices();
    match name {
        "auto" => gpu().map_or_else(|| cpu(&choices), Ok),
        "cpu" => cpu(&choices),
        "gpu" => gpu().ok_or_else(|| TrainError::Usage(no_gpu())),
        _ => {
            let choice = choices
                .iter()
                .find(|c| c.name == name)
                .ok_or_else(|| unknown(name))?;
            let open = choice.open.ok_or_else(|| {
                TrainError::Usage(format!(
                    "device `{name}` is not in this build; build with `--features {}`",
                    choice.feature
                ))
            })?;
            check_present(name)?;
            Ok(open())
        }
    }
}

/// Is it the host itself, so that nothing is moved to it?
pub fn is_cpu(device: &Device) -> bool {
    let name = describe(device);
    ["Flex", "NdArray"].iter().any(|cpu| name.contains(cpu))
}

/// Name of a device for logs and reports.
pub fn describe(device: &Device) -> String {
    format!("{:?}", device.as_dispatch())
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

/// A CUDA device that is not there would panic on first use: ask first.
fn check_present(name: &str) -> Result<()> {
    #[cfg(feature = "cuda")]
    if name == "cuda"
        && Device::enumerate(burn::tensor::DeviceType::Cuda)
            .into_vec()
            .is_empty()
    {
        return Err(TrainError::Usage(
            "device `cuda`: no NVIDIA GPU found on this machine".into(),
        ));
    }
    #[cfg(feature = "rocm")]
    if name == "rocm"
        && Device::enumerate(burn::tensor::DeviceType::Rocm)
            .into_vec()
            .is_empty()
    {
        return Err(TrainError::Usage(
            "device `rocm`: no AMD GPU found on this machine".into(),
        ));
    }
    #[cfg(feature = "wgpu")]
    if name == "wgpu"
        && Device::enumerate(burn::tensor::DeviceType::Wgpu)
            .into_vec()
            .is_empty()
    {
        return Err(TrainError::Usage(
            "device `wgpu`: no graphics adapter found on this machine".into(),
        ));
    }
    let _ = name;
    Ok(())
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

    #[cfg(feature = "flex")]
    #[test]
    fn the_cpu_is_always_there() {
        assert_eq!(open("cpu").unwrap(), Device::flex());
    }
}
