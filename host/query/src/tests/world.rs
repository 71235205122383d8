//! A table on its way from hot to lake, in miniature.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, DictionaryArray, Float64Array, Int64Array, RecordBatch,
    StringArray, TimestampNanosecondArray, UInt32Array,
};
use arrow::compute::{cast, concat_batches, take_record_batch};
use arrow::datatypes::{
    DataType, Field, Int32Type, Int64Type, Schema, SchemaRef, TimeUnit, TimestampNanosecondType,
};
use arrow::util::pretty::pretty_format_batches_with_schema;
use arrow_avro::writer::AvroWriter;
use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use tidelake_core::Result;
use tidelake_core::commit::{Commit, CommitOutcome, TableInit, Watermark};
use tidelake_core::file::{DataFile, FileName};
use tidelake_core::hash::Digest;
use tidelake_core::partition::{PartitionSpec, PartitionValue, hive_path};
use tidelake_core::period::{Age, Period};
use tidelake_core::plugin::{RowTransform, RowTransformRef};
use tidelake_core::stats::StatsCollector;
use tidelake_core::table::{Layout, Lifecycle, LogKind, TableSpec};
use tidelake_core::time::{Micros, SeqRange, TimeRange, column_micros, min_max};
use tidelake_hot::{HotScan, HotStore, HotTable, MemoryHotStore};
use tidelake_lake::{Lake, LakeTable};

use crate::provenance::{Provenance, TableProvenance};
use crate::{QueryOptions, QuerySession, RollupSource, TableSource};

pub(super) const TABLE: &str = "trades";

pub(super) fn at(text: &str) -> Micros {
    Micros::parse(text).unwrap()
}

/// Rows of the schema below: one every 36 hours from 2012-01-01 on, numbered.
pub(super) fn rows(numbers: std::ops::Range<i64>) -> RecordBatch {
    let n = || numbers.clone();
    let start = at("2012-01-01").0;
    let micros = |i: i64| start + i * 36 * 3_600_000_000 + i * 7;
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampNanosecondArray::from_iter_values(n().map(|i| micros(i) * 1_000))),
        Arc::new(StringArray::from_iter_values(n().map(|i| format!("S{}", i % 7)))),
        Arc::new(n().map(|i| class(i)).collect::<DictionaryArray<Int32Type>>()),
        Arc::new(Float64Array::from_iter(n().map(|i| (i % 13 != 0).then_some(i as f64 / 4.0)))),
        Arc::new(Int64Array::from_iter_values(n())),
        Arc::new(Date32Array::from_iter_values(n().map(|i| (micros(i) / 86_400_000_000) as i32))),
    ];
    RecordBatch::try_new(schema(), columns).unwrap()
}

fn class(i: i64) -> Option<&'static str> {
    (i % 11 != 0).then_some(if i % 2 == 0 { "equity" } else { "fx a/b" })
}

pub(super) fn schema() -> SchemaRef {
    let dictionary = DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into());
    Arc::new(Schema::new(vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Nanosecond, None), false),
        Field::new("Symbol", DataType::Utf8, false),
        Field::new("class", dictionary, true),
        Field::new("price", DataType::Float64, true),
        Field::new("size", DataType::Int64, true),
        Field::new("day", DataType::Date32, true),
    ]))
}

pub(super) fn spec() -> TableSpec {
    let partition =
        PartitionSpec { time: "ts".into(), period: Period::Month, columns: vec!["class".into()] };
    TableSpec {
        name: TABLE.into(),
        time: "ts".into(),
        key: vec!["Symbol".into()],
        category: Some("class".into()),
        schema: None,
        source: None,
        lifecycle: Lifecycle { hot: Age::ZERO, warm: Age::ZERO, retention: None, grace: Age::ZERO },
        layout: Layout {
            format: "parquet".into(),
            partition,
            sort: vec!["Symbol".into(), "ts".into()],
            target_file_size: 1_000_000,
            options: serde_json::Value::Null,
        },
        transforms: Vec::new(),
        rollups: Vec::new(),
    }
}

