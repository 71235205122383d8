//! The batches that a guest emits during one call.
//!
//! Imports never block, so what is emitted is queued here up to a cap and handed
//! on when the call has returned. Every batch is built against the declared
//! schema at once; the first one that is refused fails the whole call, whatever
//! the guest makes of the answer: rows must not get lost in silence.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use arrow::buffer::{BooleanBuffer, Buffer};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Fields, SchemaRef};
use tidelake_columns::{Check, Columns, MAX_LEN, decode};
use tidelake_core::Error;

use crate::text;

/// Rows queued at most in one call. Bytes are capped by the host's options; this
/// is for batches that have none.
const ROWS: u64 = 1 << 26;

/// What a queued batch costs the host besides its buffers, roughly.
const OVERHEAD: u64 = 1024;

/// One column of an emitted batch.
#[derive(Debug)]
pub(crate) enum Emitted {
    /// A column of the call's own batch.
    Same(u32),
    /// New data, already in the host's memory.
    Data(Columns),
    /// An array of a native plugin, of a type that is yet to be looked at.
    Array(ArrayRef),
}

/// Why an emitted batch was not taken. The call fails in any case.
#[derive(Debug, Clone)]
pub(crate) enum Refused {
    /// The output cap is reached.
    Exhausted(String),
    /// The batch breaks a rule.
    Broken(String),
}

/// What one call emitted.
#[derive(Debug)]
pub(crate) struct Output {
    cap: u64,
    schema: Option<SchemaRef>,
    queue: Vec<RecordBatch>,
    bytes: u64,
    rows: u64,
    refused: Option<Refused>,
}

impl Output {
    pub(crate) fn new(cap: u64) -> Self {
        Self { cap, schema: None, queue: Vec::new(), bytes: 0, rows: 0, refused: None }
    }

    /// The schema that everything must have from now on.
    pub(crate) fn declare(&mut self, schema: Option<SchemaRef>) {
        self.schema = schema;
    }

    /// Forgets what an earlier call left.
    pub(crate) fn reset(&mut self) {
        self.queue.clear();
        (self.bytes, self.rows, self.refused) = (0, 0, None);
    }

    /// What has been emitted, or why some of it was refused.
    pub(crate) fn take(&mut self) -> Result<Vec<RecordBatch>, Error> {
        let (queue, refused) = (std::mem::take(&mut self.queue), self.refused.take());
        self.reset();
        match refused {
            None => Ok(queue),
            Some(Refused::Exhausted(why)) => Err(Error::exhausted(format!("the plugin {why}"))
                .with_help("the plugin must emit less for each batch that it is given")),
            Some(Refused::Broken(rule)) => Err(Error::plugin(format!(
                "the plugin emitted a batch that is not valid: {}",
                text::message(&rule)
            ))
            .with_help("report it to the plugin's author; nothing of the batch was used")),
        }
    }

    /// Fails the call, for a reason that is not the batch's own rules.
    pub(crate) fn refuse(&mut self, rule: &str) {
        self.refused.get_or_insert_with(|| Refused::Broken(rule.to_owned()));
    }

    /// Whether there is room for so much more. A value is a byte more than the guest
    /// has for it: some need none, and each is looked at.
    pub(crate) fn admit(&mut self, rows: u64, bytes: u64, values: u64) -> Result<(), Refused> {
        let room = self.room(rows, bytes.saturating_add(values));
        if let Err(refused) = &room {
            self.refused.get_or_insert_with(|| refused.clone());
        }
        room
    }

    fn room(&mut self, rows: u64, bytes: u64) -> Result<(), Refused> {
        let total = self.bytes.saturating_add(bytes).saturating_add(OVERHEAD);
        if total > self.cap {
            return Err(Refused::Exhausted(format!(
                "emitted more than {} in one call",
                text::bytes(self.cap)
            )));
        }
        let all = self.rows.saturating_add(rows);
        if all > ROWS {
            return Err(Refused::Exhausted(format!("emitted more than {ROWS} rows in one call")));
        }
        (self.bytes, self.rows) = (total, all);
        Ok(())
    }

