//! Sorting rows that fit into memory: one pass over packed keys, then one copy.

use arrow::array::{Array, ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{interleave, take};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use datafusion::execution::memory_pool::MemoryReservation;
use tidelake_core::{Error, Result};

use super::keys::{self, Coded, Order};

/// Sorted rows, handed out batch by batch as they are put together.
pub(in crate::export) struct MemorySorted {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    /// The number of each batch's first row.
    starts: Vec<usize>,
    /// The numbers of the rows, in order.
    order: Vec<u32>,
    /// By column of the schema.
    coded: Vec<Option<Coded>>,
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
    let pieces = |column: usize| batches.iter().map(|b| b.column(column).clone()).collect();
    let columns: Vec<Vec<ArrayRef>> = by.iter().map(|column| pieces(*column)).collect();
    let Some(Order { rows: order, coded: keys }) = keys::order(&columns)? else {
        return Ok(Outcome::Refused(batches));
    };
    let mut starts = Vec::with_capacity(batches.len());
    let mut rows = 0;
    for batch in &batches {
        starts.push(rows);
        rows += batch.num_rows();
    }
    let mut coded: Vec<Option<Coded>> = schema.fields().iter().map(|_| None).collect();
    for (column, key) in by.iter().zip(keys) {
        coded[*column] = key;
    }
    let schema = schema.clone();
    Ok(Outcome::Sorted(MemorySorted {
        schema,
        batches,
        starts,
        order,
        coded,
        next: 0,
        batch_rows,
        _memory: memory,
    }))
}

impl MemorySorted {
    /// Batch and row of rows by number.
    fn places(&self, rows: &[u32]) -> Vec<(usize, usize)> {
        rows.iter()
            .map(|row| {
                let row = *row as usize;
                let batch = self.starts.partition_point(|start| *start <= row) - 1;
                (batch, row - self.starts[batch])
            })
            .collect()
    }

    /// The values of a column in the order of rows.
    fn column(
        &self,
        column: usize,
        rows: &[u32],
        places: &[(usize, usize)],
    ) -> Result<ArrayRef, ArrowError> {
        if let Some(Coded { distinct, codes }) = &self.coded[column] {
            let codes = UInt32Array::from_iter_values(rows.iter().map(|row| codes[*row as usize]));
            return take(distinct, &codes, None);
        }
        let pieces: Vec<&dyn Array> =
            self.batches.iter().map(|b| b.column(column).as_ref()).collect();
        interleave(&pieces, places)
    }
}

impl Iterator for MemorySorted {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = self.order.len().min(self.next + self.batch_rows);
        if end == self.next {
            return None;
        }
        let rows = &self.order[self.next..end];
        let places = self.places(rows);
        let batch = (0..self.schema.fields().len())
            .map(|column| self.column(column, rows, &places))
            .collect::<Result<Vec<_>, _>>()
            .and_then(|columns| RecordBatch::try_new(self.schema.clone(), columns));
        self.next = end;
        Some(batch.map_err(Error::from))
    }
}
