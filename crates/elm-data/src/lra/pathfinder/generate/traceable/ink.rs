//! Antialiased dashes and discs as lists of pixels, and how far apart they are.

/// A point in the image: x to the right, y down, in pixels; pixel (i, j) covers i..i + 1 and j..j + 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

impl Point {
    /// The point at `distance` from here.
    pub(super) fn ahead(self, heading: Heading, distance: f64) -> Self {
        Self {
            x: self.x + distance * heading.cos,
            y: self.y + distance * heading.sin,
        }
    }
}

/// A direction, as a unit vector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Heading {
    cos: f64,
    sin: f64,
}

impl Heading {
    /// The direction that is `angle` (radians) off the x axis.
    pub(super) fn new(angle: f64) -> Self {
        let (sin, cos) = angle.sin_cos();
        Self { cos, sin }
    }

    /// This direction turned by the angle of another from the x axis.
    pub(super) fn turned(self, by: Self) -> Self {
        Self {
            cos: self.cos * by.cos - self.sin * by.sin,
            sin: self.sin * by.cos + self.cos * by.sin,
        }
    }

    /// The direction as far off the x axis on its other side.
    pub(super) fn mirrored(self) -> Self {
        Self {
            sin: -self.sin,
            ..self
        }
    }
}

/// A straight stroke.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dash {
    pub(super) start: Point,
    pub(super) heading: Heading,
    pub(super) length: f64,
    pub(super) thickness: f64,
    /// Grey where it covers a pixel enough, as a part of white.
    pub(super) contrast: f64,
    /// One over what is enough.
    pub(super) gain: f64,
}

impl Dash {
    /// Both ends stand out by this, as those of the published dashes do.
    const END: f64 = 0.25;

    /// Where the dash ends.
    pub(super) fn end(&self) -> Point {
        self.start.ahead(self.heading, self.length)
    }
}

/// A pixel that is not black.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pixel {
    pub(super) x: u8,
    pub(super) y: u8,
    pub(super) grey: u8,
}

impl Pixel {
    /// Pixels from this grey on are visible for every purpose; fainter ones are the rims of strokes.
    pub(super) const VISIBLE: u8 = 128;

    /// Squared distance between two pixels' centres.
    fn distance(self, other: Self) -> u32 {
        u32::from(self.x.abs_diff(other.x)).pow(2) + u32::from(self.y.abs_diff(other.y)).pow(2)
    }
}

/// The pixels of some shapes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ink {
    pixels: Vec<Pixel>,
    /// Smallest rectangle around them: first and last column, first and last row.
    columns: Option<(u8, u8)>,
    rows: Option<(u8, u8)>,
}

impl Ink {
    pub(super) fn pixels(&self) -> &[Pixel] {
        &self.pixels
    }

    /// Removes all pixels.
    pub(super) fn clear(&mut self) {
        self.pixels.clear();
        (self.columns, self.rows) = (None, None);
    }

    /// Adds a dash to an image of `size` × `size` pixels. False, and only a part is added, if it does not leave a frame
    /// of one black pixel.
    ///
    /// Coverage is taken as the product of what a pixel, turned to lie along the dash, shares with its length and with
    /// its width.
    pub(super) fn add_dash(&mut self, size: usize, dash: &Dash) -> bool {
        let Heading { cos, sin } = dash.heading;
        let Dash {
            start, thickness, ..
        } = *dash;
        let reach = Dash::END + thickness / 2.0 + std::f64::consts::FRAC_1_SQRT_2;
        self.add(size, [start, dash.end()], reach, |x, y| {
            let (x, y) = (x - start.x, y - start.y);
            let along = overlap(x * cos + y * sin, -Dash::END, dash.length + Dash::END);
            let across = overlap(y * cos - x * sin, -thickness / 2.0, thickness / 2.0);
            dash.contrast * (dash.gain * along * across).min(1.0)
        })
    }

    /// Adds a white disc. False as for a dash.
    pub(super) fn add_disc(&mut self, size: usize, centre: Point, radius: f64) -> bool {
        self.add(size, [centre, centre], radius + 0.5, |x, y| {
            radius + 0.5 - (x - centre.x).hypot(y - centre.y)
        })
    }

    /// Adds the pixels within `reach` of the rectangle between two points, as grey (0 to 1) as `grey` says of their
    /// centres.
    fn add(
        &mut self,
        size: usize,
        corners: [Point; 2],
        reach: f64,
        grey: impl Fn(f64, f64) -> f64,
    ) -> bool {
        // Casts saturate: what lies outside of the image ends at its edge.
        let range = |a: f64, b: f64| {
            let first = (a.min(b) - reach).floor() as usize;
            first..((a.max(b) + reach).ceil() as usize).min(size)
        };
        let [a, b] = corners;
        for row in range(a.y, b.y) {
            for column in range(a.x, b.x) {
                let grey = grey(column as f64 + 0.5, row as f64 + 0.5);
                let grey = (grey * 255.0 + 0.5) as u8; // rounded; casts saturate
                if grey == 0 {
                    continue;
                }
                if [row, column].iter().any(|i| *i == 0 || i + 1 >= size) {
                    return false;
                }
                let (x, y) = (column as u8, row as u8);
                self.pixels.push(Pixel { x, y, grey });
                self.columns = Some(widened(self.columns, x));
                self.rows = Some(widened(self.rows, y));
            }
        }
        true
    }

