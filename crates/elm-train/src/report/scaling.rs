//! How a metric scales: runs and power laws on logarithmic scales, or one of them where the metric hardly changes.

use super::page::{escape, missing, section};
use super::sections::{BELOW, WIDE, frame};
use super::svg::{Canvas, Panel, Scale, Style, extent, number};
use super::table::Table;

/// Height of the plot area, in pixels.
const HEIGHT: f64 = 300.0;
/// Greatest metric as a multiple of the least, below which the metric's axis is linear.
const NARROW: f64 = 4.0;
/// Room beside the outermost points, as a factor.
const ROOM: f64 = 1.15;

/// Everything that a report shows of how a metric scales.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScalingReport {
    /// What it scales with.
    pub key: String,
    /// The metric.
    pub metric: String,
    /// The groups of runs; the last is drawn dashed where there are several.
    pub groups: Vec<ScalingGroup>,
    /// Tables below the picture.
    pub tables: Vec<Table>,
}

/// Runs with a law of their own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScalingGroup {
    /// Its name.
    pub name: String,
    /// Key and metric of each run.
    pub points: Vec<(f64, f64)>,
    /// Points of its law, near enough for a line through them; none where it has none.
    pub line: Vec<(f64, f64)>,
}

/// The section of a sweep's page.
pub(super) fn scaling(report: &ScalingReport) -> String {
    let mut body = picture(report);
    body.extend(report.tables.iter().map(Table::html));
    section("scaling", "Scaling", &body)
}

fn picture(report: &ScalingReport) -> String {
    let points = || report.groups.iter().flat_map(|group| &group.points);
    let above = |values: Vec<f64>| extent(values.into_iter().filter(|value| *value > 0.0));
    let (Some(xs), Some(ys)) = (
        above(points().map(|p| p.0).collect()),
        above(points().map(|p| p.1).collect()),
    ) else {
        return missing("No run has a number above 0, which logarithms need.");
    };
    let area = frame(WIDE, 12.0, HEIGHT);
    let wider = |(low, high): (f64, f64), room: f64| (low / room, high * room);
    let axes = Panel {
        x: Scale::log(wider(xs, ROOM), area.across()),
        // a logarithmic axis has no ticks to speak of within so little
        y: match ys.1 / ys.0 < NARROW {
            true => Scale::rounded(ys, area.upward(), 5),
            false => Scale::log(wider(ys, ROOM), area.upward()),
        },
    };
    let label = format!("{} against {}", report.metric, report.key);
    let mut canvas = Canvas::new(WIDE, 12.0 + HEIGHT + BELOW, &label);
    axes.y_axis(&mut canvas, &report.metric, 5);
    axes.x_axis(&mut canvas, Some(&report.key), 6);
    let last = report.groups.len() - 1;
    for (place, group) in report.groups.iter().enumerate() {
        let is_summary = place == last && last > 0;
        let style = match is_summary {
            true => Style::Dashed,
            false => Style::Model(place),
        };
        axes.curve(&mut canvas, style, group.line.iter().copied());
        // its runs are those of other groups
        for &point in group.points.iter().filter(|_| !is_summary) {
            if let Some(at) = axes.at(point) {
                let hover = format!(
                    "{}: {} at {}",
                    group.name,
                    number(point.1, 4),
                    number(point.0, 0)
                );
                canvas.dot(style, at, 3.0, &hover);
            }
        }
    }
    let entries: String = report.groups.iter().enumerate().map(|(place, group)| {
        let mut stroke = Canvas::new(20.0, 10.0, &group.name);
        let style = match place == last && last > 0 {
            true => Style::Dashed,
            false => Style::Model(place),
        };
        stroke.line(style, (0.0, 5.0), (18.0, 5.0));
        format!(
            "<span style=\"display:inline-flex;align-items:center;gap:6px;margin-right:18px\"><span style=\"width:20px\">{}</span>{}</span>\n",
            stroke.finish(),
            escape(&group.name)
        )
    }).collect();
    format!("<p>{entries}</p>\n{}", canvas.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_is_drawn_once() {
        let group = |name: &str, line: &[(f64, f64)]| ScalingGroup {
            name: name.into(),
            points: vec![(1e3, 0.5), (1e4, 0.25), (1e4, f64::NAN)],
            line: line.to_vec(),
        };
        let line = [(1e3, 0.5), (1e4, 0.25)];
        let mut report = ScalingReport {
            key: "trained parameters".into(),
            metric: "valid_loss".into(),
            groups: vec![group("<a>", &line), group("b", &[]), group("best", &line)],
            tables: vec![Table {
                title: "Laws".into(),
                ..Table::default()
            }],
        };
        let html = scaling(&report);
        assert_eq!(html.matches("<circle").count(), 4);
        assert!(html.contains("&lt;a&gt;") && !html.contains("<a>"));
        assert!(!html.contains("NaN") && html.contains("Laws"));
        report.groups.clear();
        assert!(scaling(&report).contains("which logarithms need"));
    }
}
