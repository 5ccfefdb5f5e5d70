//! The report of a comparison: several models side by side.

use super::page::{escape, missing, page, section};
use super::sections::{self, BELOW, HALF, WIDE, frame};
use super::svg::{Canvas, Panel, Scale, Style, extent, number};
use super::table::Table;

/// More points than this are drawn without dots.
const MAX_DOTS: usize = 60;

/// Everything that the report of a comparison shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ComparisonReport {
    /// Heading of the page.
    pub title: String,
    /// Facts under the heading, as (name, value).
    pub facts: Vec<(String, String)>,
    /// What each model came to.
    pub results: Table,
    /// Other tables, below it.
    pub tables: Vec<Table>,
    /// Names of the models that have curves, in their order.
    pub models: Vec<String>,
    /// What was followed over the training.
    pub metrics: Vec<ComparedMetric>,
    /// Sentences at the end of the page.
    pub notes: Vec<String>,
}

/// One metric of all models over the training.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ComparedMetric {
    /// Name, with its unit.
    pub name: String,
    /// The runs' curves.
    pub curves: Vec<ComparedCurve>,
}

/// One metric of one run over its training.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ComparedCurve {
    /// Place of its model in [`ComparisonReport::models`].
    pub model: usize,
    /// The epochs.
    pub points: Vec<CurvePoint>,
}

/// A metric at the end of an epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Gradient steps so far.
    pub step: f64,
    /// Seconds so far.
    pub seconds: f64,
    /// The metric's value.
    pub value: f64,
}

/// The report of a comparison as one HTML page.
pub fn render_comparison(report: &ComparisonReport) -> String {
    page(
        &report.title,
        &[
            summary(report),
            learning(report),
            sections::notes(&report.notes),
        ],
    )
}

fn summary(report: &ComparisonReport) -> String {
    let mut body = sections::facts(&report.facts);
    if report.results.rows.is_empty() {
        body.push_str(&missing("No model was trained to its end."));
        return section("summary", "Summary", &body);
    }
    let tables = std::iter::once(&report.results).chain(&report.tables);
    body.extend(tables.map(Table::html));
    section("summary", "Summary", &body)
}

fn learning(report: &ComparisonReport) -> String {
    if report.models.is_empty() {
        let body = missing("No model has a learning curve to show.");
        return section("learning", "Learning", &body);
    }
    let mut legend = Canvas::new(WIDE, 24.0, "Colours of the models");
    let entries: Vec<(Style, &str)> = report
        .models
        .iter()
        .enumerate()
        .map(|(place, name)| (Style::Model(place), name.as_str()))
        .collect();
    legend.legend((0.0, 16.0), &entries);
    let mut body = format!("<div class=\"scroll\">{}</div>\n", legend.finish());
    for metric in &report.metrics {
        body.push_str(&format!(
            "<h3>{}</h3>\n<div class=\"charts\">\n<div>{}</div>\n<div>{}</div>\n</div>\n",
            escape(&metric.name),
            panel(report, metric, "gradient steps", |point| point.step),
            panel(report, metric, "seconds", |point| point.seconds),
        ));
    }
    section("learning", "Learning", &body)
}

fn panel(
    report: &ComparisonReport,
    metric: &ComparedMetric,
    over: &str,
    x: fn(&CurvePoint) -> f64,
) -> String {
    let points = || metric.curves.iter().flat_map(|curve| &curve.points);
    let (Some(values), Some(reach)) = (extent(points().map(|p| p.value)), extent(points().map(x)))
    else {
        return missing("Not measured in any epoch.");
    };
    let area = frame(HALF, 12.0, 190.0);
    let panel = Panel {
        x: Scale::linear((0.0, reach.1), area.across()),
        y: Scale::rounded(values, area.upward(), 5),
    };
    let label = format!("{} over {over}", metric.name);
    let mut canvas = Canvas::new(HALF, 12.0 + 190.0 + BELOW, &label);
    panel.y_axis(&mut canvas, "", 5);
    panel.x_axis(&mut canvas, Some(over), 6);
    for ComparedCurve { model, points } in &metric.curves {
        let Some(name) = report.models.get(*model) else {
            continue;
        };
        let style = Style::Model(*model);
        panel.curve(&mut canvas, style, points.iter().map(|p| (x(p), p.value)));
        if points.len() > MAX_DOTS {
            continue;
        }
        for point in points {
            if let Some(at) = panel.at((x(point), point.value)) {
                let hover = format!(
                    "{name}: {} after {} steps, {} s",
                    number(point.value, 4),
                    number(point.step, 0),
                    number(point.seconds, 0)
                );
                canvas.dot(style, at, 2.5, &hover);
            }
        }
    }
    canvas.finish()
}
