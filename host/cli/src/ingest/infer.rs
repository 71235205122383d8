//! Guessing the types of text columns.
//!
//! A column is of the narrowest type that most of its values have; the others
//! are then bad rows, reported with line and column, instead of turning a
//! column of prices into text because of one `n/a`. Key and category columns
//! are names: they are numbers only if every value is.

use std::path::Path;

use arrow::array::{Array, StringArray};
use arrow::compute::kernels::cast_utils::{Parser, string_to_datetime};
use arrow::datatypes::{DataType, Date32Type, Field, Schema, SchemaRef, TimeUnit};
use chrono::{Timelike, Utc};
use tidelake_core::table::TableSpec;
use tidelake_core::time::is_time_type;
use tidelake_core::{Error, Result};

use super::bad::{BadRows, OnError};
use super::csv::TextReader;

/// What a value looks like; a later kind includes the earlier ones where the
/// table of [`Counts::choose`] says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    Integer,
    Float,
    Boolean,
    Date,
    /// A date and time; with an offset from UTC, and finer than microseconds.
    Time {
        zoned: bool,
        nanos: bool,
    },
    Text,
}

fn looks(value: &str) -> Looks {
    let bytes = value.as_bytes();
    match bytes.first() {
        Some(b'0'..=b'9' | b'-' | b'+' | b'.') => {}
        Some(b't' | b'T' | b'f' | b'F') if is_bool(value) => return Looks::Boolean,
        _ => return Looks::Text,
    }
    if bytes.iter().all(|b| b.is_ascii_digit()) {
        // 007 is a name, and so is what no integer can hold.
        let named = bytes.len() > 1 && bytes[0] == b'0';
        return if named || value.parse::<i64>().is_err() { Looks::Text } else { Looks::Integer };
    }
    if value.parse::<i64>().is_ok() {
        return Looks::Integer;
    }
    if value.parse::<f64>().is_ok() {
        return Looks::Float;
    }
    if bytes.len() == 10 && Date32Type::parse(value).is_some() {
        return Looks::Date;
    }
    if bytes.len() > 10
        && bytes[4] == b'-'
        && let Ok(time) = string_to_datetime(&Utc, value)
    {
        let tail = value.get(11..).unwrap_or_default();
        let zoned = value.ends_with(['Z', 'z']) || tail.contains(['+', '-']);
        return Looks::Time { zoned, nanos: time.nanosecond() % 1_000 != 0 };
    }
    Looks::Text
}

fn is_bool(value: &str) -> bool {
    value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false")
}

/// How many values of a column look like what.
#[derive(Debug, Default)]
struct Counts {
    values: usize,
    integers: usize,
    floats: usize,
    booleans: usize,
    dates: usize,
    times: usize,
    zoned: bool,
    nanos: bool,
}

impl Counts {
    fn of(column: &StringArray) -> Self {
        let mut counts = Self::default();
        for value in column.iter().flatten() {
            counts.values += 1;
            match looks(value) {
                Looks::Integer => counts.integers += 1,
                Looks::Float => counts.floats += 1,
                Looks::Boolean => counts.booleans += 1,
                Looks::Date => counts.dates += 1,
                Looks::Time { zoned, nanos } => {
                    counts.times += 1;
                    counts.zoned |= zoned;
                    counts.nanos |= nanos;
                }
                Looks::Text => {}
            }
        }
        counts
    }

    /// The type of at least so many of the values, if there is one but text.
    fn choose(&self, enough: impl Fn(usize) -> bool) -> Option<DataType> {
        let unit = if self.nanos { TimeUnit::Nanosecond } else { TimeUnit::Microsecond };
        let zone = self.zoned.then(|| "UTC".into());
        [
            (self.booleans, DataType::Boolean),
            (self.dates, DataType::Date32),
            (self.times + self.dates, DataType::Timestamp(unit, zone)),
            // One decimal number makes all of them decimal.
            (if self.floats == 0 { self.integers } else { 0 }, DataType::Int64),
            (self.floats + self.integers, DataType::Float64),
        ]
        .into_iter()
        .find(|(count, _)| *count > 0 && enough(*count))
        .map(|(_, data_type)| data_type)
    }
}

/// The type of a text column. `exact`: that every value has.
pub(super) fn column_type(column: &StringArray, exact: bool) -> DataType {
    let counts = Counts::of(column);
    let all = counts.choose(|count| count == counts.values);
    let most = || counts.choose(|count| count * 2 > counts.values);
    all.or_else(|| if exact { None } else { most() }).unwrap_or(DataType::Utf8)
}

