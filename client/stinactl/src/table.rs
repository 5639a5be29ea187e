//! Tables for people: columns aligned by what a terminal shows, some of them cut so that the rest fits.

use super::output::{Look, Output};
use super::short_id::short_ids;
use super::text::{clean, shorten, width};
use std::borrow::Cow;
use std::io;

/// A column: its heading, how it fits, and its cell for an item.
pub(super) struct Column<T> {
    heading: &'static str,
    fit: Fit,
    cell: fn(&T, &Output) -> Cell,
}

/// How a column that is too wide for the terminal is shortened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// It stays whole as long as other columns can be cut.
    Whole,
    /// It is cut, the widest such column first.
    Flexible,
    /// It shows as much of each id as is unique.
    Id,
}

impl<T> Column<T> {
    /// A column that stays whole.
    pub(super) const fn new(heading: &'static str, cell: fn(&T, &Output) -> Cell) -> Self {
        Self { heading, fit: Fit::Whole, cell }
    }

    /// A column that is cut when the terminal is too narrow.
    pub(super) const fn flexible(heading: &'static str, cell: fn(&T, &Output) -> Cell) -> Self {
        Self { heading, fit: Fit::Flexible, cell }
    }

    /// The column of the ids by which the items can be named.
    pub(super) const fn id(cell: fn(&T, &Output) -> Cell) -> Self {
        Self { heading: "ID", fit: Fit::Id, cell }
    }
}

/// Rows under headings.
pub(super) struct Table<'o, T: 'static> {
    out: &'o Output,
    columns: &'static [Column<T>],
    rows: Vec<Vec<Cell>>,
    /// Bytes of the rows.
    bytes: usize,
    has_headings: bool,
}

/// One cell of a row.
#[derive(Debug)]
pub(super) struct Cell {
    look: Look,
    text: String,
}

impl Cell {
    /// A cell with that look.
    pub(super) fn new(look: Look, text: impl AsRef<str>) -> Self {
        Self { look, text: clean(text.as_ref()).into_owned() }
    }

    /// Without text that no terminal of this width shows.
    fn cut(mut self, terminal: Option<usize>) -> Self {
        let most = terminal.map_or(usize::MAX, |columns| columns.saturating_mul(BYTES_A_COLUMN));
        let end = self.text.floor_char_boundary(most);
        if end < self.text.len() {
            self.text.truncate(end);
            self.text.push('…');
            self.text.shrink_to_fit();
        }
        self
    }

    /// Its columns, unless it is certainly wider than any column.
    fn width(&self) -> Option<usize> {
        (self.text.len() <= LONG).then(|| width(&self.text))
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(Look::Plain, text)
    }
}

/// Spaces between columns.
const GAP: usize = 2;
/// Bytes of rows after which they are written, each part aligned by itself. A table whose ids are shortened is written as
/// a whole, because ids are unique among all of them; its other cells are short.
const PART: usize = 1 << 20;
/// Widest cell that others are aligned with where there is no terminal. A wider one stays whole.
const WIDEST: usize = 200;
/// Bytes of a terminal's column, at most: no character takes more than 4, and few take no column.
const BYTES_A_COLUMN: usize = 16;
/// Bytes of a cell that is wider than any other is aligned with.
const LONG: usize = 16 << 10;
/// Narrowest that a flexible column becomes, as long as the rest fits.
const NARROWEST: usize = 8;

impl<'o, T> Table<'o, T> {
    /// An empty table with these columns.
    pub(super) fn new(out: &'o Output, columns: &'static [Column<T>]) -> Self {
        Self { out, columns, rows: Vec::new(), bytes: 0, has_headings: false }
    }

    /// Adds a row for an item. Writes the rows so far when they are many bytes.
    pub(super) fn push(&mut self, item: &T) -> io::Result<()> {
        let cell = |column: &Column<T>| (column.cell)(item, self.out).cut(self.out.width);
        let row: Vec<Cell> = self.columns.iter().map(cell).collect();
        self.bytes += row.iter().map(|cell| cell.text.len()).sum::<usize>();
        self.rows.push(row);
        let has_ids = self.columns.iter().any(|column| column.fit == Fit::Id);
        if self.bytes >= PART && !has_ids { self.write_rows() } else { Ok(()) }
    }

    /// Writes it. On a terminal, an empty table is a sentence.
    pub(super) fn write(mut self) -> io::Result<()> {
        if self.rows.is_empty() && !self.has_headings && self.out.width.is_some() {
            return self.out.remark("nothing to list");
        }
        self.shorten_ids();
        self.write_rows()
    }

