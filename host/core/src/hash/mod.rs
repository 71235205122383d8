//! th1, the content hash: order-independent, duplicate-safe, mergeable and subtractable.
//!
//! Two bags of rows have the same digest when they hold the same values, however
//! these are encoded: a dictionary hashes as its values, milliseconds as the same
//! instant in nanoseconds, a view as the text it shows. So the digest of what
//! entered a format writer can be compared with what another reader finds in the
//! file.
//!
//! | step | formula | done in |
//! |---|---|---|
//! | seed of a column | `xxh3(table ‖ 0 ‖ column name)` | here |
//! | canonical value | one form per kind of type | [`canon`] |
//! | word of a value | fixed width: `mix64(value ^ seed)` | [`fixed`] |
//! | | text and bytes: `xxh3(bytes, seed)` | [`bytes`] |
//! | | lists, maps, structs: folds of their children's words | [`nested`] |
//! | | null: 0 | everywhere |
//! | hash of a row | `mix64(Σ words)` | here |
//! | digest | (rows, Σ row, Σ `mix64(row ^ K)`) | here |
//!
//! All sums wrap. Sums over columns make column order irrelevant; sums over rows
//! make row order irrelevant, count duplicates, and let digests of parts be added
//! and taken away. The second sum makes bags that collide in the first one differ.
//!
//! The formulas are written into logs and ledgers: they never change under the
//! name `th1` (a test pins them).

mod bytes;
mod canon;
mod encoded;
mod fixed;
mod nested;
#[cfg(test)]
mod tests;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use serde::{Deserialize, Serialize};

use self::canon::Node;
use crate::error::{Error, Result, ResultExt};

/// The th1 digest of a bag of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest {
    /// Number of rows.
    pub rows: u64,
    /// Wrapping sum of the row hashes.
    pub sum: u64,
    /// Wrapping sum of the mixed row hashes.
    pub mixed: u64,
}

impl Digest {
    /// The digest of both bags together.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            rows: self.rows.wrapping_add(other.rows),
            sum: self.sum.wrapping_add(other.sum),
            mixed: self.mixed.wrapping_add(other.mixed),
        }
    }

    /// The digest of this bag without `other`, which must be part of it.
    #[must_use]
    pub fn subtract(self, other: Self) -> Self {
        Self {
            rows: self.rows.wrapping_sub(other.rows),
            sum: self.sum.wrapping_sub(other.sum),
            mixed: self.mixed.wrapping_sub(other.mixed),
        }
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "th1:{}:{:016x}:{:016x}", self.rows, self.sum, self.mixed)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = crate::Error;

    fn try_from(text: String) -> Result<Self> {
        let parsed = (|| {
            let mut parts = text.strip_prefix("th1:")?.split(':');
            let digest = Self {
                rows: parts.next()?.parse().ok()?,
                sum: u64::from_str_radix(parts.next()?, 16).ok()?,
                mixed: u64::from_str_radix(parts.next()?, 16).ok()?,
            };
            parts.next().is_none().then_some(digest)
        })();
        parsed.ok_or_else(|| crate::Error::corrupt(format!("{text:?} is not a th1 digest")))
    }
}

/// What separates the second sum of a digest from the first.
const K: u64 = 0x9e37_79b9_7f4a_7c15;

/// Rows worked on at once: few enough that their accumulators stay in the
/// innermost cache while every column adds to them.
const CHUNK: usize = 2048;

/// The finalizer of splitmix64: a bijection in which every bit of the input
/// flips about half of the bits of the output.
#[inline(always)]
fn mix64(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Hashes the rows of batches of one schema.
#[derive(Debug)]
pub struct RowHasher {
    columns: Vec<Column>,
    /// The schema seen last, and where it has each of the columns.
    layout: Option<(SchemaRef, Vec<usize>)>,
    /// Sums of words, a row each; kept to spare the allocation.
    sums: Vec<u64>,
}

#[derive(Debug)]
struct Column {
    name: String,
    node: Node,
}

/// A column of a batch on its way into the sums.
enum Words<'a> {
    /// Computed for all rows: what shares work between rows (dictionaries, runs)
    /// or goes through children cannot be cut into chunks for free.
    Ready(Vec<u64>),
    /// Computed chunk by chunk.
    Flat(&'a Node, &'a ArrayRef),
}

