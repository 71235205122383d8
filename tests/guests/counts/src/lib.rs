//! Numbers the rows, and remembers how many there were.
//!
//! Tests make other versions of it by changing the texts [`LAYOUT`] and [`COLUMN`] in the
//! built file, so they are read from memory and not known to the compiler.

use std::hint::black_box;
use std::sync::Arc;

use tidelake_sdk::array::{ArrayRef, UInt64Array};
use tidelake_sdk::schema::{DataType, Field, Schema, SchemaRef};
use tidelake_sdk::{Batch, Column, Error, NoOptions, Output, Result, Transform};

/// What its snapshots begin with.
static LAYOUT: &str = "layout-1 of counts";
/// The column that it adds.
static COLUMN: &str = "number-1 of counts";

struct Guest {
    schema: SchemaRef,
    rows: u64,
}

impl Transform for Guest {
    const NAME: &'static str = "guest-counts";
    const VERSION: &'static str = "0.1.0";
    const DESCRIPTION: &'static str = "Numbers the rows.";
    type Options = NoOptions;

    fn create(input: SchemaRef, _: NoOptions) -> Result<Self> {
        let mut fields = input.fields().to_vec();
        fields.push(Arc::new(Field::new(*black_box(&COLUMN), DataType::UInt64, true)));
        Ok(Self { schema: Arc::new(Schema::new(fields)), rows: 0 })
    }

    fn restore(input: SchemaRef, options: NoOptions, snapshot: &[u8]) -> Result<Self> {
        let rest = snapshot.strip_prefix(black_box(&LAYOUT).as_bytes());
        let rows = rest.and_then(|rest| Some(u64::from_le_bytes(rest.try_into().ok()?)));
        let rows = rows.ok_or_else(|| {
            Error::unsupported(format!("the snapshot is not in {}", *black_box(&LAYOUT)))
        })?;
        Ok(Self { rows, ..Self::create(input, options)? })
    }

    fn output_schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    fn process(&mut self, batch: &Batch<'_>, out: &mut Output<'_>) -> Result<()> {
        let start = self.rows;
        self.rows += batch.rows() as u64;
        let numbers: UInt64Array = (start..self.rows).collect::<Vec<_>>().into();
        let same = (0..batch.schema().fields().len()).map(Column::Same);
        out.emit(batch.rows(), same.chain([Column::Data(Arc::new(numbers) as ArrayRef)]))
    }

    fn snapshot(&self) -> Result<Vec<u8>> {
        Ok([black_box(&LAYOUT).as_bytes(), &self.rows.to_le_bytes()].concat())
    }
}

tidelake_sdk::export_transform!(Guest);