    /// Takes a batch of emitted columns; `input` is the batch of the call.
    pub(crate) fn emit(
        &mut self,
        input: Option<&RecordBatch>,
        rows: u64,
        columns: Vec<Emitted>,
    ) -> Result<u64, Refused> {
        let built = self.build(input, rows, columns);
        self.settle(built)
    }

    /// Takes the rows of the call's batch whose bit is set.
    pub(crate) fn emit_selected(
        &mut self,
        input: Option<&RecordBatch>,
        selection: &[u8],
    ) -> Result<u64, Refused> {
        let built = self.select(input, selection);
        if let Ok(batch) = &built {
            let whole = input.is_some_and(|input| input.num_rows() == batch.num_rows());
            let bytes = if whole { 0 } else { batch.get_array_memory_size() as u64 };
            self.admit(batch.num_rows() as u64, bytes, 0)?;
        }
        self.settle(built)
    }

    fn settle(&mut self, built: Result<RecordBatch, String>) -> Result<u64, Refused> {
        match built {
            Ok(batch) => {
                let rows = batch.num_rows() as u64;
                if rows > 0 {
                    self.queue.push(batch);
                }
                Ok(rows)
            }
            Err(rule) => {
                let refused = Refused::Broken(rule);
                self.refused.get_or_insert_with(|| refused.clone());
                Err(refused)
            }
        }
    }

    fn schema(&self) -> Result<&SchemaRef, String> {
        self.schema.as_ref().ok_or_else(|| "no output schema was declared".to_owned())
    }

    fn build(
        &self,
        input: Option<&RecordBatch>,
        rows: u64,
        columns: Vec<Emitted>,
    ) -> Result<RecordBatch, String> {
        let schema = self.schema()?;
        let declared = schema.fields().len();
        if columns.len() != declared {
            return Err(format!("{} columns; the declared schema has {declared}", columns.len()));
        }
        if rows > MAX_LEN {
            return Err(format!("{rows} rows; at most {MAX_LEN} fit in one batch"));
        }
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(declared);
        for (field, column) in schema.fields().iter().zip(columns) {
            arrays.push(match column {
                Emitted::Same(index) => same(input, index, rows, field)?,
                Emitted::Array(array) => {
                    fits(&array, rows, field, "emitted")?;
                    array
                }
                Emitted::Data(columns) if columns.rows != rows => {
                    return Err(format!(
                        "column `{}` has {} rows, the batch {rows}",
                        field.name(),
                        columns.rows
                    ));
                }
                Emitted::Data(columns) => {
                    let fields = Fields::from(vec![Arc::clone(field)]);
                    let arrays = decode(&fields, columns, Check::Full);
                    arrays.map_err(|error| error.to_string())?.remove(0)
                }
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(rows as usize));
        RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)
            .map_err(|error| error.to_string())
    }

    fn select(&self, input: Option<&RecordBatch>, selection: &[u8]) -> Result<RecordBatch, String> {
        let schema = self.schema()?;
        let input = input.ok_or("rows of a batch selected where there is no batch")?;
        if input.schema().fields() != schema.fields() {
            return Err("rows selected, but the declared schema is not the input's".to_owned());
        }
        let rows = input.num_rows();
        if selection.len() < rows.div_ceil(8) {
            return Err(format!("a selection of {} bytes for {rows} rows", selection.len()));
        }
        let bits = BooleanBuffer::new(Buffer::from(&selection[..rows.div_ceil(8)]), 0, rows);
        let selected = if bits.count_set_bits() == rows {
            input.clone()
        } else {
            let filter = BooleanArray::new(bits, None);
            filter_record_batch(input, &filter).map_err(|error| error.to_string())?
        };
        selected.with_schema(Arc::clone(schema)).map_err(|error| error.to_string())
    }
}

/// A column of the call's batch under the name of a declared field.
fn same(
    input: Option<&RecordBatch>,
    index: u32,
    rows: u64,
    field: &arrow::datatypes::Field,
) -> Result<ArrayRef, String> {
    let name = field.name();
    let input = input.ok_or_else(|| format!("column `{name}` passed through without a batch"))?;
    let column = input
        .columns()
        .get(index as usize)
        .ok_or_else(|| format!("column `{name}` is column {index} of {}", input.num_columns()))?;
    fits(column, rows, field, "passed through")?;
    Ok(Arc::clone(column))
}

/// Whether a column is what was declared.
fn fits(
    column: &ArrayRef,
    rows: u64,
    field: &arrow::datatypes::Field,
    how: &str,
) -> Result<(), String> {
    let name = field.name();
    if column.data_type() != field.data_type() {
        return Err(format!(
            "column `{name}` is declared as {}, {how} as {}",
            field.data_type(),
            column.data_type()
        ));
    }
    if column.len() as u64 != rows {
        return Err(format!("column `{name}` has {} rows, the batch {rows}", column.len()));
    }
    if !field.is_nullable() && column.logical_null_count() > 0 {
        return Err(format!("column `{name}` is declared without nulls and has some"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, StringArray};
    use arrow::datatypes::{DataType, Field, Schema};
    use tidelake_columns::encode;
    use tidelake_core::ErrorKind;

    use super::*;

    fn input() -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("id", DataType::Int64, false),
            Field::new("name", DataType::Utf8, true),
        ]);
        let id = Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef;
        let name = Arc::new(StringArray::from(vec![Some("a"), None, Some("c")])) as ArrayRef;
        RecordBatch::try_new(Arc::new(schema), vec![id, name]).expect("batch")
    }

