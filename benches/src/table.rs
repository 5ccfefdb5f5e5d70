//! The table of results; ratios are baseline over ours, so that larger is better for us.

use crate::measure::Measurement;

/// The first line.
pub fn header() {
    println!(
        "\n{:<9} {:>7}  {:<20} {:>11} {:>7} {:>11} {:>7} {:>8} {:>7}",
        "size",
        "threads",
        "implementation",
        "forward ms",
        "ratio",
        "train ms",
        "ratio",
        "peak MB",
        "ratio"
    );
}

/// One size and number of threads; the first row is ours.
pub fn rows(size: &str, threads: usize, rows: &[(&str, Measurement)]) {
    let Some((_, ours)) = rows.first() else {
        return;
    };
    for (name, m) in rows {
        println!(
            "{size:<9} {threads:>7}  {name:<20} {:>11.2} {:>7.1} {:>11.2} {:>7.1} {:>8.0} {:>7.1}",
            m.forward_ms,
            m.forward_ms / ours.forward_ms,
            m.train_ms,
            m.train_ms / ours.train_ms,
            m.peak_mb,
            m.peak_mb / ours.peak_mb
        );
    }
}
