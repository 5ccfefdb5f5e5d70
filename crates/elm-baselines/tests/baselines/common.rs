//! Tensors as plain numbers, and how they are compared.

use burn::tensor::Tensor;

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

/// Asserts that two tensors differ by at most `tolerance` times the largest expected value.
pub fn assert_relative(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    let (worst, largest) = difference(found, expected);
    assert!(
        worst <= tolerance * largest.max(1e-12),
        "{what}: off by {worst:e}, largest {largest:e}"
    );
}

/// Asserts that two tensors differ by at most `tolerance`.
pub fn assert_absolute(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    let (worst, _) = difference(found, expected);
    assert!(worst <= tolerance, "{what}: off by {worst:e}");
}
