//! What every plugin must keep to, as a test that its author runs with `cargo test`.
//!
//! ```
//! # use tidelake_sdk::{NoOptions, Batch, Column, Output, Result, Transform};
//! # use tidelake_sdk::schema::{DataType, Field, Schema, SchemaRef};
//! # use std::sync::Arc;
//! # struct Nothing(SchemaRef);
//! # impl Transform for Nothing {
//! #     const NAME: &'static str = "nothing";
//! #     const VERSION: &'static str = "1.0.0";
//! #     const DESCRIPTION: &'static str = "Passes everything on.";
//! #     const ROW_WISE: bool = true;
//! #     type Options = NoOptions;
//! #     fn create(input: SchemaRef, _: NoOptions) -> Result<Self> { Ok(Self(input)) }
//! #     fn output_schema(&self) -> SchemaRef { self.0.clone() }
//! #     fn process(&mut self, batch: &Batch<'_>, out: &mut Output<'_>) -> Result<()> {
//! #         out.emit(batch.rows(), (0..batch.schema().fields().len()).map(Column::Same))
//! #     }
//! # }
//! use tidelake_sdk::serde_json::json;
//! use tidelake_sdk::testing::conformance::Suite;
//!
//! // What a test of the plugin `Nothing` holds.
//! let schema = Schema::new(vec![
//!     Field::new("ts", DataType::Int64, false),
//!     Field::new("price", DataType::Float64, true),
//! ]);
//! Suite::new(schema, json!({})).ascending("ts").transform::<Nothing>().unwrap();
//! ```
//!
//! The suite makes the rows itself: of any type, with nulls, NaN and the ends of every
//! type, sliced, in dictionaries and views. Every failure says in which case, on which
//! column and row. A plugin may refuse rows or types, as an error for the operator:
//!
//! | rows | the plugin |
//! |---|---|
//! | ordinary values of the schema that the suite was given | must take them |
//! | the ends of the types (overflows, empty texts) | takes them, or answers invalid input |
//! | other layouts (dictionary, view), further columns of every type | takes them, or answers unsupported or invalid input |
//!
//! An internal error or a panic is a failure everywhere. A source brings its own rows: it
//! is asked by [`source()`].

mod downsampler;
mod format_writer;
mod source;
mod transform;

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{Schema, SchemaRef};
use serde_json::Value;
use tidelake_columns::samples::{Flavour, Samples, difference};

use crate::error::{Error, ErrorKind, Result};

pub use format_writer::ReadBack;
pub use source::source;

/// Rows of the large batch: more than the host sends at once.
const LARGE: usize = 70_000;

/// Rows of the other ones.
const ROWS: usize = 203;

/// A conformance suite: the schema and the options that the plugin is tested with.
#[derive(Clone)]
pub struct Suite {
    samples: Samples,
    options: Value,
    sums: Vec<String>,
}

impl Suite {
    /// A suite for batches of a schema.
    pub fn new(schema: Schema, options: Value) -> Self {
        Self { samples: Samples::new(Arc::new(schema)), options, sums: Vec::new() }
    }

    /// The values of a column grow from row to row and are never null, as those of a
    /// time column that a plugin relies on.
    #[must_use]
    pub fn ascending(mut self, column: &str) -> Self {
        self.samples = self.samples.ascending(column);
        self
    }

    /// A column whose values the plugin does not take as they come: `make` gives those of
    /// some rows, the same for the same rows. They stay out of the suite's variations.
    #[must_use]
    pub fn column(
        mut self,
        column: &str,
        make: impl Fn(Range<usize>) -> ArrayRef + 'static,
    ) -> Self {
        self.samples = self.samples.column(column, make);
        self
    }

    /// Columns of results that are sums of floats, or made of such: they may differ in
    /// their last digits when rows are added in another order. All others may not.
    #[must_use]
    pub fn sums(mut self, columns: &[&str]) -> Self {
        self.sums.extend(columns.iter().map(|name| (*name).to_owned()));
        self
    }

