//! A table with a heading, as HTML and as text.

use super::page::{escape, paragraph};
use super::sections::dense_table;

/// A table, the first cell of each row of which names the row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// Heading.
    pub title: String,
    /// A sentence under it; may be empty.
    pub about: String,
    /// Headings of the columns.
    pub columns: Vec<String>,
    /// Rows, a cell for each column.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Columns side by side, for a terminal.
    pub fn to_text(&self) -> String {
        let lines = || std::iter::once(&self.columns).chain(&self.rows);
        let width = |place: usize| {
            let cells = lines().filter_map(|cells| cells.get(place));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |cells: &Vec<String>| {
            let cells = cells.iter().zip(&widths).enumerate();
            let cells = cells.map(|(place, (cell, &width))| match place {
                0 => format!("{cell:<width$}"),
                _ => format!("{cell:>width$}"),
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_string() + "\n"
        };
        lines().map(line).collect()
    }

    /// The table under a heading of the third level.
    pub(super) fn html(&self) -> String {
        let about = match self.about.is_empty() {
            true => String::new(),
            false => paragraph(&self.about),
        };
        format!(
            "<h3>{}</h3>\n{about}{}",
            escape(&self.title),
            dense_table(&self.columns, &self.rows)
        )
    }
}
