//! Batches of any size become chunks of a good size, each within one calendar month.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::DataType;
use tidelake_core::Result;
use tidelake_core::period::Period;
use tidelake_core::time::{Micros, TimeRange, column_micros, time_column};

/// Rows and their times.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    /// The rows.
    pub(super) rows: RecordBatch,
    /// Their times.
    pub(super) micros: Vec<i64>,
}

/// Cuts batches at the boundaries of months, keeping the order of rows within each.
pub(super) fn by_month(
    batches: &[RecordBatch],
    time: &str,
) -> Result<BTreeMap<Micros, Vec<Piece>>> {
    let mut months: BTreeMap<Micros, Vec<Piece>> = BTreeMap::new();
    for batch in batches.iter().filter(|b| b.num_rows() > 0) {
        let micros = column_micros(time_column(batch, time)?)?;
        let mut rows: BTreeMap<Micros, Vec<u32>> = BTreeMap::new();
        let mut month = TimeRange::new(Micros::MAX, Micros::MIN);
        let mut current: Vec<u32> = Vec::new();
        for (i, &t) in micros.iter().enumerate() {
            if i == 0 || !month.contains(Micros(t)) {
                if i > 0 {
                    rows.entry(month.start).or_default().append(&mut current);
                }
                month = Period::Month.range(Micros(t));
            }
            current.push(i as u32);
        }
        rows.entry(month.start).or_default().append(&mut current);
        if rows.len() == 1 {
            months.entry(month.start).or_default().push(Piece { rows: batch.clone(), micros });
            continue;
        }
        for (month, rows) in rows {
            let (first, last) = (rows[0] as usize, rows[rows.len() - 1] as usize);
            let piece = if last - first + 1 == rows.len() {
                Piece {
                    rows: batch.slice(first, rows.len()),
                    micros: micros[first..=last].to_vec(),
                }
            } else {
                let micros = rows.iter().map(|i| micros[*i as usize]).collect();
                Piece { rows: take_record_batch(batch, &UInt32Array::from(rows))?, micros }
            };
            months.entry(month).or_default().push(piece);
        }
    }
    Ok(months)
}

/// Joins small pieces and cuts large ones, so that each is near `target` bytes.
pub(super) fn to_size(pieces: Vec<Piece>, target: usize) -> Result<Vec<Piece>> {
    let target = target.max(1);
    let mut out = Vec::new();
    let mut pending: Vec<Piece> = Vec::new();
    let mut pending_bytes = 0;
    for piece in pieces {
        let bytes = size(&piece.rows);
        if !pending.is_empty() && pending_bytes + bytes > target {
            join(std::mem::take(&mut pending), &mut out);
            pending_bytes = 0;
        }
        if bytes >= 2 * target {
            let total = piece.rows.num_rows();
            let step = total.div_ceil(bytes.div_ceil(target)).max(1);
            for start in (0..total).step_by(step) {
                let length = step.min(total - start);
                out.push(Piece {
                    rows: piece.rows.slice(start, length),
                    micros: piece.micros[start..start + length].to_vec(),
                });
            }
        } else {
            pending.push(piece);
            pending_bytes += bytes;
        }
    }
    join(pending, &mut out);
    Ok(out)
}

fn join(pieces: Vec<Piece>, out: &mut Vec<Piece>) {
    let batches: Vec<&RecordBatch> = pieces.iter().map(|p| &p.rows).collect();
    match concatenate(&batches) {
        Some(rows) => {
            let micros = pieces.into_iter().flat_map(|p| p.micros).collect();
            out.push(Piece { rows, micros });
        }
        None => out.extend(pieces),
    }
}

/// One batch from several; `None` when there is nothing to join, or when they
/// cannot be one (dictionaries whose keys would not suffice).
fn concatenate(batches: &[&RecordBatch]) -> Option<RecordBatch> {
    let (first, rest) = batches.split_first()?;
    if rest.is_empty() {
        return None;
    }
    concat_batches(&first.schema(), batches.iter().copied()).ok()
}

/// Collects the small batches of a scan into useful ones; large ones pass through.
#[derive(Debug, Default)]
pub(super) struct Gather {
    pending: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl Gather {
    const ROWS: usize = 8_192;
    const BYTES: usize = 1 << 20;

    /// Takes a batch; returns those that are ready.
    pub(super) fn push(&mut self, batch: RecordBatch) -> Vec<RecordBatch> {
        let bytes = size(&batch);
        if batch.num_rows() >= Self::ROWS || bytes >= Self::BYTES {
            return vec![batch];
        }
        self.rows += batch.num_rows();
        self.bytes += bytes;
        self.pending.push(batch);
        if self.rows >= Self::ROWS || self.bytes >= Self::BYTES {
            self.finish()
        } else {
            Vec::new()
        }
    }

    /// Whatever is left.
    pub(super) fn finish(&mut self) -> Vec<RecordBatch> {
        let pending = std::mem::take(self).pending;
        match concatenate(&pending.iter().collect::<Vec<_>>()) {
            Some(batch) => vec![batch],
            None => pending,
        }
    }
}

/// Bytes that the rows of a batch take, an estimate. Dictionaries do not count:
/// cutting a batch in two does not make them smaller.
pub(super) fn size(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(column_size).sum()
}

fn column_size(column: &ArrayRef) -> usize {
    let data = match column.data_type() {
        DataType::Dictionary(..) => column.as_any_dictionary().keys().to_data(),
        _ => column.to_data(),
    };
    data.get_slice_memory_size().unwrap_or_else(|_| column.get_buffer_memory_size())
}

/// Drops what views and slices keep alive but do not show, so that it is not stored.
pub(super) fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let is_view = |c: &ArrayRef| matches!(c.data_type(), DataType::Utf8View | DataType::BinaryView);
    if !batch.columns().iter().any(is_view) {
        return Ok(batch.clone());
    }
    let columns = batch
        .columns()
        .iter()
        .map(|column| match column.data_type() {
            DataType::Utf8View => std::sync::Arc::new(column.as_string_view().gc()) as ArrayRef,
            DataType::BinaryView => std::sync::Arc::new(column.as_binary_view().gc()),
            _ => column.clone(),
        })
        .collect();
    Ok(RecordBatch::try_new(batch.schema(), columns)?)
}
