//! Append: rows become chunks, chunks become durable, all of them or none.
//!
//! ```text
//! batches --check--> --by month--> --to size--> --encode--> | writer's lock: number, commit, fsync
//! ```
//!
//! Everything costly happens before the lock. Under it, rows get the next
//! numbers, and one atomic batch writes the chunks, their descriptions and the
//! table's counters, and the offset of the source that brought them. Nothing is visible before it is durable.

use arrow::array::RecordBatch;
use fjall::Slice;
use tidelake_core::time::{Micros, Seq, SeqRange};
use tidelake_core::{Error, Result};

use super::catalogue::{Counters, Entry};
use super::keys::{self, ChunkKey};
use super::meta::{ChunkMeta, Hour, hours};
use super::pack::{by_month, compact, to_size};
use super::{Inner, chunk};
use crate::check;
use crate::store::{Appended, OffsetMove};

struct Encoded {
    month: Micros,
    rows: u64,
    hours: Vec<Hour>,
    value: Slice,
}

impl Inner {
    /// See [`crate::HotStore::append`] and [`crate::HotStore::append_from`].
    pub(super) fn append(
        &self,
        table: &str,
        batches: Vec<RecordBatch>,
        offset: Option<&OffsetMove>,
    ) -> Result<Appended> {
        let entry = self.entry(table)?;
        let batches: Vec<RecordBatch> =
            batches.iter().map(|b| check::batch(&entry.table, b)).collect::<Result<_>>()?;
        let chunks = self.encode(&entry, &batches)?;
        drop(batches);
        tidelake_core::failpoint!("hot.append-before");
        let appended = self.write(&entry, chunks, offset)?;
        tidelake_core::failpoint!("hot.append-after");
        Ok(appended)
    }

    fn encode(&self, entry: &Entry, batches: &[RecordBatch]) -> Result<Vec<Encoded>> {
        let mut chunks = Vec::new();
        for (month, pieces) in by_month(batches, &entry.table.time)? {
            for piece in to_size(pieces, self.limits.chunk)? {
                chunks.push(Encoded {
                    month,
                    rows: piece.rows.num_rows() as u64,
                    hours: hours(&piece.micros),
                    value: chunk::encode(&compact(&piece.rows)?, None)?,
                });
            }
        }
        Ok(chunks)
    }

    fn write(
        &self,
        entry: &Entry,
        chunks: Vec<Encoded>,
        offset: Option<&OffsetMove>,
    ) -> Result<Appended> {
        let _writer = self.writer();
        if let Some(offset) = offset {
            let is = self.disk.offset(entry.id, &offset.source)?;
            check::offset(&entry.table, offset, is.as_ref())?;
        }
        let before = self.disk.counters(&self.disk.view(entry.id).0, entry.id)?;
        let rows: u64 = chunks.iter().map(|c| c.rows).sum();
        let last = before
            .seq
            .checked_add(rows)
            .filter(|last| *last < Seq::MAX)
            .ok_or_else(|| Error::exhausted("the table has used up its sequence numbers"))?;
        let appended = Appended { rows, seqs: SeqRange::new(before.seq, last) };
        if rows == 0 && offset.is_none() {
            return Ok(appended);
        }
        self.disk.make_room()?;
        let mut next = before;
        let mut batch = self.disk.batch();
        for encoded in chunks {
            let keyspace = self.disk.month(entry.id, encoded.month)?;
            next.chunk += 1;
            let key = ChunkKey { table: entry.id, month: encoded.month, chunk: next.chunk };
            let meta = ChunkMeta {
                rows: encoded.rows,
                bytes: encoded.value.len() as u64,
                first: next.seq + 1,
                last: next.seq + encoded.rows,
                numbered: false,
                hours: encoded.hours,
            };
            next.seq = meta.last;
            batch.insert(&keyspace, key.rows(), encoded.value);
            batch.insert(&self.disk.catalogue, key.meta(), meta.encode());
        }
        debug_assert_eq!(next.seq, last, "every row has a number");
        if let Some(OffsetMove { source, to, .. }) = offset {
            batch.insert(&self.disk.catalogue, keys::offset(entry.id, source), to.as_slice());
        }
        self.disk.put_counters(&mut batch, entry.id, Counters { seq: last, chunk: next.chunk });
        self.disk.commit(batch, "append rows")?;
        Ok(appended)
    }
}
