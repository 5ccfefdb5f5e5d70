//! Answers of a classification: which classes are taken for which, and some samples.

use std::fmt::Write;

use crate::report::data::ClassReport;
use crate::report::page::{escape, missing, paragraph, section};
use crate::report::picture::sheet;

use super::WIDE;

/// Room for the names of the classes (pixels).
const NAMES: f64 = 110.0;

/// How often each class got each answer.
pub(in crate::report) fn confusion(report: &ClassReport) -> String {
    let heading = "Confusion matrix";
    let total: usize = report.confusion.iter().flatten().sum();
    if total == 0 {
        return section("confusion", heading, &missing("No sample was tested."));
    }
    let right: usize = report
        .confusion
        .iter()
        .enumerate()
        .filter_map(|(class, row)| row.get(class))
        .sum();
    let text = format!(
        "A row for each class and a column for each answer, with the number of test samples; the darker a field, the \
         larger its share of the row. {right} of {total} samples are on the diagonal, where answers are right."
    );
    let body = format!(
        "{}<div class=\"scroll\">{}</div>\n",
        paragraph(&text),
        matrix(report)
    );
    section("confusion", heading, &body)
}

fn matrix(report: &ClassReport) -> String {
    let count = report.confusion.len().max(1) as f64;
    let cell = ((WIDE - NAMES) / count).clamp(20.0, 64.0);
    let height = cell.min(36.0);
    let (width, bottom) = (NAMES + count * cell, 22.0 + count * height);
    let name = |class: usize| report.classes.get(class).map_or("", String::as_str);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDE} {:.0}\" role=\"img\" aria-label=\"Confusion matrix\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n",
        bottom + 4.0
    );
    let mut text = |anchor: &str, x: f64, y: f64, text: &str| {
        // writing to a String cannot fail
        let _ = writeln!(
            svg,
            "<text text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
            escape(text)
        );
    };
    for class in 0..report.confusion.len() {
        let short: String = name(class).chars().take((cell / 7.0) as usize).collect();
        text("middle", NAMES + (class as f64 + 0.5) * cell, 14.0, &short);
        let y = 22.0 + (class as f64 + 0.5) * height + 4.0;
        text("end", NAMES - 8.0, y, name(class));
    }
    for (class, row) in report.confusion.iter().enumerate() {
        let all: usize = row.iter().sum();
        for (answer, &samples) in row.iter().enumerate().filter(|(_, n)| **n > 0) {
            let (x, y) = (NAMES + answer as f64 * cell, 22.0 + class as f64 * height);
            let share = samples as f64 / all as f64;
            let colour = if answer == class {
                "--first"
            } else {
                "--second"
            };
            let ink = if share > 0.5 {
                "var(--page)"
            } else {
                "var(--ink)"
            };
            let _ = writeln!(
                svg,
                "<g><title>{}: {samples} of {all} answered {}</title>\
                 <rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{cell:.1}\" height=\"{height:.1}\" \
                 style=\"fill:var({colour});fill-opacity:{:.2}\"/>\
                 <text text-anchor=\"middle\" x=\"{:.1}\" y=\"{:.1}\" style=\"fill:{ink};font-size:11px\">{samples}</text></g>",
                escape(name(class)),
                escape(name(answer)),
                0.08 + 0.92 * share,
                x + cell / 2.0,
                y + height / 2.0 + 4.0,
            );
        }
    }
    let _ = writeln!(
        svg,
        "<rect x=\"{NAMES}\" y=\"22\" width=\"{:.1}\" height=\"{:.1}\" style=\"fill:none;stroke:var(--axis)\"/>\n</svg>",
        width - NAMES,
        bottom - 22.0
    );
    svg
}

/// Some samples with their answers.
pub(in crate::report) fn samples(report: &ClassReport) -> String {
    let body = match report.samples.is_empty() {
        true => missing("No sample was kept to be shown."),
        false => format!("<div class=\"scroll\">{}</div>\n", sheet(&report.samples)),
    };
    section("samples", "Test samples and answers", &body)
}
