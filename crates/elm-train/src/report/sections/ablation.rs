//! Which timescales of a neuron's memory matter.

use crate::report::data::Ablation;
use crate::report::page::{missing, paragraph, section};
use crate::report::svg::{Canvas, Panel, Scale, Style, extent};

use super::{BELOW, WIDE, frame};

const TOP: f64 = 26.0;
const HEIGHT: f64 = 190.0;

/// What is lost without the units of each range of timescales.
pub(in crate::report) fn ablation(ablation: &Ablation) -> String {
    let body = match picture(ablation) {
        None => missing("There are no memory units to cut off."),
        Some(svg) => {
            let text = format!(
                "Accuracy on {} test samples when memory units are cut off, one group of about equally many at a time, from \
                 the shortest timescales to the longest; nothing is trained anew. The whole neuron reaches {:.1} %. What a \
                 group lacks is what its timescales are good for here, unless others can stand in for them.",
                ablation.samples,
                100.0 * ablation.accuracy
            );
            format!("{}<div class=\"scroll\">{svg}</div>\n", paragraph(&text))
        }
    };
    section("ablation", "Timescales that matter", &body)
}

/// The picture alone; none without groups.
pub(in crate::report) fn picture(ablation: &Ablation) -> Option<String> {
    let taus = ablation.groups.iter().flat_map(|group| group.tau);
    let (shortest, longest) = extent(taus.map(f64::from))?;
    let percent = |share: f64| 100.0 * share;
    let shares = ablation.groups.iter().map(|group| group.accuracy);
    let highest = extent(shares.chain([ablation.accuracy]).map(percent))?.1;
    let area = frame(WIDE, TOP, HEIGHT);
    let panel = Panel {
        x: Scale::log((shortest / 1.2, longest * 1.2), area.across()),
        y: Scale::rounded((0.0, highest), area.upward(), 5),
    };
    let mut canvas = Canvas::new(
        WIDE,
        TOP + HEIGHT + BELOW,
        "Accuracy without the memory units of a range of timescales",
    );
    let legend = [
        (Style::First, "without units of these timescales"),
        (Style::Dashed, "the whole neuron"),
    ];
    canvas.legend((area.left, 14.0), &legend);
    panel.y_axis(&mut canvas, "accuracy (%)", 5);
    panel.x_axis(
        &mut canvas,
        Some(&format!("memory timescale ({}, log axis)", ablation.unit)),
        10,
    );
    let (left, right) = area.across();
    if let Some(y) = panel.y.at(percent(ablation.accuracy)) {
        canvas.line(Style::Dashed, (left, y), (right, y));
    }
    for group in &ablation.groups {
        let [from, to] = group.tau.map(f64::from);
        let accuracy = percent(group.accuracy);
        let ends = [panel.at((from, accuracy)), panel.at((to, accuracy))];
        let [Some(a), Some(b)] = ends else { continue };
        canvas.line(Style::First, a, b);
        let hover = format!(
            "{accuracy:.1} % without {} units of {from:.4} to {to:.4} {}",
            group.units, ablation.unit
        );
        canvas.dot(Style::First, ((a.0 + b.0) / 2.0, a.1), 4.0, &hover);
    }
    Some(canvas.finish())
}
