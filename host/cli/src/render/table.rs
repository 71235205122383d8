//! Tables for people.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

/// Which way a column leans.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lean {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// A table without lines but one below its header; as wide as the terminal, or 80.
pub(crate) fn new(columns: &[(&str, Lean)]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if !table.is_tty() {
        table.set_width(80);
    }
    table.set_header(columns.iter().map(|(name, _)| Cell::new(name)));
    for (column, (_, lean)) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2));
        column.set_cell_alignment(match lean {
            Lean::Left => CellAlignment::Left,
            Lean::Right => CellAlignment::Right,
        });
    }
    table
}

/// Its lines, each behind `indent`, without trailing blanks.
pub(crate) fn lines(table: &Table, indent: &str) -> String {
    table
        .lines()
        .map(|line| format!("{indent}{}", line.trim_end()).trim_end().to_owned() + "\n")
        .collect()
}
