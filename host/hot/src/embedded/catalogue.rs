//! Tables, counters and descriptions of chunks, as the catalogue keeps them.

use std::collections::BTreeMap;
use std::sync::Arc;

use fjall::{OwnedWriteBatch, Readable, Snapshot};
use serde::{Deserialize, Serialize};
use tidelake_core::period::Period;
use tidelake_core::time::{Seq, TimeRange};
use tidelake_core::{Error, Result};

use super::chunk::{decode_schema, encode_schema};
use super::disk::Disk;
use super::keys::{self, ChunkKey, TableId};
use super::meta::ChunkMeta;
use crate::store::HotTable;

/// A table and its number.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: TableId,
    pub(super) table: HotTable,
}

/// All tables by name.
pub(super) type Tables = BTreeMap<String, Arc<Entry>>;

/// What a table has given out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counters {
    /// The last sequence number.
    pub(super) seq: Seq,
    /// The last chunk number.
    pub(super) chunk: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredTable {
    id: TableId,
    time: String,
}

fn malformed(what: &str) -> Error {
    Error::corrupt(format!("{what} in the hot store's catalogue is malformed"))
        .with_help("restore the store from a copy; nothing was deleted")
}

impl Disk {
    /// Reads all tables.
    pub(super) fn load_tables(&self) -> Result<Tables> {
        let mut tables = Tables::new();
        for entry in self.catalogue.prefix(keys::table("")) {
            let (key, value) = self.read(|| entry.into_inner())?;
            let name = std::str::from_utf8(&key[1..]).map_err(|_| malformed("a table's name"))?;
            let stored: StoredTable = serde_json::from_slice(&value)
                .map_err(|e| malformed("a table").with_source(e).with("table", name))?;
            let schema = self
                .read(|| self.catalogue.get(keys::schema(stored.id)))?
                .ok_or_else(|| malformed("a table").with("table", name))?;
            let table = HotTable {
                name: name.to_owned(),
                time: stored.time,
                schema: decode_schema(&schema)?,
            };
            tables.insert(name.to_owned(), Arc::new(Entry { id: stored.id, table }));
        }
        Ok(tables)
    }

    /// Where a source of a table is.
    pub(super) fn offset(&self, table: TableId, source: &str) -> Result<Option<Vec<u8>>> {
        let stored = self.read(|| self.catalogue.get(keys::offset(table, source)))?;
        Ok(stored.map(|offset| offset.to_vec()))
    }

    /// Makes a table, with the next number.
    pub(super) fn add_table(&self, tables: &Tables, table: &HotTable) -> Result<Entry> {
        let id = tables.values().map(|t| t.id).max().map_or(Some(0), |last| last.checked_add(1));
        let id = id.ok_or_else(|| {
            Error::exhausted("the hot store has as many tables as it can number")
                .with_help("begin a second store")
        })?;
        let stored = StoredTable { id, time: table.time.clone() };
        let stored = serde_json::to_vec(&stored)
            .map_err(|e| Error::internal("a table cannot be written").with_source(e))?;
        let mut batch = self.batch();
        batch.insert(&self.catalogue, keys::table(&table.name), stored);
        batch.insert(&self.catalogue, keys::schema(id), encode_schema(&table.schema)?);
        self.put_counters(&mut batch, id, Counters::default());
        self.commit(batch, "create a table")?;
        Ok(Entry { id, table: table.clone() })
    }

    /// What a table had given out when a view was taken.
    pub(super) fn counters(&self, view: &Snapshot, table: TableId) -> Result<Counters> {
        let value = self.read(|| view.get(&self.catalogue, keys::counters(table)))?;
        let parse = || {
            let value = value.as_deref()?;
            let (seq, chunk) = value.split_first_chunk::<8>()?;
            Some(Counters {
                seq: Seq::from_be_bytes(*seq),
                chunk: u64::from_be_bytes(chunk.try_into().ok()?),
            })
        };
        parse().ok_or_else(|| malformed("a counter"))
    }

    /// Records what a table has given out, as part of a change.
    pub(super) fn put_counters(&self, batch: &mut OwnedWriteBatch, table: TableId, to: Counters) {
        let value = [to.seq.to_be_bytes(), to.chunk.to_be_bytes()].concat();
        batch.insert(&self.catalogue, keys::counters(table), value);
    }

    /// The chunks of the months that a range of time touches, month by month.
    pub(super) fn chunks(
        &self,
        view: &Snapshot,
        table: TableId,
        time: TimeRange,
    ) -> Result<Vec<(ChunkKey, ChunkMeta)>> {
        if time.is_empty() {
            return Ok(Vec::new());
        }
        let months = keys::metas(table, Period::Month.floor(time.start), time.end);
        view.range(&self.catalogue, months)
            .map(|entry| {
                let (key, value) = self.read(|| entry.into_inner())?;
                Ok((ChunkKey::from_meta(&key)?, ChunkMeta::decode(&value)?))
            })
            .collect()
    }
}