    /// Writes the rows so far, and the headings before the first.
    fn write_rows(&mut self) -> io::Result<()> {
        let out = self.out;
        let widths = self.widths(out.width);
        let paint = |look, text: &str| out.paint(look, text);
        if !std::mem::replace(&mut self.has_headings, true) {
            let headings: Vec<Cell> =
                self.columns.iter().map(|c| Cell::new(Look::Strong, c.heading)).collect();
            out.line(&line(&headings, &widths, out.width.is_some(), paint))?;
        }
        self.bytes = 0;
        let rows = std::mem::take(&mut self.rows);
        rows.into_iter().try_for_each(|row| out.line(&line(&row, &widths, out.width.is_some(), paint)))
    }

    fn shorten_ids(&mut self) {
        for (at, _) in self.columns.iter().enumerate().filter(|(_, column)| column.fit == Fit::Id) {
            let short = short_ids(self.rows.iter().map(|row| row[at].text.as_str()));
            self.rows.iter_mut().zip(short).for_each(|(row, id)| row[at].text = id);
        }
    }

    fn widths(&self, terminal: Option<usize>) -> Vec<usize> {
        let widest = |column: usize| {
            let cells = self
                .rows
                .iter()
                .filter_map(|row| row.get(column))
                .filter_map(|cell| cell.width().filter(|width| terminal.is_some() || *width <= WIDEST));
            let widest = cells.chain([width(self.columns[column].heading)]).max().unwrap_or(0);
            terminal.map_or(widest, |terminal| widest.min(terminal))
        };
        let all: Vec<usize> = (0..self.columns.len()).collect();
        let mut widths: Vec<usize> = all.iter().copied().map(widest).collect();
        if let Some(terminal) = terminal {
            let room = terminal.saturating_sub(GAP * all.len().saturating_sub(1));
            let is_flexible = |at: &usize| self.columns[*at].fit == Fit::Flexible;
            let flexible: Vec<usize> = all.iter().copied().filter(is_flexible).collect();
            shrink(&mut widths, &flexible, NARROWEST, room);
            shrink(&mut widths, &all, 1, room);
        }
        widths
    }
}

/// Makes the widest of `columns` narrower, down to `narrowest`, until all of them fit into `room`.
fn shrink(widths: &mut [usize], columns: &[usize], narrowest: usize, room: usize) {
    while widths.iter().sum::<usize>() > room {
        let widest = columns.iter().copied().max_by_key(|column| widths[*column]);
        let Some(widest) = widest.filter(|column| widths[*column] > narrowest) else { break };
        widths[widest] -= 1;
    }
}

/// A row; `cuts` says whether cells are cut to their columns.
fn line(cells: &[Cell], widths: &[usize], cuts: bool, paint: impl Fn(Look, &str) -> String) -> String {
    let mut line = String::new();
    for (column, (cell, columns)) in cells.iter().zip(widths).enumerate() {
        let shown = if cuts { shorten(&cell.text, *columns) } else { Cow::Borrowed(cell.text.as_str()) };
        line.push_str(&paint(cell.look, &shown));
        if column + 1 < widths.len() {
            let taken = if cuts { width(&shown) } else { cell.width().unwrap_or(*columns) };
            line.push_str(&" ".repeat(columns.saturating_sub(taken) + GAP));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &[Column<[&str; 3]>] = &[
        Column::new("KEY", |row, _| row[0].into()),
        Column::flexible("VALUE", |row, _| row[1].into()),
        Column::new("REV", |row, _| row[2].into()),
    ];

    fn lines(terminal: Option<usize>) -> Vec<String> {
        let out = Output::piped();
        let mut table = Table::new(&out, COLUMNS);
        table.push(&["a", "日本語 and more than fits", "1"]).unwrap();
        table.push(&["long key", "x\ty", "10000"]).unwrap();
        let widths = table.widths(terminal);
        table
            .rows
            .iter()
            .map(|row| line(row, &widths, terminal.is_some(), |_, text| text.to_owned()))
            .collect()
    }

    #[test]
    fn columns_are_aligned_with_wide_characters() {
        assert_eq!(
            lines(None),
            ["a         日本語 and more than fits  1", "long key  x\\ty                       10000"]
        );
    }

    #[test]
    fn the_flexible_column_is_cut_to_the_terminal() {
        let narrow = lines(Some(30));
        assert_eq!(narrow, ["a         日本語 and m…  1", "long key  x\\ty           10000"]);
        assert!(narrow.iter().all(|line| width(line) <= 30));
    }

    #[test]
    fn all_columns_are_cut_in_a_very_narrow_terminal() {
        let narrow = lines(Some(16));
        assert_eq!(narrow, ["a     日…   1", "lon…  x\\ty  100…"]);
        for columns in 7..40 {
            assert!(lines(Some(columns)).iter().all(|line| width(line) <= columns), "{columns}");
        }
    }

    #[test]
    fn colours_have_no_width() {
        let cells = [Cell::new(Look::Bad, "abcdef"), Cell::new(Look::Plain, "x")];
        assert_eq!(line(&cells, &[4, 1], true, |_, text| format!("<{text}>")), "<abc…>  <x>");
    }
}
