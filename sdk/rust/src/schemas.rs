//! Schemas as they cross.

use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};

use crate::error::Result;

pub(crate) fn read(message: &[u8]) -> Result<SchemaRef> {
    Ok(Arc::new(tidelake_columns::schema_from_message(message)?))
}

pub(crate) fn write(schema: &Schema) -> Vec<u8> {
    tidelake_columns::schema_to_message(schema)
}
