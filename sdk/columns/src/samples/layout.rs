//! The same rows, laid out or cut in another way.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, DictionaryArray, Int32Array, LargeBinaryArray,
    LargeStringArray, RecordBatch, RecordBatchOptions, StringViewArray, make_array,
};
use arrow_data::transform::MutableArrayData;
use arrow_schema::{ArrowError, DataType, Schema, SchemaRef};

use super::compare::plain;

/// Layouts of texts and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// A dictionary whose keys have the nulls.
    Dictionary,
    /// A dictionary whose values have a null among them.
    DictionaryWithNull,
    /// Views.
    View,
    /// 64-bit offsets.
    Large,
}

/// All of them.
pub const LAYOUTS: [Layout; 4] =
    [Layout::Dictionary, Layout::DictionaryWithNull, Layout::View, Layout::Large];

impl Layout {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dictionary => "dictionaries",
            Self::DictionaryWithNull => "dictionaries that hold a null",
            Self::View => "views",
            Self::Large => "large offsets",
        }
    }

    /// The array in this layout, if it is of texts or bytes.
    fn apply(self, array: &ArrayRef) -> Option<ArrayRef> {
        let array = plain(array);
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
                let rows = array.len();
                let backwards = Int32Array::from_iter_values((0..rows as i32).rev());
                let values = pick(&array, (0..rows).rev().map(Some)).ok()?;
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
    data.map_or(array.clone(), make_array)
}

/// The same rows with texts and bytes in another layout; `None` where there are none to
/// change.
pub fn relaid(batch: &RecordBatch, layout: Layout) -> Option<RecordBatch> {
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

/// The values at some places, in that order; `None` is a null.
pub(super) fn pick(
    array: &ArrayRef,
    rows: impl Iterator<Item = Option<usize>>,
) -> Result<ArrayRef, ArrowError> {
    let data = array.to_data();
    let mut picked = MutableArrayData::new(vec![&data], true, rows.size_hint().0);
    for row in rows {
        match row {
            Some(row) => picked.try_extend(0, row, row + 1)?,
            None => picked.try_extend_nulls(1)?,
        }
    }
    Ok(make_array(picked.freeze()))
}

/// Some rows of a batch, in any order.
pub fn pick_rows(
    batch: &RecordBatch,
    rows: impl Iterator<Item = usize> + Clone,
) -> Result<RecordBatch, String> {
    let columns = batch.columns().iter().map(|column| pick(column, rows.clone().map(Some)));
    let columns = columns.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    rebuilt(batch, columns, rows.count())
}

/// Batches of one schema, one after the other; of none, an empty one.
pub fn concat(schema: &SchemaRef, batches: &[RecordBatch]) -> Result<RecordBatch, String> {
    let Some(first) = batches.first() else { return Ok(RecordBatch::new_empty(schema.clone())) };
    let columns = (0..first.num_columns()).map(|i| {
        let parts: Vec<_> = batches.iter().map(|batch| batch.column(i).to_data()).collect();
        let mut all = MutableArrayData::new(parts.iter().collect(), true, 0);
        for (part, data) in parts.iter().enumerate() {
            all.try_extend(part, 0, data.len())?;
        }
        Ok::<_, ArrowError>(make_array(all.freeze()))
    });
    let columns = columns.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    rebuilt(first, columns, batches.iter().map(RecordBatch::num_rows).sum())
}

fn rebuilt(like: &RecordBatch, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, String> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(like.schema(), columns, &options).map_err(|e| e.to_string())
}

/// A batch that is a slice out of the middle of another one.
pub fn sliced(batch: &RecordBatch) -> Result<RecordBatch, String> {
    let rows = batch.num_rows();
    if rows == 0 {
        return Ok(batch.clone());
    }
    let around = [batch.slice(rows / 2, rows - rows / 2), batch.clone(), batch.slice(0, 1)];
    Ok(concat(&batch.schema(), &around)?.slice(rows - rows / 2, rows))
}

/// One batch as several: none, one row, none, and the rest in two.
pub fn cut(batch: &RecordBatch) -> Vec<RecordBatch> {
    let rows = batch.num_rows();
    let (one, half) = (rows.min(1), rows / 2);
    let half = half.max(one);
    [(0, 0), (0, one), (one, 0), (one, half - one), (half, rows - half)]
        .map(|(from, len)| batch.slice(from, len))
        .to_vec()
}
