//! A snapshot of a table: fjall's own, with the months that existed when it was taken.
//!
//! Chunks are immutable and their keys never used twice, so the descriptions that
//! the snapshot shows name exactly the rows it holds, whatever is appended,
//! rewritten or evicted meanwhile. A month that is deleted meanwhile stays on disk
//! for as long as a snapshot holds its keyspace.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use async_trait::async_trait;
use fjall::{Readable, Slice, Snapshot};
use futures::StreamExt;
use tidelake_core::period::Period;
use tidelake_core::time::{Micros, Seq, SeqRange, TimeRange, column_micros};
use tidelake_core::{Error, Result};
use tokio::sync::mpsc;

use super::catalogue::{Counters, Entry};
use super::disk::{Disk, Months};
use super::keys::ChunkKey;
use super::meta::{ChunkMeta, Overlap};
use super::pack::Gather;
use super::{Inner, blocking, chunk};
use crate::select::{Selection, Seqs, row_mask};
use crate::store::{BatchStream, HotScan, HotSnapshot, HotTable, PeriodSlice};
use crate::tally::Tally;

/// Batches that may wait for the reader of a scan.
const AHEAD: usize = 2;

/// The state of a table at one moment.
#[derive(Clone)]
pub(super) struct View(Arc<Shared>);

struct Shared {
    entry: Arc<Entry>,
    counters: Counters,
    months: Months,
    snapshot: Snapshot,
    // Last, so that the store is still open while the rest is given back.
    inner: Arc<Inner>,
}

impl View {
    /// Takes the state now.
    pub(super) fn take(inner: Arc<Inner>, table: &str) -> Result<Self> {
        let entry = inner.entry(table)?;
        let (snapshot, months) = inner.disk.view(entry.id);
        let counters = inner.disk.counters(&snapshot, entry.id)?;
        Ok(Self(Arc::new(Shared { entry, counters, months, snapshot, inner })))
    }

    /// The chunks with rows in a range, by time.
    fn chunks(&self, time: TimeRange, seqs: SeqRange) -> Result<Vec<(ChunkKey, ChunkMeta)>> {
        let Shared { entry, snapshot, inner, .. } = &*self.0;
        let mut chunks = inner.disk.chunks(snapshot, entry.id, time)?;
        chunks.retain(|(_, meta)| meta.overlap(time, seqs) != Overlap::None);
        chunks.sort_by_key(|(key, meta)| (meta.times(), key.chunk));
        Ok(chunks)
    }

    /// Columns of a chunk.
    fn columns(&self, key: &ChunkKey, columns: &[usize]) -> Result<Vec<ArrayRef>> {
        let Shared { months, snapshot, inner, .. } = &*self.0;
        chunk::decode(value(&inner.disk, snapshot, months, key)?, columns)
    }

