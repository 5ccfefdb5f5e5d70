//! What a device allows: the facts that the layout of the kernels rests on.

use burn_cubecl::cubecl::{
    client::Client,
    ir::{
        ElemType, HardwareProperties, PciVendor,
        features::{Plane, TypeUsage},
    },
};

use super::layout::{Combining, Limits};

/// Registers that a unit may use where the maker's figure is not known.
const CAUTIOUS_REGISTERS: usize = 96;
/// Multiprocessors where the runtime does not tell (wgpu): a mid-range card.
const USUAL_MULTIPROCESSORS: usize = 32;

/// Multiply-adds of one launch: some 0.1 s on a card of 1 TFlop/s, a second on the slowest. Drivers end a launch that
/// takes longer than they allow (Windows: two seconds) and lose the device with it.
const LAUNCH_WORK: usize = 1 << 36;

/// The limits of a client's device.
///
/// Neither wgpu nor CUDA tells the number of registers through CubeCL. NVIDIA (since 2012) and AMD have 65 536 or more
/// per multiprocessor and at most 255 or 256 per unit; 232 leaves the compiler room. Other makers have 64 to 128 per
/// unit. Too high a guess costs speed (the compiler spills), never correctness.
pub(crate) fn of_device(client: &Client) -> Limits {
    let properties = client.properties();
    let hardware = &properties.hardware;
    let vendor = properties.identity.physical.as_ref().and_then(|p| p.vendor);
    let unit_registers = match vendor {
        Some(PciVendor::Nvidia | PciVendor::Amd) => 232,
        _ if hardware.num_streaming_multiprocessors.is_some() => 232, // CUDA and ROCm
        _ => CAUTIOUS_REGISTERS,
    };
    let combining = if properties.features.plane.contains(Plane::Ops) {
        Combining::Plane
    } else {
        Combining::Shared
    };
    Limits {
        units: hardware.max_units_per_cube.min(hardware.max_cube_dim.0) as usize,
        plane: plane(hardware),
        shared_bytes: hardware.max_shared_memory_size,
        unit_registers,
        registers: 65536,
        multiprocessors: hardware
            .num_streaming_multiprocessors
            .map_or(USUAL_MULTIPROCESSORS, |n| n as usize),
        combining,
        launch_work: LAUNCH_WORK,
    }
}

/// Size of the smallest plane as a power of two.
fn plane(hardware: &HardwareProperties) -> usize {
    let size = (hardware.plane_size_min as usize).max(1);
    1 << size.ilog2()
}

/// Buffers that the kernels bind at most.
pub(crate) const BINDINGS: u32 = 8;

/// Why the kernels cannot read and write this number type on this device, or bind as many buffers as they need.
pub(crate) fn obstacle(client: &Client, number: ElemType) -> Option<String> {
    let properties = client.properties();
    let usage = properties.type_usage(number);
    let bindings = properties.hardware.max_bindings;
    if bindings < BINDINGS {
        return Some(format!(
            "the device binds {bindings} buffers, the kernels need {BINDINGS}"
        ));
    }
    let usable = usage.contains(TypeUsage::Buffer) && usage.contains(TypeUsage::Conversion);
    (!usable).then(|| format!("the device does not read and write {number:?} in buffers"))
}
