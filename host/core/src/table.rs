//! A table as the operator configured it, validated: what every other crate works from.

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::partition::PartitionSpec;
use crate::period::{Age, Every};
use crate::time::is_time_type;

/// A named time series relation.
#[derive(Debug, Clone)]
pub struct TableSpec {
    /// Its name in queries, and its directory in the lake.
    pub name: String,
    /// The time column.
    pub time: String,
    /// The columns that say which series a row belongs to.
    pub key: Vec<String>,
    /// The column that groups series (an asset class), if any.
    pub category: Option<String>,
    /// The schema of the hot rows, when the configuration gives it.
    pub schema: Option<SchemaRef>,
    /// Where its rows come from, besides what is ingested.
    pub source: Option<SourceSpec>,
    /// When rows move.
    pub lifecycle: Lifecycle,
    /// How the lake's files are laid out.
    pub layout: Layout,
    /// The chain that turns hot rows into public rows, in order.
    pub transforms: Vec<TransformSpec>,
    /// The downsampled tables kept beside it.
    pub rollups: Vec<RollupSpec>,
}

/// Where a table's rows come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceSpec {
    /// Name of the plugin.
    pub plugin: String,
    /// Its options, a JSON object.
    pub options: serde_json::Value,
    /// Under which name the hot store keeps how far it is; default: the plugin's. Another
    /// one begins at the start.
    pub id: String,
    /// Rows asked for at once, and made durable together.
    pub max_rows: u32,
}

/// The ages at which rows move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Younger rows are in the hot store only.
    pub hot: Age,
    /// Up to this age rows are in both tiers; older ones in the lake only.
    pub warm: Age,
    /// Older rows leave the lake. `None`: never.
    pub retention: Option<Age>,
    /// Time between the proof that the lake holds rows and their eviction.
    pub grace: Age,
}

/// How the lake's files are laid out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// `delta`, `parquet`, `json`, `avro`, or the name of an installed format plugin.
    pub format: String,
    /// How rows are cut into partitions.
    pub partition: PartitionSpec,
    /// The order of rows within a file.
    pub sort: Vec<String>,
    /// Files are closed near this size, in bytes.
    pub target_file_size: u64,
    /// Options of the format plugin, a JSON object.
    pub options: serde_json::Value,
}

impl Layout {
    /// The plugin that writes the files: Delta tables hold Parquet files, and
    /// the short names stand for `format-*`.
    pub fn writer_plugin(&self) -> &str {
        match self.format.as_str() {
            "delta" | "parquet" => "format-parquet",
            "json" => "format-json",
            "orc" => "format-orc",
            "avro" => "format-avro",
            other => other,
        }
    }

    /// Which log the table keeps.
    pub fn log(&self) -> LogKind {
        if self.format == "delta" { LogKind::Delta } else { LogKind::Files }
    }
}

/// The kinds of table logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogKind {
    /// Delta Lake's transaction log.
    Delta,
    /// tidelake's own log of the same shape, for any file format.
    Files,
}

/// One transform of a table's chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransformSpec {
    /// Name of the plugin.
    pub plugin: String,
    /// Its options, a JSON object.
    pub options: serde_json::Value,
}

/// One downsampled table.
#[derive(Debug, Clone, PartialEq)]
pub struct RollupSpec {
    /// Length of a bucket.
    pub every: Every,
    /// Time zone of buckets of a day and more.
    pub zone: Tz,
    /// Name of the downsampler plugin.
    pub plugin: String,
    /// Its options, a JSON object.
    pub options: serde_json::Value,
}

impl TableSpec {
    /// Name of a rollup of this table: `trades@1h`.
    pub fn rollup_name(&self, rollup: &RollupSpec) -> String {
        format!("{}@{}", self.name, rollup.every)
    }

    /// The columns that a rollup groups by: the key, then the category.
    pub fn group_columns(&self) -> Vec<String> {
        let mut columns = self.key.clone();
        columns.extend(self.category.iter().filter(|c| !self.key.contains(c)).cloned());
        columns
    }

    /// Checks a schema (of hot rows, or the public one) against the table: time,
    /// key, category, partition and sort columns exist, and nothing clashes with
    /// the derived partition column.
    pub fn check_schema(&self, schema: &Schema, what: &str) -> Result<()> {
        let names =
            || schema.fields().iter().map(|f| f.name().as_str()).collect::<Vec<_>>().join(", ");
        let field = |name: &str, role: &str| {
            schema.field_with_name(name).map_err(|_| {
                Error::input(format!("{what} has no {role} column {name:?}"))
                    .with("table", &self.name)
                    .with_help(format!("the columns are: {}", names()))
            })
        };
        let time = field(&self.time, "time")?;
        if !is_time_type(time.data_type()) {
            return Err(Error::input(format!(
                "the time column {:?} of {what} is of type {}, not a timestamp or date",
                self.time,
                time.data_type()
            ))
            .with("table", &self.name)
            .with_help(format!(
                "declare its type in [table.{}.schema], or check that every value is a time",
                self.name
            )));
        }
        for name in &self.key {
            field(name, "key")?;
        }
        if let Some(name) = &self.category {
            field(name, "category")?;
        }
        for name in &self.layout.partition.columns {
            let column = field(name, "partition")?;
            if !is_partition_type(column.data_type()) {
                return Err(Error::input(format!(
                    "column {name:?} of type {} cannot be a partition column",
                    column.data_type()
                ))
                .with("table", &self.name)
                .with_help("partition by text, integer, boolean or date columns"));
            }
        }
        for name in &self.layout.sort {
            field(name, "sort")?;
        }
        let derived = self.layout.partition.period_column();
        if schema.field_with_name(&derived).is_ok() {
            return Err(Error::input(format!(
                "{what} has a column {derived:?}, the name of the derived partition column"
            ))
            .with("table", &self.name)
            .with_help("rename the column on ingest, or partition by another period"));
        }
        Ok(())
    }

    /// The columns stored inside the files: the public ones that are not
    /// partition columns.
    pub fn file_schema(&self, public: &Schema) -> SchemaRef {
        let columns = &self.layout.partition.columns;
        let fields: Vec<Field> = public
            .fields()
            .iter()
            .filter(|f| !columns.contains(f.name()))
            .map(|f| f.as_ref().clone())
            .collect();
        Schema::new(fields).into()
    }

    /// The columns of the lake table as foreign readers see it: the public ones,
    /// then the derived partition column.
    pub fn lake_schema(&self, public: &Schema) -> SchemaRef {
        let mut fields: Vec<Field> = public.fields().iter().map(|f| f.as_ref().clone()).collect();
        fields.push(self.layout.partition.period_field());
        Schema::new(fields).into()
    }
}

/// Whether values of this type can name a partition directory exactly.
pub fn is_partition_type(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_partition_type(values),
        other => {
            other.is_integer()
                || matches!(
                    other,
                    DataType::Utf8
                        | DataType::LargeUtf8
                        | DataType::Utf8View
                        | DataType::Boolean
                        | DataType::Date32
                )
        }
    }
}
