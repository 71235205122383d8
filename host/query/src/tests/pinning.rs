//! One consistent state for a whole session.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tidelake_core::commit::Watermark;
use tidelake_core::time::{SeqRange, TimeRange};
use tidelake_core::{ErrorKind, Result};
use tidelake_hot::{Appended, Evicted, HotSnapshot, HotStore, HotTable};

use super::world::{TABLE, World, ask, at, number, rows};
use crate::{QueryOptions, QuerySession};

const COUNT: &str = "SELECT count(*) FROM trades";

#[tokio::test]
async fn a_session_keeps_its_state() {
    let world = World::new().await;
    world.ingest(rows(0..100)).await;
    world.export("2012-03-01").await;
    let session = world.session().await;
    let everything = "SELECT * FROM trades ORDER BY size";
    let before = ask(&session, everything).await;

    world.ingest(rows(100..150)).await;
    world.ingest(rows(10..20)).await;
    world.export("2012-05-01").await;
    world.evict().await;
    assert_eq!(ask(&session, everything).await, before);
    assert_eq!(number(&session, COUNT).await, 100);
    // Two references within one query agree, too.
    let twice = "SELECT (SELECT count(*) FROM trades) - (SELECT count(size) FROM trades)";
    assert_eq!(number(&session, twice).await, 0);
    assert_eq!(number(&world.session().await, COUNT).await, 160);
}

#[tokio::test]
async fn eviction_never_changes_an_answer() {
    let world = World::new().await;
    world.ingest(rows(0..100)).await;
    world.export("2012-03-01").await;
    let everything = "SELECT * FROM trades ORDER BY size";
    let before = world.ask(everything).await;
    // Piece by piece, as units are evicted.
    for until in ["2012-01-10", "2012-02-01", "2012-03-01"] {
        let seqs = SeqRange::new(0, 100);
        world.hot.evict(TABLE, TimeRange::before(at(until)), seqs).await.unwrap();
        assert_eq!(world.ask(everything).await, before, "{until}");
    }
}

/// A hot store under which somebody is faster: after the first snapshot is
/// taken, more rows arrive, are exported and evicted.
#[derive(Debug)]
struct Raced {
    world: Arc<dyn HotStore>,
    lake: tidelake_lake::Lake,
    snapshots: AtomicUsize,
}

#[async_trait]
impl HotStore for Raced {
    async fn create_table(&self, table: &HotTable) -> Result<()> {
        self.world.create_table(table).await
    }
    async fn table(&self, name: &str) -> Result<Option<HotTable>> {
        self.world.table(name).await
    }
    async fn tables(&self) -> Result<Vec<HotTable>> {
        self.world.tables().await
    }
    async fn append(
        &self,
        table: &str,
        batches: Vec<arrow::array::RecordBatch>,
    ) -> Result<Appended> {
        self.world.append(table, batches).await
    }
    async fn append_from(
        &self,
        table: &str,
        batches: Vec<arrow::array::RecordBatch>,
        offset: tidelake_hot::OffsetMove,
    ) -> Result<Appended> {
        self.world.append_from(table, batches, offset).await
    }
    async fn offset(&self, table: &str, source: &str) -> Result<Option<Vec<u8>>> {
        self.world.offset(table, source).await
    }
    async fn snapshot(&self, table: &str) -> Result<Arc<dyn HotSnapshot>> {
        let snapshot = self.world.snapshot(table).await?;
        if self.snapshots.fetch_add(1, Ordering::SeqCst) == 0 {
            let mut rival = World::new().await;
            (rival.hot, rival.lake) = (Arc::clone(&self.world), self.lake.clone());
            rival.ingest(rows(100..150)).await;
            rival.export("2012-04-01").await;
            rival.evict().await;
        }
        Ok(snapshot)
    }
    async fn evict(&self, table: &str, time: TimeRange, seqs: SeqRange) -> Result<Evicted> {
        self.world.evict(table, time, seqs).await
    }
}

#[tokio::test]
async fn a_torn_pair_is_taken_again() {
    let mut world = World::new().await;
    world.ingest(rows(0..100)).await;
    world.export("2012-03-01").await;
    let raced = Arc::new(Raced {
        world: Arc::clone(&world.hot),
        lake: world.lake.clone(),
        snapshots: AtomicUsize::new(0),
    });
    world.hot = Arc::clone(&raced) as _;
    let session = world.session().await;
    assert_eq!(number(&session, COUNT).await, 150);
    assert_eq!(raced.snapshots.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_hot_store_behind_its_lake_is_refused() {
    let world = World::new().await;
    world.ingest(rows(0..10)).await;
    world.export("2012-03-01").await;
    let state = world.table().log().load().await.unwrap().unwrap();
    let watermark = Watermark { seq: 1_000, generation: 2, ..state.watermark };
    world.commit(&world.table(), state.version, Vec::new(), watermark).await;
    let error =
        QuerySession::open(vec![world.source()], QueryOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("number 10") && error.to_string().contains("1000"));
    // The lake alone can be read.
    let mut alone = world.source();
    alone.hot = None;
    let session = QuerySession::open(vec![alone], QueryOptions::default()).await.unwrap();
    assert_eq!(number(&session, COUNT).await, 10);
}
