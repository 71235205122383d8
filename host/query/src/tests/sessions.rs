//! SQL in, answers or clear errors out.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use futures::TryStreamExt;
use tidelake_core::commit::{TableInit, Watermark};
use tidelake_core::partition::PartitionSpec;
use tidelake_core::period::Period;
use tidelake_core::table::LogKind;
use tidelake_core::time::Micros;
use tidelake_core::{Error, ErrorKind};

use super::world::{World, at, number, numbers, rows, run};
use crate::{QueryOptions, QuerySession};

async fn refused(session: &QuerySession, sql: &str) -> Error {
    match session.query(sql).await {
        Ok(result) => result.collect().await.unwrap_err(),
        Err(error) => error,
    }
}

#[tokio::test]
async fn mistakes_are_explained() {
    let mut world = World::new().await;
    world.rollups.push("trades@1mo".into());
    world.ingest(rows(0..10)).await;
    let session = world.session().await;
    for (sql, kind, says) in [
        ("SELECT * FROM trade", ErrorKind::Input, "did you mean \"trades\""),
        ("SELECT symbol FROM trades", ErrorKind::Input, "did you mean \"Symbol\""),
        ("SELECT sizes FROM trades t WHERE t.size > 1", ErrorKind::Input, "did you mean \"size\""),
        ("SELEC 1", ErrorKind::Input, "could not be read"),
        ("SELECT 1; SELECT 2", ErrorKind::Unsupported, ""),
        ("DROP TABLE trades", ErrorKind::Input, "queries only read"),
        ("INSERT INTO trades SELECT * FROM trades", ErrorKind::Input, "queries only read"),
        ("COPY trades TO 'x.parquet'", ErrorKind::Input, "queries only read"),
        ("SET datafusion.execution.batch_size = 1", ErrorKind::Input, "queries only read"),
        ("SELECT no_such(size) FROM trades", ErrorKind::Input, "no_such"),
        ("SELECT CAST(Symbol AS INT) FROM trades", ErrorKind::Input, "S0"),
        ("SELECT * FROM \"trades@1mo\"", ErrorKind::NotFound, "tidelake run"),
        ("SELECT * FROM '/etc/passwd'", ErrorKind::Input, "there is no table"),
    ] {
        let error = refused(&session, sql).await;
        assert_eq!(error.kind(), kind, "{sql}: {error:?}");
        let text = format!("{error:?}");
        assert!(text.contains(says), "{sql}: {text}");
        assert!(error.help().is_some(), "{sql}: {text}");
    }
}

#[tokio::test]
async fn other_statements_that_only_read_work() {
    let world = World::new().await;
    world.ingest(rows(0..10)).await;
    let session = world.session().await;
    for sql in [
        "SHOW TABLES",
        "DESCRIBE trades",
        "EXPLAIN SELECT count(*) FROM trades",
        "WITH trade AS (SELECT * FROM trades) SELECT Count(*) FROM trade",
        "SELECT * FROM generate_series(1, 3)",
    ] {
        let (batches, _) = run(&session, sql).await;
        assert!(batches.iter().map(|b| b.num_rows()).sum::<usize>() > 0, "{sql}");
    }
    let names: Vec<&str> = session.tables().map(|(name, _)| name).collect();
    assert_eq!(names, ["trades"]);
}

#[tokio::test]
async fn a_table_without_rows_answers_when_its_schema_is_known() {
    let world = World::new().await;
    assert_eq!(number(&world.session().await, "SELECT count(*) FROM trades").await, 0);
    let mut source = world.source();
    source.hot = None;
    let open = |source| QuerySession::open(vec![source], QueryOptions::default());
    let session = open(source.clone()).await.unwrap();
    let error = refused(&session, "SELECT 1 FROM trades").await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.help().unwrap().contains("tidelake ingest"));
    source.spec.schema = Some(super::world::schema());
    let session = open(source).await.unwrap();
    assert_eq!(number(&session, "SELECT count(*) FROM trades").await, 0);
}

#[tokio::test]
async fn rollups_are_tables_of_their_own() {
    let mut world = World::new().await;
    world.ingest(rows(0..100)).await;
    world.rollups.push("trades@1mo".into());
    let rollup = world.lake.table("trades@1mo", LogKind::Files);
    let time = Field::new("ts", DataType::Timestamp(TimeUnit::Nanosecond, None), false);
    let init = TableInit {
        schema: Arc::new(Schema::new(vec![time, Field::new("n", DataType::Int64, true)])),
        partition: PartitionSpec { time: "ts".into(), period: Period::Month, columns: vec![] },
        file_format: "parquet".into(),
    };
    let state = rollup.log().create(&init, Micros(0)).await.unwrap();
    let covered = Watermark { time: at("2012-02-01"), generation: 1, ..Watermark::EMPTY };
    world.commit(&rollup, state.version, Vec::new(), covered).await;
    let session = world.session().await;
    let sql = "SELECT count(n) FROM \"trades@1mo\" r JOIN trades t ON t.ts = r.ts";
    let (batches, provenance) = run(&session, sql).await;
    assert_eq!(numbers(&batches), [0]);
    let [raw, monthly] = provenance.tables.as_slice() else { panic!("{provenance}") };
    assert_eq!((raw.table.as_str(), raw.resolution.as_str()), ("trades", "raw"));
    assert_eq!((monthly.table.as_str(), monthly.resolution.as_str()), ("trades@1mo", "1mo"));
    assert_eq!(monthly.watermark, Some(at("2012-02-01")));
    assert!(monthly.to_string().contains("complete up to 2012-02-01"), "{monthly}");
    let json = serde_json::to_value(&provenance).unwrap();
    assert_eq!(json["tables"][1]["watermark"], "2012-02-01");
    assert_eq!(json["tables"][0]["watermark"], serde_json::Value::Null);
}

/// Two columns and many rows, in random order.
async fn heavy() -> World {
    let schema = Arc::new(Schema::new(vec![
        Field::new("ts", DataType::Timestamp(TimeUnit::Nanosecond, None), false),
        Field::new("size", DataType::Int64, true),
        Field::new("price", DataType::Float64, true),
    ]));
    let world = World::of(schema.clone()).await;
    let scattered = |i: i64| (i * 7_919) % 300_000;
    let times = arrow::array::TimestampNanosecondArray::from_iter_values(0..300_000);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(times),
        Arc::new(Int64Array::from_iter_values((0..300_000).map(scattered))),
        Arc::new(Float64Array::from_iter_values((0..300_000).map(|i| i as f64))),
    ];
    world.ingest(RecordBatch::try_new(schema, columns).unwrap()).await;
    world
}

#[tokio::test]
async fn memory_is_limited_and_sorts_spill_inside_the_project() {
    let world = heavy().await;
    let sql = "SELECT size, price, ts FROM trades ORDER BY size";
    let project = tempfile::tempdir().unwrap();
    let options =
        |spill_dir| QueryOptions { memory: 6_000_000, target_partitions: Some(1), spill_dir };
    let open = |spill| QuerySession::open(vec![world.source()], options(spill));
    let error = refused(&open(None).await.unwrap(), sql).await;
    assert_eq!(error.kind(), ErrorKind::Exhausted, "{error:?}");
    assert!(error.help().unwrap().contains("[engine] memory"));

    let session = open(Some(project.path().join("spill"))).await.unwrap();
    let batches: Vec<RecordBatch> = session.query(sql).await.unwrap().try_collect().await.unwrap();
    assert_eq!(numbers(&batches), (0..300_000).collect::<Vec<i64>>());
}
