//! The receiver operating characteristic of spike detection.

use crate::report::data::RocCurve;
use crate::report::page::{missing, paragraph, section};
use crate::report::svg::{Anchor, Canvas, Panel, Scale, Style, number};

use super::{BELOW, HALF, frame};

/// Right end of the zoom, as false-positive rate.
const ZOOM: f64 = 0.05;
/// The false-positive rate at which the papers compare.
const COMPARED_AT: f64 = 0.01;
const HEIGHT: f64 = 320.0;

/// The receiver operating characteristic: the whole, and its left end.
pub(in crate::report) fn roc(curve: Option<&RocCurve>) -> String {
    let heading = "Spike detection (ROC)";
    let points: Vec<(f64, f64)> = curve
        .map(|curve| {
            curve
                .fpr
                .iter()
                .copied()
                .zip(curve.tpr.iter().copied())
                .collect()
        })
        .unwrap_or_default();
    let points: Vec<_> = points
        .into_iter()
        .filter(|(fpr, tpr)| fpr.is_finite() && tpr.is_finite())
        .collect();
    let (Some(curve), true) = (curve, points.len() >= 2) else {
        return section("roc", heading, &missing("No ROC curve was measured."));
    };
    let text = format!(
        "Hits against false alarms as the threshold on the spike probability moves. Area under the curve (AUC): {}. Right: the left end, where false alarms are rare.",
        number(curve.auc, 4)
    );
    let body = format!(
        "{}<div class=\"charts\">\n<div>{}</div>\n<div>{}</div>\n</div>\n",
        paragraph(&text),
        whole(&points, curve.auc),
        zoom(&points)
    );
    section("roc", heading, &body)
}

fn axes(canvas: &mut Canvas, right: f64) -> Panel {
    let area = frame(HALF, 14.0, HEIGHT);
    let panel = Panel {
        x: Scale::linear((0.0, right), area.across()),
        y: Scale::linear((0.0, 1.0), area.upward()),
    };
    panel.y_axis(canvas, "true-positive rate", 5);
    panel.x_axis(canvas, Some("false-positive rate"), 5);
    panel
}

fn whole(points: &[(f64, f64)], auc: f64) -> String {
    let mut canvas = Canvas::new(HALF, 14.0 + HEIGHT + BELOW, "ROC curve");
    let panel = axes(&mut canvas, 1.0);
    panel.curve(&mut canvas, Style::Dashed, [(0.0, 0.0), (1.0, 1.0)]);
    panel.curve(&mut canvas, Style::First, points.iter().copied());
    if let Some(at) = panel.at((0.97, 0.06)) {
        canvas.text(Anchor::End, at, &format!("AUC {}", number(auc, 4)));
    }
    if let Some((x, y)) = panel.at((0.5, 0.5)) {
        canvas.text(Anchor::Start, (x + 10.0, y + 14.0), "chance");
    }
    canvas.finish()
}

fn zoom(points: &[(f64, f64)]) -> String {
    let mut canvas = Canvas::new(
        HALF,
        14.0 + HEIGHT + BELOW,
        "ROC curve at false-positive rates below 0.05",
    );
    let panel = axes(&mut canvas, ZOOM);
    let inside = points.partition_point(|point| point.0 <= ZOOM);
    let mut shown = points[..inside].to_vec();
    if let (Some(&a), Some(&b)) = (shown.last(), points.get(inside)) {
        // up to the edge
        let share = (ZOOM - a.0) / (b.0 - a.0);
        shown.push((ZOOM, a.1 + share * (b.1 - a.1)));
    }
    panel.curve(
        &mut canvas,
        Style::Dashed,
        [(COMPARED_AT, 0.0), (COMPARED_AT, 1.0)],
    );
    panel.curve(&mut canvas, Style::First, shown);
    let nearest = points.iter().min_by(|a, b| {
        (a.0 - COMPARED_AT)
            .abs()
            .total_cmp(&(b.0 - COMPARED_AT).abs())
    });
    if let Some((point, at)) = nearest.and_then(|&point| Some((point, panel.at(point)?)))
        && point.0 <= ZOOM
    {
        let text = format!("TPR {} at FPR {}", number(point.1, 3), number(point.0, 3));
        canvas.dot(Style::First, at, 4.0, &text);
        // below the curve, which rises to the right; above it near the bottom
        let below = if point.1 > 0.12 { 20.0 } else { -12.0 };
        canvas.text(Anchor::Start, (at.0 + 10.0, at.1 + below), &text);
    }
    canvas.finish()
}
