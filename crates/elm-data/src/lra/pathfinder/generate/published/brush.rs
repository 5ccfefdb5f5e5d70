//! What is stamped on the image: dashes in every direction, and the marker.
//!
//! Coordinates are `[row, column]`, in whole pixels; a heading is an angle from the direction of columns towards that of
//! rows (radians, -π to π).

use std::f64::consts::{PI, TAU};

use super::super::family::Family;
use super::grid::Grid;

/// Row and column of a pixel.
pub(super) type Place = [i32; 2];

/// A square stamp around its middle pixel.
#[derive(Debug)]
pub(super) struct Stamp {
    grid: Grid,
}

impl Stamp {
    /// Pixels on each side of the middle.
    fn half(&self) -> i32 {
        self.grid.side as i32 / 2
    }

    /// The rows within an image of `pixels` × `pixels` if the middle lies `at`: the index of the first pixel there, and
    /// the greys.
    pub(super) fn rows(&self, at: Place, pixels: usize) -> impl Iterator<Item = (usize, &[u8])> {
        let (half, n, side) = (self.half(), pixels as i32, self.grid.side as i32);
        let [rows, columns] = at.map(|middle| (middle - half).max(0)..(middle + half + 1).min(n));
        let from = columns.start - at[1] + half;
        rows.map(move |row| {
            let first = (row - at[0] + half) * side + from;
            let greys = first as usize..(first + columns.end - columns.start) as usize;
            ((row * n + columns.start) as usize, &self.grid.values[greys])
        })
    }

    /// Grey of the pixel at `offset` from the middle.
    fn grey(&self, offset: Place) -> u8 {
        let [row, column] = offset.map(|o| (o + self.half()) as usize);
        self.grid.values[row * self.grid.side + column]
    }

    /// Offsets from the middle of all pixels.
    fn offsets(&self) -> impl Iterator<Item = Place> {
        let half = self.half();
        (-half..=half).flat_map(move |row| (-half..=half).map(move |column| [row, column]))
    }
}

/// A dash as it is drawn, and the room that it takes.
#[derive(Debug)]
pub(super) struct Dash {
    /// Its ink, before contrast.
    pub(super) ink: Stamp,
    /// Ink and the margin around it.
    pub(super) room: Stamp,
}

/// A first dash of a contour: it begins at the stamp's middle.
#[derive(Debug)]
pub(super) struct Seed {
    pub(super) heading: f64,
    pub(super) dash: Dash,
    /// Offsets of the pixels that must be free around the place where it begins.
    pub(super) needs: Vec<Place>,
}

impl Seed {
    /// Does one of the needed pixels lie within the image at each of its corners? As published, nothing is free for a
    /// dash of which that is not so: most directions of contours are never begun with, and most distractors left out.
    pub(super) fn is_ever_free(&self) -> bool {
        let side = |offset: i32, is_last: bool| if is_last { offset <= 0 } else { offset >= 0 };
        let corners = [[false, false], [false, true], [true, false], [true, true]];
        corners.iter().all(|[bottom, right]| {
            let mut needs = self.needs.iter();
            needs.any(|[row, column]| side(*row, *bottom) && side(*column, *right))
        })
    }
}

/// A way to go on from a pivot: the dash ends at the stamp's middle.
#[derive(Debug)]
pub(super) struct Step {
    /// From the pivot to the end of the dash.
    pub(super) offset: Place,
    pub(super) heading: f64,
    pub(super) dash: Dash,
}

/// All stamps of one size and margin.
#[derive(Debug)]
pub(super) struct Brush {
    /// One for each whole degree.
    pub(super) seeds: Vec<Seed>,
    /// In the order of rows, then of columns.
    pub(super) steps: Vec<Step>,
    /// Offsets of the pixels within the margin, the middle included.
    pub(super) disc: Vec<Place>,
    pub(super) marker: Stamp,
}

