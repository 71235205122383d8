//! Choosing rows and columns of a batch: the part of a scan that every store shares.
//!
//! | rows of a batch | what it costs |
//! |---|---|
//! | all chosen | nothing: columns are picked, none is copied |
//! | none chosen | nothing |
//! | some chosen | one mask over time, sequence and key; one filter over the picked columns |

use std::collections::HashSet;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{cast, filter};
use arrow::datatypes::{DataType, SchemaRef};
use tidelake_core::time::{Micros, Seq, SeqRange, TimeRange, column_micros};
use tidelake_core::{Error, Result};

use crate::check::column_names;
use crate::store::{HotScan, HotTable};

/// The sequence numbers of a batch's rows.
#[derive(Debug, Clone)]
pub(crate) enum Seqs {
    /// Row `i` has this number plus `i`.
    From(Seq),
    /// Row `i` has the `i`th of these.
    Each(UInt64Array),
}

impl Seqs {
    /// The number of row `i`.
    pub(crate) fn get(&self, i: usize) -> Seq {
        match self {
            Self::From(first) => first + i as Seq,
            Self::Each(seqs) => seqs.value(i),
        }
    }
}

/// Marks the rows in both ranges.
pub(crate) fn row_mask(
    micros: &[i64],
    seqs: &Seqs,
    time: TimeRange,
    range: SeqRange,
) -> BooleanBuffer {
    BooleanBuffer::collect_bool(micros.len(), |i| {
        time.contains(Micros(micros[i])) && range.contains(seqs.get(i))
    })
}

/// A scan, checked against the schema of its table.
#[derive(Debug)]
pub(crate) struct Selection {
    /// Rows of this time ...
    pub(crate) time: TimeRange,
    /// ... and these sequence numbers.
    pub(crate) seqs: SeqRange,
    /// The columns returned, by their position in the table.
    pub(crate) columns: Vec<usize>,
    /// The schema of what is returned.
    pub(crate) schema: SchemaRef,
    /// Position of the table's time column.
    pub(crate) time_column: usize,
    /// Position of the key column, and the values wanted.
    pub(crate) key: Option<(usize, HashSet<String>)>,
}

impl Selection {
    /// Checks a scan: its columns exist, and its key column holds text.
    pub(crate) fn new(table: &HotTable, scan: HotScan) -> Result<Self> {
        let position = |name: &str| {
            table.schema.index_of(name).map_err(|_| {
                Error::input(format!("table {:?} has no column {name:?}", table.name))
                    .with_help(format!("its columns are: {}", column_names(&table.schema)))
            })
        };
        let columns = match &scan.columns {
            None => (0..table.schema.fields().len()).collect(),
            Some(names) => names.iter().map(|n| position(n)).collect::<Result<Vec<_>>>()?,
        };
        let key = match scan.keys {
            None => None,
            Some(filter) => {
                let at = position(&filter.column)?;
                let data_type = table.schema.field(at).data_type();
                if !is_text(data_type) {
                    return Err(Error::input(format!(
                        "column {:?} of table {:?} is of type {data_type}; a key filter needs text",
                        filter.column, table.name
                    )));
                }
                Some((at, filter.values.into_iter().collect()))
            }
        };
        Ok(Self {
            time: scan.time,
            seqs: scan.seqs,
            schema: table.schema.project(&columns)?.into(),
            columns,
            time_column: position(&table.time)?,
            key,
        })
    }

    /// Whether no row can be chosen.
    pub(crate) fn is_empty(&self) -> bool {
        self.time.is_empty()
            || self.seqs.is_empty()
            || self.key.as_ref().is_some_and(|(_, values)| values.is_empty())
    }

    /// The chosen rows, from the picked columns of a batch. `time` is its time
    /// column, or `None` when every row is known to lie in both ranges; `key`
    /// is its key column when the scan has a key filter. `None`: no row is chosen.
    pub(crate) fn apply(
        &self,
        picked: Vec<ArrayRef>,
        rows: usize,
        time: Option<&ArrayRef>,
        seqs: &Seqs,
        key: Option<&ArrayRef>,
    ) -> Result<Option<RecordBatch>> {
        let mut mask: Option<BooleanBuffer> = None;
        if let Some(column) = time {
            mask = Some(row_mask(&column_micros(column)?, seqs, self.time, self.seqs));
        }
        if let (Some((_, values)), Some(column)) = (&self.key, key) {
            let keys = key_mask(column, values)?;
            mask = Some(match mask {
                Some(mask) => &mask & &keys,
                None => keys,
            });
        }
        let chosen = mask.as_ref().map_or(rows, BooleanBuffer::count_set_bits);
        if chosen == 0 {
            return Ok(None);
        }
        let picked = match mask {
            Some(mask) if chosen < rows => {
                let mask = BooleanArray::new(mask, None);
                picked.iter().map(|c| filter(c, &mask)).collect::<Result<_, _>>()?
            }
            _ => picked,
        };
        let options = RecordBatchOptions::new().with_row_count(Some(chosen));
        Ok(Some(RecordBatch::try_new_with_options(self.schema.clone(), picked, &options)?))
    }
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// Marks the values of a text column that are wanted. Nulls never are.
fn key_mask(column: &ArrayRef, values: &HashSet<String>) -> Result<BooleanBuffer> {
    fn mark<'a>(
        texts: impl Iterator<Item = Option<&'a str>>,
        values: &HashSet<String>,
    ) -> BooleanBuffer {
        // Series often come in runs: a text equal to the one before costs one comparison.
        let mut last: Option<(&str, bool)> = None;
        texts
            .map(|text| {
                let Some(text) = text else { return false };
                match last {
                    Some((before, wanted)) if before == text => wanted,
                    _ => {
                        let wanted = values.contains(text);
                        last = Some((text, wanted));
                        wanted
                    }
                }
            })
            .collect()
    }
    Ok(match column.data_type() {
        DataType::Utf8 => mark(column.as_string::<i32>().iter(), values),
        DataType::LargeUtf8 => mark(column.as_string::<i64>().iter(), values),
        DataType::Utf8View => mark(column.as_string_view().iter(), values),
        DataType::Dictionary(..) => {
            let dictionary = column.as_any_dictionary();
            if dictionary.values().is_empty() {
                return Ok(BooleanBuffer::new_unset(column.len()));
            }
            let wanted = key_mask(dictionary.values(), values)?;
            let keys = dictionary.normalized_keys();
            BooleanBuffer::collect_bool(column.len(), |i| {
                column.is_valid(i) && wanted.value(keys[i])
            })
        }
        // Selections are checked when they are made; a cast serves whatever text may come.
        _ => mark(cast(column, &DataType::Utf8)?.as_string::<i32>().iter(), values),
    })
}
