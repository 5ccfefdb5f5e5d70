//! What the integration tests share.
#![allow(dead_code, clippy::unwrap_used, deprecated)] // each test file uses its own part

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::{Device, Tensor};
use elm_model::weights::{PublishedConfig, StateDict};
use elm_model::{ElmNeuronConfig, NeuronForm};

/// Every CPU backend with a fused version that this test build holds, and one over the network.
pub fn devices() -> Vec<(&'static str, Device)> {
    vec![
        #[cfg(feature = "flex")]
        ("flex", Device::flex()),
        #[cfg(feature = "ndarray")]
        ("ndarray", Device::ndarray()),
        #[cfg(all(feature = "remote", feature = "flex", not(feature = "fusion")))]
        ("server", server()),
    ]
}

/// Seeds Burn's generator, which all tests of a program share: none of those that call this draws while another one has
/// what this returns, so each draws the same in every run.
pub fn seeded(device: &Device) -> MutexGuard<'static, ()> {
    static GENERATOR: Mutex<()> = Mutex::new(());
    let turn = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
    device.seed(7);
    turn
}

/// A device that a server in this process hosts, over the loopback.
#[cfg(all(feature = "remote", feature = "flex", not(feature = "fusion")))]
fn server() -> Device {
    use std::net::TcpListener;
    use std::sync::OnceLock;

    use burn::remote::RemoteHost;
    use burn::server::{RemoteServer, WebSocketTransport};

    static ADDRESS: OnceLock<String> = OnceLock::new();
    let address = ADDRESS.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("ws://{}", listener.local_addr().unwrap());
        let device = Device::flex();
        let server = RemoteServer::new([device.clone()]);
        let server = elm_model::remote::with_operations(server, &device);
        std::thread::spawn(move || server.serve(WebSocketTransport::from_listener(listener)));
        address
    });
    let host = RemoteHost::websocket(address);
    Device::remote_options(&host).init().unwrap()
}

/// The first graphics card, which may be a software driver; `None`, with a word why, where there is none.
#[cfg(feature = "cube")]
pub fn card() -> Option<Device> {
    use burn::backend::{Dispatch, DispatchDeviceId};
    let found = Dispatch::enumerate(DispatchDeviceId::Cube)
        .into_iter()
        .next();
    if found.is_none() {
        missing(
            "ELM_REQUIRE_CARD",
            "no graphics card (a software one: Debian's mesa-vulkan-drivers)",
        );
    }
    found.map(Device::new)
}

/// [`devices`] and the graphics card, called `card`.
pub fn devices_and_card() -> Vec<(&'static str, Device)> {
    #[allow(unused_mut)]
    let mut all = devices();
    #[cfg(feature = "cube")]
    all.extend(card().map(|device| ("card", device)));
    all
}

/// The reference file folder beside the project, if this machine has it.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    missing(
        "ELM_REQUIRE_SHARED",
        &format!("{} is not on this machine", path.display()),
    );
    None
}

/// What a test needs is not here: a word why it is skipped, or a failure where this variable says that it must be here.
fn missing(variable: &str, what: &str) {
    assert!(
        std::env::var_os(variable).is_none(),
        "{what}, and {variable} is set"
    );
    eprintln!("skipped: {what}");
}

/// Every golden file of the project.
pub fn golden_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "safetensors"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no golden files found");
    files
}

/// One golden file: configuration, parameters and everything else by name.
pub struct Golden {
    pub config: ElmNeuronConfig,
    pub params: StateDict,
    pub values: StateDict,
}

impl Golden {
    pub fn read(path: &Path) -> Self {
        let values = StateDict::read(path).unwrap();
        let published: PublishedConfig = serde_json::from_str(&values.metadata["config"]).unwrap();
        let form = match values.metadata["version"].as_str() {
            "1" => NeuronForm::v1(),
            "2" => NeuronForm::v2(),
            other => panic!("{}: unknown version {other}", path.display()),
        };
        let mut params = values.clone();
        params.tensors = values
            .tensors
            .iter()
            .filter_map(|(k, v)| Some((k.strip_prefix("param.")?.to_string(), v.clone())))
            .collect();
        Self {
            config: published.to_config(form),
            params,
            values,
        }
    }

    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let t = self
            .values
            .tensors
            .get(name)
            .unwrap_or_else(|| panic!("no `{name}`"));
        let shape: [usize; D] = t.shape.clone().try_into().unwrap();
        Tensor::from_data(
            burn::tensor::TensorData::new(t.values.clone(), shape),
            device,
        )
    }
}

/// All numbers of a tensor.
pub fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_to_vec().unwrap()
}

/// Largest difference and largest expected value.
pub fn difference(found: &[f64], expected: &[f64]) -> (f64, f64) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    let worst = found.iter().zip(expected).fold(0.0f64, |m, (a, b)| {
        // a NaN must not pass as small
        let d = (a - b).abs();
        if d.is_nan() { f64::INFINITY } else { m.max(d) }
    });
    (worst, largest)
}

/// Asserts that every entry of two tensors differs by at most `relative` times its expected value or by `floor`,
/// whichever is more: small entries count as much as large ones.
pub fn assert_each(what: &str, found: &[f64], expected: &[f64], relative: f64, floor: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        let allowed = floor.max(relative * b.abs());
        assert!(
            (a - b).abs() <= allowed,
            "{what}: entry {i} is {a:e}, expected {b:e}"
        );
    }
}

/// Runs `check` in a thread pool of one, two and eight threads.
pub fn in_pools(mut check: impl FnMut(usize) + Send) {
    for threads in [1, 2, 8] {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
            .install(|| check(threads));
    }
}

/// Tolerances that only 64-bit numbers meet.
const DOUBLE: f64 = 1e-8;

/// Asserts that two tensors differ by at most `tolerance` times the largest expected value; where that is one for 64-bit
/// numbers, small entries must be right by themselves too, down to the rounding of the largest.
pub fn assert_relative(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    let (worst, largest) = difference(found, expected);
    assert!(
        worst <= tolerance * largest.max(1e-12),
        "{what}: off by {worst:e}, largest {largest:e}"
    );
    if tolerance <= DOUBLE {
        assert_each(what, found, expected, 1e-6, 1e-12 * largest);
    }
}

/// Asserts that two tensors differ by at most `tolerance`.
pub fn assert_absolute(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    let (worst, _) = difference(found, expected);
    assert!(worst <= tolerance, "{what}: off by {worst:e}");
}

/// Runs these tests of the same file once more with this value of `ELM_ISA`, in a process of their own.
pub fn run_with_isa(isa: &str, tests: &[&str]) {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(tests)
        .args(["--exact", "--include-ignored"])
        .env("ELM_ISA", isa)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let passed = format!("{} passed", tests.len());
    assert!(
        output.status.success() && text.contains(&passed),
        "{isa}: {text}"
    );
}

/// Compares gradients by name with all golden ones, `grad.` and the name; none of either may be without the other.
pub fn assert_gradients<'a>(
    what: &str,
    found: &std::collections::BTreeMap<String, Vec<f64>>,
    golden: impl Iterator<Item = (&'a String, &'a [f64])>,
) {
    let mut checked = 0;
    for (name, expected) in golden {
        let Some(name) = name.strip_prefix("grad.") else {
            continue;
        };
        let found = found
            .get(name)
            .unwrap_or_else(|| panic!("{what}: no gradient of {name}"));
        assert_relative(
            &format!("{what}: gradient of {name}"),
            found,
            expected,
            1e-4,
        );
        checked += 1;
    }
    assert_eq!(
        checked,
        found.len(),
        "{what}: gradients without a golden value"
    );
}
