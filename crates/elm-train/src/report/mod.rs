//! The report of a training: one self-contained HTML file with inline SVG.
//!
//! [`render`] turns plain numbers ([`Report`]) into a page that opens offline, needs no script, and
//! follows the reader's light or dark setting. What is empty or not finite becomes a sentence or a gap,
//! never a broken picture. [`render_comparison`] does the same for several models side by side,
//! [`render_sweep`] for the settings of a sweep.
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

mod comparison;
mod data;
mod page;
mod picture;
mod scaling;
mod sections;
mod svg;
mod sweep;
mod table;

#[cfg(test)]
mod tests;

pub use comparison::{
    ComparedCurve, ComparedMetric, ComparisonReport, CurvePoint, render_comparison,
};
pub use data::{
    AblatedUnits, Ablation, ClassReport, Decision, EpochPoint, ExampleTrace, MemoryTraces,
    MemoryUnitTrace, MetricCurve, Report, RocCurve, SummaryRow, TimeUnit, TimescaleList,
};
pub use picture::{SamplePicture, sheet};
pub use scaling::{ScalingGroup, ScalingReport};
pub use sweep::{BestRecipe, KeyPanel, KeyPoint, KeyValue, SweepReport, render_sweep};
pub use table::Table;

/// The pictures of simulations, decisions and timescales of a report as SVG files of their own: (file name, content).
pub fn pictures(report: &Report) -> Vec<(String, String)> {
    let numbered = |name: &str, drawn: Vec<Option<String>>| -> Vec<(String, String)> {
        let drawn = (1..).zip(drawn);
        drawn
            .filter_map(|(number, svg)| Some((format!("{name}-{number}.svg"), svg?)))
            .collect()
    };
    let voltages = report.examples.iter().map(sections::busy_picture);
    let mut all = numbered("voltage", voltages.collect());
    if let Some(answers) = &report.classification {
        let decisions = answers.decisions.iter().map(sections::decision_picture);
        all.extend(numbered("decision", decisions.collect()));
        let ablation = answers.ablation.as_ref();
        let ablation = ablation.and_then(sections::ablation_picture);
        all.extend(ablation.map(|svg| ("timescales.svg".to_string(), svg)));
    }
    for (_, svg) in &mut all {
        *svg = page::standalone(svg);
    }
    all
}

/// The report as one HTML page.
pub fn render(report: &Report) -> String {
    let mut parts = vec![sections::summary(report), sections::learning(report)];
    match &report.classification {
        Some(answers) => {
            parts.push(sections::confusion(answers));
            if !report.plain {
                parts.push(sections::samples(answers));
            }
            parts.extend(sections::decisions(&answers.decisions));
            parts.extend(answers.ablation.as_ref().map(sections::ablation));
        }
        None if report.plain => {}
        None => parts.extend([
            sections::examples(&report.examples),
            sections::roc(report.roc.as_ref()),
        ]),
    }
    if !report.timescales.is_empty() {
        parts.push(sections::timescales(&report.timescales));
    }
    if let Some(traces) = &report.memory_traces {
        parts.push(sections::memory(traces));
    }
    parts.push(sections::notes(&report.notes));
    page::page(&report.title, &parts)
}
