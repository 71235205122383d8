//! Sorting rows that fit into memory: one pass over packed keys, then one copy.

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{concat, take};
use arrow::datatypes::SchemaRef;
use datafusion::execution::memory_pool::MemoryReservation;
use tidelake_core::{Error, Result};

use super::keys;

/// Sorted rows, handed out batch by batch as they are put together.
pub(in crate::export) struct MemorySorted {
    schema: SchemaRef,
    columns: Vec<ArrayRef>,
    order: UInt32Array,
    next: usize,
    batch_rows: usize,
    /// What the rows take; returned when they are gone.
    _memory: MemoryReservation,
}

/// What [`sort`] came to.
pub(super) enum Outcome {
    Sorted(MemorySorted),
    /// The order cannot be told by packed keys; the rows as they came.
    Refused(Vec<RecordBatch>),
}

/// Sorts batches of `schema` by the columns with these indexes. Blocks.
pub(super) fn sort(
    schema: &SchemaRef,
    by: &[usize],
    batches: Vec<RecordBatch>,
    batch_rows: usize,
    memory: MemoryReservation,
) -> Result<Outcome> {
    let whole = |column: usize| {
        let pieces: Vec<_> = batches.iter().map(|b| b.column(column).as_ref()).collect();
        Ok::<_, Error>(match pieces.as_slice() {
            [] => arrow::array::new_empty_array(schema.field(column).data_type()),
            pieces => concat(pieces)?,
        })
    };
    let keys = by.iter().map(|column| whole(*column)).collect::<Result<Vec<_>>>()?;
    let Some(order) = keys::order(&keys)? else { return Ok(Outcome::Refused(batches)) };
    let columns = (0..schema.fields().len())
        .map(|column| match by.iter().position(|c| *c == column) {
            Some(at) => Ok(keys[at].clone()),
            None => whole(column),
        })
        .collect::<Result<Vec<_>>>()?;
    let order = UInt32Array::from(order);
    let schema = schema.clone();
    Ok(Outcome::Sorted(MemorySorted {
        schema,
        columns,
        order,
        next: 0,
        batch_rows,
        _memory: memory,
    }))
}

impl Iterator for MemorySorted {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.batch_rows.min(self.order.len() - self.next);
        if rows == 0 {
            return None;
        }
        let rows = self.order.slice(self.next, rows);
        self.next += rows.len();
        let columns = self.columns.iter().map(|column| take(column, &rows, None));
        let batch = columns
            .collect::<Result<Vec<_>, _>>()
            .and_then(|columns| RecordBatch::try_new(self.schema.clone(), columns));
        Some(batch.map_err(Error::from))
    }
}
