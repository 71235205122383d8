//! A hot store in memory, for tests: the contract in its plainest form.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow::array::{AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::compute::{filter, filter_record_batch};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use tidelake_core::Result;
use tidelake_core::period::Period;
use tidelake_core::time::{Micros, Seq, SeqRange, TimeRange, column_micros, time_column};

use crate::check;
use crate::select::{Selection, Seqs, row_mask};
use crate::store::{
    Appended, BatchStream, Evicted, HotScan, HotSnapshot, HotStore, HotTable, OffsetMove,
    PeriodSlice,
};
use crate::tally::Tally;

/// A hot store that forgets everything when dropped. Every batch that is
/// appended stays one chunk; a snapshot is a list of shared chunks.
#[derive(Debug, Default)]
pub struct MemoryHotStore {
    tables: Mutex<BTreeMap<String, Table>>,
}

#[derive(Debug, Clone)]
struct Table {
    table: HotTable,
    last: Seq,
    chunks: Vec<Arc<Chunk>>,
    offsets: BTreeMap<String, Vec<u8>>,
}

#[derive(Debug)]
struct Chunk {
    rows: RecordBatch,
    micros: Vec<i64>,
    seqs: Seqs,
}

impl Chunk {
    fn bytes(&self, rows: u64) -> u64 {
        let all = self.rows.num_rows().max(1) as u64;
        self.rows.get_array_memory_size() as u64 * rows / all
    }
}

impl MemoryHotStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Table>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_table<T>(&self, name: &str, f: impl FnOnce(&mut Table) -> Result<T>) -> Result<T> {
        let mut tables = self.lock();
        if let Some(table) = tables.get_mut(name) {
            return f(table);
        }
        Err(check::no_table(name, tables.keys().map(String::as_str)))
    }
}

impl Table {
    fn append(&mut self, batches: &[RecordBatch]) -> Result<Appended> {
        let after = self.last;
        let mut last = after;
        let mut chunks = Vec::new();
        for batch in batches {
            let rows = check::batch(&self.table, batch)?;
            if rows.num_rows() > 0 {
                let micros = column_micros(time_column(&rows, &self.table.time)?)?;
                let seqs = Seqs::From(last + 1);
                last += rows.num_rows() as Seq;
                chunks.push(Arc::new(Chunk { rows, micros, seqs }));
            }
        }
        self.chunks.extend(chunks);
        self.last = last;
        Ok(Appended { rows: last - after, seqs: SeqRange::new(after, last) })
    }
}

#[async_trait]
impl HotStore for MemoryHotStore {
    async fn create_table(&self, table: &HotTable) -> Result<()> {
        let mut tables = self.lock();
        match tables.get(&table.name) {
            Some(existing) => check::same_table(&existing.table, table),
            None => {
                check::new_table(table)?;
                let new = Table {
                    table: table.clone(),
                    last: 0,
                    chunks: Vec::new(),
                    offsets: BTreeMap::new(),
                };
                tables.insert(table.name.clone(), new);
                Ok(())
            }
        }
    }

    async fn table(&self, name: &str) -> Result<Option<HotTable>> {
        Ok(self.lock().get(name).map(|t| t.table.clone()))
    }

    async fn tables(&self) -> Result<Vec<HotTable>> {
        Ok(self.lock().values().map(|t| t.table.clone()).collect())
    }

    async fn append(&self, table: &str, batches: Vec<RecordBatch>) -> Result<Appended> {
        self.with_table(table, |table| table.append(&batches))
    }

    async fn append_from(
        &self,
        table: &str,
        batches: Vec<RecordBatch>,
        offset: OffsetMove,
    ) -> Result<Appended> {
        self.with_table(table, |table| {
            check::offset(&table.table, &offset, table.offsets.get(&offset.source))?;
            let appended = table.append(&batches)?;
            table.offsets.insert(offset.source, offset.to);
            Ok(appended)
        })
    }

    async fn offset(&self, table: &str, source: &str) -> Result<Option<Vec<u8>>> {
        self.with_table(table, |table| Ok(table.offsets.get(source).cloned()))
    }

    async fn snapshot(&self, table: &str) -> Result<Arc<dyn HotSnapshot>> {
        self.with_table(table, |table| Ok(Arc::new(table.clone()) as Arc<dyn HotSnapshot>))
    }

    async fn evict(&self, table: &str, time: TimeRange, seqs: SeqRange) -> Result<Evicted> {
        self.with_table(table, |table| {
            let mut evicted = Evicted::default();
            let mut kept = Vec::new();
            for chunk in &table.chunks {
                let gone = row_mask(&chunk.micros, &chunk.seqs, time, seqs);
                let rows = gone.count_set_bits() as u64;
                if rows == 0 {
                    kept.push(chunk.clone());
                    continue;
                }
                evicted.rows += rows;
                evicted.bytes += chunk.bytes(rows);
                let stay = BooleanArray::new(!&gone, None);
                let left = filter_record_batch(&chunk.rows, &stay)?;
                if left.num_rows() > 0 {
                    let numbers: UInt64Array =
                        (0..chunk.micros.len()).map(|i| Some(chunk.seqs.get(i))).collect();
                    let numbers = filter(&numbers, &stay)?;
                    kept.push(Arc::new(Chunk {
                        micros: column_micros(time_column(&left, &table.table.time)?)?,
                        seqs: Seqs::Each(numbers.as_primitive().clone()),
                        rows: left,
                    }));
                }
            }
            table.chunks = kept;
            Ok(evicted)
        })
    }
}

#[async_trait]
impl HotSnapshot for Table {
    fn seq(&self) -> Seq {
        self.last
    }

    fn table(&self) -> &HotTable {
        &self.table
    }

    async fn scan(&self, scan: HotScan) -> Result<BatchStream> {
        let selection = Selection::new(&self.table, scan)?;
        let chunks = self.chunks.clone();
        let batches = chunks.into_iter().filter_map(move |chunk| {
            if selection.is_empty() {
                return None;
            }
            let column = |i: usize| chunk.rows.column(i);
            selection
                .apply(
                    selection.columns.iter().map(|&i| column(i).clone()).collect(),
                    chunk.rows.num_rows(),
                    Some(column(selection.time_column)),
                    &chunk.seqs,
                    selection.key.as_ref().map(|(i, _)| column(*i)),
                )
                .transpose()
        });
        Ok(stream::iter(batches).boxed())
    }

    async fn inventory(
        &self,
        time: TimeRange,
        seqs: SeqRange,
        period: Period,
    ) -> Result<Vec<PeriodSlice>> {
        let mut tally = Tally::new(period);
        for chunk in &self.chunks {
            let bytes = chunk.bytes(1);
            for i in row_mask(&chunk.micros, &chunk.seqs, time, seqs).set_indices() {
                let at = Micros(chunk.micros[i]);
                tally.add(at, at, 1, bytes);
            }
        }
        Ok(tally.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn conforms() {
        crate::conformance::run_all(async || Arc::new(MemoryHotStore::new()) as Arc<dyn HotStore>)
            .await;
    }
}
