//! Columns joined to every row from a small file: `--lookup classes.csv --on symbol`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{cast, concat, take};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use tidelake_core::{Error, Result};

use super::bad::{BadRows, OnError};
use super::csv::TextReader;
use super::{convert, infer};

/// A CSV file held in memory, found by one of its columns.
#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    on: String,
    schema: SchemaRef,
    columns: Vec<ArrayRef>,
    rows: Arc<HashMap<String, u32>>,
}

impl Lookup {
    /// Reads a lookup. Its other columns are joined where column `on` is equal.
    pub(crate) fn read(path: &Path, on: &str) -> Result<Self> {
        let mut reader = TextReader::open(path)?;
        let mut bad = BadRows::new(OnError::Abort);
        bad.file(path);
        let at = reader.names.iter().position(|name| name == on).ok_or_else(|| {
            Error::input(format!("the lookup has no column {on:?}"))
                .with("file", path.display())
                .with_help(format!("its columns are: {}", reader.names.join(", ")))
        })?;
        let mut chunks: Vec<Vec<StringArray>> = vec![Vec::new(); reader.names.len()];
        let mut rows = HashMap::new();
        while let Some(chunk) = reader.next(path, &mut bad)? {
            for (i, line) in chunk.lines.iter().enumerate() {
                let keys = &chunk.columns[at];
                if keys.is_null(i) {
                    bad.add(*line, Some(on), None, "the key is missing", None)?;
                }
                let key = keys.value(i).to_owned();
                let number = rows.len() as u32;
                if rows.insert(key, number).is_some() {
                    let value = keys.value(i);
                    bad.add(*line, Some(on), Some(value), "is there twice", None)?;
                }
            }
            for (column, part) in chunks.iter_mut().zip(chunk.columns) {
                column.push(part);
            }
        }
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for (name, parts) in reader.names.iter().zip(&chunks).filter(|(name, _)| *name != on) {
            let parts: Vec<&dyn Array> = parts.iter().map(|p| p as &dyn Array).collect();
            let text = match parts.is_empty() {
                true => Arc::new(StringArray::new_null(0)) as ArrayRef,
                false => concat(&parts)?,
            };
            let data_type = infer::column_type(text.as_string(), true);
            columns.push(convert::cast_text(text.as_string(), &data_type)?);
            fields.push(Field::new(name, data_type, true));
        }
        Ok(Self {
            on: on.to_owned(),
            schema: Schema::new(fields).into(),
            columns,
            rows: rows.into(),
        })
    }

    /// The columns that it adds.
    pub(crate) fn schema(&self) -> SchemaRef {
        self.schema.clone()
    }

    /// Adds its columns to a batch, in the order and types of `schema`. Rows whose
    /// key it does not have get nulls and are counted.
    pub(super) fn join(
        &self,
        batch: &RecordBatch,
        schema: &SchemaRef,
        bad: &mut BadRows,
    ) -> Result<RecordBatch> {
        let keys = batch.column_by_name(&self.on).ok_or_else(|| {
            let schema = batch.schema();
            let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            Error::input(format!("the file has no column {:?} to look up", self.on))
                .with_help(format!("its columns are: {}", names.join(", ")))
        })?;
        let keys = cast(keys, &DataType::Utf8)?;
        let keys = keys.as_string::<i32>();
        let mut find = |key: Option<&str>| {
            let found = key.and_then(|key| self.rows.get(key).copied());
            if found.is_none() {
                bad.unmatched(key.unwrap_or_default());
            }
            found
        };
        let indices: UInt32Array = keys.iter().map(&mut find).collect();
        let column = |field: &arrow::datatypes::FieldRef| match batch.column_by_name(field.name()) {
            Some(column) => Ok(column.clone()),
            None => {
                let i = self.schema.index_of(field.name())?;
                Ok(cast(&take(&self.columns[i], &indices, None)?, field.data_type())?)
            }
        };
        let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(schema.clone(), columns)?)
    }
}
