//! What a store refuses before it touches anything: tables that contradict the
//! one it has, and batches that do not fit their table.

use arrow::array::{Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Field, Schema};
use tidelake_core::time::is_time_type;
use tidelake_core::{Error, Result};

use crate::store::{HotTable, OffsetMove};

/// Checks that a source is where a move of its offset begins.
pub(crate) fn offset(table: &HotTable, offset: &OffsetMove, is: Option<&Vec<u8>>) -> Result<()> {
    if is == offset.from.as_ref() {
        return Ok(());
    }
    Err(Error::conflict("the source has been moved by somebody else in the meantime")
        .with("table", &table.name)
        .with("source", &offset.source)
        .with_help("nothing was appended; ask where the source is, and go on from there"))
}

/// Checks that a table can be made.
pub(crate) fn new_table(table: &HotTable) -> Result<()> {
    let refuse = |message: String, help: &str| {
        Err(Error::input(message).with("table", &table.name).with_help(help))
    };
    if table.name.is_empty() {
        return refuse("a table needs a name".into(), "give it one in the configuration");
    }
    let fields = table.schema.fields();
    for (i, field) in fields.iter().enumerate() {
        if fields[..i].iter().any(|f| f.name() == field.name()) {
            return refuse(
                format!("the column name {:?} occurs twice", field.name()),
                "rename one of the columns",
            );
        }
    }
    match table.schema.field_with_name(&table.time) {
        Err(_) => refuse(
            format!("there is no time column {:?}", table.time),
            &format!("the columns are: {}", column_names(&table.schema)),
        ),
        Ok(field) if !is_time_type(field.data_type()) => refuse(
            format!(
                "the time column {:?} is of type {}, not a timestamp or date",
                table.time,
                field.data_type()
            ),
            "cast it on ingest, or name another time column",
        ),
        Ok(_) => Ok(()),
    }
}

/// Checks that a table is the one that a store has under this name.
pub(crate) fn same_table(existing: &HotTable, wanted: &HotTable) -> Result<()> {
    let mut differences = Vec::new();
    if existing.time != wanted.time {
        differences.push(format!("its time column is {:?}, not {:?}", existing.time, wanted.time));
    }
    differences.extend(schema_differences(&existing.schema, &wanted.schema));
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::input(format!(
        "table {:?} exists with another schema: {}",
        existing.name,
        differences.join("; ")
    ))
    .with_help(
        "bring the data into the schema that the table has (rename or cast on ingest), \
         or ingest it into a table of another name",
    ))
}

/// Checks that a batch fits its table and returns it with exactly the table's schema.
pub(crate) fn batch(table: &HotTable, batch: &RecordBatch) -> Result<RecordBatch> {
    let schema = batch.schema();
    // A batch may promise more than its table asks (no nulls), not less.
    let differences: Vec<String> =
        schema_differences(&table.schema, &widen(&schema, &table.schema));
    if !differences.is_empty() {
        return Err(Error::input(format!(
            "the rows do not have the schema of their table: {}",
            differences.join("; ")
        ))
        .with("table", &table.name)
        .with_help("nothing was appended; rename or cast the columns on ingest"));
    }
    for (field, column) in table.schema.fields().iter().zip(batch.columns()) {
        let is_time = *field.name() == table.time;
        // `logical_nulls` also sees nulls inside a dictionary's values.
        let nulls = if is_time || !field.is_nullable() {
            column.logical_nulls().map_or(0, |n| n.null_count())
        } else {
            0
        };
        if nulls > 0 {
            let role = if is_time { "time column" } else { "column" };
            return Err(Error::input(format!(
                "the {role} {:?} is null in {nulls} of {} rows",
                field.name(),
                batch.num_rows()
            ))
            .with("table", &table.name)
            .with_help("nothing was appended; drop or fill these rows on ingest"));
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(table.schema.clone(), batch.columns().to_vec(), &options)?)
}

/// `schema` with each column as nullable as the column of that name in `like`.
fn widen(schema: &Schema, like: &Schema) -> Schema {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| {
            let nullable = like.field_with_name(field.name()).map_or(true, Field::is_nullable);
            field.as_ref().clone().with_nullable(nullable)
        })
        .collect();
    Schema::new(fields)
}

/// Every difference in names, types, nullability and order; metadata is free.
fn schema_differences(existing: &Schema, wanted: &Schema) -> Vec<String> {
    let mut differences = Vec::new();
    for field in existing.fields() {
        let name = field.name();
        match wanted.field_with_name(name) {
            Err(_) => {
                differences.push(format!("column {name:?} ({}) is missing", field.data_type()))
            }
            Ok(other) if other.data_type() != field.data_type() => differences.push(format!(
                "column {name:?} is {}, not {}",
                field.data_type(),
                other.data_type()
            )),
            Ok(other) if other.is_nullable() != field.is_nullable() => differences.push(format!(
                "column {name:?} {} nulls",
                if field.is_nullable() { "allows" } else { "does not allow" }
            )),
            Ok(_) => {}
        }
    }
    for field in wanted.fields() {
        if existing.field_with_name(field.name()).is_err() {
            differences.push(format!("column {:?} ({}) is new", field.name(), field.data_type()));
        }
    }
    if differences.is_empty() && column_names(existing) != column_names(wanted) {
        differences.push(format!("the order of its columns is {}", column_names(existing)));
    }
    differences
}

/// The names of a schema's columns, for messages.
pub(crate) fn column_names(schema: &Schema) -> String {
    schema.fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>().join(", ")
}

/// The error about a table that does not exist.
pub(crate) fn no_table<'a>(name: &str, tables: impl Iterator<Item = &'a str>) -> Error {
    let tables: Vec<&str> = tables.collect();
    Error::not_found(format!("the hot store has no table {name:?}")).with_help(
        if tables.is_empty() {
            "it has no tables yet: ingest into one".to_owned()
        } else {
            format!("its tables are: {}", tables.join(", "))
        },
    )
}
