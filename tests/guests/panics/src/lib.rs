//! Panics on its first batch.

use tidelake_sdk::schema::SchemaRef;
use tidelake_sdk::{Batch, NoOptions, Output, Result, Transform};

struct Guest(SchemaRef);

impl Transform for Guest {
    const NAME: &'static str = "guest";
    const VERSION: &'static str = "0.1.0";
    const DESCRIPTION: &'static str = "Panics on its first batch.";
    const ROW_WISE: bool = true;
    type Options = NoOptions;

    fn create(input: SchemaRef, _: NoOptions) -> Result<Self> {
        Ok(Self(input))
    }

    fn output_schema(&self) -> SchemaRef {
        self.0.clone()
    }

    fn process(&mut self, _: &Batch<'_>, _: &mut Output<'_>) -> Result<()> {
        panic!("the guest gives up on row 7")
    }
}

tidelake_sdk::export_transform!(Guest);
