//! What must hold of everything that a guest hands to the host, whatever it is: the
//! properties that the fuzz targets look for the end of. `host/plugin/tests/border.rs`
//! holds them against some thousand seeded inputs in every `cargo test`.
//!
//! | property | refused | accepted |
//! |---|---|---|
//! | [`columns`]: a record of columns under a declared schema | an error that names the column | valid by Arrow's own full validation, hashes, is the same after another crossing |
//! | [`schema`]: the message that declares a schema | an error | is the same after another crossing |
//!
//! Nothing panics, and nothing allocates more than its input pays for: libFuzzer
//! stops an allocation beyond its limit (`run.sh`).

mod input;
mod record;

use std::sync::Arc;

use arrow::array::{Array, RecordBatch, RecordBatchOptions};
use tidelake_columns::{Check, Columns, decode, encode, schema_from_message, schema_to_message};
use tidelake_core::hash::{Digest, RowHasher};

pub use input::Input;

/// Values that are hashed at most. More take time, which is not what is tested; the
/// host's output cap counts each.
const VALUES: u64 = 1 << 16;

/// Reads a schema and a record of columns out of `bytes` and imports the record as
/// the host does what a guest emits. Answers whether it was accepted.
pub fn columns(bytes: &[u8]) -> bool {
    let mut input = Input::new(bytes);
    let schema = Arc::new(record::schema(&mut input));
    let columns = record::columns(&mut input, schema.fields());
    let (rows, values) = (columns.rows, values(&columns));
    let arrays = match decode(schema.fields(), columns, Check::Full) {
        Ok(arrays) => arrays,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    for array in &arrays {
        array.to_data().validate_full().expect("what is accepted is valid");
    }
    let options = RecordBatchOptions::new().with_row_count(Some(rows as usize));
    let batch = RecordBatch::try_new_with_options(schema.clone(), arrays, &options);
    let Ok(batch) = batch else { return false };

    let again = encode(batch.columns()).expect("what came in goes out");
    let again = decode(schema.fields(), Columns { rows, ..again }, Check::Full);
    let again = again.expect("what went out comes in");
    let again = RecordBatch::try_new_with_options(schema, again, &options).expect("a batch");
    for (one, other) in batch.columns().iter().zip(again.columns()) {
        assert_eq!(one.logical_null_count(), other.logical_null_count());
    }
    if values <= VALUES {
        assert_eq!(digest(&batch), digest(&again));
        // By rows, as a slice: offsets and bitmaps that do not begin at a byte.
        let (head, tail) = (batch.num_rows() / 3, batch.num_rows() - batch.num_rows() / 3);
        let parts = [batch.slice(0, head), batch.slice(head, tail)].map(|part| digest(&part));
        if let (Some(whole), [Some(head), Some(tail)]) = (digest(&batch), parts) {
            assert_eq!(whole, head.merge(tail));
        }
    }
    true
}

/// Reads a schema message: a good one, damaged in a few places. Answers whether it was
/// accepted.
pub fn schema(bytes: &[u8]) -> bool {
    let mut input = Input::new(bytes);
    let mut message = schema_to_message(&record::schema(&mut input));
    for _ in 0..input.below(8) {
        let at = (input.below(256) << 8 | input.below(256)) % message.len();
        message[at] = input.byte();
    }
    if input.once_in(8) {
        message.truncate(input.below(256) * message.len() / 256);
    }
    let Ok(schema) = schema_from_message(&message) else { return false };
    let again = schema_from_message(&schema_to_message(&schema)).expect("what went out comes in");
    assert_eq!(schema, again);
    true
}

/// The values that a record says it has, as the host's output cap counts them.
fn values(columns: &Columns) -> u64 {
    columns.nodes.iter().fold(columns.rows, |sum, node| sum.saturating_add(node.len))
}

/// The th1 digest, of types that can be hashed.
fn digest(batch: &RecordBatch) -> Option<Digest> {
    let mut hasher = RowHasher::new("fuzz", &batch.schema()).ok()?;
    Some(hasher.digest(batch).expect("a valid batch hashes"))
}