impl Brush {
    /// Cuts the stamps for a family of images and one of its margins (pixels).
    pub(super) fn new(family: &Family, margin: u8) -> Self {
        let cutter = Cutter::new(family, margin);
        let reach = cutter.length + cutter.margin;
        let seeds = (-180..180).map(|degree| {
            let heading = f64::from(degree) * PI / 180.0;
            let dash = cutter.dash(heading);
            let needs = needs(&dash.room, reach);
            Seed {
                heading,
                dash,
                needs,
            }
        });
        let steps = circle(reach).into_iter().map(|offset| {
            let [row, column] = offset.map(f64::from);
            let heading = row.atan2(column);
            let dash = cutter.dash(reversed(heading));
            Step {
                offset,
                heading,
                dash,
            }
        });
        Self {
            seeds: seeds.collect(),
            steps: steps.collect(),
            disc: disc(cutter.margin),
            marker: marker(family),
        }
    }
}

/// The opposite heading.
pub(super) fn reversed(heading: f64) -> f64 {
    if heading < 0.0 {
        heading + PI
    } else {
        heading - PI
    }
}

/// The place at `distance` in the direction `heading`, each coordinate rounded up.
pub(super) fn ahead(from: Place, heading: f64, distance: i32) -> Place {
    let [row, column] = from.map(f64::from);
    let distance = f64::from(distance);
    [
        (row + distance * heading.sin()).ceil() as i32,
        (column + distance * heading.cos()).ceil() as i32,
    ]
}