/// What a text column is instead, when there are several values and none of
/// them fits `wanted`.
pub(super) fn unlike(column: &StringArray, wanted: &DataType) -> Option<DataType> {
    let values = column.len() - column.null_count();
    if values < 3 || wanted.is_nested() {
        return None;
    }
    let fitting = super::convert::cast_text(column, wanted).ok()?;
    (fitting.null_count() == column.len()).then(|| column_type(column, true))
}

/// The schema of a CSV file, from its first rows.
pub(super) fn csv_schema(path: &Path, spec: &TableSpec) -> Result<SchemaRef> {
    let mut reader = TextReader::open(path)?;
    let mut bad = BadRows::new(OnError::Skip);
    let chunk = reader.next(path, &mut bad)?.filter(|chunk| !chunk.lines.is_empty());
    let chunk = chunk.ok_or_else(|| {
        Error::input("the file has no rows to guess the types of its columns from")
            .with_help(format!("declare the columns in [table.{}.schema]", spec.name))
    })?;
    let is_name = |name: &String| spec.key.contains(name) || spec.category.as_ref() == Some(name);
    let mut fields = Vec::new();
    for (name, column) in reader.names.iter().zip(&chunk.columns) {
        let data_type = match *name == spec.time {
            true => time_type(name, column, &chunk.lines, spec)?,
            false => column_type(column, is_name(name)),
        };
        fields.push(Field::new(name, data_type, true));
    }
    Ok(Schema::new(fields).into())
}

/// The type of the time column, or why it has none.
pub(super) fn time_type(
    name: &str,
    column: &StringArray,
    lines: &[u64],
    spec: &TableSpec,
) -> Result<DataType> {
    let guess = column_type(column, false);
    if is_time_type(&guess) {
        return Ok(guess);
    }
    let first = (0..column.len()).find(|i| column.is_valid(*i));
    let Some(first) = first else {
        return Err(Error::input(format!("the time column {name:?} is empty"))
            .with_help("every row needs a time"));
    };
    let (value, line) = (column.value(first), lines.get(first).copied().unwrap_or_default());
    let declare = |type_name: &str| {
        format!(
            "declare it in [table.{}.schema], for instance {name:?} = \"{type_name}\"",
            spec.name
        )
    };
    Err(match guess {
        DataType::Int64 => Error::input(format!(
            "the time column {name:?} holds whole numbers, such as {value} on line {line}"
        ))
        .with_help(format!("{}, with the unit s, ms, us or ns", declare("timestamp(ms)"))),
        _ => Error::input(format!(
            "the time column {name:?} holds no times, such as {value:?} on line {line}"
        ))
        .with_help(format!(
            "times are written 2013-03-01, 2013-03-01T10:00:00 or 2013-03-01T10:00:00.5Z; \
             name another column with `time` in [table.{}] if this is the wrong one",
            spec.name
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(values: &[&str]) -> String {
        let column = StringArray::from_iter(values.iter().map(|v| (!v.is_empty()).then_some(v)));
        tidelake_core::config::types::type_name(&column_type(&column, false))
    }

    #[test]
    fn types_of_columns() {
        for (values, name) in [
            (&["1", "-2", ""][..], "int64"),
            (&["1", "2.5", "-1e3"], "float64"),
            (&["1", "2", "n/a", "4"], "int64"),
            (&["a", "b", "3"], "utf8"),
            (&["007", "012"], "utf8"),
            (&["true", "False"], "bool"),
            (&["2013-03-01", "2013-03-02"], "date32"),
            (&["2013-03-01", "2013-03-02 10:00:00"], "timestamp(us)"),
            (&["2013-03-01T10:00:00Z"], "timestamp(us, UTC)"),
            (&["2013-03-01T10:00:00.123456789"], "timestamp(ns)"),
            (&["", ""], "utf8"),
            (&["nan", "inf"], "utf8"),
            (&["99999999999999999999"], "utf8"),
        ] {
            assert_eq!(guess(values), name, "{values:?}");
        }
    }

    #[test]
    fn names_stay_names() {
        let column = StringArray::from(vec!["700", "9988", "AAPL"]);
        assert_eq!(column_type(&column, true), DataType::Utf8);
    }
}
