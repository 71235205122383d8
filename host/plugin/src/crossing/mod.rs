//! How Arrow data gets into a guest and back.
//!
//! In: a batch is cut into pieces ([`pieces`]) and stays on the host; the guest
//! reads the columns it wants, lowered straight from the Arrow buffers
//! ([`lend`]). Out: the buffers that a guest emits are copied once, out of its memory into
//! recycled memory of the host ([`recycle`]), decoded with full checks and queued
//! ([`output`]) until the call is over.

pub(crate) mod file;
pub(crate) mod output;
pub(crate) mod recycle;

use std::sync::Arc;

use arrow::array::{Array, RecordBatch};
use arrow::buffer::Buffer;
use bytes::Bytes;

use crate::stats::Crossing;

/// Rows of the largest piece that crosses at once: big enough that a call costs
/// nothing, small enough to stay in caches.
pub(crate) const PIECE_ROWS: usize = 65_536;

/// Cuts a batch so that no piece is longer than [`PIECE_ROWS`] rows or, by the
/// batch's average row, larger than `most` bytes. Slicing copies nothing.
pub(crate) fn pieces(batch: &RecordBatch, most: usize) -> impl Iterator<Item = RecordBatch> {
    let rows = batch.num_rows();
    let bytes: usize = batch
        .columns()
        .iter()
        .map(|column| column.to_data().get_slice_memory_size().unwrap_or(0))
        .sum();
    let by_bytes = match bytes.div_ceil(rows.max(1)) {
        0 => PIECE_ROWS,
        row => (most / row).max(1),
    };
    let step = PIECE_ROWS.min(by_bytes);
    // An empty batch still is one call.
    let count = rows.div_ceil(step).max(1);
    let batch = batch.clone();
    (0..count).map(move |i| {
        let start = i * step;
        if count == 1 { batch.clone() } else { batch.slice(start, step.min(rows - start)) }
    })
}

/// An Arrow buffer as the bytes that wasmtime lowers from, without a copy. They are
/// dropped once they are in the guest, and with the last of them its crossing ends.
pub(crate) fn lend(buffer: Buffer, crossing: &Arc<Crossing>) -> Bytes {
    struct Lent(Buffer, #[allow(dead_code)] Arc<Crossing>);
    impl AsRef<[u8]> for Lent {
        fn as_ref(&self) -> &[u8] {
            self.0.as_slice()
        }
    }
    match buffer.is_empty() {
        true => Bytes::new(),
        false => Bytes::from_owner(Lent(buffer, Arc::clone(crossing))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array};

    use super::*;

    fn batch(rows: usize) -> RecordBatch {
        let column = Arc::new(Int64Array::from_iter_values(0..rows as i64)) as ArrayRef;
        RecordBatch::try_from_iter([("x", column)]).expect("batch")
    }

    #[test]
    fn pieces_cover_every_row_once() {
        for (rows, most) in [(0, 1 << 20), (1, 1), (65_536, 1 << 20), (200_000, 1 << 20), (10, 8)] {
            let batch = batch(rows);
            let cut: Vec<_> = pieces(&batch, most).collect();
            assert!(!cut.is_empty());
            assert_eq!(cut.iter().map(RecordBatch::num_rows).sum::<usize>(), rows);
            let again = arrow::compute::concat_batches(&batch.schema(), &cut).expect("concat");
            assert_eq!(again, batch);
        }
    }

    #[test]
    fn pieces_are_bounded_by_rows_and_bytes() {
        let batch = batch(200_000);
        assert!(pieces(&batch, usize::MAX).all(|piece| piece.num_rows() <= PIECE_ROWS));
        assert!(pieces(&batch, 80_000).all(|piece| piece.num_rows() <= 10_000));
    }
}
