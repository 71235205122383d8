//! Arrow arrays as flat buffers and back: what crosses between the host and its
//! plugins.
//!
//! The layout is that of `wit/arrow.wit`: nodes and buffers in the order of an
//! Arrow IPC record batch, without any IPC framing, dictionaries and run ends in
//! place. So a batch of two columns and three rows,
//!
//! | `price: Float64` | `symbol: Utf8` |
//! |---|---|
//! | 1.5 | `A` |
//! | null | `BC` |
//! | 2.5 | `D` |
//!
//! becomes
//!
//! | | |
//! |---|---|
//! | `rows` | 3 |
//! | `nodes` | `(3, 1)`, `(3, 0)` |
//! | `buffers` | bitmap `0b101` · 24 bytes of values · empty bitmap · offsets `0 1 3 4` · `ABCD` |
//!
//! [`encode`] borrows the arrays' own buffers wherever they fit the layout as they
//! are; [`decode`] takes buffers over without copying and believes nothing that
//! they say. Schemas travel as Arrow IPC messages ([`schema_to_message`],
//! [`schema_from_message`]), once for each stage and not with the data.

mod ascii;
mod decode;
mod encode;
#[cfg(feature = "native")]
pub mod native;
#[cfg(feature = "samples")]
pub mod samples;
mod schema;

use arrow_buffer::Buffer;

pub use decode::{Check, decode};
pub use encode::encode;
pub use schema::{schema_from_message, schema_to_message};

/// How deep types may nest, the top-level column being the first level.
pub const MAX_DEPTH: usize = 32;

/// The longest array that [`decode`] accepts, in values.
pub const MAX_LEN: u64 = i32::MAX as u64;

/// Length and null count of one array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Number of values.
    pub len: u64,
    /// Number of nulls among them.
    pub nulls: u64,
}

/// One or more columns as raw buffers; see the head of the crate.
#[derive(Debug, Clone, Default)]
pub struct Columns {
    /// Rows of every top-level column.
    pub rows: u64,
    /// One node an array, depth first.
    pub nodes: Vec<Node>,
    /// Number of data buffers of each view array, in order.
    pub variadic: Vec<u32>,
    /// All buffers, in order.
    pub buffers: Vec<Buffer>,
}

impl Columns {
    /// Bytes in all buffers.
    pub fn byte_size(&self) -> usize {
        self.buffers.iter().map(Buffer::len).sum()
    }
}

/// Why columns could not be laid out or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A type that has no place in the layout.
    #[error("column `{column}`: type {data_type} cannot cross between host and plugin")]
    Unsupported {
        /// The top-level column.
        column: String,
        /// The type, or the part of it.
        data_type: String,
    },
    /// A column breaks a rule of the layout.
    #[error("column `{column}`: {reason}")]
    Column {
        /// The top-level column.
        column: String,
        /// Which rule, and how.
        reason: String,
    },
    /// The record as a whole breaks a rule of the layout.
    #[error("record of columns: {0}")]
    Record(String),
    /// The bytes are not an Arrow IPC schema message that can be used.
    #[error("schema message: {0}")]
    Schema(String),
}

impl Error {
    fn column(column: &str, reason: impl ToString) -> Self {
        Self::Column { column: column.to_owned(), reason: reason.to_string() }
    }
}

#[cfg(test)]
mod tests;