    /// Reads the chosen rows and sends them, until nobody wants more.
    fn feed(self, selection: &Selection, to: &mpsc::Sender<Result<RecordBatch>>) -> Result<()> {
        if selection.is_empty() {
            return Ok(());
        }
        let mut gather = Gather::default();
        for (key, meta) in self.chunks(selection.time, selection.seqs)? {
            let Some(rows) = self.select(selection, &key, &meta)? else { continue };
            for batch in gather.push(rows) {
                if to.blocking_send(Ok(batch)).is_err() {
                    return Ok(());
                }
            }
        }
        for batch in gather.finish() {
            if to.blocking_send(Ok(batch)).is_err() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn select(
        &self,
        selection: &Selection,
        key: &ChunkKey,
        meta: &ChunkMeta,
    ) -> Result<Option<RecordBatch>> {
        let part = meta.overlap(selection.time, selection.seqs) == Overlap::Part;
        let picked = selection.columns.len();
        let mut wanted = selection.columns.clone();
        let mut also = |column: usize| {
            wanted.push(column);
            wanted.len() - 1
        };
        let time_at = part.then(|| also(selection.time_column));
        let key_at = selection.key.as_ref().map(|(column, _)| also(*column));
        let seqs_at =
            (part && meta.numbered).then(|| also(self.0.entry.table.schema.fields().len()));
        // Counting whole chunks needs none of their bytes.
        let mut columns = if wanted.is_empty() { Vec::new() } else { self.columns(key, &wanted)? };
        let seqs = match seqs_at {
            Some(at) => Seqs::Each(chunk::numbers(&columns[at])?),
            None => Seqs::From(meta.first),
        };
        let time = time_at.map(|at| columns[at].clone());
        let keys = key_at.map(|at| columns[at].clone());
        columns.truncate(picked);
        selection.apply(columns, meta.rows as usize, time.as_ref(), &seqs, keys.as_ref())
    }

    fn count(&self, time: TimeRange, seqs: SeqRange, period: Period) -> Result<Vec<PeriodSlice>> {
        let mut tally = Tally::new(period);
        for (key, meta) in self.chunks(time, seqs)? {
            // Hours are counted already, unless a bound cuts through one.
            let cut = |min, max| time.overlaps(min, max) && !time.covers(min, max);
            if meta.inside(seqs) && !meta.hours.iter().any(|h| cut(h.min, h.max)) {
                for hour in meta.hours.iter().filter(|h| time.covers(h.min, h.max)) {
                    let rows = u64::from(hour.rows);
                    tally.add(hour.min, hour.max, rows, meta.share(rows));
                }
                continue;
            }
            let schema = &self.0.entry.table.schema;
            let mut wanted = vec![schema.index_of(&self.0.entry.table.time)?];
            wanted.extend(meta.numbered.then_some(schema.fields().len()));
            let columns = self.columns(&key, &wanted)?;
            let numbers = match columns.get(1) {
                Some(column) => Seqs::Each(chunk::numbers(column)?),
                None => Seqs::From(meta.first),
            };
            let micros = column_micros(&columns[0])?;
            for row in row_mask(&micros, &numbers, time, seqs).set_indices() {
                tally.add(Micros(micros[row]), Micros(micros[row]), 1, meta.share(1));
            }
        }
        Ok(tally.finish())
    }
}

/// The bytes of a chunk.
fn value(disk: &Disk, view: &Snapshot, months: &Months, key: &ChunkKey) -> Result<Slice> {
    let missing = || {
        Error::corrupt("the hot store lacks a chunk that its catalogue names")
            .with("path", disk.path().display())
            .with("month", key.month)
            .with("chunk", key.chunk)
            .with_help("restore its directory from a copy; nothing was deleted")
    };
    let month = months.get(&key.month).ok_or_else(missing)?;
    disk.read(|| view.get(month, key.rows()))?.ok_or_else(missing)
}

/// All rows of a chunk, with their numbers.
pub(super) fn all_rows(
    disk: &Disk,
    entry: &Entry,
    view: &Snapshot,
    months: &Months,
    key: &ChunkKey,
    meta: &ChunkMeta,
) -> Result<(RecordBatch, Seqs)> {
    let schema = &entry.table.schema;
    let width = schema.fields().len();
    let wanted: Vec<usize> = (0..width + usize::from(meta.numbered)).collect();
    let mut columns = chunk::decode(value(disk, view, months, key)?, &wanted)?;
    let seqs = match columns.get(width) {
        Some(column) => Seqs::Each(chunk::numbers(column)?),
        None => Seqs::From(meta.first),
    };
    columns.truncate(width);
    Ok((chunk::rows(schema.clone(), columns, meta.rows as usize)?, seqs))
}

#[async_trait]
impl HotSnapshot for View {
    fn seq(&self) -> Seq {
        self.0.counters.seq
    }

    fn table(&self) -> &HotTable {
        &self.0.entry.table
    }

    async fn scan(&self, scan: HotScan) -> Result<BatchStream> {
        let selection = Selection::new(&self.0.entry.table, scan)?;
        let (to, from) = mpsc::channel(AHEAD);
        let view = self.clone();
        let reader = tokio::task::spawn_blocking(move || {
            // `feed` drops the view before the stream ends: who has read the last
            // batch may close the store and open it again.
            if let Err(error) = view.feed(&selection, &to) {
                let _ = to.blocking_send(Err(error));
            }
        });
        let batches = futures::stream::unfold((from, Some(reader)), |(mut from, reader)| async {
            if let Some(batch) = from.recv().await {
                return Some((batch, (from, reader)));
            }
            // The channel is closed by the end of the scan, or by a panic in it.
            let panic = reader?.await.err()?;
            let error = Error::internal("reading the hot store panicked").with_source(panic);
            Some((Err(error), (from, None)))
        });
        Ok(batches.boxed())
    }

    async fn inventory(
        &self,
        time: TimeRange,
        seqs: SeqRange,
        period: Period,
    ) -> Result<Vec<PeriodSlice>> {
        let view = self.clone();
        blocking(move || view.count(time, seqs, period)).await
    }
}

impl std::fmt::Debug for View {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("View")
            .field("table", &self.0.entry.table.name)
            .field("seq", &self.0.counters.seq)
            .finish_non_exhaustive()
    }
}
