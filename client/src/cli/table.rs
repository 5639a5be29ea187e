//! Tables for people: columns aligned by what a terminal shows, some of them cut so that the rest fits.

use super::output::{Look, Output};
use super::text::{clean, shorten, width};
use std::io;

/// Rows under headings.
#[derive(Debug)]
pub(super) struct Table {
    headings: Vec<&'static str>,
    /// The columns that give way when the terminal is too narrow, the widest first.
    flexible: Vec<usize>,
    rows: Vec<Vec<Cell>>,
}

/// One cell of a row.
#[derive(Debug)]
pub(super) struct Cell {
    look: Look,
    text: String,
}

impl Cell {
    /// A cell that looks like that.
    pub(super) fn new(look: Look, text: impl AsRef<str>) -> Self {
        Self { look, text: clean(text.as_ref()).into_owned() }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(Look::Plain, text)
    }
}

/// Spaces between columns.
const GAP: usize = 2;
/// Narrowest that a flexible column becomes, as long as others can't give way too.
const NARROWEST: usize = 8;

impl Table {
    /// A table with these headings.
    pub(super) fn new(headings: &[&'static str], flexible: &[usize]) -> Self {
        Self { headings: headings.to_vec(), flexible: flexible.to_vec(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(super) fn row<C: Into<Cell>>(&mut self, cells: impl IntoIterator<Item = C>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Writes it. On a terminal people are told in words that there is nothing in it.
    pub(super) fn write(&self, out: &Output) -> io::Result<()> {
        if self.rows.is_empty() && out.width.is_some() {
            return out.remark("nothing to list");
        }
        let widths = self.widths(out.width);
        let headings: Vec<Cell> = self.headings.iter().map(|h| Cell::new(Look::Strong, h)).collect();
        let paint = |look, text: &str| out.paint(look, text);
        out.line(&line(&headings, &widths, paint))?;
        self.rows.iter().try_for_each(|row| out.line(&line(row, &widths, paint)))
    }

    fn widths(&self, terminal: Option<usize>) -> Vec<usize> {
        let widest = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| width(&cell.text));
            let widest = cells.chain([width(self.headings[column])]).max().unwrap_or(0);
            terminal.map_or(widest, |terminal| widest.min(terminal))
        };
        let all: Vec<usize> = (0..self.headings.len()).collect();
        let mut widths: Vec<usize> = all.iter().copied().map(widest).collect();
        if let Some(terminal) = terminal {
            let room = terminal.saturating_sub(GAP * all.len().saturating_sub(1));
            shrink(&mut widths, &self.flexible, NARROWEST, room);
            shrink(&mut widths, &all, 1, room);
        }
        widths
    }
}

/// Makes the widest of `columns` narrower, down to `narrowest`, until all together take no more than `room`.
fn shrink(widths: &mut [usize], columns: &[usize], narrowest: usize, room: usize) {
    while widths.iter().sum::<usize>() > room {
        let widest = columns.iter().copied().max_by_key(|column| widths[*column]);
        let Some(widest) = widest.filter(|column| widths[*column] > narrowest) else { break };
        widths[widest] -= 1;
    }
}

fn line(cells: &[Cell], widths: &[usize], paint: impl Fn(Look, &str) -> String) -> String {
    let mut line = String::new();
    for (column, (cell, columns)) in cells.iter().zip(widths).enumerate() {
        let text = shorten(&cell.text, *columns);
        line.push_str(&paint(cell.look, &text));
        if column + 1 < widths.len() {
            line.push_str(&" ".repeat(columns.saturating_sub(width(&text)) + GAP));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(terminal: Option<usize>) -> Vec<String> {
        let mut table = Table::new(&["KEY", "VALUE", "REV"], &[1]);
        table.row::<String>(["a".into(), "日本語 and more than fits".into(), "1".into()]);
        table.row::<String>(["long key".into(), "x\ty".into(), "10000".into()]);
        let widths = table.widths(terminal);
        table.rows.iter().map(|row| line(row, &widths, |_, text| text.to_owned())).collect()
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
    }

    #[test]
    fn all_columns_give_way_to_a_terminal_too_narrow_for_one() {
        let narrow = lines(Some(16));
        assert_eq!(narrow, ["a     日…   1", "lon…  x\\ty  100…"]);
        for columns in 7..40 {
            assert!(lines(Some(columns)).iter().all(|line| width(line) <= columns), "{columns}");
        }
    }

    #[test]
    fn colours_take_no_room() {
        let cells = [Cell::new(Look::Bad, "abcdef"), Cell::new(Look::Plain, "x")];
        assert_eq!(line(&cells, &[4, 1], |_, text| format!("<{text}>")), "<abc…>  <x>");
    }
}