impl RowHasher {
    /// A hasher for rows of `schema` of the table named `table`.
    pub fn new(table: &str, schema: &Schema) -> Result<Self> {
        let mut columns: Vec<Column> = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let name = field.name();
            if columns.iter().any(|c| c.name == *name) {
                return Err(Error::input(format!("there are two columns named {name:?}"))
                    .with("table", table)
                    .with_help("rename one of them"));
            }
            let seed =
                xxhash_rust::xxh3::xxh3_64(&[table.as_bytes(), &[0], name.as_bytes()].concat());
            let node =
                Node::new(seed, field.data_type()).with("column", name).with("table", table)?;
            columns.push(Column { name: name.clone(), node });
        }
        Ok(Self { columns, layout: None, sums: Vec::new() })
    }

    /// The digest of a batch's rows. The batch has the columns of the schema
    /// given to [`RowHasher::new`], in any order and any equivalent encoding;
    /// anything else is an input error.
    pub fn digest(&mut self, batch: &RecordBatch) -> Result<Digest> {
        let places = self.places(batch)?;
        let columns = std::iter::zip(&self.columns, &places)
            .map(|(column, &place)| Words::new(&column.node, batch.column(place)))
            .collect::<Result<Vec<_>>>()?;

        let rows = batch.num_rows();
        let mut digest = Digest { rows: rows as u64, sum: 0, mixed: 0 };
        for start in (0..rows).step_by(CHUNK) {
            let len = CHUNK.min(rows - start);
            self.sums.clear();
            self.sums.resize(len, 0);
            for column in &columns {
                column.add_to(&mut self.sums, start)?;
            }
            for &sum in &self.sums {
                let row = mix64(sum);
                digest.sum = digest.sum.wrapping_add(row);
                digest.mixed = digest.mixed.wrapping_add(mix64(row ^ K));
            }
        }
        Ok(digest)
    }

    /// Where a batch has our columns, worked out once a schema.
    fn places(&mut self, batch: &RecordBatch) -> Result<Vec<usize>> {
        let schema = batch.schema_ref();
        if let Some((known, places)) = &self.layout
            && std::sync::Arc::ptr_eq(known, schema)
        {
            return Ok(places.clone());
        }
        let mut places = Vec::with_capacity(self.columns.len());
        for Column { name, node } in &self.columns {
            let Some((place, field)) = schema.column_with_name(name) else {
                return Err(Error::input(format!("rows to hash lack the column {name:?}"))
                    .with("columns", names(schema)));
            };
            if !node.accepts(field.data_type()) {
                return Err(Error::input(format!(
                    "rows to hash have the column {name:?} as {}, which is not a form of the \
                     declared type",
                    field.data_type()
                )));
            }
            places.push(place);
        }
        if schema.fields().len() > places.len() {
            let extra = (0..schema.fields().len())
                .find(|i| !places.contains(i))
                .map_or("", |i| schema.field(i).name());
            return Err(Error::input(format!(
                "rows to hash have a column {extra:?} that is not part of the schema"
            ))
            .with("columns", names(schema)));
        }
        self.layout = Some((schema.clone(), places.clone()));
        Ok(places)
    }
}

impl<'a> Words<'a> {
    fn new(node: &'a Node, array: &'a ArrayRef) -> Result<Self> {
        use arrow::datatypes::DataType::{Dictionary, RunEndEncoded};
        let data_type = array.data_type();
        if data_type.is_nested() || matches!(data_type, Dictionary(..) | RunEndEncoded(..)) {
            Ok(Self::Ready(node.words(array)?))
        } else {
            Ok(Self::Flat(node, array))
        }
    }

    /// Adds the words of the rows from `start` on.
    fn add_to(&self, sums: &mut [u64], start: usize) -> Result<()> {
        match self {
            Self::Ready(words) => {
                for (sum, word) in std::iter::zip(sums, &words[start..]) {
                    *sum = sum.wrapping_add(*word);
                }
                Ok(())
            }
            Self::Flat(node, array) => node.add_words(&array.slice(start, sums.len()), sums),
        }
    }
}

fn names(schema: &Schema) -> String {
    schema.fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>().join(", ")
}