    /// Is the squared distance between all pixels at least `clear`?
    pub(super) fn is_clear_of(&self, other: &Self, clear: u32) -> bool {
        let apart = gap(self.columns, other.columns).pow(2) + gap(self.rows, other.rows).pow(2);
        let mut pairs = self
            .pixels
            .iter()
            .flat_map(|p| other.pixels.iter().map(move |q| (p, q)));
        apart >= clear || pairs.all(|(p, q)| p.distance(*q) >= clear)
    }

    /// Least squared distance between visible pixels, if there are any.
    pub(super) fn visible_distance(&self, other: &Self) -> Option<u32> {
        self.visible()
            .flat_map(|p| other.visible().map(move |q| p.distance(*q)))
            .min()
    }

    fn visible(&self) -> impl Iterator<Item = &Pixel> {
        self.pixels.iter().filter(|p| p.grey >= Pixel::VISIBLE)
    }
}

/// A range that includes `value` too.
fn widened(range: Option<(u8, u8)>, value: u8) -> (u8, u8) {
    range.map_or((value, value), |(first, last)| {
        (first.min(value), last.max(value))
    })
}

/// Distance between the nearest values of two ranges.
fn gap(a: Option<(u8, u8)>, b: Option<(u8, u8)>) -> u32 {
    let (Some(a), Some(b)) = (a, b) else {
        return u32::from(u8::MAX);
    };
    u32::from(b.0.saturating_sub(a.1).max(a.0.saturating_sub(b.1)))
}

/// Length of what the unit interval around `centre` shares with `low..high`.
fn overlap(centre: f64, low: f64, high: f64) -> f64 {
    ((centre + 0.5).min(high) - (centre - 0.5).max(low)).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dash(x: f64, y: f64, angle: f64) -> Dash {
        Dash {
            start: Point { x, y },
            heading: Heading::new(angle),
            length: 4.5,
            thickness: 1.0,
            contrast: 0.8,
            gain: 1.0,
        }
    }

    fn ink(dash: &Dash) -> Ink {
        let mut ink = Ink::default();
        assert!(ink.add_dash(20, dash));
        ink
    }

    #[test]
    fn a_dash_on_pixels_covers_them_exactly() {
        let ink = ink(&dash(3.25, 6.5, 0.0));
        let row = |x| Pixel { x, y: 6, grey: 204 };
        assert_eq!(ink.pixels, [3, 4, 5, 6, 7].map(row));
        assert_eq!((ink.columns, ink.rows), (Some((3, 7)), Some((6, 6))));
    }

    #[test]
    fn grey_adds_up_to_the_area_at_any_angle_and_place() {
        let area = 0.8 * 5.0;
        let mut mean = 0.0;
        for step in 0..60 {
            let turn = f64::from(step) * 0.21;
            let ink = ink(&dash(10.0 + turn.sin(), 9.6 + turn.cos(), turn));
            let sum: f64 = ink.pixels.iter().map(|p| f64::from(p.grey) / 255.0).sum();
            assert!((sum / area - 1.0).abs() < 0.12, "{turn}: {sum}");
            mean += sum / 60.0;
        }
        assert!((mean / area - 1.0).abs() < 0.01, "{mean}");
        let mut disc = Ink::default();
        assert!(disc.add_disc(20, Point { x: 9.3, y: 8.8 }, 3.0));
        let sum: f64 = disc.pixels.iter().map(|p| f64::from(p.grey) / 255.0).sum();
        assert!(
            (sum / (9.0 * std::f64::consts::PI) - 1.0).abs() < 0.03,
            "{sum}"
        );
    }

    #[test]
    fn gain_brightens_up_to_the_contrast() {
        let grey = |gain, y| {
            let thin = Dash {
                thickness: 0.5,
                gain,
                ..dash(3.25, y, 0.0)
            };
            ink(&thin).pixels[0].grey
        };
        assert_eq!([grey(1.0, 6.5), grey(1.0, 6.0)], [102, 51]);
        assert_eq!([grey(3.0, 6.5), grey(3.0, 6.0)], [204, 153]);
    }

    #[test]
    fn the_frame_stays_black() {
        let fits = |x, y| Ink::default().add_dash(20, &dash(x, y, 0.0));
        assert!(fits(1.25, 1.5) && fits(14.25, 18.5));
        assert!(!fits(1.1, 1.5) && !fits(1.25, 1.4) && !fits(14.4, 3.0) && !fits(5.0, 18.6));
        assert!(!Ink::default().add_disc(20, Point { x: 2.9, y: 9.0 }, 2.0));
    }

    #[test]
    fn distances_are_those_of_the_nearest_pixels() {
        let (a, b) = (ink(&dash(3.25, 6.5, 0.0)), ink(&dash(11.25, 9.5, 0.0)));
        assert!(a.is_clear_of(&b, 4 * 4 + 3 * 3) && !a.is_clear_of(&b, 26));
        assert_eq!(a.visible_distance(&b), Some(25));
        assert_eq!(a.visible_distance(&Ink::default()), None);
        let crossing = ink(&dash(5.5, 4.25, std::f64::consts::FRAC_PI_2));
        assert!(!a.is_clear_of(&crossing, 1));
    }
}
