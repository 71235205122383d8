//! Evict: rows that the lake holds leave the hot store.
//!
//! | chunk | becomes |
//! |---|---|
//! | all rows in the range | gone |
//! | no row in it | stays |
//! | some rows in it | a smaller chunk of the rows that stay, each with its number |
//!
//! Chunks go in atomic batches; a month that holds no chunk any more is deleted as
//! a whole, which gives its disk space back at once. After a crash in between, the
//! same call (or the next opening, for empty months) does the rest.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{filter, filter_record_batch};
use fjall::{OwnedWriteBatch, Snapshot};
use tidelake_core::Result;
use tidelake_core::period::Period;
use tidelake_core::time::{Micros, SeqRange, TimeRange, column_micros, time_column};

use super::catalogue::Entry;
use super::disk::Months;
use super::keys::ChunkKey;
use super::meta::{ChunkMeta, Overlap, hours};
use super::view::all_rows;
use super::{Inner, chunk};
use crate::select::row_mask;
use crate::store::Evicted;

/// Rewritten chunks are committed when they amount to this many bytes.
const BATCH_BYTES: u64 = 32 << 20;

/// One chunk's fate.
enum Fate {
    Stays,
    Goes,
    Shrinks(RecordBatch, UInt64Array),
}

impl Inner {
    /// See [`crate::HotStore::evict`].
    pub(super) fn evict(&self, table: &str, time: TimeRange, seqs: SeqRange) -> Result<Evicted> {
        let entry = self.entry(table)?;
        tidelake_core::failpoint!("hot.evict-before");
        let evicted = {
            let _writer = self.writer();
            let evicted = self.remove_chunks(&entry, time, seqs)?;
            tidelake_core::failpoint!("hot.evict-between");
            self.remove_empty_months(&entry, time)?;
            evicted
        };
        tidelake_core::failpoint!("hot.evict-after");
        Ok(evicted)
    }

    pub(super) fn remove_chunks(
        &self,
        entry: &Entry,
        time: TimeRange,
        seqs: SeqRange,
    ) -> Result<Evicted> {
        let (view, months) = self.disk.view(entry.id);
        let mut counters = self.disk.counters(&view, entry.id)?;
        let chunks = self.disk.chunks(&view, entry.id, time)?;
        let doomed = whole_months(&chunks, time, seqs);
        let mut evicted = Evicted::default();
        let mut batch = self.disk.batch();
        let mut written = 0;
        for (key, meta) in &chunks {
            let fate = match meta.overlap(time, seqs) {
                Overlap::None => continue,
                Overlap::Whole => Fate::Goes,
                Overlap::Part => self.judge(entry, &view, &months, key, meta, time, seqs)?,
            };
            let mut left = 0;
            match fate {
                Fate::Stays => continue,
                Fate::Goes => {}
                Fate::Shrinks(rows, numbers) => {
                    left = rows.num_rows() as u64;
                    counters.chunk += 1;
                    let key = ChunkKey { chunk: counters.chunk, ..*key };
                    written += self.put_rewritten(entry, &mut batch, key, &rows, numbers)?;
                    self.disk.put_counters(&mut batch, entry.id, counters);
                }
            }
            let gone = meta.rows - left;
            evicted.rows += gone;
            evicted.bytes += meta.share(gone);
            batch.remove(&self.disk.catalogue, key.meta());
            if !doomed.contains(&key.month) {
                // Of a month that goes as a whole, the rows go with it.
                batch.remove(&self.disk.month(entry.id, key.month)?, key.rows());
            }
            if written >= BATCH_BYTES {
                self.disk.commit(std::mem::replace(&mut batch, self.disk.batch()), "evict rows")?;
                self.disk.make_room()?;
                written = 0;
            }
        }
        self.disk.commit(batch, "evict rows")?;
        Ok(evicted)
    }

    #[expect(clippy::too_many_arguments, reason = "a chunk, where it is, and the range")]
    fn judge(
        &self,
        entry: &Entry,
        view: &Snapshot,
        months: &Months,
        key: &ChunkKey,
        meta: &ChunkMeta,
        time: TimeRange,
        seqs: SeqRange,
    ) -> Result<Fate> {
        let (rows, numbers) = all_rows(&self.disk, entry, view, months, key, meta)?;
        let micros = column_micros(time_column(&rows, &entry.table.time)?)?;
        let gone = row_mask(&micros, &numbers, time, seqs);
        match gone.count_set_bits() {
            0 => Ok(Fate::Stays),
            all if all == rows.num_rows() => Ok(Fate::Goes),
            _ => {
                let stay = BooleanArray::new(!&gone, None);
                let numbers: UInt64Array =
                    (0..rows.num_rows()).map(|i| Some(numbers.get(i))).collect();
                let numbers = filter(&numbers, &stay)?;
                Ok(Fate::Shrinks(
                    filter_record_batch(&rows, &stay)?,
                    numbers.as_primitive().clone(),
                ))
            }
        }
    }

    /// Writes the rows that stay; returns their size.
    fn put_rewritten(
        &self,
        entry: &Entry,
        batch: &mut OwnedWriteBatch,
        key: ChunkKey,
        rows: &RecordBatch,
        numbers: UInt64Array,
    ) -> Result<u64> {
        let micros = column_micros(time_column(rows, &entry.table.time)?)?;
        let first = numbers.values().iter().copied().min().unwrap_or_default();
        let last = numbers.values().iter().copied().max().unwrap_or_default();
        let value = chunk::encode(&super::pack::compact(rows)?, Some(numbers))?;
        let meta = ChunkMeta {
            rows: rows.num_rows() as u64,
            bytes: value.len() as u64,
            first,
            last,
            numbered: true,
            hours: hours(&micros),
        };
        batch.insert(&self.disk.catalogue, key.meta(), meta.encode());
        batch.insert(&self.disk.month(entry.id, key.month)?, key.rows(), value);
        Ok(meta.bytes)
    }

    /// Deletes the months of a range that hold no chunk, also those that an
    /// interrupted call left.
    fn remove_empty_months(&self, entry: &Entry, time: TimeRange) -> Result<()> {
        let (view, months) = self.disk.view(entry.id);
        for month in months.into_keys() {
            let touched = !time.intersect(&Period::Month.range(month)).is_empty();
            if touched && self.disk.is_empty(&view, entry.id, month)? {
                self.disk.remove_month(entry.id, month)?;
            }
        }
        Ok(())
    }
}

/// The months of which every chunk goes for sure.
fn whole_months(
    chunks: &[(ChunkKey, ChunkMeta)],
    time: TimeRange,
    seqs: SeqRange,
) -> BTreeSet<Micros> {
    let mut months: BTreeMap<Micros, bool> = BTreeMap::new();
    for (key, meta) in chunks {
        *months.entry(key.month).or_insert(true) &= meta.overlap(time, seqs) == Overlap::Whole;
    }
    months.into_iter().filter_map(|(month, whole)| whole.then_some(month)).collect()
}
