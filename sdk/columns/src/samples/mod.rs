//! Rows to test plugins with: any type, any row, always the same.
//!
//! Both conformance suites, the one in the SDK that runs plugins as libraries and the
//! one in the host that runs components, are made of these. The value at a row depends
//! on the column and the row alone, so that a batch is the same rows however it is
//! cut. Values are there under nulls as well, as they may be in a batch of the host.
//!
//! | | |
//! |---|---|
//! | [`Samples`] | batches of a schema, in the flavours that plugins stumble over |
//! | [`every_type`] | the types that plugins meet |
//! | [`Layout`], [`sliced`], [`cut`] | the same rows, laid out or cut in another way |
//! | [`difference`] | where two results differ |

mod compare;
mod layout;
mod values;

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, make_array};
use arrow_schema::{DataType, Field, IntervalUnit, Schema, SchemaRef, TimeUnit};

pub use compare::{difference, plain};
pub use layout::{LAYOUTS, Layout, concat, cut, pick_rows, relaid, sliced};

/// What kind of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// Values that any plugin should be able to take; here and there a null.
    Ordinary,
    /// Every second value null.
    Nulls,
    /// All values null that can be.
    AllNull,
    /// The ends of every type: NaN, the infinities, −0, the least and the largest, empty
    /// and odd texts.
    Edges,
}

type Make = Rc<dyn Fn(Range<usize>) -> ArrayRef>;

/// Batches of a schema.
#[derive(Clone)]
pub struct Samples {
    schema: SchemaRef,
    seed: u64,
    columns: Vec<(String, Make)>,
}

impl fmt::Debug for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Samples").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Samples {
    /// Batches of this schema.
    pub fn new(schema: SchemaRef) -> Self {
        Self { schema, seed: 0, columns: Vec::new() }
    }

    /// Other values of the same kinds.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The values of a column grow from row to row and are never null, as those of a
    /// time column that a plugin relies on.
    #[must_use]
    pub fn ascending(self, column: &str) -> Self {
        let data_type = self.schema.field_with_name(column).ok().map(|f| f.data_type().clone());
        self.column(column, move |rows| instants(rows, data_type.as_ref()))
    }

    /// A column whose values are not made here: `make` gives those of some rows, the
    /// same for the same rows.
    #[must_use]
    pub fn column(
        mut self,
        column: &str,
        make: impl Fn(Range<usize>) -> ArrayRef + 'static,
    ) -> Self {
        self.columns.push((column.to_owned(), Rc::new(make)));
        self
    }

    /// The schema with another column at its end.
    #[must_use]
    pub fn with_field(mut self, field: Field) -> Self {
        let mut fields = self.schema.fields().to_vec();
        fields.push(Arc::new(field));
        self.schema = Arc::new(Schema::new_with_metadata(fields, self.schema.metadata().clone()));
        self
    }

    /// The schema.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Rows of the schema.
    pub fn batch(&self, rows: Range<usize>, flavour: Flavour) -> Result<RecordBatch, String> {
        self.batch_of(&self.schema, rows, flavour, 0)
    }

    /// Rows of another schema whose columns are made as those of this one. Another
    /// number for `under_nulls` puts other values under the nulls, and nowhere else.
    pub fn batch_of(
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
            let seeds = values::Seeds {
                value: hash(&(name, "value")) ^ self.seed,
                null: hash(&(name, "null")) ^ self.seed,
                under_nulls,
            };
            let (data_type, nullable) = (field.data_type(), field.is_nullable());
            values::column(data_type, nullable, rows.clone(), flavour, seeds)
                .ok_or_else(|| format!("the suite makes no {data_type} for column `{name}`"))
        });
        let arrays = arrays.collect::<Result<Vec<_>, String>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(schema.clone(), arrays, &options)
            .map_err(|error| format!("the suite's own batch: {error}"))
    }

    /// The schema with a further column, of every type in turn.
    pub fn with_every_type(&self) -> Vec<SchemaRef> {
        every_type()
            .into_iter()
            .enumerate()
            .map(|(i, data_type)| {
                let field = Field::new(format!("further_{i}"), data_type, true);
                self.clone().with_field(field).schema
            })
            .collect()
    }
}

/// An instant for each number, a minute apart, or a step of whatever the type counts in.
pub fn instants(rows: impl Iterator<Item = usize>, data_type: Option<&DataType>) -> ArrayRef {
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
    use arrow_array::Array;
    let data = values.to_data().into_builder().data_type(data_type.clone()).build();
    data.map_or_else(|_| Arc::new(values) as ArrayRef, make_array)
}

/// The types that plugins meet, one of each kind.
pub fn every_type() -> Vec<DataType> {
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
        D::Interval(IntervalUnit::YearMonth),
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

fn hash(of: &impl Hash) -> u64 {
    // With fixed keys: the same everywhere and every time.
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests;
