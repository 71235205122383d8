//! `probe`: moves columns across the border between host and guest, and does nothing
//! else with them, so that benches can time the border alone.
//!
//! | mode | reads | emits |
//! |---|---|---|
//! | `in` | every column of every batch | nothing |
//! | `out` | the first batch | that batch again for every batch |
//! | `echo` | every column of every batch | it, as new data |
//! | `same` | nothing | every column by its index: what a call costs without data |

use tidelake_sdk::array::{ArrayRef, RecordBatch};
use tidelake_sdk::schema::SchemaRef;
use tidelake_sdk::schemars::JsonSchema;
use tidelake_sdk::serde::Deserialize;
use tidelake_sdk::{Batch, Column, Output, Result, Transform};

/// Options of the plugin.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeOptions {
    /// What crosses.
    pub mode: Mode,
}

/// What crosses; see the head of the crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Host to guest.
    In,
    /// Guest to host.
    Out,
    /// Both ways.
    Echo,
    /// Neither.
    Same,
}

/// The plugin.
pub struct Probe {
    schema: SchemaRef,
    mode: Mode,
    /// What `out` emits, once it has seen a batch.
    prepared: Option<RecordBatch>,
}

impl Transform for Probe {
    const NAME: &'static str = "probe";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const DESCRIPTION: &'static str = "Moves columns in and out and does nothing else.";
    type Options = ProbeOptions;

    fn create(input: SchemaRef, options: ProbeOptions) -> Result<Self> {
        Ok(Self { schema: input, mode: options.mode, prepared: None })
    }

    fn output_schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn process(&mut self, batch: &Batch<'_>, out: &mut Output<'_>) -> Result<()> {
        match self.mode {
            Mode::In => batch.to_record_batch().map(drop),
            Mode::Echo => emit_as_new(&batch.to_record_batch()?, out),
            Mode::Out => match &self.prepared {
                Some(prepared) => emit_as_new(prepared, out),
                None => emit_as_new(self.prepared.insert(batch.to_record_batch()?), out),
            },
            Mode::Same => {
                let columns = 0..batch.schema().fields().len();
                out.emit(batch.rows(), columns.map(Column::Same))
            }
        }
    }
}

/// Emits arrays that the output does not recognise as the input's: it goes by the
/// address of the array, and a slice of all of it is another array over the same bytes.
fn emit_as_new(batch: &RecordBatch, out: &mut Output<'_>) -> Result<()> {
    let columns = batch.columns().iter().map(|column| column.slice(0, column.len()) as ArrayRef);
    out.emit(batch.num_rows(), columns.map(Column::Data))
}

tidelake_sdk::export_transform!(Probe);
