//! How the answers to some samples form, step by step.

use std::fmt::Write;

use crate::report::data::Decision;
use crate::report::page::{escape, missing, paragraph, section};
use crate::report::picture::{Drawn, draw_grey};
use crate::report::svg::{Anchor, Canvas, Panel, Scale, Style};

use super::{BELOW, LEFT, WIDE, frame};

/// Heights of the parts, in pixels.
const CURVES: f64 = 130.0;
const RASTER: f64 = 170.0;
const IMAGE: f64 = 208.0;
const LINE: f64 = 19.0;
/// Top of what is drawn, under its heading.
const TOP: f64 = 24.0;
/// Width of a character of a text, and characters in a line.
const CHARACTER: f64 = 6.62;
const CHARACTERS: usize = 132;
/// Lines of a text: more are left out in its middle.
const LINES: usize = 24;
/// Shades of a probability that are told apart.
const SHADES: i32 = 10;
/// Other classes whose probability is drawn: the likeliest ones.
const OTHERS: usize = 8;

/// A picture for each sample; nothing where there are none.
pub(in crate::report) fn decisions(decisions: &[Decision]) -> Option<String> {
    if decisions.is_empty() {
        return None;
    }
    let mut body = paragraph(
        "The answer as it would be read out after each step. Blue is where the sample's own class seemed likelier than by \
         chance, orange where it seemed less likely.",
    );
    if decisions
        .iter()
        .any(|d| !d.tokens.is_empty() && !d.response.is_empty())
    {
        body.push_str(&paragraph(
            "Under each token, the darker the further the memory moved when it was read.",
        ));
    }
    for decision in decisions {
        let _ = writeln!(body, "<h3>{}</h3>", escape(&title(decision)));
        match picture(decision) {
            Some(svg) => {
                let _ = writeln!(body, "<div class=\"scroll\">{svg}</div>");
            }
            None => body.push_str(&missing("This sample has no steps to show.")),
        }
    }
    Some(section("decisions", "How answers form", &body))
}

/// Class and answer.
fn title(decision: &Decision) -> String {
    let name = |class: usize| decision.classes.get(class).map_or("", String::as_str);
    let answer = decision.answer();
    let probability = |class: usize| {
        let last = decision.probabilities.last();
        last.and_then(|row| row.get(class)).copied().unwrap_or(0.0)
    };
    format!(
        "{}: answered {} ({:.0} %)",
        name(decision.label),
        name(answer),
        100.0 * probability(answer)
    )
}

/// The picture of a sample alone; none without steps.
pub(in crate::report) fn picture(decision: &Decision) -> Option<String> {
    let steps = decision.probabilities.len();
    if steps < 2 {
        return None;
    }
    let lines = lines(&decision.tokens);
    let height = match (lines.is_empty(), decision.picture.drawn()) {
        (false, _) => LINE * lines.len() as f64,
        (true, Drawn::Raster { .. }) => RASTER,
        (true, Drawn::Image { .. }) => IMAGE,
        (true, Drawn::Text) => 0.0,
    };
    let curves = TOP + height + 26.0;
    let mut canvas = Canvas::new(WIDE, curves + CURVES + BELOW, &title(decision));
    let shades = shades(decision);
    match (lines.is_empty(), decision.picture.drawn()) {
        (false, _) => text(&mut canvas, &lines, decision, &shades),
        (true, Drawn::Raster { width, values }) => {
            let area = frame(WIDE, TOP, RASTER);
            let place = ((area.left, area.top), (area.width, area.height));
            canvas.insert(&draw_grey(width, values, place));
            canvas.upright_text((LEFT - 46.0, TOP + RASTER / 2.0), "channel");
        }
        (true, Drawn::Image { width, values }) => {
            let place = |left| ((left, TOP), (IMAGE, IMAGE));
            let second = LEFT + IMAGE + 40.0;
            canvas.text(Anchor::Start, (LEFT, TOP - 8.0), "what is read, row by row");
            canvas.insert(&draw_grey(width, values, place(LEFT)));
            canvas.text(
                Anchor::Start,
                (second, TOP - 8.0),
                "its class, as likely as at this pixel",
            );
            canvas.insert(&tiles(width, &shades, place(second)));
        }
        (true, Drawn::Text) => {}
    }
    probabilities(&mut canvas, decision, curves);
    Some(canvas.finish())
}

