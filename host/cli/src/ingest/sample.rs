//! A file as a sample: its first rows in one schema, for whoever tests a plugin.

use std::path::Path;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use tidelake_core::columns::Origin;
use tidelake_core::config;
use tidelake_core::time::is_time_type;
use tidelake_core::{Error, Result, ResultExt};

use super::bad::{BadRows, OnError};
use super::input::{self, Kind};
use super::{FileReader, Target, columnar, infer, json};

/// Rows that are read at most.
const ROWS: usize = 200_000;

/// What was read.
#[derive(Debug)]
pub(crate) struct Sample {
    /// The columns.
    pub(crate) schema: SchemaRef,
    /// The time column, if there is one.
    pub(crate) time: Option<String>,
    /// The rows.
    pub(crate) rows: Vec<RecordBatch>,
}

/// Reads the first rows of a file into the columns that are given, or else into those
/// that it seems to have. The first bad row is an error.
pub(crate) fn read(
    path: &Path,
    schema: Option<SchemaRef>,
    time: Option<&str>,
    key: &[String],
) -> Result<Sample> {
    let (schema, origin) = match schema {
        Some(schema) => (schema, Origin::Config("sample".to_owned())),
        None => (guess(path, time, key)?, Origin::File(path.display().to_string())),
    };
    let time = match time {
        Some(time) => Some(time.to_owned()),
        None => {
            let times = schema.fields().iter().find(|f| is_time_type(f.data_type()));
            times.map(|field| field.name().clone())
        }
    };
    let target = Target {
        schema: schema.clone(),
        file_schema: schema.clone(),
        time: time.clone().unwrap_or_default(),
        origin,
        lookup: None,
    };
    let mut bad = BadRows::new(OnError::Abort);
    let mut reader = FileReader::open(path, &target)?;
    let (mut rows, mut left) = (Vec::new(), ROWS);
    while left > 0 {
        let Some(batch) = reader.next(&mut bad)? else { break };
        let batch = batch.slice(0, batch.num_rows().min(left));
        left -= batch.num_rows();
        rows.push(batch);
    }
    if left == ROWS {
        return Err(Error::input("the file has no rows").with("file", path.display()));
    }
    Ok(Sample { schema, time, rows })
}

fn guess(path: &Path, time: Option<&str>, key: &[String]) -> Result<SchemaRef> {
    // A table without any wish: what it has by default does not matter here.
    let mut tables = config::parse("[table.sample]\ntime = \"ts\"\n")
        .map_err(|_| Error::internal("a plain table is not read"))?
        .tables;
    let mut spec =
        tables.remove("sample").ok_or_else(|| Error::internal("a plain table is not there"))?;
    spec.time = time.unwrap_or_default().to_owned();
    spec.key = key.to_vec();
    match input::detect(path)? {
        Kind::Csv => infer::csv_schema(path, &spec),
        Kind::Json => json::infer_schema(path, &spec),
        Kind::Parquet => columnar::parquet_schema(path),
        Kind::Arrow => columnar::arrow_schema(path),
    }
    .with("file", path.display())
}
