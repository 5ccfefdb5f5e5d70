//! The report of a sweep: settings by rank, and what each key does.

use super::page::{escape, missing, page, paragraph, section};
use super::scaling::{ScalingReport, scaling};
use super::sections::{self, BELOW, HALF, frame};
use super::svg::{Anchor, Canvas, Panel, Scale, Style, extent, number};
use super::table::Table;

/// A key whose greatest value is so many times its least is drawn on a logarithmic scale.
const WIDE_RANGE: f64 = 30.0;
/// Height of a panel's plot area, in pixels.
const HEIGHT: f64 = 190.0;

/// Everything that the report of a sweep shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SweepReport {
    /// Heading of the page.
    pub title: String,
    /// Facts under the heading, as (name, value).
    pub facts: Vec<(String, String)>,
    /// The settings by rank.
    pub settings: Table,
    /// The metric against each key that varies.
    pub panels: Vec<KeyPanel>,
    /// How the metric scales, where that was asked.
    pub scaling: Option<ScalingReport>,
    /// The recipe of the best setting.
    pub best: Option<BestRecipe>,
    /// Members that failed, with the reasons.
    pub failed: Vec<(String, String)>,
    /// Sentences at the end of the page.
    pub notes: Vec<String>,
}

/// A recipe to copy.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BestRecipe {
    /// What it is.
    pub title: String,
    /// The recipe.
    pub toml: String,
}

/// The metric of finished members against one key.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KeyPanel {
    /// The key.
    pub key: String,
    /// The metric.
    pub metric: String,
    /// The members.
    pub points: Vec<KeyPoint>,
}

/// A finished member.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyPoint {
    /// Its value of the key.
    pub key: KeyValue,
    /// Its metric, finite.
    pub metric: f64,
    /// Its name.
    pub member: String,
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum KeyValue {
    /// A number, which has a place on a scale.
    Number(f64),
    /// Something else, by its name.
    Name(String),
}

/// The report of a sweep as one HTML page.
pub fn render_sweep(report: &SweepReport) -> String {
    let mut parts = vec![summary(report)];
    parts.extend(report.scaling.as_ref().map(scaling));
    parts.push(panels(report));
    if let Some(best) = &report.best {
        let body = format!(
            "{}<pre class=\"scroll\">{}</pre>\n",
            paragraph(&best.title),
            escape(&best.toml)
        );
        parts.push(section("best", "Best recipe", &body));
    }
    if !report.failed.is_empty() {
        let rows: Vec<Vec<String>> = report
            .failed
            .iter()
            .map(|(member, why)| vec![member.clone(), why.clone()])
            .collect();
        let columns = ["Member".to_string(), "Why".into()];
        parts.push(section(
            "failed",
            "Members that failed",
            &sections::dense_table(&columns, &rows),
        ));
    }
    parts.push(sections::notes(&report.notes));
    page(&report.title, &parts)
}

fn summary(report: &SweepReport) -> String {
    let mut body = sections::facts(&report.facts);
    body.push_str(&report.settings.html());
    section("summary", "Summary", &body)
}

fn panels(report: &SweepReport) -> String {
    let body = match report.panels.is_empty() {
        true => missing("No key varies."),
        false => {
            let charts = report.panels.iter().map(|panel| {
                format!(
                    "<div><h3>{}</h3>{}</div>\n",
                    escape(&panel.key),
                    chart(panel)
                )
            });
            format!(
                "<div class=\"charts\">\n{}</div>\n",
                charts.collect::<String>()
            )
        }
    };
    section("keys", "The metric against each key", &body)
}

