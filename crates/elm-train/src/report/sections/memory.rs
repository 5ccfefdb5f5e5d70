//! Timescales of the memory units, and their course in one simulation.

use crate::report::data::{MemoryTraces, MemoryUnitTrace, TimeUnit, TimescaleList};
use crate::report::page::{escape, missing, paragraph, section};
use crate::report::svg::{Anchor, Canvas, Panel, Scale, Style, extent, number};

use super::{BELOW, LEFT, WIDE, frame};

/// More units than this are thinned to as many, evenly over the timescales.
const MAX_UNITS: usize = 20;
const ROW: f64 = 30.0;

/// The timescale of every memory unit on a logarithmic axis, part by part.
pub(in crate::report) fn timescales(parts: &[TimescaleList]) -> String {
    let body: String = parts
        .iter()
        .map(|part| {
            let heading = match part.part.as_str() {
                "" => String::new(),
                name => format!("<h3>{}</h3>\n", escape(name)),
            };
            heading + &timescale_list(&part.tau, part.unit)
        })
        .collect();
    section("timescales", "Memory timescales", &body)
}

fn timescale_list(timescales: &[f32], unit: TimeUnit) -> String {
    let mut sorted: Vec<f64> = timescales
        .iter()
        .map(|&tau| f64::from(tau))
        .filter(|tau| tau.is_finite() && *tau > 0.0)
        .collect();
    sorted.sort_by(f64::total_cmp);
    let (Some(&shortest), Some(&longest)) = (sorted.first(), sorted.last()) else {
        return missing("There are no memory timescales to show.");
    };
    // some room at both ends, and at least a decade in all
    let room = (10.0 * shortest / longest).sqrt().max(1.15);
    let height = (sorted.len() as f64 * 14.0).clamp(60.0, 220.0);
    let y_ticks = if height < 120.0 { 2 } else { 5 };
    let area = frame(WIDE, 12.0, height);
    let panel = Panel {
        x: Scale::log((shortest / room, longest * room), area.across()),
        y: Scale::whole((0.0, sorted.len() as f64 + 1.0), area.upward(), y_ticks),
    };
    let mut canvas = Canvas::new(
        WIDE,
        12.0 + height + BELOW,
        "Timescale of every memory unit",
    );
    panel.y_axis(
        &mut canvas,
        "unit, sorted",
        if height < 120.0 { 2 } else { 5 },
    );
    panel.x_axis(
        &mut canvas,
        Some(&format!("memory timescale ({unit}, log axis)")),
        10,
    );
    for (rank, &tau) in sorted.iter().enumerate() {
        if let Some(at) = panel.at((tau, (rank + 1) as f64)) {
            canvas.dot(Style::First, at, 3.5, &format!("{} {unit}", tau_text(tau)));
        }
    }
    let text = match sorted.len() {
        1 => format!(
            "The one memory unit forgets over {} {unit}.",
            tau_text(shortest)
        ),
        count => format!(
            "How long each of the {count} memory units remembers: from {} to {} {unit}.",
            tau_text(shortest),
            tau_text(longest)
        ),
    };
    format!(
        "{}<div class=\"scroll\">{}</div>\n",
        paragraph(&text),
        canvas.finish()
    )
}

/// The memory units of one simulation, a row for each.
pub(in crate::report) fn memory(traces: &MemoryTraces) -> String {
    let heading = "Memory traces";
    let longest = |units: &[MemoryUnitTrace]| units.iter().map(|unit| unit.values.len()).max();
    let drawn = longest(&traces.units).unwrap_or(0) >= 2
        && traces.start_ms.is_finite()
        && traces.step_ms > 0.0;
    if !drawn {
        return section(
            "memory",
            heading,
            &missing("No memory traces were recorded."),
        );
    }
    let rows = chosen(&traces.units);
    let mut text = String::from(
        "One row for each memory unit, from the shortest timescale to the longest. Each row has its own scale; the number at its right end is its largest absolute value.",
    );
    if rows.len() < traces.units.len() {
        text.push_str(&format!(
            " {} of the {} units are shown.",
            rows.len(),
            traces.units.len()
        ));
    }
    let steps = longest(&traces.units).unwrap_or(2);
    let body = format!(
        "<h3>{}</h3>\n{}<div class=\"scroll\">{}</div>\n",
        escape(&traces.title),
        paragraph(&text),
        rows_picture(traces, &rows, steps)
    );
    section("memory", heading, &body)
}

