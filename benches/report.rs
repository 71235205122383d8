//! What was measured, for people and machines.

use std::path::Path;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table};
use serde::Serialize;
use tidelake_core::{Error, Result, ResultExt};

use crate::machine::Machine;

/// One measured value, and what it is to be compared with.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    name: String,
    unit: &'static str,
    value: f64,
    baseline_name: Option<&'static str>,
    baseline: Option<f64>,
    /// `value / baseline`.
    ratio: Option<f64>,
}

impl Figure {
    /// A value that stands for itself.
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), unit, value, baseline_name: None, baseline: None, ratio: None }
    }

    /// Compares it with another value of the same unit.
    pub(crate) fn against(mut self, name: &'static str, baseline: f64) -> Self {
        self.baseline_name = Some(name);
        self.baseline = Some(baseline);
        self.ratio = Some(self.value / baseline);
        self
    }
}

/// Prints machine and figures as a table of 80 columns.
pub(crate) fn print(machine: &Machine, figures: &[Figure]) {
    let mut table = Table::new();
    table
        .load_preset(UTF8_BORDERS_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(80)
        .set_header(
            ["measured", "value", "", "baseline", "", "ratio"]
                .map(|title| Cell::new(title).add_attribute(Attribute::Bold)),
        );
    for figure in figures {
        table.add_row([
            figure.name.clone(),
            number(figure.value),
            figure.unit.to_owned(),
            figure.baseline.map(number).unwrap_or_default(),
            figure.baseline_name.unwrap_or_default().to_owned(),
            figure.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
        ]);
    }
    for right in [1, 3, 5] {
        if let Some(column) = table.column_mut(right) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("{machine}\n{table}");
}

/// Three significant digits, and no fraction where there are more before the point.
fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Writes `report.json` and `machine.json`.
pub(crate) fn write(dir: &Path, machine: &Machine, figures: &[Figure]) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|e| cannot_write(dir, e))?;
    json(&dir.join("report.json"), &figures)?;
    json(&dir.join("machine.json"), machine)
}

fn json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|e| Error::internal("a report has no JSON form").with_source(e))
        .with("file", path.display())?;
    text.push(b'\n');
    std::fs::write(path, text).map_err(|e| cannot_write(path, e))
}

fn cannot_write(path: &Path, error: std::io::Error) -> Error {
    Error::unavailable("the report could not be written")
        .with("path", path.display())
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_the_list_that_was_promised() {
        let figure = Figure::new("crossing_in", 30.0, "GB/s").against("memcpy", 40.0);
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), &Machine::this(), &[figure, Figure::new("alone", 1.0, "s")]).unwrap();
        let text = std::fs::read(dir.path().join("report.json")).unwrap();
        let value: serde_json::Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(
            value,
            serde_json::json!([
                { "name": "crossing_in", "unit": "GB/s", "value": 30.0,
                  "baseline_name": "memcpy", "baseline": 40.0, "ratio": 0.75 },
                { "name": "alone", "unit": "s", "value": 1.0,
                  "baseline_name": null, "baseline": null, "ratio": null },
            ])
        );
        assert!(dir.path().join("machine.json").is_file());
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!([0.1234, 12.34, 123.4, 20e6].map(number), ["0.12", "12.3", "123", "20000000"]);
    }
}
