//! Tables for people: columns aligned by what a terminal shows, one of them cut so that the rest fits.

use super::output::{Look, Output};
use super::text::{clean, shorten, width};
use std::io;

/// Rows under headings.
#[derive(Debug)]
pub(super) struct Table {
    headings: Vec<&'static str>,
    /// The column that gives way when the terminal is too narrow.
    flexible: usize,
    rows: Vec<Vec<String>>,
}

/// Spaces between columns.
const GAP: usize = 2;
/// Narrowest that a column becomes.
const NARROWEST: usize = 8;

impl Table {
    /// A table with these headings.
    pub(super) fn new(headings: &[&'static str], flexible: usize) -> Self {
        Self { headings: headings.to_vec(), flexible, rows: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| clean(&cell).into_owned()).collect());
    }

    /// Writes it.
    pub(super) fn write(&self, out: &Output) -> io::Result<()> {
        let widths = self.widths(out.width);
        let headings: Vec<String> = self.headings.iter().map(|h| (*h).to_owned()).collect();
        out.line(&out.paint(Look::Strong, &self.line(&headings, &widths)))?;
        self.rows.iter().try_for_each(|row| out.line(&self.line(row, &widths)))
    }

    fn widths(&self, terminal: Option<usize>) -> Vec<usize> {
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell));
            cells.chain([width(self.headings[column])]).max().unwrap_or(0)
        };
        let mut widths: Vec<usize> = (0..self.headings.len()).map(widest).collect();
        let total = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        if let (Some(terminal), Some(flexible)) = (terminal, widths.get_mut(self.flexible)) {
            *flexible = flexible.saturating_sub(total.saturating_sub(terminal)).max(NARROWEST.min(*flexible));
        }
        widths
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (column, (cell, columns)) in cells.iter().zip(widths).enumerate() {
            let cell = shorten(cell, *columns);
            line.push_str(&cell);
            if column + 1 < self.headings.len() {
                line.push_str(&" ".repeat(columns - width(&cell) + GAP));
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(terminal: Option<usize>) -> Vec<String> {
        let mut table = Table::new(&["KEY", "VALUE", "REV"], 1);
        table.row(["a".into(), "日本語 and more than fits".into(), "1".into()]);
        table.row(["long key".into(), "x\ty".into(), "10000".into()]);
        let widths = table.widths(terminal);
        table.rows.iter().map(|row| table.line(row, &widths)).collect()
    }

    #[test]
    fn columns_are_aligned_whatever_the_width_of_characters() {
        assert_eq!(
            lines(None),
            ["a         日本語 and more than fits  1", "long key  x\\ty                       10000"]
        );
    }

    #[test]
    fn the_flexible_column_gives_way_to_the_terminal() {
        let narrow = lines(Some(30));
        assert_eq!(narrow, ["a         日本語 and m…  1", "long key  x\\ty           10000"]);
        assert!(narrow.iter().all(|line| width(line) <= 30));
        assert_eq!(lines(Some(1))[0], "a         日本語 …  1");
    }
}
