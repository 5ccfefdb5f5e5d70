//! A plot area with axes, ticks and labels.

use super::{Anchor, Canvas, Scale, Style};

/// The rectangle of a plot area in pixels, without its labels.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Frame {
    pub(in crate::report) left: f64,
    pub(in crate::report) top: f64,
    pub(in crate::report) width: f64,
    pub(in crate::report) height: f64,
}

impl Frame {
    /// Pixels of the x axis, from left to right.
    pub(in crate::report) fn across(&self) -> (f64, f64) {
        (self.left, self.left + self.width)
    }

    /// Pixels of the y axis, from the bottom up.
    pub(in crate::report) fn upward(&self) -> (f64, f64) {
        (self.top + self.height, self.top)
    }
}

/// A plot area with its two scales.
#[derive(Debug, Clone, Copy)]
pub(in crate::report) struct Panel {
    pub(in crate::report) x: Scale,
    pub(in crate::report) y: Scale,
}

impl Panel {
    fn bottom(&self) -> f64 {
        self.y.pixels().0
    }

    /// Horizontal grid lines with their labels, and the name of the axis.
    pub(in crate::report) fn y_axis(&self, canvas: &mut Canvas, name: &str, ticks: usize) {
        let (left, right) = self.x.pixels();
        for (y, label) in self.y.ticks(ticks) {
            canvas.line(Style::Grid, (left, y), (right, y));
            canvas.text(Anchor::End, (left - 8.0, y + 4.0), &label);
        }
        let (bottom, top) = self.y.pixels();
        canvas.upright_text((left - 46.0, (bottom + top) / 2.0), name);
    }

    /// The x axis with its tick marks; labels and name only with a `name`.
    pub(in crate::report) fn x_axis(&self, canvas: &mut Canvas, name: Option<&str>, ticks: usize) {
        let (left, right) = self.x.pixels();
        let bottom = self.bottom();
        canvas.line(Style::Axis, (left, bottom), (right, bottom));
        for (x, label) in self.x.ticks(ticks) {
            canvas.line(Style::Axis, (x, bottom), (x, bottom + 4.0));
            if name.is_some() {
                canvas.text(Anchor::Middle, (x, bottom + 18.0), &label);
            }
        }
        if let Some(name) = name {
            canvas.text(Anchor::Middle, ((left + right) / 2.0, bottom + 36.0), name);
        }
    }

    /// The pixel of a data point.
    pub(in crate::report) fn at(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        Some((self.x.at(x)?, self.y.at(y)?))
    }

    /// A line through data points ordered by x.
    pub(in crate::report) fn curve(
        &self,
        canvas: &mut Canvas,
        style: Style,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) {
        canvas.path(style, points.into_iter().map(|point| self.at(point)));
    }
}
