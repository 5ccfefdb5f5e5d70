//! Samples as pictures: images as they are, spikes as a raster, tokens as text; a sheet of them is one SVG.

use std::fmt::Write;

use elm_data::shd::CHANNELS;
use elm_data::{Sample, Sequence, Task};

use super::page::escape;

/// Pictures in a row.
const COLUMNS: usize = 4;
/// Width and height of a picture and of the field it stands in (pixels).
const SIZE: f64 = 208.0;
const FIELD: (f64, f64) = (230.0, 262.0);
/// Channels that share a row of a raster.
const CHANNELS_PER_ROW: usize = 5;
/// Grey levels that are told apart.
const LEVELS: u32 = 12;
/// Characters of a text that are shown: lines and their length.
const LINES: usize = 14;
const CHARACTERS: usize = 34;

/// A sample, ready to be drawn.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplePicture {
    title: String,
    answer: Option<(String, bool)>,
    content: Content,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    /// Grey values, 0 (black) to 255, row by row; a raster has a column for each step.
    Grey {
        width: usize,
        values: Vec<u8>,
        is_raster: bool,
    },
    /// Lines of text.
    Text(Vec<String>),
}

impl SamplePicture {
    /// A picture of a sample of a classification task, with the name of its class.
    pub fn new(task: Task, sample: &Sample) -> Self {
        let content = match sample.inputs.first() {
            Some(Sequence::Pixels(values)) => Content::Grey {
                // pictures are as wide as high, however many pixels they were read with
                width: match task.info().side {
                    Some(_) => values.len().isqrt().max(1),
                    None => values.len().max(1),
                },
                values: values.clone(),
                is_raster: false,
            },
            Some(Sequence::Spikes { steps, .. }) => raster(&sample.inputs[0], *steps),
            _ => Content::Text(text(task, &sample.inputs)),
        };
        Self {
            title: task.class_name(sample.label),
            answer: None,
            content,
        }
    }

    /// With a model's answer, its probability (0 to 1) and whether it is right.
    pub fn answered(mut self, answer: String, probability: f32, right: bool) -> Self {
        let percent = 100.0 * probability;
        self.answer = Some((format!("answer: {answer} ({percent:.0} %)"), right));
        self
    }
}

/// What a picture shows.
pub(super) enum Drawn<'a> {
    /// Grey values row by row.
    Image { width: usize, values: &'a [u8] },
    /// The same, with a column for each step.
    Raster { width: usize, values: &'a [u8] },
    /// Text.
    Text,
}

impl SamplePicture {
    /// What it shows.
    pub(super) fn drawn(&self) -> Drawn<'_> {
        match &self.content {
            Content::Text(_) => Drawn::Text,
            Content::Grey {
                width,
                values,
                is_raster,
            } => {
                let width = *width;
                match is_raster {
                    true => Drawn::Raster { width, values },
                    false => Drawn::Image { width, values },
                }
            }
        }
    }
}

/// Spikes by time (to the right) and channel (upwards), dark on light.
fn raster(sequence: &Sequence, steps: usize) -> Content {
    let (width, rows) = (steps.max(1), CHANNELS.div_ceil(CHANNELS_PER_ROW));
    let mut counts = vec![0u32; width * rows];
    if let Sequence::Spikes { events, .. } = sequence {
        for event in events {
            let row = rows.checked_sub(1 + event.channel as usize / CHANNELS_PER_ROW);
            let place = row.map(|row| row * width + event.step as usize);
            if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
                *count += u32::from(event.count);
            }
        }
    }
    let grey = |count: u32| 255 - (90 * count).min(255) as u8;
    Content::Grey {
        width,
        values: counts.into_iter().map(grey).collect(),
        is_raster: true,
    }
}

/// The beginning of each input.
fn text(task: Task, inputs: &[Sequence]) -> Vec<String> {
    let lines = LINES / inputs.len().max(1);
    let mut all = Vec::new();
    for input in inputs {
        let Sequence::Tokens(tokens) = input else {
            continue;
        };
        let shown: String = tokens
            .iter()
            .take(lines * CHARACTERS)
            .map(|token| task.token_text(*token))
            .collect();
        let characters: Vec<char> = shown.chars().collect();
        let rows = characters.chunks(CHARACTERS).take(lines);
        all.extend(rows.map(|row| row.iter().collect::<String>()));
        if inputs.len() > 1 {
            all.push("· · ·".into());
        }
    }
    all
}

