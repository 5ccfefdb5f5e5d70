//! A small plotting module: scales with readable ticks, panels with axes, lines, dots and legends.

mod canvas;
mod panel;
mod scale;
mod thin;
mod ticks;

pub(super) use canvas::{Anchor, Canvas, Style};
pub(super) use panel::{Frame, Panel};
pub(super) use scale::{Scale, extent};
pub(super) use ticks::number;
