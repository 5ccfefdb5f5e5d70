//! Soma voltage and spikes of a few simulations, true and predicted.

use crate::report::data::ExampleTrace;
use crate::report::page::{escape, missing, paragraph, section};
use crate::report::svg::{Anchor, Canvas, Panel, Scale, Style, extent};

use super::{BELOW, WIDE, frame};

/// Traces longer than this also get a view of their busiest [`ZOOM_MS`].
const LONG_MS: f64 = 2000.0;
const ZOOM_MS: f64 = 1000.0;

/// Top of the parts of a picture, in pixels.
const STROKES: (f64, f64) = (28.0, 40.0);
const VOLTAGE_TOP: f64 = 58.0;
const VOLTAGE_HEIGHT: f64 = 170.0;
const SPIKES_TOP: f64 = VOLTAGE_TOP + VOLTAGE_HEIGHT + 22.0;
const SPIKES_HEIGHT: f64 = 72.0;

/// Soma voltage and spikes of a few simulations, true and predicted.
pub(in crate::report) fn examples(examples: &[ExampleTrace]) -> String {
    let mut body = String::new();
    if examples.is_empty() {
        body.push_str(&missing("No example simulations were recorded."));
    }
    for example in examples {
        body.push_str(&format!("<h3>{}</h3>\n", escape(&example.title)));
        body.push_str(&one_example(example));
    }
    section("examples", "Soma voltage and spikes", &body)
}

/// The busiest part of a simulation alone; none if it has no values.
pub(in crate::report) fn busy_picture(example: &ExampleTrace) -> Option<String> {
    let whole = whole(example)?;
    let view = match whole.1 - whole.0 <= LONG_MS {
        true => whole,
        false => busiest(example, whole),
    };
    Some(draw(example, view, None))
}

/// Times of the first and the last value (ms); none if there are not two.
fn whole(example: &ExampleTrace) -> Option<(f64, f64)> {
    let steps = example
        .true_soma_mv
        .len()
        .max(example.predicted_soma_mv.len())
        .max(example.spike_probability.len());
    let start = example.start_ms;
    (steps >= 2 && start.is_finite()).then(|| (start, start + (steps - 1) as f64))
}

fn one_example(example: &ExampleTrace) -> String {
    let Some(whole) = whole(example) else {
        return missing("This simulation has no values to show.");
    };
    if whole.1 - whole.0 <= LONG_MS {
        return picture(example, whole, None);
    }
    let zoom = busiest(example, whole);
    let mut html = picture(example, whole, Some(zoom));
    html.push_str(&paragraph(&format!(
        "The shaded part, {:.0} to {:.0} ms, in detail:",
        zoom.0, zoom.1
    )));
    html.push_str(&picture(example, zoom, None));
    html
}

/// The stretch with the most true spikes; without spikes the one around the likeliest predicted spike.
fn busiest(example: &ExampleTrace, (start, end): (f64, f64)) -> (f64, f64) {
    let spikes: Vec<f64> = example
        .true_spikes_ms
        .iter()
        .map(|&t| f64::from(t))
        .collect();
    let from = |t: f64| (t - 0.2 * ZOOM_MS).clamp(start, end - ZOOM_MS).floor();
    let count = |from: f64| {
        let inside = |t: &&f64| (from..=from + ZOOM_MS).contains(*t);
        spikes.iter().filter(inside).count()
    };
    let likeliest = example
        .spike_probability
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(b.1))
        .map_or(start, |(i, _)| start + i as f64);
    let best = spikes
        .iter()
        .filter(|t| t.is_finite())
        .map(|&t| from(t))
        .rev()
        // the last of equals wins, which is the first in time
        .max_by_key(|&from| count(from))
        .filter(|&from| count(from) > 0)
        .unwrap_or_else(|| from(likeliest));
    (best, best + ZOOM_MS)
}

fn picture(example: &ExampleTrace, view: (f64, f64), shaded: Option<(f64, f64)>) -> String {
    format!(
        "<div class=\"scroll\">{}</div>\n",
        draw(example, view, shaded)
    )
}