/// Masks symbols, and drops every tenth row.
#[derive(Debug)]
pub(super) struct Mask;

impl RowTransform for Mask {
    fn output_schema(&self) -> SchemaRef {
        schema()
    }

    fn apply(&self, batch: &RecordBatch) -> Result<Vec<RecordBatch>> {
        let sizes = batch.column_by_name("size").unwrap().as_primitive::<Int64Type>();
        let kept: UInt32Array =
            (0..batch.num_rows()).filter(|i| sizes.value(*i) % 10 != 9).map(|i| i as u32).collect();
        let batch = take_record_batch(batch, &kept)?;
        let mut columns = batch.columns().to_vec();
        let symbols = batch.column(1).as_string::<i32>();
        columns[1] = Arc::new(StringArray::from_iter_values(
            symbols.iter().map(|s| format!("masked-{}", s.unwrap())),
        ));
        Ok(vec![RecordBatch::try_new(schema(), columns)?])
    }
}

/// One table and its stores.
pub(super) struct World {
    pub(super) hot: Arc<dyn HotStore>,
    pub(super) lake: Lake,
    pub(super) spec: TableSpec,
    pub(super) transform: Option<RowTransformRef>,
    /// The lake's schema, which may be older than the hot store's.
    pub(super) lake_schema: SchemaRef,
    /// `parquet`, or `json`.
    pub(super) file_format: &'static str,
    /// Rows of a row group.
    pub(super) row_group: usize,
    pub(super) rollups: Vec<String>,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::of(schema()).await
    }

    pub(super) async fn of(hot_schema: SchemaRef) -> Self {
        let hot = MemoryHotStore::new();
        let table = HotTable { name: TABLE.into(), time: "ts".into(), schema: hot_schema };
        hot.create_table(&table).await.unwrap();
        Self {
            hot: Arc::new(hot),
            lake: Lake::from_store(Arc::new(InMemory::new()), "memory".into()),
            spec: spec(),
            transform: None,
            lake_schema: schema(),
            file_format: "parquet",
            row_group: 1_000_000,
            rollups: Vec::new(),
        }
    }

    pub(super) fn table(&self) -> LakeTable {
        self.lake.table(TABLE, LogKind::Files)
    }

    pub(super) async fn ingest(&self, batch: RecordBatch) {
        self.hot.append(TABLE, vec![batch]).await.unwrap();
    }

    /// Moves every row before `until` that the lake lacks into it.
    pub(super) async fn export(&self, until: &str) {
        let table = self.table();
        let init = TableInit {
            schema: self.lake_schema.clone(),
            partition: self.spec.layout.partition.clone(),
            file_format: self.file_format.into(),
        };
        let state = table.log().create(&init, Micros(0)).await.unwrap();
        let snapshot = self.hot.snapshot(TABLE).await.unwrap();
        let (old, new) = (state.watermark, at(until));
        let scans = [
            HotScan::new(TimeRange::new(old.time, new), SeqRange::new(0, snapshot.seq())),
            HotScan::new(TimeRange::before(old.time), SeqRange::new(old.seq, snapshot.seq())),
        ];
        let mut batches = Vec::new();
        for scan in scans {
            for batch in snapshot.scan(scan).await.unwrap().try_collect::<Vec<_>>().await.unwrap() {
                match &self.transform {
                    Some(chain) => batches.extend(chain.apply(&batch).unwrap()),
                    None => batches.push(batch),
                }
            }
        }
        let batches: Vec<_> =
            batches.iter().map(|b| crate::rows::conform(b, &self.lake_schema).unwrap()).collect();
        let all = concat_batches(&self.lake_schema, &batches).unwrap();
        let generation = old.generation + 1;
        let mut add = Vec::new();
        for (partition, rows) in self.partitions(&all) {
            let number = add.len() as u32;
            add.push(self.write(&table, generation, number, partition, rows).await);
        }
        let watermark = Watermark { time: new, seq: snapshot.seq(), generation, ..state.watermark };
        self.commit(&table, state.version, add, watermark).await;
    }

    pub(super) async fn commit(
        &self,
        table: &LakeTable,
        base: u64,
        add: Vec<DataFile>,
        watermark: Watermark,
    ) {
        let commit =
            Commit { base, add, remove: Vec::new(), watermark, operation: "export", at: Micros(0) };
        let outcome = table.log().commit(&commit).await.unwrap();
        assert_eq!(outcome, CommitOutcome::Committed(base + 1));
    }

    fn partitions(&self, rows: &RecordBatch) -> BTreeMap<Vec<PartitionValue>, RecordBatch> {
        let spec = &self.spec.layout.partition;
        let times = column_micros(rows.column_by_name("ts").unwrap()).unwrap();
        let classes = cast(rows.column_by_name("class").unwrap(), &DataType::Utf8).unwrap();
        let classes = classes.as_string::<i32>();
        let mut members: BTreeMap<Vec<PartitionValue>, Vec<u32>> = BTreeMap::new();
        for (i, t) in times.iter().enumerate() {
            let class = classes.is_valid(i).then(|| classes.value(i).to_owned());
            let key = vec![
                (spec.period_column(), Some(spec.period_value(Micros(*t)))),
                ("class".to_owned(), class),
            ];
            members.entry(key).or_default().push(i as u32);
        }
        let take = |indices| take_record_batch(rows, &UInt32Array::from(indices)).unwrap();
        members.into_iter().map(|(key, indices)| (key, take(indices))).collect()
    }

    async fn write(
        &self,
        table: &LakeTable,
        generation: u64,
        number: u32,
        partition: Vec<PartitionValue>,
        rows: RecordBatch,
    ) -> DataFile {
        let stored = stored(&rows);
        let bytes = match self.file_format {
            "json" => ndjson(&stored),
            "avro" => {
                let schema = stored.schema().as_ref().clone();
                let mut writer = AvroWriter::new(Vec::new(), schema).unwrap();
                writer.write(&stored).unwrap();
                writer.finish().unwrap();
                writer.into_inner()
            }
            _ => {
                let properties = WriterProperties::builder()
                    .set_max_row_group_row_count(Some(self.row_group))
                    .build();
                let mut writer =
                    ArrowWriter::try_new(Vec::new(), stored.schema(), Some(properties)).unwrap();
                writer.write(&stored).unwrap();
                writer.into_inner().unwrap()
            }
        };
        let name = FileName {
            generation,
            epoch: 0,
            unit: "0123456789abcdef".into(),
            random: number,
            extension: if self.file_format == "json" { "ndjson" } else { self.file_format }.into(),
        };
        let path = format!("{}/{name}", hive_path(&partition));
        let times = column_micros(rows.column_by_name("ts").unwrap()).unwrap();
        let (min_time, max_time) = min_max(&times).unwrap();
        let mut stats = StatsCollector::new(&stored.schema());
        stats.update(&stored).unwrap();
        let file = DataFile {
            path,
            partition,
            rows: rows.num_rows() as u64,
            bytes: bytes.len() as u64,
            min_time,
            max_time,
            stats: stats.finish(),
            digest: Digest::default(),
            generation,
        };
        let location = Path::parse(format!("{}/{}", table.root(), file.path)).unwrap();
        self.lake.store().put(&location, bytes.into()).await.unwrap();
        file
    }

    /// Removes from the hot store what the lake holds.
    pub(super) async fn evict(&self) {
        let mark = self.table().log().load().await.unwrap().unwrap().watermark;
        let (time, seqs) = (TimeRange::before(mark.time), SeqRange::new(0, mark.seq));
        self.hot.evict(TABLE, time, seqs).await.unwrap();
    }

    pub(super) fn source(&self) -> TableSource {
        TableSource {
            spec: self.spec.clone(),
            hot: Some(Arc::clone(&self.hot)),
            lake: self.table(),
            transform: self.transform.clone(),
            rollups: self
                .rollups
                .iter()
                .map(|name| RollupSource {
                    name: name.clone(),
                    lake: self.lake.table(name, LogKind::Files),
                })
                .collect(),
        }
    }

    pub(super) async fn session(&self) -> QuerySession {
        let options = QueryOptions { target_partitions: Some(3), ..QueryOptions::default() };
        QuerySession::open(vec![self.source()], options).await.unwrap()
    }

    /// The answer to a query by a session of its own.
    pub(super) async fn ask(&self, sql: &str) -> String {
        ask(&self.session().await, sql).await
    }

    /// What a query read of the table.
    pub(super) async fn read(&self, sql: &str) -> TableProvenance {
        let (_, provenance) = run(&self.session().await, sql).await;
        provenance.tables.into_iter().next().unwrap()
    }
}