    fn output(cap: u64) -> Output {
        let mut output = Output::new(cap);
        output.declare(Some(input().schema()));
        output
    }

    #[test]
    fn new_and_passed_columns_make_a_batch() {
        let (mut output, input) = (output(1 << 20), input());
        let data = encode(&[Arc::clone(input.column(1))]).expect("encode");
        let columns = vec![Emitted::Same(0), Emitted::Data(data)];
        assert_eq!(output.emit(Some(&input), 3, columns).expect("emit"), 3);
        assert_eq!(output.take().expect("taken"), [input]);
    }

    #[test]
    fn a_selection_is_filtered_by_the_host() {
        let (mut output, input) = (output(1 << 20), input());
        output.emit_selected(Some(&input), &[0b101]).expect("emit");
        let batches = output.take().expect("taken");
        assert_eq!(batches[0].num_rows(), 2);
        assert!(output.emit_selected(Some(&input), &[]).is_err());
    }

    #[test]
    fn a_broken_batch_fails_the_call_even_if_the_guest_goes_on() {
        let (mut output, input) = (output(1 << 20), input());
        let all = || vec![Emitted::Same(0), Emitted::Same(1)];
        // The second column may be null, the first one not.
        let swapped = vec![Emitted::Same(1), Emitted::Same(0)];
        assert!(matches!(output.emit(Some(&input), 3, swapped), Err(Refused::Broken(_))));
        output.emit(Some(&input), 3, all()).expect("a good one");
        let error = output.take().expect_err("refused");
        assert!(error.message().contains("`id` is declared as Int64, passed through as Utf8"));
        for wrong in [
            (Some(&input), 4, all()),
            (None, 3, all()),
            (Some(&input), 3, vec![]),
            (Some(&input), 3, vec![Emitted::Same(0), Emitted::Same(9)]),
            (Some(&input), u64::MAX, all()),
        ] {
            assert!(output.emit(wrong.0, wrong.1, wrong.2).is_err());
        }
    }

    #[test]
    fn caps_hold_in_bytes_and_rows() {
        let mut output = output(4 * OVERHEAD);
        output.admit(1, 2_000, 0).expect("room");
        assert!(matches!(output.admit(1, 2_000, 0), Err(Refused::Exhausted(_))));
        assert!(matches!(output.admit(ROWS, 1, 0), Err(Refused::Exhausted(_))));
        assert!(matches!(output.admit(1, 0, 1 << 40), Err(Refused::Exhausted(_))));
        // A guest that goes on as if nothing had happened has lost rows.
        assert_eq!(output.take().expect_err("refused").kind(), ErrorKind::Exhausted);
        output.reset();
        output.admit(1, 2_000, 0).expect("room again");
    }
}