/// The units by rising timescale, thinned to [`MAX_UNITS`] evenly with both ends kept.
fn chosen(units: &[MemoryUnitTrace]) -> Vec<&MemoryUnitTrace> {
    let mut sorted: Vec<_> = units.iter().collect();
    sorted.sort_by(|a, b| a.tau_ms.total_cmp(&b.tau_ms));
    if sorted.len() <= MAX_UNITS {
        return sorted;
    }
    let last = sorted.len() - 1;
    (0..MAX_UNITS)
        .map(|i| sorted[i * last / (MAX_UNITS - 1)])
        .collect()
}

fn rows_picture(traces: &MemoryTraces, rows: &[&MemoryUnitTrace], steps: usize) -> String {
    let top = 10.0;
    let height = rows.len() as f64 * ROW;
    let mut canvas = Canvas::new(
        WIDE,
        top + height + BELOW,
        "Memory units over one simulation",
    );
    // room for the largest values at the right
    let right = WIDE - 58.0;
    let x = Scale::linear(
        (
            traces.start_ms,
            traces.start_ms + (steps - 1) as f64 * traces.step_ms,
        ),
        (LEFT + 14.0, right),
    );
    for (i, unit) in rows.iter().enumerate() {
        row(&mut canvas, unit, traces, x, top + i as f64 * ROW);
    }
    let panel = Panel {
        x,
        y: Scale::linear((0.0, 1.0), (top + height, top)),
    };
    panel.x_axis(&mut canvas, Some("time (ms)"), 10);
    canvas.finish()
}

fn row(canvas: &mut Canvas, unit: &MemoryUnitTrace, traces: &MemoryTraces, x: Scale, top: f64) {
    let (left, right) = x.pixels();
    let middle = top + ROW / 2.0 + 4.0;
    let label = format!("{} ms", tau_text(f64::from(unit.tau_ms)));
    canvas.text(Anchor::End, (left - 8.0, middle), &label);
    let range = extent(unit.values.iter().map(|&v| f64::from(v)));
    let Some((lo, hi)) = range else {
        canvas.text(Anchor::Start, (left, middle), "no finite value");
        return;
    };
    // zero always stands in the row, as the line to read it against
    let (lo, hi) = (lo.min(0.0), hi.max(0.0));
    let panel = Panel {
        x,
        y: Scale::linear((lo, hi), (top + ROW - 3.0, top + 3.0)),
    };
    if let Some(zero) = panel.y.at(0.0) {
        canvas.line(Style::Grid, (left, zero), (right, zero));
    }
    let points = unit.values.iter().enumerate();
    let time = |i: usize| traces.start_ms + i as f64 * traces.step_ms;
    let points = points.map(|(i, &value)| (time(i), f64::from(value)));
    panel.curve(canvas, Style::FirstThin, points);
    let largest = lo.abs().max(hi.abs());
    canvas.text(Anchor::Start, (right + 8.0, middle), &magnitude(largest));
}

/// A timescale with about three digits.
fn tau_text(tau: f64) -> String {
    number(
        tau,
        if tau < 10.0 {
            2
        } else {
            usize::from(tau < 100.0)
        },
    )
}

/// A magnitude in at most six characters.
fn magnitude(value: f64) -> String {
    match value {
        0.0 => "0".into(),
        v if !(1e-3..1e4).contains(&v) => format!("{v:.0e}"),
        v if v < 0.1 => number(v, 4),
        v if v < 10.0 => number(v, 2),
        v => number(v, 0),
    }
}