/// The pixels that a circle around the middle of one meets, if it is walked in steps of a pixel's length, sorted.
fn circle(radius: i32) -> Vec<Place> {
    let radius = f64::from(radius);
    let step = 1.0 / radius;
    let count = (TAU / step).ceil() as usize;
    let mut places: Vec<Place> = (0..count)
        .map(|i| i as f64 * step)
        .map(|angle| [angle.sin(), angle.cos()].map(|part| (radius * part).floor() as i32))
        .collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Offsets within `radius` of the middle.
fn disc(radius: i32) -> Vec<Place> {
    (-radius..=radius)
        .flat_map(|row| (-radius..=radius).map(move |column| [row, column]))
        .filter(|[row, column]| row * row + column * column <= radius * radius)
        .collect()
}

/// What must be free where a contour begins: the pixels that the room of the dash fills wholly. The published generator
/// looks one row and one column off, and no further than `reach` from there.
fn needs(room: &Stamp, reach: i32) -> Vec<Place> {
    let seen = -reach - 1..reach;
    room.offsets()
        .filter(|offset| room.grey(*offset) == u8::MAX && offset.iter().all(|o| seen.contains(o)))
        .map(|offset| offset.map(|o| o + 1))
        .collect()
}

/// A disc whose centre is the first fine pixel of the stamp's middle.
fn marker(family: &Family) -> Stamp {
    let fine = family.fine as i32;
    let half = family.marker_radius.ceil() as i32 + 4;
    let side = (2 * half + 1) * fine;
    let most = (family.marker_radius * f64::from(fine)).powi(2);
    let mut grid = Grid::black(side as usize);
    for (i, value) in grid.values.iter_mut().enumerate() {
        let [row, column] = [i as i32 / side, i as i32 % side].map(|o| o - half * fine);
        if f64::from(row * row + column * column) <= most {
            *value = u8::MAX;
        }
    }
    Stamp {
        grid: grid.shrunk(2 * half as usize + 1),
    }
}

/// Draws dashes on a finer grid.
struct Cutter {
    /// Fine pixels in a pixel.
    fine: i32,
    /// Length of a dash, margin (pixels).
    length: i32,
    margin: i32,
    /// Width of a dash (fine pixels).
    width: i32,
    /// Pixels on each side of the stamp's middle.
    half: i32,
}

impl Cutter {
    fn new(family: &Family, margin: u8) -> Self {
        let (length, margin) = (family.dash as i32, i32::from(margin));
        Self {
            fine: family.fine as i32,
            length,
            margin,
            width: (family.thickness * family.fine as f64).round() as i32,
            half: length + family.thickness.ceil() as i32 + margin,
        }
    }

    /// A dash from the middle in the direction `heading`.
    fn dash(&self, heading: f64) -> Dash {
        let ink = self.line(heading);
        let room = self.widened(&ink);
        let [ink, room] = [ink, room].map(|grid| Stamp {
            grid: grid.shrunk(2 * self.half as usize + 1),
        });
        Dash { ink, room }
    }

    /// A white line on the fine grid: all points with whole coordinates in a parallelogram, one of whose long sides runs
    /// from the middle to the end of the dash. Its corners are rounded to whole coordinates, as Pillow does it, so that
    /// slanting lines are thinner than upright ones.
    fn line(&self, heading: f64) -> Grid {
        let middle = self.half * self.fine;
        let side = 2 * middle + 1;
        let [row, column] = ahead([middle; 2], heading, self.length * self.fine);
        let [dy, dx] = [row - middle, column - middle].map(f64::from);
        let (half_width, length) = (f64::from(self.width - 1) / 2.0, dy.hypot(dx));
        let near = half_away_from_zero_down(half_width) / length;
        let far = half_away_from_zero(half_width) / length;
        let x = [
            half_away_from_zero_down(near * dy),
            half_away_from_zero_down(far * dy),
        ];
        let y = [
            half_away_from_zero(near * dx),
            half_away_from_zero(far * dx),
        ];
        let [from, to] = [[middle, middle], [row, column]].map(|place| place.map(f64::from));
        let corners = [
            [from[0] + y[1], from[1] - x[0]],
            [to[0] + y[1], to[1] - x[0]],
            [to[0] - y[0], to[1] + x[1]],
            [from[0] - y[0], from[1] + x[1]],
        ];
        let mut grid = Grid::black(side as usize);
        for (row, values) in grid.values.chunks_mut(side as usize).enumerate() {
            if let Some([left, right]) = crossing(&corners, row as f64) {
                let (left, right) = ((left + 0.5).floor() as usize, (right - 0.5).ceil() as usize);
                if let Some(values) = values.get_mut(left..=right) {
                    values.fill(u8::MAX);
                }
            }
        }
        grid
    }

    /// The line and everything within the margin of it.
    fn widened(&self, line: &Grid) -> Grid {
        let disc = disc(self.margin * self.fine);
        let side = line.side as i32;
        let mut wide = Grid::black(line.side);
        let white = (0..side * side).filter(|i| line.values[*i as usize] > 0);
        for place in white.map(|i| [i / side, i % side]) {
            for offset in &disc {
                let [row, column] = [place[0] + offset[0], place[1] + offset[1]];
                if (0..side).contains(&row) && (0..side).contains(&column) {
                    wide.values[(row * side + column) as usize] = u8::MAX;
                }
            }
        }
        wide
    }
}

/// Where the row `y` enters and leaves a convex polygon, if it meets it.
fn crossing(corners: &[[f64; 2]; 4], y: f64) -> Option<[f64; 2]> {
    let mut found: Option<[f64; 2]> = None;
    for (i, a) in corners.iter().enumerate() {
        let b = &corners[(i + 1) % corners.len()];
        if !(a[0].min(b[0])..=a[0].max(b[0])).contains(&y) {
            continue;
        }
        let on_edge = if a[0] == b[0] {
            [a[1], b[1]]
        } else {
            [a[1] + (y - a[0]) * (b[1] - a[1]) / (b[0] - a[0]); 2]
        };
        for x in on_edge {
            let [left, right] = found.unwrap_or([x, x]);
            found = Some([left.min(x), right.max(x)]);
        }
    }
    found
}

/// The nearest whole number; halves go away from zero.
fn half_away_from_zero(x: f64) -> f64 {
    x.round()
}

/// The nearest whole number; halves go towards zero.
fn half_away_from_zero_down(x: f64) -> f64 {
    x.signum() * (x.abs() - 0.5).ceil()
}
