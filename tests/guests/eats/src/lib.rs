//! Asks for memory without end.

use tidelake_sdk::schema::SchemaRef;
use tidelake_sdk::{Batch, NoOptions, Output, Result, Transform};

struct Guest(SchemaRef);

impl Transform for Guest {
    const NAME: &'static str = "guest";
    const VERSION: &'static str = "0.1.0";
    const DESCRIPTION: &'static str = "Asks for memory without end.";
    const ROW_WISE: bool = true;
    type Options = NoOptions;

    fn create(input: SchemaRef, _: NoOptions) -> Result<Self> {
        Ok(Self(input))
    }

    fn output_schema(&self) -> SchemaRef {
        self.0.clone()
    }

    fn process(&mut self, _: &Batch<'_>, _: &mut Output<'_>) -> Result<()> {
        let mut hoard: Vec<Vec<u8>> = Vec::new();
        loop {
            hoard.push(std::hint::black_box(vec![1; 1 << 20]));
        }
    }
}

tidelake_sdk::export_transform!(Guest);