/// How much likelier than by chance the sample's own class is after each step, −1 (0 %) to 1 (100 %).
fn shades(decision: &Decision) -> Vec<f64> {
    let chance = 1.0 / decision.classes.len().max(1) as f64;
    let rows = decision.probabilities.iter();
    rows.map(|row| {
        let p = f64::from(row.get(decision.label).copied().unwrap_or(0.0));
        let beyond = match p >= chance {
            true => (p - chance) / (1.0 - chance),
            false => (p - chance) / chance,
        };
        // what is no number is neither
        if beyond.is_finite() {
            beyond.clamp(-1.0, 1.0)
        } else {
            0.0
        }
    })
    .collect()
}

fn colour(shade: i32) -> String {
    let name = if shade >= 0 { "--first" } else { "--second" };
    let opacity = f64::from(shade.abs()) / f64::from(SHADES);
    format!("fill:var({name});fill-opacity:{opacity:.1}")
}

fn level(shade: f64) -> i32 {
    (shade * f64::from(SHADES)).round() as i32
}

/// Squares in the colours of `shades`, row by row; a path for each colour.
fn tiles(width: usize, shades: &[f64], ((left, top), size): ((f64, f64), (f64, f64))) -> String {
    let height = shades.len().div_ceil(width).max(1);
    let mut svg = format!(
        "<g transform=\"translate({left:.1} {top:.1}) scale({:.4} {:.4})\" shape-rendering=\"crispEdges\">\
         <rect class=\"shade\" width=\"{width}\" height=\"{height}\"/>",
        size.0 / width as f64,
        size.1 / height as f64
    );
    for of in -SHADES..=SHADES {
        let mut path = String::new();
        for (y, row) in shades.chunks(width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|a, b| level(*a) == level(*b)) {
                if level(run[0]) == of && of != 0 {
                    // writing to a String cannot fail
                    let _ = write!(path, "M{x} {y}h{}v1h-{0}z", run.len());
                }
                x += run.len();
            }
        }
        if !path.is_empty() {
            let _ = write!(svg, "<path d=\"{path}\" style=\"{}\"/>", colour(of));
        }
    }
    svg.push_str("</g>");
    svg
}

/// Places of tokens in lines of a text: (token, column), by line; what is left out is a line without any.
fn lines(tokens: &[String]) -> Vec<Vec<(usize, usize)>> {
    let mut lines = Vec::new();
    let mut line: Vec<(usize, usize)> = Vec::new();
    let mut column = 0;
    for (token, text) in tokens.iter().enumerate() {
        let length = text.chars().count();
        if column + length > CHARACTERS && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
            column = 0;
        }
        line.push((token, column));
        column += length;
    }
    if !line.is_empty() {
        lines.push(line);
    }
    if lines.len() > LINES {
        let end = lines.split_off(lines.len() - LINES / 2);
        lines.truncate(LINES / 2 - 1);
        lines.push(Vec::new());
        lines.extend(end);
    }
    lines
}

/// Tokens on their colours, with the memory's response under each.
fn text(canvas: &mut Canvas, lines: &[Vec<(usize, usize)>], decision: &Decision, shades: &[f64]) {
    let finite = decision.response.iter().copied().filter(|r| r.is_finite());
    let strongest = finite.fold(0.0, f32::max);
    for (number, line) in lines.iter().enumerate() {
        let top = TOP - 12.0 + LINE * number as f64;
        let mut svg = String::from("<g style=\"font-family:monospace\">");
        if line.is_empty() {
            let _ = write!(svg, "<text x=\"20\" y=\"{:.1}\">· · ·</text>", top + 12.0);
        }
        for &(token, column) in line {
            let text = &decision.tokens[token];
            let left = 20.0 + CHARACTER * column as f64;
            // a blank after a token is none of it
            let width = CHARACTER * text.trim_end().chars().count().max(1) as f64;
            let shade = shades.get(token).copied().unwrap_or(0.0);
            let response = match decision.response.get(token) {
                Some(moved) if strongest > 0.0 && moved.is_finite() => moved / strongest,
                _ => 0.0,
            };
            let _ = write!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"13\" style=\"{};fill-opacity:{:.2}\"/>\
                 <rect x=\"{left:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"3\" style=\"fill:var(--ink);fill-opacity:{response:.2}\"/>\
                 <text x=\"{left:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" xml:space=\"preserve\" \
                 style=\"font:11px monospace;fill:var(--ink)\">{}</text>",
                colour(level(shade)),
                0.6 * shade.abs(),
                top + 13.5,
                top + 10.5,
                escape(text.trim_end()),
            );
        }
        svg.push_str("</g>");
        canvas.insert(&svg);
    }
}