/// Samples side by side, as one `<svg>` element that also stands alone as a file.
pub fn sheet(samples: &[SamplePicture]) -> String {
    let rows = samples.len().div_ceil(COLUMNS).max(1);
    let mut svg = format!(
        "<svg viewBox=\"0 0 {:.0} {:.0}\" role=\"img\" aria-label=\"Samples\" \
         xmlns=\"http://www.w3.org/2000/svg\" font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#5d6773\">\n",
        COLUMNS as f64 * FIELD.0,
        rows as f64 * FIELD.1
    );
    for (i, sample) in samples.iter().enumerate() {
        let (x, y) = (
            (i % COLUMNS) as f64 * FIELD.0,
            (i / COLUMNS) as f64 * FIELD.1,
        );
        // writing to a String cannot fail
        let _ = writeln!(svg, "<g transform=\"translate({x:.0} {y:.0})\">");
        let _ = writeln!(
            svg,
            "<text x=\"0\" y=\"14\" style=\"font-weight:600\">{}</text>",
            escape(&sample.title)
        );
        if let Some((answer, right)) = &sample.answer {
            let colour = if *right { "#1f66c1" } else { "#c8500a" };
            let _ = writeln!(
                svg,
                "<text x=\"0\" y=\"30\" style=\"fill:{colour}\">{}</text>",
                escape(answer)
            );
        }
        match &sample.content {
            Content::Grey { width, values, .. } => {
                svg.push_str(&draw_grey(*width, values, ((0.0, 38.0), (SIZE, SIZE))));
            }
            Content::Text(lines) => {
                for (line, text) in lines.iter().enumerate() {
                    let _ = writeln!(
                        svg,
                        "<text x=\"0\" y=\"{}\" xml:space=\"preserve\" style=\"font:10px monospace\">{}</text>",
                        50 + 14 * line,
                        escape(text)
                    );
                }
            }
        }
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

/// An image at a place of a size, as stretches of equal grey: the commonest level is the background, every other one a
/// path.
pub(super) fn draw_grey(
    width: usize,
    values: &[u8],
    ((left, top), size): ((f64, f64), (f64, f64)),
) -> String {
    let mut svg = String::new();
    // to the nearest level: rounded down, pictures would be darker than they are
    let level = |value: u8| (u32::from(value) * (LEVELS - 1) + 127) / 255;
    let height = values.len().div_ceil(width).max(1);
    let mut paths = vec![String::new(); LEVELS as usize];
    let mut sizes = [0usize; LEVELS as usize];
    for (y, row) in values.chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| level(*a) == level(*b)) {
            let of = level(run[0]) as usize;
            let _ = write!(paths[of], "M{x} {y}h{}v1h-{0}z", run.len());
            sizes[of] += run.len();
            x += run.len();
        }
    }
    let commonest = (0..sizes.len()).max_by_key(|&of| sizes[of]).unwrap_or(0);
    let colour = |of: usize| {
        let value = of as u32 * 255 / (LEVELS - 1);
        format!("#{value:02x}{value:02x}{value:02x}")
    };
    let (across, down) = (size.0 / width as f64, size.1 / height as f64);
    let _ = writeln!(
        svg,
        "<g transform=\"translate({left:.1} {top:.1}) scale({across:.4} {down:.4})\" shape-rendering=\"crispEdges\">\
         <rect width=\"{width}\" height=\"{height}\" style=\"fill:{}\"/>",
        colour(commonest)
    );
    for (of, path) in paths.iter().enumerate() {
        if of != commonest && !path.is_empty() {
            let _ = writeln!(svg, "<path d=\"{path}\" style=\"fill:{}\"/>", colour(of));
        }
    }
    svg.push_str("</g>\n");
    svg
}

#[cfg(test)]
mod tests {
    use elm_data::BinnedSpikes;

    use super::*;

    #[test]
    fn an_image_keeps_its_places() {
        let svg = draw_grey(3, &[0, 0, 0, 0, 255, 255], ((0.0, 0.0), (3.0, 2.0)));
        assert!(
            svg.contains("width=\"3\" height=\"2\" style=\"fill:#000000\""),
            "{svg}"
        );
        assert!(
            svg.contains("d=\"M1 1h2v1h-2z\" style=\"fill:#ffffff\""),
            "{svg}"
        );
    }

    #[test]
    fn a_grey_is_the_nearest_of_those_that_are_told_apart() {
        for value in 0..=255u8 {
            let svg = draw_grey(1, &[value], ((0.0, 0.0), (1.0, 1.0)));
            let (_, colour) = svg.split_once("fill:#").unwrap_or_default();
            let drawn = i32::from_str_radix(&colour[..2], 16).unwrap_or(-255);
            let error = (drawn - i32::from(value)).abs();
            assert!(error <= 12, "{value} drawn as {drawn}");
        }
    }

    #[test]
    fn low_channels_are_at_the_bottom_of_a_raster() {
        let event = BinnedSpikes {
            step: 2,
            channel: 4,
            count: 1,
        };
        let inputs = vec![Sequence::Spikes {
            steps: 10,
            events: vec![event],
        }];
        let sample = Sample { inputs, label: 12 };
        let picture = SamplePicture::new(Task::SHD, &sample);
        assert_eq!(picture.title, "zwei");
        let Drawn::Raster { width, values } = picture.drawn() else {
            panic!("spikes are drawn as a raster");
        };
        assert_eq!((width, values.len()), (10, 1400));
        assert_eq!(values[1390 + 2], 165);
    }
}
