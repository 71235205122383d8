//! The table of groups.

use std::ops::Range;

use ahash::RandomState;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, UInt32Array};
use arrow_ord::partition::partition;
use arrow_row::{RowConverter, SortField};
use arrow_schema::DataType;
use arrow_select::take::take;
use hashbrown::HashTable;
use tidelake_sdk::{Error, Result};

/// Neighbouring rows of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The rows.
    pub rows: Range<usize>,
    /// Their group, numbered from 0 in the order of first sight.
    pub group: usize,
}

/// Groups by key.
pub struct Groups {
    converter: RowConverter,
    /// Indexes into `ends`, found by the hash of the key.
    table: HashTable<u32>,
    /// All keys, one after the other.
    bytes: Vec<u8>,
    /// Where each key ends in `bytes`.
    ends: Vec<usize>,
}

impl Groups {
    /// A table for keys of these types, compared in this order.
    pub fn new(types: impl IntoIterator<Item = DataType>) -> Result<Self> {
        let fields = types.into_iter().map(SortField::new).collect();
        let converter = RowConverter::new(fields)?;
        Ok(Self { converter, table: HashTable::new(), bytes: Vec::new(), ends: Vec::new() })
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Finds the group of every row, making those that are new.
    pub fn assign(&mut self, keys: &[ArrayRef]) -> Result<Vec<Run>> {
        let rows = keys.first().map_or(0, |key| key.len());
        if rows == 0 {
            return Ok(Vec::new());
        }
        let ranges = partition(keys)?.ranges();
        let firsts = UInt32Array::from_iter_values(ranges.iter().map(|run| run.start as u32));
        let firsts = keys.iter().map(|key| take(key, &firsts, None)).collect::<Result<Vec<_>, _>>();
        let rows = self.converter.convert_columns(&firsts?)?;
        ranges
            .into_iter()
            .zip(&rows)
            .map(|(rows, key)| Ok(Run { rows, group: self.group(key.data())? }))
            .collect()
    }

    /// All groups in the order of their keys.
    pub fn sorted(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.ends.len() as u32).collect();
        order.sort_unstable_by(|a, b| self.key(*a).cmp(self.key(*b)));
        order
    }

    /// The keys of some groups, as columns.
    pub fn keys(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let parser = self.converter.parser();
        Ok(self
            .converter
            .convert_rows(groups.iter().map(|group| parser.parse(self.key(*group))))?)
    }

    /// Forgets all groups.
    pub fn clear(&mut self) {
        self.table.clear();
        self.bytes.clear();
        self.ends.clear();
    }

    fn key(&self, group: u32) -> &[u8] {
        key(&self.bytes, &self.ends, group)
    }

    fn group(&mut self, wanted: &[u8]) -> Result<usize> {
        let (bytes, ends) = (&self.bytes, &self.ends);
        let hash = hash(wanted);
        if let Some(group) = self.table.find(hash, |group| key(bytes, ends, *group) == wanted) {
            return Ok(*group as usize);
        }
        let group = u32::try_from(self.ends.len())
            .map_err(|_| Error::exhausted("more than four billion groups"))?;
        self.bytes.extend_from_slice(wanted);
        self.ends.push(self.bytes.len());
        let (bytes, ends) = (&self.bytes, &self.ends);
        self.table.insert_unique(hash, group, |group| self::hash(key(bytes, ends, *group)));
        Ok(group as usize)
    }
}

fn key<'a>(bytes: &'a [u8], ends: &[usize], group: u32) -> &'a [u8] {
    let group = group as usize;
    let start = if group == 0 { 0 } else { ends[group - 1] };
    &bytes[start..ends[group]]
}

/// Fixed seeds: the order of hashes never shows, and a plugin has no randomness to
/// draw seeds from.
fn hash(key: &[u8]) -> u64 {
    RandomState::with_seeds(1, 2, 3, 4).hash_one(key)
}

/// A dictionary's values, one for each row; other arrays as they are.
pub fn plain(array: &ArrayRef) -> Result<ArrayRef> {
    match array.as_any_dictionary_opt() {
        Some(dictionary) => Ok(take(dictionary.values(), dictionary.keys(), None)?),
        None => Ok(array.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};

    use super::*;

    fn keys(symbols: &[Option<&str>], buckets: &[i64]) -> Vec<ArrayRef> {
        vec![
            Arc::new(StringArray::from(symbols.to_vec())),
            Arc::new(Int64Array::from(buckets.to_vec())),
        ]
    }

    #[test]
    fn runs_find_their_groups_across_batches_and_sort_by_key() {
        let mut groups = Groups::new([DataType::Utf8, DataType::Int64]).unwrap();
        let symbols = [Some("B"), Some("B"), Some("B"), None, Some("B")];
        let runs = groups.assign(&keys(&symbols, &[9, 9, 5, 5, 9])).unwrap();
        let found: Vec<_> = runs.iter().map(|run| (run.rows.clone(), run.group)).collect();
        assert_eq!(found, [(0..2, 0), (2..3, 1), (3..4, 2), (4..5, 0)]);
        let runs = groups.assign(&keys(&[Some("A"), None], &[9, 5])).unwrap();
        assert_eq!((runs[0].group, runs[1].group), (3, 2));
        let order = groups.sorted();
        let sorted = groups.keys(&order).unwrap();
        let expected = keys(&[None, Some("A"), Some("B"), Some("B")], &[5, 9, 5, 9]);
        assert_eq!(sorted, expected);
        groups.clear();
        assert!(groups.is_empty() && groups.assign(&keys(&[], &[])).unwrap().is_empty());
    }
}