pub(super) async fn run(session: &QuerySession, sql: &str) -> (Vec<RecordBatch>, Provenance) {
    session.query(sql).await.unwrap().collect().await.unwrap()
}

pub(super) async fn ask(session: &QuerySession, sql: &str) -> String {
    let result = session.query(sql).await.unwrap();
    let schema = result.schema();
    let (batches, _) = result.collect().await.unwrap();
    pretty_format_batches_with_schema(schema, &batches).unwrap().to_string()
}

/// The only number of an answer.
pub(super) async fn number(session: &QuerySession, sql: &str) -> i64 {
    let batches = run(session, sql).await.0;
    batches
        .iter()
        .find(|b| b.num_rows() > 0)
        .unwrap()
        .column(0)
        .as_primitive::<Int64Type>()
        .value(0)
}

/// The columns inside a file, as Delta stores them: microseconds in UTC, no
/// dictionaries, no partition columns.
fn stored(rows: &RecordBatch) -> RecordBatch {
    let schema = rows.schema();
    let columns = schema.fields().iter().zip(rows.columns()).filter_map(|(f, column)| {
        let stored = match f.data_type() {
            _ if f.name() == "class" => return None,
            DataType::Timestamp(..) => {
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
            }
            DataType::Dictionary(_, values) => values.as_ref().clone(),
            other => other.clone(),
        };
        Some((f.name().clone(), cast(column, &stored).unwrap(), true))
    });
    RecordBatch::try_from_iter_with_nullable(columns.collect::<Vec<_>>()).unwrap()
}

