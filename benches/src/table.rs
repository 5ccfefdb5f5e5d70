//! The table of results; ratios are baseline over ours, so that larger is better for us.

use crate::measure::Measurement;

/// The first line.
pub fn header() {
    println!(
        "\n{:<9} {:<6} {:>7}  {:<20} {:>11} {:>7} {:>11} {:>7} {:>8} {:>7} {:>9}",
        "size",
        "device",
        "threads",
        "implementation",
        "forward ms",
        "ratio",
        "train ms",
        "ratio",
        "peak MB",
        "ratio",
        "of limit"
    );
}

/// One size and number of threads; the first row is ours.
///
/// `product_gflops` is the rate of a large matrix product with as many threads: the limit is the training step's
/// operations, three times the forward pass's, at that rate.
pub fn rows(size: &str, threads: usize, product_gflops: f64, rows: &[(&str, Measurement)]) {
    let Some((_, ours)) = rows.first() else {
        return;
    };
    for (name, m) in rows {
        let share = ours.forward_flops.map_or(f64::NAN, |flops| {
            100.0 * 3.0 * flops / product_gflops / 1e6 / m.train_ms
        });
        println!(
            "{size:<9} {:<6} {threads:>7}  {name:<20} {:>11.2} {:>7.1} {:>11.2} {:>7.1} {:>8.0} {:>7.1} {share:>7.0} %",
            "cpu",
            m.forward_ms,
            m.forward_ms / ours.forward_ms,
            m.train_ms,
            m.train_ms / ours.train_ms,
            m.peak_mb,
            m.peak_mb / ours.peak_mb
        );
    }
}
