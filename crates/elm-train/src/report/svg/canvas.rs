//! One SVG picture under construction.

use std::fmt::Write;

use crate::report::page::escape;

use super::thin::thin;

/// Where a text sits relative to its position.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) enum Anchor {
    /// The text starts there.
    Start,
    /// The text is centred there.
    Middle,
    /// The text ends there.
    End,
}

impl Anchor {
    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

/// Look of a line or dot; the colours are in style.css.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) enum Style {
    /// A line of the background grid.
    Grid,
    /// An axis.
    Axis,
    /// A dashed line of reference.
    Dashed,
    /// What was measured in the cell.
    Truth,
    /// What was measured in the cell, as a broad line under the prediction.
    TruthBand,
    /// First colour.
    First,
    /// Second colour.
    Second,
    /// First colour, for dense traces.
    FirstThin,
    /// Second colour, for dense traces.
    SecondThin,
    /// The colour of one of several models, by its place.
    Model(usize),
}

impl Style {
    fn class(self) -> &'static str {
        match self {
            Self::Grid => "grid",
            Self::Axis => "axis",
            Self::Dashed => "dashed",
            Self::Truth => "truth",
            Self::TruthBand => "truth band",
            Self::First => "first",
            Self::Second => "second",
            Self::FirstThin => "first thin",
            Self::SecondThin => "second thin",
            Self::Model(place) => {
                const COLOURS: [&str; 6] = ["m0", "m1", "m2", "m3", "m4", "m5"];
                COLOURS[place % COLOURS.len()]
            }
        }
    }
}

/// One SVG picture under construction, in pixels from its top left corner.
pub(in crate::report) struct Canvas {
    body: String,
    width: f64,
    height: f64,
    label: String,
}

impl Canvas {
    /// An empty picture; `label` says what it shows to those who cannot see it.
    pub(in crate::report) fn new(width: f64, height: f64, label: &str) -> Self {
        Self {
            body: String::new(),
            width,
            height,
            label: escape(label),
        }
    }

    /// The picture as an `<svg>` element.
    pub(in crate::report) fn finish(self) -> String {
        format!(
            "<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" \
             xmlns=\"http://www.w3.org/2000/svg\">\n{}</svg>\n",
            self.width, self.height, self.label, self.body
        )
    }

    fn push(&mut self, element: std::fmt::Arguments) {
        // writing to a String cannot fail
        let _ = self.body.write_fmt(element);
        self.body.push('\n');
    }

    /// Elements that something else made.
    pub(in crate::report) fn insert(&mut self, elements: &str) {
        self.push(format_args!("{elements}"));
    }

    /// A straight line.
    pub(in crate::report) fn line(&mut self, style: Style, from: (f64, f64), to: (f64, f64)) {
        self.push(format_args!(
            "<line class=\"{}\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            style.class(),
            from.0,
            from.1,
            to.0,
            to.1
        ));
    }

    /// A shaded rectangle.
    pub(in crate::report) fn shade(&mut self, corner: (f64, f64), size: (f64, f64)) {
        self.push(format_args!(
            "<rect class=\"shade\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            corner.0,
            corner.1,
            size.0.max(0.0),
            size.1.max(0.0)
        ));
    }

    /// A line through `points`, ordered by x, with a gap at each `None`; dense stretches are thinned.
    pub(in crate::report) fn path(
        &mut self,
        style: Style,
        points: impl IntoIterator<Item = Option<(f64, f64)>>,
    ) {
        let points: Vec<_> = points.into_iter().collect();
        let mut d = String::new();
        for run in points.split(Option::is_none) {
            let run: Vec<_> = run.iter().flatten().copied().collect();
            let run = thin(&run, 1.0);
            for (i, (x, y)) in run.iter().enumerate() {
                let command = if i == 0 { 'M' } else { 'L' };
                let _ = write!(d, "{command}{x:.1} {y:.1}");
            }
            if run.len() == 1 {
                // a lone point shows as the round end of a line
                d.push_str("h0.1");
            }
        }
        if !d.is_empty() {
            self.push(format_args!(
                "<path class=\"{}\" d=\"{d}\"/>",
                style.class()
            ));
        }
    }

    /// Short upright strokes from `top` to `bottom` at each of `xs`.
    pub(in crate::report) fn strokes(&mut self, style: Style, xs: &[f64], top: f64, bottom: f64) {
        let mut d = String::new();
        for x in xs {
            let _ = write!(d, "M{x:.1} {top:.1}V{bottom:.1}");
        }
        if !d.is_empty() {
            self.push(format_args!(
                "<path class=\"{}\" d=\"{d}\"/>",
                style.class()
            ));
        }
    }

    /// A dot that shows `hover` under the pointer.
    pub(in crate::report) fn dot(
        &mut self,
        style: Style,
        at: (f64, f64),
        radius: f64,
        hover: &str,
    ) {
        self.push(format_args!(
            "<circle class=\"{}\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"{radius:.1}\"><title>{}</title></circle>",
            style.class(),
            at.0,
            at.1,
            escape(hover)
        ));
    }

    /// A line of text whose baseline is at `at`.
    pub(in crate::report) fn text(&mut self, anchor: Anchor, at: (f64, f64), text: &str) {
        self.push(format_args!(
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{}\">{}</text>",
            at.0,
            at.1,
            anchor.name(),
            escape(text)
        ));
    }

    /// A text that reads upwards, centred at `at`.
    pub(in crate::report) fn upright_text(&mut self, at: (f64, f64), text: &str) {
        self.push(format_args!(
            "<text transform=\"translate({:.1} {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            at.0,
            at.1,
            escape(text)
        ));
    }

    /// A legend in one row that starts at `at`: a stroke in its style and a name for each entry.
    pub(in crate::report) fn legend(&mut self, at: (f64, f64), entries: &[(Style, &str)]) {
        let (mut x, y) = at;
        for (style, name) in entries {
            self.line(*style, (x, y - 4.0), (x + 18.0, y - 4.0));
            self.text(Anchor::Start, (x + 24.0, y), name);
            x += 24.0 + 6.6 * name.chars().count() as f64 + 22.0;
        }
    }
}
