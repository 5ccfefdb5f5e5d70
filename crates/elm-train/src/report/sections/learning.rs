//! Loss and metrics over the epochs.

use crate::report::data::{EpochPoint, MetricCurve, Report};
use crate::report::page::{escape, missing, section};
use crate::report::svg::{Anchor, Canvas, Panel, Scale, Style, extent, number};

use super::{BELOW, HALF, WIDE, frame};

/// More epochs than this are drawn without dots.
const MAX_DOTS: usize = 120;

/// Loss and metrics over the epochs.
pub(in crate::report) fn learning(report: &Report) -> String {
    let mut body = loss(&report.loss_curve);
    let curves: String = report
        .metric_curves
        .iter()
        .map(|curve| {
            format!(
                "<div><h3>{}</h3>{}</div>\n",
                escape(&curve.name),
                metric(curve)
            )
        })
        .collect();
    if curves.is_empty() {
        body.push_str(&missing("No metric was followed over the epochs."));
    } else {
        body.push_str(&format!("<div class=\"charts\">\n{curves}</div>\n"));
    }
    section("learning", "Learning", &body)
}

fn loss(points: &[EpochPoint]) -> String {
    let train: Vec<_> = points
        .iter()
        .map(|p| (p.epoch as f64, p.train_loss))
        .collect();
    let valid: Vec<_> = points
        .iter()
        .filter_map(|p| Some((p.epoch as f64, p.valid_loss?)))
        .collect();
    let values = train.iter().chain(&valid).map(|point| point.1);
    let Some(range) = extent(values) else {
        return missing("No epoch was finished, so there is no loss to show.");
    };
    let area = frame(WIDE, 30.0, 220.0);
    // losses that fall by more than a decade only show on a logarithmic axis
    let log = range.0 > 0.0 && range.1 / range.0 > 10.0;
    let panel = Panel {
        x: epoch_scale(&train, area.across(), 12),
        y: if log {
            Scale::log(range, area.upward())
        } else {
            Scale::rounded(range, area.upward(), 5)
        },
    };
    let mut canvas = Canvas::new(
        WIDE,
        30.0 + 220.0 + BELOW,
        "Training and validation loss of every epoch",
    );
    let mut entries = vec![(Style::First, "training")];
    if !valid.is_empty() {
        entries.push((Style::Second, "validation"));
    }
    canvas.legend((area.left, 16.0), &entries);
    panel.y_axis(&mut canvas, if log { "loss (log axis)" } else { "loss" }, 5);
    panel.x_axis(&mut canvas, Some("epoch"), 12);
    series(&mut canvas, &panel, Style::First, "training loss", &train);
    series(
        &mut canvas,
        &panel,
        Style::Second,
        "validation loss",
        &valid,
    );
    format!(
        "<h3>Loss</h3>\n<div class=\"scroll\">{}</div>\n",
        canvas.finish()
    )
}

fn metric(curve: &MetricCurve) -> String {
    let Some(range) = extent(curve.points.iter().map(|point| point.1)) else {
        return missing("Not measured in any epoch.");
    };
    let area = frame(HALF, 22.0, 150.0);
    let panel = Panel {
        x: epoch_scale(&curve.points, area.across(), 8),
        y: Scale::rounded(range, area.upward(), 4),
    };
    let label = format!("{} over the epochs", curve.name);
    let mut canvas = Canvas::new(HALF, 22.0 + 150.0 + BELOW, &label);
    panel.y_axis(&mut canvas, "", 4);
    panel.x_axis(&mut canvas, Some("epoch"), 8);
    series(
        &mut canvas,
        &panel,
        Style::First,
        &curve.name,
        &curve.points,
    );
    let last = curve.points.iter().rev().find(|point| point.1.is_finite());
    if let Some(&(_, value)) = last {
        let text = format!("last {}", number(value, digits(value)));
        canvas.text(Anchor::End, (area.across().1, 12.0), &text);
    }
    canvas.finish()
}

/// Whole epochs from the first to the last, with room around a single one.
fn epoch_scale(points: &[(f64, f64)], pixels: (f64, f64), ticks: usize) -> Scale {
    let (lo, hi) = extent(points.iter().map(|point| point.0)).unwrap_or((0.0, 1.0));
    let room = if hi > lo { 0.0 } else { 0.6 };
    Scale::whole((lo - room, hi + room), pixels, ticks)
}

fn series(canvas: &mut Canvas, panel: &Panel, style: Style, name: &str, points: &[(f64, f64)]) {
    panel.curve(canvas, style, points.iter().copied());
    if points.len() > MAX_DOTS {
        return;
    }
    for &(epoch, value) in points {
        if let Some(at) = panel.at((epoch, value)) {
            let hover = format!(
                "epoch {}: {name} {}",
                number(epoch, 0),
                number(value, digits(value))
            );
            canvas.dot(style, at, 3.0, &hover);
        }
    }
}

/// Decimals that show four digits or so of `value`.
fn digits(value: f64) -> usize {
    match value.abs() {
        v if v >= 100.0 => 1,
        v if v >= 10.0 => 2,
        v if v >= 0.01 || v == 0.0 => 4,
        _ => 6,
    }
}
