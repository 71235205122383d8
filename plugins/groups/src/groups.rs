//! Groups by the values of their key columns.

use arrow_array::ArrayRef;
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use tidelake_sdk::{Error, ErrorKind, Result};

use crate::column::{Column, Place};
use crate::order::{By, Order, Ranks, sorted};
use crate::runs::{Run, append_runs};
use crate::table::Table;

/// Rows whose words are made at a time: they stay in the nearest cache.
const ROWS: usize = 1024;

/// Groups by key.
pub struct Groups {
    columns: Vec<Column>,
    /// Where each column's integers are in a key.
    places: Vec<Place>,
    /// The word of flags of nulls, a bit for each column that has one: only since there
    /// has been a null.
    flags: Option<usize>,
    table: Table,
    /// Keys of the rows at hand.
    keys: Vec<u64>,
    /// Their groups.
    found: Vec<u32>,
    /// Runs of the batch before, a guess for the next one.
    expected: usize,
}

impl Groups {
    /// A table for keys of these types, compared in this order. Of dictionaries their
    /// values count.
    pub fn new(types: impl IntoIterator<Item = DataType>) -> Result<Self> {
        let (mut columns, mut places): (Vec<Column>, Vec<Place>) = (Vec::new(), Vec::new());
        let (mut words, mut half) = (0, None);
        for data_type in types {
            let column = Column::new(&data_type, columns.len() < u64::BITS as usize)?;
            let place = match half.take_if(|_| !column.is_wide()) {
                Some(word) => Place { word, shift: 32 },
                None => {
                    words += 1;
                    if !column.is_wide() {
                        half = Some(words - 1);
                    }
                    Place { word: words - 1, shift: 0 }
                }
            };
            columns.push(column);
            places.push(place);
        }
        let table = Table::new(words.max(1));
        let (keys, found) = (Vec::new(), Vec::new());
        Ok(Self { columns, places, flags: None, table, keys, found, expected: 0 })
    }

    /// Number of groups.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no group.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Finds the group of every row, making those that are new. Keys may be dictionaries
    /// of their types.
    pub fn assign(&mut self, keys: &[ArrayRef]) -> Result<Vec<Run>> {
        let rows = keys.first().map_or(0, |key| key.len());
        if keys.len() != self.columns.len() || keys.iter().any(|key| key.len() != rows) {
            let message = "the columns of a key are as many as there were, and of one length";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        let columns = self.columns.iter_mut().zip(keys);
        let columns: Vec<_> =
            columns.map(|(column, array)| column.integers(array)).collect::<Result<_>>()?;
        if self.flags.is_none() && columns.iter().any(|column| column.nulls.is_some()) {
            self.flags = Some(self.table.width());
            self.table.widen();
        }
        let bits = [0, 32].map(|shift| {
            let mut both = columns.iter().zip(&self.places);
            let half = both.find(|(_, place)| place.word == 0 && place.shift == shift);
            half.map_or(0, |(column, _)| column.bits)
        });
        self.table.expect(bits[0], bits[1]);
        let width = self.table.width();
        let mut runs = Vec::with_capacity(self.expected.min(rows));
        for start in (0..rows).step_by(ROWS) {
            let part = start..rows.min(start + ROWS);
            self.keys.clear();
            self.keys.resize(part.len() * width, 0);
            for (bit, (column, place)) in columns.iter().zip(&self.places).enumerate() {
                column.put(part.clone(), &mut self.keys, width, *place);
                if let Some(flags) = self.flags {
                    column.put_flags(part.clone(), &mut self.keys[flags..], width, bit);
                }
            }
            self.found.resize(part.len(), 0);
            self.table.groups(&self.keys, &mut self.found)?;
            append_runs(&self.found, start, &mut runs);
        }
        self.expected = runs.len();
        Ok(runs)
    }

    /// All groups in the order of their keys, nulls first.
    pub fn sorted(&self) -> Vec<u32> {
        let mut by = Vec::with_capacity(self.columns.len());
        for (bit, (column, place)) in self.columns.iter().zip(&self.places).enumerate() {
            if let Some(flags) = self.flags.filter(|_| column.has_flag()) {
                let valid = self.table.words(flags).map(move |flags| flags >> bit & 1 ^ 1);
                let ranks = Ranks::of_bits(8, Order::Unsigned);
                let values: Box<dyn Iterator<Item = u64>> = Box::new(valid);
                by.push(By { ranks, wide: false, values });
            }
            let (place, wide) = (*place, column.is_wide());
            let values = self.table.words(place.word).map(move |word| value(word, place, wide));
            by.push(By { ranks: column.ranks(), wide, values: Box::new(values) });
        }
        sorted(self.len(), by)
    }

    /// The keys of some groups, as columns.
    pub fn keys(&self, groups: &[u32]) -> Result<Vec<ArrayRef>> {
        let columns = self.columns.iter().zip(&self.places).enumerate();
        let column = |(bit, (column, place)): (usize, (&Column, &Place))| {
            let wide = column.is_wide();
            let word = |group: &u32| value(self.table.word(*group, place.word), *place, wide);
            let values: Vec<u64> = groups.iter().map(word).collect();
            let flags = self.flags.filter(|_| column.has_flag());
            let nulls = flags.map(|flags| {
                groups.iter().map(move |group| self.table.word(*group, flags) >> bit & 1 == 0)
            });
            let nulls = nulls.map(|valid| NullBuffer::from(valid.collect::<Vec<bool>>()));
            column.array(&values, nulls.filter(|nulls| nulls.null_count() > 0))
        };
        columns.map(column).collect()
    }

    /// Forgets all groups.
    pub fn clear(&mut self) {
        self.table.clear();
        self.columns.iter_mut().for_each(Column::clear);
    }
}

/// A column's integer in a word of the key.
fn value(word: u64, place: Place, wide: bool) -> u64 {
    if wide { word } else { u64::from((word >> place.shift) as u32) }
}

#[cfg(test)]
mod tests;
