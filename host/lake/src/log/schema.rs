//! A table's public schema as text: Arrow's own encoding, in base64, because no
//! other form keeps every type.

use std::io::Cursor;

use arrow::datatypes::{Schema, SchemaRef};
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tidelake_core::{Error, Result};

/// The schema as text: an empty Arrow stream.
pub(super) fn encode(schema: &Schema) -> Result<String> {
    let mut writer = StreamWriter::try_new(Vec::new(), schema)?;
    writer.finish()?;
    Ok(STANDARD.encode(writer.get_ref()))
}

/// The inverse of [`encode`].
pub(super) fn decode(text: &str) -> Result<SchemaRef> {
    let damaged = |e: Box<dyn std::error::Error + Send + Sync>| {
        Error::corrupt("the table's schema in its log cannot be read").with_source(e)
    };
    let bytes = STANDARD.decode(text).map_err(|e| damaged(e.into()))?;
    let reader = StreamReader::try_new(Cursor::new(bytes), None).map_err(|e| damaged(e.into()))?;
    Ok(reader.schema())
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{DataType, Field, TimeUnit};

    #[test]
    fn schemas_come_back() {
        let dictionary = DataType::Dictionary(DataType::Int16.into(), DataType::Utf8.into());
        let schema = Schema::new(vec![
            Field::new("ts", DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())), false),
            Field::new("symbol", dictionary, true),
            Field::new("size", DataType::UInt64, true),
            Field::new("levels", DataType::new_list(DataType::Decimal256(50, 3), true), true),
        ]);
        assert_eq!(*decode(&encode(&schema).unwrap()).unwrap(), schema);
        assert!(decode("!").is_err());
        assert!(decode("AAAA").is_err());
    }
}
