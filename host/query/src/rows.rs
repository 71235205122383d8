//! Rows as the query expects them: columns by name, types cast, gaps filled with nulls.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, MutableArrayData, RecordBatch, RecordBatchOptions, make_array, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{Schema, SchemaRef};
use futures::{Stream, TryStreamExt};
use tidelake_core::{Error, Result, ResultExt};

/// The schema that queries see. Every column but the time column is nullable:
/// files written before a column existed have nulls there, whatever the newest
/// schema promises.
pub(crate) fn query_schema(public: &Schema, time: &str) -> SchemaRef {
    let fields: Vec<_> = public
        .fields()
        .iter()
        .map(|f| f.as_ref().clone().with_nullable(f.name() != time || f.is_nullable()))
        .collect();
    Arc::new(Schema::new(fields))
}

/// The columns of `schema` out of a batch, matched by name. Columns that the
/// batch lacks are null; other types are cast, and a value that does not fit is
/// an error, never a null.
pub(crate) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let columns = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
            Some(column) => {
                cast_with_options(column, field.data_type(), &options).with("column", field.name())
            }
            None if field.is_nullable() => Ok(new_null_array(field.data_type(), batch.num_rows())),
            None => Err(Error::corrupt(format!("rows without their column {:?}", field.name()))),
        })
        .collect::<Result<Vec<ArrayRef>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)?)
}

/// Cuts batches into pieces of at most `rows`, so that a chunk of megabytes can
/// be shared among threads. Pieces are copies: slices would each be charged with
/// the memory of the whole chunk when they are sorted or joined.
pub(crate) fn in_pieces(
    batches: impl Stream<Item = Result<RecordBatch>>,
    rows: usize,
) -> impl Stream<Item = Result<RecordBatch>> {
    batches.map_ok(move |batch| futures::stream::iter(pieces(batch, rows))).try_flatten()
}

fn pieces(batch: RecordBatch, rows: usize) -> impl Iterator<Item = Result<RecordBatch>> {
    let (total, rows) = (batch.num_rows(), rows.max(1));
    (0..total).step_by(rows).map(move |from| {
        if total <= rows {
            return Ok(batch.clone());
        }
        copy(&batch, from, (from + rows).min(total))
    })
}

fn copy(batch: &RecordBatch, from: usize, to: usize) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| -> Result<ArrayRef> {
        let data = column.to_data();
        let mut piece = MutableArrayData::new(vec![&data], false, to - from);
        piece.try_extend(0, from, to)?;
        Ok(make_array(piece.freeze()))
    });
    let options = RecordBatchOptions::new().with_row_count(Some(to - from));
    let columns = columns.collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new_with_options(batch.schema(), columns, &options)?)
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, Int32Array, Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Int64Type};

    use super::*;

    fn batch() -> RecordBatch {
        let a: ArrayRef = Arc::new(Int32Array::from(vec![1, 2, 3]));
        let b: ArrayRef = Arc::new(StringArray::from(vec!["x", "y", "z"]));
        RecordBatch::try_from_iter([("a", a), ("b", b)]).unwrap()
    }

    #[test]
    fn columns_are_matched_by_name_cast_and_filled() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("c", DataType::Utf8, true),
            Field::new("a", DataType::Int64, true),
        ]));
        let conformed = conform(&batch(), &schema).unwrap();
        assert_eq!(conformed.column(0).null_count(), 3);
        assert_eq!(conformed.column(1).as_primitive::<Int64Type>().values(), &[1, 2, 3]);
        let none = conform(&batch(), &Arc::new(Schema::empty())).unwrap();
        assert_eq!((none.num_rows(), none.num_columns()), (3, 0));
    }

    #[test]
    fn a_value_that_does_not_fit_is_an_error() {
        let a: ArrayRef = Arc::new(Int64Array::from(vec![1 << 40]));
        let wide = RecordBatch::try_from_iter([("a", a)]).unwrap();
        let schema = Arc::new(Schema::new(vec![Field::new("a", DataType::Int32, true)]));
        assert!(conform(&wide, &schema).is_err());
        let schema = Arc::new(Schema::new(vec![Field::new("x", DataType::Int32, false)]));
        assert!(conform(&wide, &schema).is_err());
    }

    #[test]
    fn pieces_cover_the_batch() {
        let long: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1_000));
        let long = RecordBatch::try_from_iter([("n", long)]).unwrap();
        let cut: Vec<_> = pieces(long.clone(), 300).collect::<Result<_>>().unwrap();
        assert_eq!(cut.len(), 4);
        assert_eq!(cut[1], long.slice(300, 300));
        assert_eq!(cut[3], long.slice(900, 100));
        assert!(cut[3].get_array_memory_size() < long.get_array_memory_size() / 2);
        assert_eq!(pieces(batch(), 3).count(), 1);
    }
}
