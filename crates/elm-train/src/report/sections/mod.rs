//! The sections of the page, each a function from its part of the report to HTML.

mod ablation;
mod confusion;
mod decision;
mod examples;
mod learning;
mod memory;
mod roc;

use super::data::{Report, SummaryRow};
use super::page::{escape, missing, section};
use super::svg::{Frame, number};

pub(super) use ablation::{ablation, picture as ablation_picture};
pub(super) use confusion::{confusion, samples};
pub(super) use decision::{decisions, picture as decision_picture};
pub(super) use examples::{busy_picture, examples};
pub(super) use learning::learning;
pub(super) use memory::{memory, timescales};
pub(super) use roc::roc;

/// Width of a picture over the whole page, in pixels.
pub(super) const WIDE: f64 = 920.0;
/// Width of one of two pictures side by side.
pub(super) const HALF: f64 = 450.0;
/// Room at the left for tick labels and the axis name.
const LEFT: f64 = 62.0;
/// Room at the right for half a tick label.
const RIGHT: f64 = 18.0;
/// Room below for tick labels and the axis name.
pub(super) const BELOW: f64 = 42.0;

/// The plot area of a picture of `width` that starts at `top`.
pub(super) fn frame(width: f64, top: f64, height: f64) -> Frame {
    Frame {
        left: LEFT,
        top,
        width: width - LEFT - RIGHT,
        height,
    }
}

/// Facts and the table of final metrics.
pub(super) fn summary(report: &Report) -> String {
    let mut body = facts(&report.facts);
    if report.summary.is_empty() {
        body.push_str(&missing("No metrics were measured."));
    } else {
        body.push_str(&table(&report.summary, report.published.as_deref()));
    }
    section("summary", "Summary", &body)
}

/// A table with many columns, the first of which heads its rows.
pub(super) fn dense_table(columns: &[String], rows: &[Vec<String>]) -> String {
    let row = |cells: &[String], tag: &str| -> String {
        let cells = cells.iter().enumerate().map(|(place, cell)| {
            let tag = if place == 0 { "th" } else { tag };
            format!("<{tag}>{}</{tag}>", escape(cell))
        });
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let rows: String = rows.iter().map(|cells| row(cells, "td")).collect();
    format!(
        "<div class=\"scroll\"><table class=\"dense\">\n<thead>{}</thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n",
        row(columns, "th")
    )
}

/// Facts as a list; nothing where there are none.
pub(super) fn facts(facts: &[(String, String)]) -> String {
    if facts.is_empty() {
        return String::new();
    }
    let items: String = facts
        .iter()
        .map(|(name, value)| {
            let (name, value) = (escape(name), escape(value));
            format!("<div><dt>{name}</dt><dd>{value}</dd></div>\n")
        })
        .collect();
    format!("<dl>\n{items}</dl>\n")
}

fn table(rows: &[SummaryRow], published: Option<&str>) -> String {
    let compared = rows.iter().any(|row| row.published.is_some());
    let mut html =
        "<div class=\"scroll\"><table>\n<thead><tr><th>Metric</th><th>This run</th>".to_string();
    if compared {
        html.push_str(&format!(
            "<th>{}</th>",
            escape(published.unwrap_or("Published"))
        ));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        html.push_str(&format!(
            "<tr><th>{}</th><td class=\"ours\">{}</td>",
            escape(&row.metric),
            number(row.ours, row.decimals)
        ));
        if compared {
            let published = row.published.unwrap_or(f64::NAN);
            html.push_str(&format!("<td>{}</td>", number(published, row.decimals)));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
    html
}

/// Sentences at the end; nothing where there are none.
pub(super) fn notes(notes: &[String]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let items: String = notes
        .iter()
        .map(|note| format!("<li>{}</li>\n", escape(note)))
        .collect();
    section("notes", "Notes", &format!("<ul>\n{items}</ul>"))
}
