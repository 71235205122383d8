//! Answers do not depend on the tier that a row is in.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int32Type, Schema};

use super::world::{Mask, World, ask, is_public_time, numbers, rows, run, schema};

const QUERIES: &[&str] = &[
    "SELECT count(*) FROM trades",
    "SELECT COUNT(*), sum(size), min(ts), max(ts), avg(price), count(price) FROM trades",
    "SELECT count(*), sum(size) FROM trades \
     WHERE ts >= '2012-06-01' AND ts < TIMESTAMP '2012-07-15'",
    "SELECT * FROM trades WHERE Symbol = 'S3' ORDER BY ts",
    "SELECT size, Symbol FROM trades WHERE Symbol IN ('S1', 'S2') AND price > 20 ORDER BY size",
    "SELECT class, count(*), sum(price) FROM trades GROUP BY class ORDER BY class",
    "SELECT date_trunc('month', ts) AS month, sum(size) FROM trades GROUP BY month ORDER BY month",
    "SELECT count(*), sum(a.size) FROM trades a JOIN trades b ON a.Symbol = b.Symbol AND a.ts = b.ts",
    "SELECT size, lag(price) OVER (PARTITION BY Symbol ORDER BY ts) AS before FROM trades \
     ORDER BY size, before",
    "SELECT size FROM trades WHERE class = 'fx a/b' AND size % 2 = 1 ORDER BY size",
    "SELECT size FROM trades WHERE class IS NULL ORDER BY size",
    "SELECT size FROM trades WHERE day = DATE '2012-03-01' OR day > DATE '2012-12-01' ORDER BY size",
    "SELECT ts, Symbol FROM trades ORDER BY ts DESC LIMIT 5",
    "SELECT size FROM trades WHERE price IS NULL ORDER BY size",
    "SELECT DISTINCT Symbol FROM trades ORDER BY Symbol",
    "SELECT Symbol, max(ts) FROM trades WHERE size < (SELECT avg(size) FROM trades) \
     GROUP BY Symbol ORDER BY Symbol",
];

async fn answers(world: &World) -> Vec<String> {
    let session = world.session().await;
    let mut answers = Vec::new();
    for sql in QUERIES {
        answers.push(format!("{sql}\n{}", ask(&session, sql).await));
    }
    answers
}

/// Walks a table through its life and compares every answer with those of a
/// twin that stays hot.
async fn same_on_every_tier(mut world: World, format: &'static str) {
    world.file_format = format;
    let mut twin = World::new().await;
    twin.transform = world.transform.clone();
    for from in [0, 80, 160] {
        world.ingest(rows(from..from + 80)).await;
        twin.ingest(rows(from..from + 80)).await;
    }
    let expected = answers(&twin).await;
    assert!(expected[0].contains(if world.transform.is_some() { "216" } else { "240" }));
    assert_eq!(answers(&world).await, expected, "hot only");
    world.export("2012-05-01").await;
    assert_eq!(answers(&world).await, expected, "in both tiers");
    world.evict().await;
    assert_eq!(answers(&world).await, expected, "evicted");

    // Late rows: below the watermark, not in the lake yet.
    world.ingest(rows(30..50)).await;
    twin.ingest(rows(30..50)).await;
    let expected = answers(&twin).await;
    assert_eq!(answers(&world).await, expected, "late");
    world.export("2012-09-01").await;
    assert_eq!(answers(&world).await, expected, "late rows exported");
    world.evict().await;
    assert_eq!(answers(&world).await, expected, "late rows evicted");
    world.export("2030-01-01").await;
    world.evict().await;
    assert_eq!(answers(&world).await, expected, "lake only");
}

#[tokio::test]
async fn parquet_answers_as_hot_rows_do() {
    same_on_every_tier(World::new().await, "parquet").await;
}

#[tokio::test]
async fn json_answers_as_hot_rows_do() {
    same_on_every_tier(World::new().await, "json").await;
}

#[tokio::test]
async fn avro_answers_as_hot_rows_do() {
    same_on_every_tier(World::new().await, "avro").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hot_rows_go_through_the_chain() {
    let mut world = World::new().await;
    world.transform = Some(Arc::new(Mask));
    same_on_every_tier(world, "parquet").await;

    let mut world = World::new().await;
    world.transform = Some(Arc::new(Mask));
    world.ingest(rows(0..100)).await;
    // The clear value finds nothing in either tier, the masked one finds it in both.
    for _ in 0..2 {
        let session = world.session().await;
        let clear = run(&session, "SELECT size FROM trades WHERE Symbol = 'S3'").await.0;
        assert_eq!(numbers(&clear), Vec::<i64>::new());
        let masked =
            run(&session, "SELECT size FROM trades WHERE Symbol = 'masked-S3' ORDER BY size").await;
        assert_eq!(numbers(&masked.0), [3, 10, 17, 24, 31, 38, 45, 52, 66, 73, 80, 87, 94]);
        world.export("2030-01-01").await;
        world.evict().await;
    }
}

#[tokio::test]
async fn types_are_the_public_ones_in_both_tiers() {
    let world = World::new().await;
    world.ingest(rows(0..240)).await;
    world.export("2012-07-01").await;
    world.evict().await;
    let session = world.session().await;
    let result = session.query("SELECT * FROM trades").await.unwrap();
    for (found, expected) in result.schema().fields().iter().zip(schema().fields()) {
        assert_eq!((found.name(), found.data_type()), (expected.name(), expected.data_type()));
    }
    let (batches, provenance) = result.collect().await.unwrap();
    let read = &provenance.tables[0];
    assert!(read.lake.rows > 0 && read.hot.rows > 0, "{provenance}");
    for batch in batches {
        assert!(is_public_time(batch.column(0)));
        assert!(batch.column(1).as_string_opt::<i32>().is_some());
        assert!(batch.column(2).as_dictionary_opt::<Int32Type>().is_some());
    }
}

#[tokio::test]
async fn a_column_added_later_is_null_in_older_files() {
    let mut fields = schema().fields().to_vec();
    fields.push(Arc::new(Field::new("venue", DataType::Utf8, false)));
    let wider = Arc::new(Schema::new(fields));
    for format in ["parquet", "json", "avro"] {
        let mut world = World::of(wider.clone()).await;
        world.file_format = format;
        let venue: ArrayRef = Arc::new(StringArray::from(vec!["X"; 100]));
        let mut columns = rows(0..100).columns().to_vec();
        columns.push(venue);
        world.ingest(RecordBatch::try_new(wider.clone(), columns).unwrap()).await;
        world.export("2012-03-01").await;
        world.evict().await;
        let session = world.session().await;
        // 40 rows are before March.
        for (sql, expected) in [
            ("SELECT size FROM trades WHERE venue IS NULL ORDER BY size", (0..40).collect()),
            ("SELECT size FROM trades WHERE venue = 'X' ORDER BY size", (40..100).collect()),
            ("SELECT count(venue) FROM trades", vec![60]),
            ("SELECT count(*) FROM trades", vec![100]),
        ] {
            let expected: Vec<i64> = expected;
            assert_eq!(numbers(&run(&session, sql).await.0), expected, "{format}: {sql}");
        }
    }
}
