//! What goes, what stays, what is never used again.

use std::collections::BTreeSet;

use arrow::compute::concat_batches;
use tidelake_core::time::{Micros, SeqRange, TimeRange};

use super::data::{batch, ticks, times};
use super::{all_ids, at, ids, ok, scan};
use crate::store::{Evicted, HotScan, HotStore};

const HOUR: i64 = 3_600_000_000;

/// An eviction removes exactly the rows of its time and its sequence numbers, and
/// doing it again removes nothing. What stays keeps its values and its numbers.
pub async fn evicts_exactly(store: &dyn HotStore) {
    let table = ticks();
    ok(store.create_table(&table).await);
    let all = times(at("2013-01-20"), 5 * HOUR, 300);
    let rows = [batch(&table, 0, &all[..200]), batch(&table, 200, &all[200..])];
    for batch in &rows {
        ok(store.append("ticks", vec![batch.clone()]).await);
    }
    let numbered = ok(store.snapshot("ticks").await);
    let mut left: BTreeSet<u64> = (0..300).collect();
    let month = |from: &str, to: &str| TimeRange::new(at(from), at(to));
    for (time, seqs) in [
        (month("2013-02-01", "2013-02-01"), SeqRange::ALL),
        (month("2013-02-03T03:00:00", "2013-02-05T04:30:00"), SeqRange::ALL),
        (month("2013-02-03", "2013-02-06"), SeqRange::new(0, 60)),
        (TimeRange::ALL, SeqRange::new(70, 90)),
        (TimeRange::before(at("2013-02-01")), SeqRange::new(0, 30)),
        (month("2013-03-01", "2013-04-01"), SeqRange::ALL),
        (TimeRange::ALL, SeqRange::new(400, 500)),
        (TimeRange::ALL, SeqRange::new(0, 250)),
        (TimeRange::ALL, SeqRange::ALL),
    ] {
        let gone: BTreeSet<u64> =
            ids(&*numbered, time, seqs).await.intersection(&left).copied().collect();
        let evicted = ok(store.evict("ticks", time, seqs).await);
        assert_eq!(evicted.rows, gone.len() as u64, "{time} {seqs:?}");
        assert_eq!(evicted.bytes > 0, evicted.rows > 0, "bytes go with rows");
        assert_eq!(ok(store.evict("ticks", time, seqs).await), Evicted::default(), "again");
        left.retain(|id| !gone.contains(id));
        assert_eq!(all_ids(store, "ticks").await, left, "{time} {seqs:?}");
        // Numbers stay with their rows.
        let snapshot = ok(store.snapshot("ticks").await);
        for range in [SeqRange::new(10, 75), SeqRange::new(80, 81), SeqRange::new(199, 260)] {
            let had = ids(&*numbered, TimeRange::ALL, range).await;
            let has: BTreeSet<u64> = had.intersection(&left).copied().collect();
            assert_eq!(ids(&*snapshot, TimeRange::ALL, range).await, has, "{range:?}");
        }
        let found = scan(&*snapshot, HotScan::new(TimeRange::ALL, SeqRange::ALL)).await;
        let whole = ok(concat_batches(&table.schema, &rows));
        let kept: Vec<_> = left.iter().map(|id| whole.slice(*id as usize, 1)).collect();
        assert_eq!(found, ok(concat_batches(&table.schema, &kept)), "values stay");
    }
}

/// Rows that came after a sequence number survive an eviction up to it, also when
/// they lie among the evicted ones.
pub async fn evicts_late_rows(store: &dyn HotStore) {
    let table = ticks();
    ok(store.create_table(&table).await);
    let on_time = times(at("2013-02-01"), HOUR, 100);
    let up_to = ok(store.append("ticks", vec![batch(&table, 0, &on_time)]).await).seqs.up_to;
    let late: Vec<Micros> = on_time[10..15].iter().map(|t| Micros(t.0 + 1)).collect();
    ok(store.append("ticks", vec![batch(&table, 100, &late)]).await);
    let below = TimeRange::before(at("2013-02-03"));
    let evicted = ok(store.evict("ticks", below, SeqRange::new(0, up_to)).await);
    assert_eq!(evicted.rows, 48);
    assert_eq!(all_ids(store, "ticks").await, (48..105).collect());
    let snapshot = ok(store.snapshot("ticks").await);
    assert_eq!(ids(&*snapshot, below, SeqRange::new(up_to, u64::MAX)).await, (100..105).collect());
}

/// Numbers of evicted rows are not given out again, not even the last ones.
pub async fn numbers_are_never_used_again(store: &dyn HotStore) {
    let table = ticks();
    ok(store.create_table(&table).await);
    let rows = |first| batch(&table, first, &times(at("2013-02-01"), HOUR, 10));
    ok(store.append("ticks", vec![rows(0)]).await);
    ok(store.evict("ticks", TimeRange::ALL, SeqRange::new(5, 10)).await);
    assert_eq!(ok(store.append("ticks", vec![rows(10)]).await).seqs, SeqRange::new(10, 20));
    ok(store.evict("ticks", TimeRange::ALL, SeqRange::ALL).await);
    assert_eq!(ok(store.snapshot("ticks").await).seq(), 20);
    assert_eq!(ok(store.append("ticks", vec![rows(20)]).await).seqs, SeqRange::new(20, 30));
    assert_eq!(all_ids(store, "ticks").await, (20..30).collect());
}
