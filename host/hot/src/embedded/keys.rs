//! The keys and names under which everything is stored.
//!
//! | where | key | value |
//! |---|---|---|
//! | `catalogue` | `F` | version of the format |
//! | `catalogue` | `T` name | number of the table, its time column (JSON) |
//! | `catalogue` | `S` table | its schema (Arrow IPC) |
//! | `catalogue` | `N` table | its counters: last sequence number, last chunk number |
//! | `catalogue` | `O` table, name of a source | its offset, as the source made it |
//! | `catalogue` | `C` chunk key | what a chunk holds ([`super::meta::ChunkMeta`]) |
//! | `rows.TABLE.MONTH` | chunk key | the chunk's rows (Arrow IPC) |
//!
//! A chunk key is table, month and chunk number, big-endian, so that the chunks
//! of a table lie side by side in the order of their months.

use tidelake_core::time::Micros;
use tidelake_core::{Error, Result};

/// The version of everything described here.
pub(super) const FORMAT: &str = "tidelake embedded hot store 1";
/// The keyspace of everything but rows.
pub(super) const CATALOGUE: &str = "catalogue";
/// Where the format's version is.
pub(super) const FORMAT_KEY: &[u8] = b"F";

/// The number of a table within a store.
pub(super) type TableId = u16;

/// Names one chunk. 18 bytes are no accident: fjall puts 38 bytes and the key
/// before a value on disk, and 8 before both in memory, so that values begin at
/// a multiple of 16 bytes and Arrow can use them where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChunkKey {
    /// The table.
    pub(super) table: TableId,
    /// Start of the calendar month that holds all of the chunk's rows.
    pub(super) month: Micros,
    /// Number of the chunk, never used twice within its table.
    pub(super) chunk: u64,
}

impl ChunkKey {
    /// As the key of the chunk's rows.
    pub(super) fn rows(&self) -> [u8; 18] {
        let mut key = [0; 18];
        key[..2].copy_from_slice(&self.table.to_be_bytes());
        key[2..10].copy_from_slice(&ordered(self.month));
        key[10..].copy_from_slice(&self.chunk.to_be_bytes());
        key
    }

    /// As the key of its description in the catalogue.
    pub(super) fn meta(&self) -> [u8; 19] {
        let mut key = [b'C'; 19];
        key[1..].copy_from_slice(&self.rows());
        key
    }

    /// Reads the key of a description.
    pub(super) fn from_meta(key: &[u8]) -> Result<Self> {
        let parse = || {
            let (tag, rest) = key.split_first()?;
            let (table, rest) = rest.split_first_chunk::<2>()?;
            let (month, rest) = rest.split_first_chunk::<8>()?;
            let chunk: [u8; 8] = rest.try_into().ok()?;
            (*tag == b'C').then(|| Self {
                table: TableId::from_be_bytes(*table),
                month: Micros((u64::from_be_bytes(*month) ^ SIGN) as i64),
                chunk: u64::from_be_bytes(chunk),
            })
        };
        parse().ok_or_else(|| Error::corrupt("the hot store's catalogue has a malformed chunk key"))
    }
}

const SIGN: u64 = 1 << 63;

/// An instant as bytes that sort as instants do.
fn ordered(at: Micros) -> [u8; 8] {
    (at.0 as u64 ^ SIGN).to_be_bytes()
}

/// Descriptions of a table's chunks, from the month `from` to the month `to`, both included.
pub(super) fn metas(
    table: TableId,
    from: Micros,
    to: Micros,
) -> std::ops::RangeInclusive<[u8; 19]> {
    let first = ChunkKey { table, month: from, chunk: 0 };
    let last = ChunkKey { table, month: to, chunk: u64::MAX };
    first.meta()..=last.meta()
}

/// Key of a table's name.
pub(super) fn table(name: &str) -> Vec<u8> {
    [b"T", name.as_bytes()].concat()
}

/// Key of a table's schema.
pub(super) fn schema(table: TableId) -> [u8; 3] {
    let [high, low] = table.to_be_bytes();
    [b'S', high, low]
}

/// Key of a table's counters.
pub(super) fn counters(table: TableId) -> [u8; 3] {
    let [high, low] = table.to_be_bytes();
    [b'N', high, low]
}

/// Key of the offset of a table's source.
pub(super) fn offset(table: TableId, source: &str) -> Vec<u8> {
    [b"O", table.to_be_bytes().as_slice(), source.as_bytes()].concat()
}

/// Name of the keyspace of a table's month.
pub(super) fn month(table: TableId, month: Micros) -> String {
    format!("rows.{table}.{}", month.0)
}

/// The table and month of a keyspace; `None` when it is not one of rows.
pub(super) fn parse_month(name: &str) -> Option<(TableId, Micros)> {
    let (table, month) = name.strip_prefix("rows.")?.split_once('.')?;
    Some((table.parse().ok()?, Micros(month.parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_by_table_month_and_chunk() {
        let key = |table, month, chunk| ChunkKey { table, month: Micros(month), chunk };
        let sorted = [
            key(1, i64::MIN, 9),
            key(1, -5, 0),
            key(1, 0, 1),
            key(1, 0, 2),
            key(1, i64::MAX, 0),
            key(2, -9, 0),
        ];
        for pair in sorted.windows(2) {
            assert!(pair[0].rows() < pair[1].rows(), "{pair:?}");
        }
        for key in sorted {
            assert_eq!(ChunkKey::from_meta(&key.meta()).unwrap(), key);
            assert_eq!(parse_month(&month(key.table, key.month)), Some((key.table, key.month)));
        }
        assert!(ChunkKey::from_meta(b"C123").is_err());
        assert_eq!(parse_month(CATALOGUE), None);
    }
}