/// Probabilities of the classes over the steps.
fn probabilities(canvas: &mut Canvas, decision: &Decision, top: f64) {
    let steps = decision.probabilities.len();
    let area = frame(WIDE, top, CURVES);
    let panel = Panel {
        x: Scale::linear((0.0, steps as f64), area.across()),
        y: Scale::linear((0.0, 1.0), area.upward()),
    };
    panel.y_axis(canvas, "probability", 4);
    panel.x_axis(canvas, Some("time step"), 10);
    let answer = decision.answer();
    let highest = |class: usize| {
        let rows = decision.probabilities.iter();
        rows.filter_map(|row| row.get(class))
            .copied()
            .fold(0.0f32, f32::max)
    };
    let mut others: Vec<usize> = (0..decision.classes.len())
        .filter(|class| ![decision.label, answer].contains(class))
        .collect();
    others.sort_by(|a, b| highest(*b).total_cmp(&highest(*a)));
    others.truncate(OTHERS);
    let mut curve = |class: usize, style: Style| {
        let rows = decision.probabilities.iter().enumerate();
        let points =
            rows.filter_map(|(t, row)| Some((t as f64 + 1.0, f64::from(*row.get(class)?))));
        panel.curve(canvas, style, points.collect::<Vec<_>>());
    };
    for class in others {
        curve(class, Style::Axis);
    }
    if answer != decision.label {
        curve(answer, Style::SecondThin);
    }
    curve(decision.label, Style::FirstThin);
    let name = |class: usize| decision.classes.get(class).map_or("", String::as_str);
    let label = format!("its class, {}", name(decision.label));
    let wrong = format!("the answer, {}", name(answer));
    let mut legend = vec![(Style::First, &*label)];
    if answer != decision.label {
        legend.push((Style::Second, &*wrong));
    }
    if decision.classes.len() > legend.len() {
        legend.push((Style::Axis, "others"));
    }
    canvas.legend((area.left, top - 8.0), &legend);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_keep_their_order_and_long_texts_lose_their_middle() {
        let tokens: Vec<String> = (0..100).map(|i| format!("{i} ")).collect();
        let all = lines(&tokens);
        let places: Vec<usize> = all.iter().flatten().map(|(token, _)| *token).collect();
        assert_eq!(places, (0..100).collect::<Vec<_>>());
        let width = |line: &Vec<(usize, usize)>| {
            line.last()
                .map_or(0, |(token, column)| column + tokens[*token].len())
        };
        assert!(all.iter().all(|line| width(line) <= CHARACTERS));
        let long = vec!["word ".to_string(); 2000];
        let shown = lines(&long);
        assert_eq!(shown.len(), LINES);
        assert_eq!(shown.iter().filter(|line| line.is_empty()).count(), 1);
        assert_eq!(shown[LINES - 1].last().map(|(token, _)| *token), Some(1999));
    }

    #[test]
    fn a_pixel_has_the_colour_of_its_probability() {
        let svg = tiles(2, &[1.0, -1.0, 0.0, 1.0], ((0.0, 0.0), (2.0, 2.0)));
        let blue = format!(
            "d=\"M0 0h1v1h-1zM1 1h1v1h-1z\" style=\"{}\"",
            colour(SHADES)
        );
        let orange = format!("d=\"M1 0h1v1h-1z\" style=\"{}\"", colour(-SHADES));
        assert!(svg.contains(&blue) && svg.contains(&orange), "{svg}");
    }
}
