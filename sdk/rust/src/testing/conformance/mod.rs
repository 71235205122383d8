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
//! An internal error or a panic is a failure everywhere.

mod compare;
mod data;
mod downsampler;
mod format_writer;
mod transform;

use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow_select::concat::concat_batches;
use arrow_select::take::take;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use data::Flavour;

pub use format_writer::ReadBack;

/// Rows of the large batch: more than the host sends at once.
const LARGE: usize = 70_000;

/// Rows of the other ones.
const ROWS: usize = 203;

/// A conformance suite: the schema and the options that the plugin is tested with.
#[derive(Clone)]
pub struct Suite {
    schema: SchemaRef,
    options: Value,
    columns: Vec<(String, Make)>,
    sums: Vec<String>,
}

type Make = Rc<dyn Fn(Range<usize>) -> ArrayRef>;

impl Suite {
    /// A suite for batches of a schema.
    pub fn new(schema: Schema, options: Value) -> Self {
        Self { schema: Arc::new(schema), options, columns: Vec::new(), sums: Vec::new() }
    }

    /// The values of a column grow from row to row and are never null, as those of a
    /// time column that a plugin relies on.
    #[must_use]
    pub fn ascending(self, column: &str) -> Self {
        let data_type = self.schema.field_with_name(column).ok().map(|f| f.data_type().clone());
        self.column(column, move |rows| instants(rows, data_type.as_ref()))
    }

    /// A column whose values the plugin does not take as they come: `make` gives those of
    /// some rows, the same for the same rows. They stay out of the suite's variations.
    #[must_use]
    pub fn column(
        mut self,
        column: &str,
        make: impl Fn(Range<usize>) -> ArrayRef + 'static,
    ) -> Self {
        self.columns.push((column.to_owned(), Rc::new(make)));
        self
    }

    /// Columns of results that are sums of floats, or made of such: they may differ in
    /// their last digits when rows are added in another order. All others may not.
    #[must_use]
    pub fn sums(mut self, columns: &[&str]) -> Self {
        self.sums.extend(columns.iter().map(|name| (*name).to_owned()));
        self
    }

    /// Rows of the suite's schema.
    fn batch(&self, rows: Range<usize>, flavour: Flavour) -> Result<RecordBatch, String> {
        self.batch_of(&self.schema, rows, flavour, 0)
    }

    fn batch_of(
        &self,
        schema: &SchemaRef,
        rows: Range<usize>,
        flavour: Flavour,
        under_nulls: u64,
    ) -> Result<RecordBatch, String> {
        let arrays = schema.fields().iter().map(|field| {
            let name = field.name();
            if let Some((_, make)) = self.columns.iter().find(|(own, _)| own == name) {
                return Ok(make(rows.clone()));
            }
            let (data_type, nullable) = (field.data_type(), field.is_nullable());
            data::column(name, data_type, nullable, rows.clone(), flavour, under_nulls).ok_or_else(
                || format!("the suite makes no {data_type}; give column `{name}` with `column`"),
            )
        });
        let arrays = arrays.collect::<Result<Vec<_>, String>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(schema.clone(), arrays, &options)
            .map_err(|error| format!("the suite's own batch: {error}"))
    }

    /// The same schema and rows with texts and bytes in another layout; `None` where
    /// there are none to change.
    fn relaid(&self, batch: &RecordBatch, layout: Layout) -> Option<RecordBatch> {
        let schema = batch.schema();
        let mut changed = false;
        let (fields, arrays): (Vec<_>, Vec<_>) = schema
            .fields()
            .iter()
            .zip(batch.columns())
            .map(|(field, array)| match layout.apply(array) {
                Some(array) => {
                    changed = true;
                    let field = field.as_ref().clone().with_data_type(array.data_type().clone());
                    (Arc::new(field), array)
                }
                None => (field.clone(), array.clone()),
            })
            .unzip();
        let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
        changed.then(|| RecordBatch::try_new(Arc::new(schema), arrays).ok()).flatten()
    }

    /// The schema with a further column of every type.
    fn with_every_type(&self) -> Vec<SchemaRef> {
        every_type()
            .into_iter()
            .enumerate()
            .map(|(i, data_type)| {
                let mut fields = self.schema.fields().to_vec();
                fields.push(Arc::new(Field::new(format!("further_{i}"), data_type, true)));
                Arc::new(Schema::new_with_metadata(fields, self.schema.metadata().clone()))
            })
            .collect()
    }
}

/// Layouts of texts and bytes.
#[derive(Debug, Clone, Copy)]
enum Layout {
    Dictionary,
    DictionaryWithNull,
    View,
    Large,
}

const LAYOUTS: [Layout; 4] =
    [Layout::Dictionary, Layout::DictionaryWithNull, Layout::View, Layout::Large];