    fn schema(&self) -> &SchemaRef {
        self.samples.schema()
    }

    fn batch(&self, rows: Range<usize>, flavour: Flavour) -> Result<RecordBatch, String> {
        self.samples.batch(rows, flavour)
    }
}

/// What a plugin failed in.
#[derive(Clone, PartialEq, Eq)]
pub struct Failures {
    plugin: String,
    failures: Vec<(String, String)>,
}

impl Failures {
    /// Each case that failed, and how.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.failures.iter().map(|(case, how)| (case.as_str(), how.as_str()))
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plugin `{}` does not conform:", self.plugin)?;
        self.failures.iter().try_for_each(|(case, how)| write!(f, "\n  {case}: {how}"))
    }
}

/// As it is displayed: this is what `unwrap` in a test shows.
impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Failures {}

/// Runs cases one after the other and keeps what fails.
struct Cases {
    failures: Failures,
}

impl Cases {
    fn new(plugin: &str) -> Self {
        Self { failures: Failures { plugin: plugin.to_owned(), failures: Vec::new() } }
    }

    /// One case; a panic in it is a failure, too.
    fn case(&mut self, name: impl Into<String>, run: impl FnOnce() -> Result<(), String>) {
        let how = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(())) => return,
            Ok(Err(how)) => how,
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                format!("panicked: {}", text.unwrap_or("without a message"))
            }
        };
        self.failures.failures.push((name.into(), how));
    }

    fn finish(self) -> Result<(), Failures> {
        if self.failures.failures.is_empty() { Ok(()) } else { Err(self.failures) }
    }

    /// What a plugin says about itself.
    fn description(&mut self, says: &Value) {
        self.case("description", || {
            let text = |key: &str| says[key].as_str().unwrap_or_default();
            let name = text("name");
            let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(good) {
                return Err(format!("the name {name:?} does not match [a-z][a-z0-9-]*"));
            }
            let numbers = text("version").split(['-', '+']).next().unwrap_or_default();
            let numbers: Vec<_> = numbers.split('.').map(str::parse::<u64>).collect();
            if numbers.len() != 3 || numbers.iter().any(|n| n.is_err()) {
                return Err(format!("the version {:?} is not semantic", text("version")));
            }
            if text("description").is_empty() || text("description").contains('\n') {
                return Err("the description is not one line".to_owned());
            }
            if says["options"].is_object() {
                Ok(())
            } else {
                Err("options have no schema".to_owned())
            }
        });
    }

    /// An option that nobody knows is an error that names it.
    fn unknown_option(&mut self, options: &Value, create: impl FnOnce(&Value) -> Result<()>) {
        self.case("unknown option", || {
            let mut options = options.clone();
            options["no_such_option"] = Value::Null;
            match create(&options) {
                Err(error) if error.message().contains("no_such_option") => refused(&error),
                Err(error) => Err(format!("the error does not name it: {error}")),
                Ok(()) => Err("was taken; add #[serde(deny_unknown_fields)]".to_owned()),
            }
        });
    }
}

/// An error that an operator can do something about; others are failures.
fn refused(error: &Error) -> Result<(), String> {
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::Unsupported | ErrorKind::Exhausted
            if !error.message().is_empty() =>
        {
            Ok(())
        }
        kind => Err(format!("{kind:?} error: {error}")),
    }
}

fn must<T>(result: Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("ordinary rows were refused: {error}"))
}

/// Two runs over rows that may be refused must end alike.
fn same_end(
    expected: &Result<RecordBatch>,
    found: &Result<RecordBatch>,
    sums: &[String],
) -> Result<(), String> {
    match (expected, found) {
        (Ok(expected), Ok(found)) => difference(expected, found, sums).map_or(Ok(()), Err),
        (Err(error), Err(again)) => refused(error).and(refused(again)),
        (Ok(_), Err(error)) => Err(format!("refused what was taken before: {error}")),
        (Err(error), Ok(_)) => Err(format!("taken, and refused before: {error}")),
    }
}

#[cfg(test)]
mod tests;
