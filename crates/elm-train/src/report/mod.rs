//! The report of a training: one self-contained HTML file with inline SVG.
//!
//! [`render`] turns plain numbers ([`Report`]) into a page that opens offline, needs no script, and
//! follows the reader's light or dark setting. What is empty or not finite becomes a sentence or a gap,
//! never a broken picture.
//!
//! ```
//! use elm_train::report::{Report, SummaryRow, render};
//!
//! let report = Report {
//!     title: "quick".into(),
//!     summary: vec![SummaryRow::new("Test AUC", 0.971).decimals(4).published(0.9922)],
//!     ..Report::default()
//! };
//! let html = render(&report);
//! assert!(html.contains("0.9710"));
//! ```

mod data;
mod page;
mod sections;
mod svg;

#[cfg(test)]
mod tests;

pub use data::{
    EpochPoint, ExampleTrace, MemoryTraces, MemoryUnitTrace, MetricCurve, Report, RocCurve,
    SummaryRow,
};

/// The report as one HTML page.
pub fn render(report: &Report) -> String {
    page::page(
        &report.title,
        &[
            sections::summary(report),
            sections::learning(report),
            sections::examples(&report.examples),
            sections::roc(report.roc.as_ref()),
            sections::timescales(&report.timescales_ms),
            sections::memory(report.memory_traces.as_ref()),
            sections::notes(&report.notes),
        ],
    )
}