fn draw(example: &ExampleTrace, view: (f64, f64), shaded: Option<(f64, f64)>) -> String {
    let height = SPIKES_TOP + SPIKES_HEIGHT + BELOW;
    let label = format!("{}: soma voltage and spike probability", example.title);
    let mut canvas = Canvas::new(WIDE, height, &label);
    let area = frame(WIDE, VOLTAGE_TOP, VOLTAGE_HEIGHT);
    let x = Scale::linear(view, area.across());
    if let Some((from, to)) = shaded
        && let (Some(left), Some(right)) = (x.at(from), x.at(to))
    {
        let bottom = SPIKES_TOP + SPIKES_HEIGHT;
        canvas.shade(
            (left, STROKES.0 - 4.0),
            (right - left, bottom - STROKES.0 + 4.0),
        );
    }
    let legend = [
        (Style::TruthBand, "true voltage"),
        (Style::Truth, "true spikes"),
        (Style::First, "predicted voltage"),
        (Style::Second, "predicted spike probability"),
    ];
    canvas.legend((area.left, 14.0), &legend);
    spike_strokes(&mut canvas, example, view, &x);
    voltage(&mut canvas, example, view, x);
    probability(&mut canvas, example, view, x);
    canvas.finish()
}

fn spike_strokes(canvas: &mut Canvas, example: &ExampleTrace, view: (f64, f64), x: &Scale) {
    let strokes: Vec<f64> = example
        .true_spikes_ms
        .iter()
        .map(|&t| f64::from(t))
        .filter(|t| (view.0..=view.1).contains(t))
        .filter_map(|t| x.at(t))
        .collect();
    canvas.strokes(Style::Truth, &strokes, STROKES.0, STROKES.1);
    let left = x.pixels().0;
    canvas.text(Anchor::End, (left - 6.0, STROKES.1 - 2.0), "spikes");
}

fn voltage(canvas: &mut Canvas, example: &ExampleTrace, view: (f64, f64), x: Scale) {
    let truth = visible(example, &example.true_soma_mv, view);
    let predicted = visible(example, &example.predicted_soma_mv, view);
    let area = frame(WIDE, VOLTAGE_TOP, VOLTAGE_HEIGHT);
    let values = truth.iter().chain(&predicted).map(|point| point.1);
    let Some(range) = extent(values) else {
        let middle = (area.left + area.width / 2.0, area.top + area.height / 2.0);
        canvas.text(Anchor::Middle, middle, "no voltage was recorded");
        return;
    };
    let panel = Panel {
        x,
        y: Scale::rounded(range, area.upward(), 5),
    };
    panel.y_axis(canvas, "soma voltage (mV)", 5);
    panel.x_axis(canvas, None, 10);
    panel.curve(canvas, Style::TruthBand, truth);
    panel.curve(canvas, Style::FirstThin, predicted);
}

fn probability(canvas: &mut Canvas, example: &ExampleTrace, view: (f64, f64), x: Scale) {
    let points = visible(example, &example.spike_probability, view);
    let highest = extent(points.iter().map(|point| point.1)).map_or(1.0, |range| range.1);
    let top = [0.1, 0.2, 0.5]
        .into_iter()
        .find(|&top| highest <= top)
        .unwrap_or(1.0);
    let area = frame(WIDE, SPIKES_TOP, SPIKES_HEIGHT);
    let panel = Panel {
        x,
        y: Scale::linear((0.0, top), area.upward()),
    };
    panel.y_axis(canvas, "P(spike)", 2);
    panel.x_axis(canvas, Some("time (ms)"), 10);
    panel.curve(canvas, Style::SecondThin, points);
}

/// (time in ms, value) of the samples inside `view`.
fn visible(example: &ExampleTrace, values: &[f32], view: (f64, f64)) -> Vec<(f64, f64)> {
    values
        .iter()
        .enumerate()
        .map(|(i, &value)| (example.start_ms + i as f64, f64::from(value)))
        .filter(|point| (view.0..=view.1).contains(&point.0))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_stretch_holds_the_burst() {
        let example = ExampleTrace {
            true_spikes_ms: vec![700.0, 3000.0, 3010.0, 3050.0, 5990.0],
            spike_probability: vec![0.0; 5500],
            ..ExampleTrace::default()
        };
        let (from, to) = busiest(&example, (500.0, 5999.0));
        assert_eq!((from, to), (2800.0, 3800.0));
        let silent = ExampleTrace {
            spike_probability: (0..5500)
                .map(|i| if i == 5400 { 0.9 } else { 0.1 })
                .collect(),
            ..ExampleTrace::default()
        };
        assert_eq!(busiest(&silent, (500.0, 5999.0)), (4999.0, 5999.0));
    }
}