/// One key: a dot for each member, and a line through the medians.
fn chart(panel: &KeyPanel) -> String {
    let Some(values) = extent(panel.points.iter().map(|point| point.metric)) else {
        return missing("No member is finished.");
    };
    let area = frame(HALF, 12.0, HEIGHT);
    let mut canvas = Canvas::new(
        HALF,
        12.0 + HEIGHT + BELOW,
        &format!("{} against {}", panel.metric, panel.key),
    );
    let names = names(panel);
    let numbers = panel.points.iter().filter_map(|point| match point.key {
        KeyValue::Number(x) => Some(x),
        KeyValue::Name(_) => None,
    });
    let x = match (names.is_empty(), extent(numbers)) {
        (true, Some((low, high))) if low > 0.0 && high / low >= WIDE_RANGE => {
            Scale::log((low / 1.2, high * 1.2), area.across())
        }
        (true, Some((low, high))) => {
            let room = 0.05 * (high - low);
            Scale::linear((low - room, high + room), area.across())
        }
        _ => Scale::linear((-0.5, names.len() as f64 - 0.5), area.across()),
    };
    let axes = Panel {
        x,
        y: Scale::rounded(values, area.upward(), 5),
    };
    axes.y_axis(&mut canvas, "", 5);
    match names.is_empty() {
        true => axes.x_axis(&mut canvas, Some(&panel.key), 5),
        false => name_axis(&mut canvas, &axes, &names),
    }
    let place = |point: &KeyPoint| match &point.key {
        KeyValue::Number(x) if names.is_empty() => *x,
        key => {
            let name = key_name(key);
            names.iter().position(|n| *n == name).unwrap_or(0) as f64
        }
    };
    let dots: Vec<(f64, f64)> = panel.points.iter().map(|p| (place(p), p.metric)).collect();
    axes.curve(&mut canvas, Style::Dashed, medians(&dots));
    for (dot, point) in dots.iter().zip(&panel.points) {
        if let Some(at) = axes.at(*dot) {
            let hover = format!("{}: {}", point.member, number(point.metric, 4));
            canvas.dot(Style::First, at, 3.0, &hover);
        }
    }
    canvas.finish()
}

fn key_name(key: &KeyValue) -> String {
    match key {
        KeyValue::Number(x) => x.to_string(),
        KeyValue::Name(name) => name.clone(),
    }
}

/// The names on the axis, in their order; none where all values are numbers.
fn names(panel: &KeyPanel) -> Vec<String> {
    let is_name = |point: &KeyPoint| matches!(point.key, KeyValue::Name(_));
    if !panel.points.iter().any(is_name) {
        return Vec::new();
    }
    let mut names: Vec<String> = panel.points.iter().map(|p| key_name(&p.key)).collect();
    names.sort();
    names.dedup();
    names
}

fn name_axis(canvas: &mut Canvas, axes: &Panel, names: &[String]) {
    /// Letters of a name that have room below the axis.
    const LETTERS: usize = 60;
    let (left, right) = axes.x.pixels();
    let bottom = axes.y.pixels().0;
    canvas.line(Style::Axis, (left, bottom), (right, bottom));
    let room = (LETTERS / names.len().max(1)).max(3);
    for (place, name) in names.iter().enumerate() {
        if let Some(x) = axes.x.at(place as f64) {
            let short: String = name.chars().take(room).collect();
            canvas.text(Anchor::Middle, (x, bottom + 18.0), &short);
        }
    }
}

/// The median of the points at each place, in the order of the places.
fn medians(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut points = points.to_vec();
    points.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    points
        .chunk_by(|a, b| a.0 == b.0)
        .map(|same| {
            let middle = (same[(same.len() - 1) / 2].1 + same[same.len() / 2].1) / 2.0;
            (same[0].0, middle)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn point(key: KeyValue, metric: f64) -> KeyPoint {
        KeyPoint {
            key,
            metric,
            member: "000<b>".into(),
        }
    }

    #[test]
    fn a_panel_has_a_dot_for_each_member() {
        use KeyValue::{Name, Number};
        for keys in [
            vec![Number(1.0), Number(2.0), Number(2.0)],
            vec![Number(1e-4), Number(1e-3), Number(1e-1)],
            vec![Name("relu".into()), Name("silu".into()), Number(3.0)],
            vec![Number(5.0)],
        ] {
            let metrics = [0.5, 0.25, 0.75];
            let panel = KeyPanel {
                key: "train.x".into(),
                metric: "loss".into(),
                points: keys
                    .iter()
                    .cloned()
                    .zip(metrics)
                    .map(|(k, m)| point(k, m))
                    .collect(),
            };
            let html = render_sweep(&SweepReport {
                panels: vec![panel],
                best: Some(BestRecipe {
                    title: "t".into(),
                    toml: "a = \"<x>\"".into(),
                }),
                failed: vec![("001".into(), "no & data".into())],
                ..SweepReport::default()
            });
            assert_eq!(html.matches("<circle").count(), keys.len());
            assert!(html.contains("000&lt;b&gt;") && html.contains("&quot;&lt;x&gt;&quot;"));
            assert!(html.contains("no &amp; data") && !html.contains("NaN"));
        }
        let empty = render_sweep(&SweepReport::default());
        assert!(empty.contains("No key varies."));
    }

    #[test]
    fn medians_are_of_each_place() {
        let points = [(2.0, 5.0), (1.0, 1.0), (2.0, 1.0), (2.0, 2.0), (1.0, 3.0)];
        assert_eq!(medians(&points), [(1.0, 2.0), (2.0, 2.0)]);
    }
}