fn ndjson(stored: &RecordBatch) -> Vec<u8> {
    let columns: Vec<_> =
        stored.columns().iter().map(|c| cast(c, &DataType::Utf8).unwrap()).collect();
    let mut text = String::new();
    for row in 0..stored.num_rows() {
        let mut object = serde_json::Map::new();
        for (field, column) in stored.schema().fields().iter().zip(&columns) {
            let column = column.as_string::<i32>();
            let value = column.is_valid(row).then(|| column.value(row));
            let json = match (value, field.data_type()) {
                (None, _) => serde_json::Value::Null,
                (Some(v), DataType::Int64 | DataType::Float64) => serde_json::from_str(v).unwrap(),
                (Some(v), _) => v.into(),
            };
            object.insert(field.name().clone(), json);
        }
        text.push_str(&serde_json::Value::Object(object).to_string());
        text.push('\n');
    }
    text.into_bytes()
}

/// The numbers (`size`) of the rows of an answer whose first column is `size`.
pub(super) fn numbers(batches: &[RecordBatch]) -> Vec<i64> {
    batches.iter().flat_map(|b| b.column(0).as_primitive::<Int64Type>().values().to_vec()).collect()
}

/// Checks that a timestamp column has the public type.
pub(super) fn is_public_time(column: &dyn Array) -> bool {
    column.as_primitive_opt::<TimestampNanosecondType>().is_some()
        && *column.data_type() == DataType::Timestamp(TimeUnit::Nanosecond, None)
}
