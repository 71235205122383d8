//! Little is read, and provenance says how little.

use std::sync::Arc;

use super::world::{Mask, World, number, numbers, rows, run};

/// 240 rows, those before September in the lake: 8 months × 3 classes.
async fn world() -> World {
    let world = World::new().await;
    world.ingest(rows(0..240)).await;
    world.export("2012-09-01").await;
    world.evict().await;
    world
}

#[tokio::test]
async fn time_prunes_files_and_hot_rows() {
    let world = world().await;
    let read = world.read("SELECT sum(size) FROM trades WHERE ts < '2012-02-01'").await;
    assert_eq!((read.lake.files_total, read.lake.files_read, read.lake.files_pruned), (24, 3, 21));
    assert_eq!(read.lake.rows, 21);
    assert_eq!(read.hot.rows, 0);
    assert!(read.lake.bytes > 0 && read.lake.bytes_fetched.unwrap() > 0);
    assert_eq!(read.watermark.unwrap().to_string(), "2012-09-01");
    assert_eq!((read.version, read.seq, read.resolution.as_str()), (Some(1), 240, "raw"));

    let read = world.read("SELECT sum(size) FROM trades WHERE ts >= '2012-10-01'").await;
    assert_eq!((read.lake.files_read, read.lake.files_pruned, read.lake.bytes), (0, 24, 0));
    assert!(read.hot.rows > 0 && read.hot.rows < 77, "{read}");
}

#[tokio::test]
async fn partition_values_and_statistics_prune_files() {
    let world = world().await;
    for (filter, files, count) in [
        ("class = 'fx a/b'", 8, 109),
        ("class IS NULL", 8, 22),
        ("class IN ('equity', 'fx a/b') AND ts < '2012-02-01'", 2, 19),
        ("size BETWEEN 10 AND 12", 3, 3),
        ("size = 12 AND Symbol = 'S5'", 2, 1),
        ("day = DATE '2012-01-04'", 3, 1),
        ("price > 1000", 0, 0),
        ("Symbol > 'T'", 0, 0),
    ] {
        let session = world.session().await;
        let (_, provenance) =
            run(&session, &format!("SELECT size, price FROM trades WHERE {filter}")).await;
        let sql = format!("SELECT count(*) FROM trades WHERE {filter}");
        assert_eq!(number(&session, &sql).await, count, "{filter}");
        assert!(
            provenance.tables[0].lake.files_read <= files,
            "{filter}: {provenance}, expected at most {files}"
        );
    }
}

#[tokio::test]
async fn row_groups_are_pruned_through_the_cast_of_times() {
    let mut world = World::new().await;
    world.row_group = 2;
    world.ingest(rows(0..20)).await;
    world.export("2030-01-01").await;
    let read = world.read("SELECT size FROM trades WHERE ts < '2012-01-04'").await;
    assert!(read.lake.rows <= 4, "of 20 rows: {read}");
}

#[tokio::test]
async fn counting_a_lake_needs_no_file() {
    let world = World::new().await;
    world.ingest(rows(0..100)).await;
    world.export("2030-01-01").await;
    let mut source = world.source();
    source.hot = None;
    let session = crate::QuerySession::open(vec![source], Default::default()).await.unwrap();
    let (batches, provenance) = run(&session, "SELECT count(*) FROM trades").await;
    assert_eq!(numbers(&batches), [100]);
    assert_eq!(provenance.tables[0].lake.files_read, 0, "{provenance}");
    // A filter needs them.
    assert_eq!(number(&session, "SELECT count(*) FROM trades WHERE size < 10").await, 10);
}

#[tokio::test]
async fn keys_go_down_to_the_hot_store_only_without_a_chain() {
    let mut world = World::new().await;
    world.ingest(rows(0..100)).await;
    let sql = "SELECT count(*) FROM trades WHERE Symbol IN ('S1', 'S2')";
    let read = world.read(sql).await;
    assert_eq!((read.hot.rows, read.version), (29, None), "{read}");
    assert_eq!(number(&world.session().await, sql).await, 29);

    world.transform = Some(Arc::new(Mask));
    let sql = "SELECT count(*) FROM trades WHERE Symbol IN ('masked-S1', 'masked-S2')";
    assert_eq!(world.read(sql).await.hot.rows, 100);
    let session = world.session().await;
    assert_eq!(number(&session, sql).await, 25);
    let plan = session.query(sql).await.unwrap().plan();
    assert!(plan.contains("HotRowsExec"), "{plan}");
}