impl Layout {
    fn name(self) -> &'static str {
        match self {
            Self::Dictionary => "dictionaries",
            Self::DictionaryWithNull => "dictionaries with a null among their values",
            Self::View => "views",
            Self::Large => "large offsets",
        }
    }

    /// The array in this layout, if it is of texts or bytes.
    fn apply(self, array: &ArrayRef) -> Option<ArrayRef> {
        use arrow_array::cast::AsArray;
        use arrow_array::{
            BinaryViewArray, DictionaryArray, Int32Array, LargeBinaryArray, LargeStringArray,
            StringViewArray,
        };
        let array = compare::plain(array);
        let is_text = array.data_type() == &DataType::Utf8;
        if !is_text && array.data_type() != &DataType::Binary {
            return None;
        }
        Some(match self {
            Self::View if is_text => {
                Arc::new(array.as_string::<i32>().iter().collect::<StringViewArray>())
            }
            Self::View => Arc::new(array.as_binary::<i32>().iter().collect::<BinaryViewArray>()),
            Self::Large if is_text => {
                Arc::new(array.as_string::<i32>().iter().collect::<LargeStringArray>())
            }
            Self::Large => Arc::new(array.as_binary::<i32>().iter().collect::<LargeBinaryArray>()),
            // A value for each row, in the opposite order: many are equal, which a
            // dictionary may have.
            Self::Dictionary | Self::DictionaryWithNull => {
                let rows = array.len() as i32;
                let backwards = Int32Array::from_iter_values((0..rows).rev());
                let values = take(&array, &backwards, None).ok()?;
                let (keys, values) = if matches!(self, Self::Dictionary) {
                    // Nulls stand in the keys; below them is some value.
                    let keys = array.nulls().cloned();
                    (Int32Array::new(backwards.values().clone(), keys), without_nulls(&values))
                } else {
                    (backwards, values)
                };
                Arc::new(DictionaryArray::try_new(keys, values).ok()?)
            }
        })
    }
}

fn without_nulls(array: &ArrayRef) -> ArrayRef {
    let data = array.to_data().into_builder().nulls(None).build();
    data.map_or(array.clone(), arrow_array::make_array)
}

/// A batch that is a slice out of the middle of another one.
fn sliced(batch: &RecordBatch) -> Result<RecordBatch, String> {
    let rows = batch.num_rows();
    if rows == 0 {
        return Ok(batch.clone());
    }
    let around = [batch.slice(rows / 2, rows - rows / 2), batch.clone(), batch.slice(0, 1)];
    let all = concat_batches(&batch.schema(), &around).map_err(|error| error.to_string())?;
    Ok(all.slice(rows - rows / 2, rows))
}

/// One batch as several: none, one row, none, and the rest in two.
fn cut(batch: &RecordBatch) -> Vec<RecordBatch> {
    let rows = batch.num_rows();
    let (one, half) = (rows.min(1), rows / 2);
    let half = half.max(one);
    [(0, 0), (0, one), (one, 0), (one, half - one), (half, rows - half)]
        .map(|(from, len)| batch.slice(from, len))
        .to_vec()
}

/// An instant for each number, a minute apart, or a step of whatever the type counts in.
fn instants(rows: impl Iterator<Item = usize>, data_type: Option<&DataType>) -> ArrayRef {
    let step = match data_type {
        Some(DataType::Timestamp(TimeUnit::Second, _)) => 60,
        Some(DataType::Timestamp(TimeUnit::Millisecond, _)) => 60_000,
        Some(DataType::Timestamp(TimeUnit::Microsecond, _)) => 60_000_000,
        Some(DataType::Timestamp(TimeUnit::Nanosecond, _)) => 60_000_000_000,
        Some(DataType::Date64) => 86_400_000,
        _ => 1,
    };
    let values = rows.map(|row| row as i64 * step).collect::<Int64Array>();
    let Some(data_type) = data_type else { return Arc::new(values) };
    if data_type == &DataType::Date32 {
        return Arc::new(values.unary::<_, arrow_array::types::Date32Type>(|v| v as i32));
    }
    let data = values.to_data().into_builder().data_type(data_type.clone()).build();
    data.map_or_else(|_| Arc::new(values) as ArrayRef, arrow_array::make_array)
}

fn every_type() -> Vec<DataType> {
    use DataType as D;
    let item = |data_type| Arc::new(Field::new("item", data_type, true));
    vec![
        D::Null,
        D::Boolean,
        D::Int8,
        D::Int16,
        D::Int32,
        D::Int64,
        D::UInt8,
        D::UInt16,
        D::UInt32,
        D::UInt64,
        D::Float16,
        D::Float32,
        D::Float64,
        D::Utf8,
        D::LargeUtf8,
        D::Utf8View,
        D::Binary,
        D::LargeBinary,
        D::BinaryView,
        D::FixedSizeBinary(5),
        D::Timestamp(TimeUnit::Second, None),
        D::Timestamp(TimeUnit::Millisecond, Some("UTC".into())),
        D::Timestamp(TimeUnit::Microsecond, Some("+02:00".into())),
        D::Timestamp(TimeUnit::Nanosecond, None),
        D::Date32,
        D::Date64,
        D::Time32(TimeUnit::Second),
        D::Time32(TimeUnit::Millisecond),
        D::Time64(TimeUnit::Microsecond),
        D::Time64(TimeUnit::Nanosecond),
        D::Duration(TimeUnit::Microsecond),
        D::Interval(arrow_schema::IntervalUnit::YearMonth),
        D::Decimal32(7, 2),
        D::Decimal64(15, 3),
        D::Decimal128(30, 6),
        D::Decimal256(50, 6),
        D::Dictionary(Box::new(D::Int8), Box::new(D::Utf8)),
        D::Dictionary(Box::new(D::UInt32), Box::new(D::Int64)),
        D::List(item(D::Utf8)),
        D::LargeList(item(D::Float64)),
        D::FixedSizeList(item(D::Int32), 2),
        D::Struct(vec![Field::new("a", D::Int64, true), Field::new("b", D::Utf8, true)].into()),
    ]
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
        (Ok(expected), Ok(found)) => compare::difference(expected, found, sums).map_or(Ok(()), Err),
        (Err(error), Err(again)) => refused(error).and(refused(again)),
        (Ok(_), Err(error)) => Err(format!("refused what was taken before: {error}")),
        (Err(error), Ok(_)) => Err(format!("taken, and refused before: {error}")),
    }
}

#[cfg(test)]
mod tests;
