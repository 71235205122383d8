//! Append, scan, snapshots, inventories.

use std::collections::BTreeSet;

use arrow::array::{Array, AsArray};
use arrow::compute::concat_batches;
use tidelake_core::ErrorKind;
use tidelake_core::period::Period;
use tidelake_core::time::{Micros, SeqRange, TimeRange};

use super::data::{self, SYMBOLS, batch, symbol, ticks, times};
use super::{at, ids, ok, refused, scan};
use crate::store::{Appended, HotScan, HotStore, KeyFilter};

const DAY: i64 = 86_400_000_000;
const HOUR: i64 = DAY / 24;

/// What is appended comes back, for every type of time column, over months, with
/// nulls, dictionaries and decimals.
pub async fn returns_what_was_appended(store: &dyn HotStore) {
    for table in data::tables() {
        ok(store.create_table(&table).await);
        // Days from before 1970 to after; then hours that lie among them.
        let days = times(at("1969-11-20"), DAY, 90);
        let more = times(at("1970-01-10"), DAY, 7);
        let batches = vec![batch(&table, 0, &days), batch(&table, 90, &more)];
        let appended = ok(store.append(&table.name, batches.clone()).await);
        assert_eq!(appended, Appended { rows: 97, seqs: SeqRange::new(0, 97) });
        let snapshot = ok(store.snapshot(&table.name).await);
        assert_eq!(snapshot.table(), &table);
        let rows = scan(&*snapshot, HotScan::new(TimeRange::ALL, SeqRange::ALL)).await;
        assert_eq!(rows, ok(concat_batches(&table.schema, &batches)), "{}", table.name);
    }
}

/// Rows get the next numbers; each number names one row.
pub async fn numbers_rows(store: &dyn HotStore) {
    let table = ticks();
    ok(store.create_table(&table).await);
    assert_eq!(ok(store.snapshot("ticks").await).seq(), 0);
    // Batches that mix months, to be taken apart and numbered all the same.
    let mixed = |first: u64, count: i64| {
        let at = |i: i64| Micros(at("2013-01-31").0 + (i * 7 % 5) * 15 * DAY + i);
        batch(&table, first, &(0..count).map(at).collect::<Vec<_>>())
    };
    let one = ok(store.append("ticks", vec![mixed(0, 9), mixed(9, 4)]).await);
    let two = ok(store.append("ticks", vec![mixed(13, 7)]).await);
    assert_eq!(one, Appended { rows: 13, seqs: SeqRange::new(0, 13) });
    assert_eq!(two, Appended { rows: 7, seqs: SeqRange::new(13, 20) });
    let snapshot = ok(store.snapshot("ticks").await);
    assert_eq!(snapshot.seq(), 20);
    assert_eq!(ids(&*snapshot, TimeRange::ALL, one.seqs).await, (0..13).collect());
    assert_eq!(ids(&*snapshot, TimeRange::ALL, two.seqs).await, (13..20).collect());
    let mut seen = BTreeSet::new();
    for seq in 1..=20 {
        let row = ids(&*snapshot, TimeRange::ALL, SeqRange::new(seq - 1, seq)).await;
        assert_eq!(row.len(), 1, "one row has number {seq}");
        seen.extend(row);
    }
    assert_eq!(seen, (0..20).collect(), "every row has a number");
}

/// Appending nothing succeeds, and changes nothing.
pub async fn empty_appends_change_nothing(store: &dyn HotStore) {
    let table = ticks();
    ok(store.create_table(&table).await);
    let none = Appended { rows: 0, seqs: SeqRange::new(0, 0) };
    assert_eq!(ok(store.append("ticks", vec![]).await), none);
    assert_eq!(ok(store.append("ticks", vec![batch(&table, 0, &[])]).await), none);
    ok(store.append("ticks", vec![batch(&table, 0, &[at("2013-03-01")])]).await);
    let none = Appended { rows: 0, seqs: SeqRange::new(1, 1) };
    assert_eq!(ok(store.append("ticks", vec![batch(&table, 0, &[])]).await), none);
    assert_eq!(ok(store.snapshot("ticks").await).seq(), 1);
}

/// A scan returns exactly the rows of its time and its sequence numbers, late rows included.
pub async fn scans_by_time_and_sequence(store: &dyn HotStore) {
    let table = ticks();
    ok(store.create_table(&table).await);
    // 60 days of rows every six hours, then late rows far below and among them.
    let start = at("2013-02-01");
    let early = times(start, 6 * HOUR, 240);
    let late = [at("1999-12-31T23:59:59.999999"), at("2013-02-14T12:00:00"), Micros(start.0 - 1)];
    let all: Vec<Micros> = early.iter().chain(&late).copied().collect();
    let first = ok(store.append("ticks", vec![batch(&table, 0, &early)]).await).seqs;
    let second = ok(store.append("ticks", vec![batch(&table, 240, &late)]).await).seqs;
    let snapshot = ok(store.snapshot("ticks").await);
    let ranges = [
        TimeRange::ALL,
        TimeRange::before(start),
        TimeRange::from(at("2013-03-01")),
        TimeRange::new(start, at("2013-02-02")),
        TimeRange::new(at("2013-02-14T06:00:00"), at("2013-02-14T12:00:00")),
        TimeRange::new(at("2013-02-14T12:00:00"), at("2013-02-14T12:00:00.000001")),
        TimeRange::new(at("2013-02-27T03:00:00"), at("2013-03-02T03:00:00")),
        TimeRange::new(at("2013-03-02"), at("2013-02-02")),
        TimeRange::from(at("2020-01-01")),
    ];
    for time in ranges {
        for (seqs, from, to) in [(SeqRange::ALL, 0, 243), (first, 0, 240), (second, 240, 243)] {
            let expected: BTreeSet<u64> =
                (from..to).filter(|i| time.contains(all[*i as usize])).collect();
            assert_eq!(ids(&*snapshot, time, seqs).await, expected, "{time} {seqs:?}");
        }
        assert!(ids(&*snapshot, time, SeqRange::new(243, u64::MAX)).await.is_empty());
        assert!(ids(&*snapshot, time, SeqRange::new(5, 5)).await.is_empty());
    }
}

/// A scan returns the columns asked for, in that order, and knows no others.
pub async fn projects_columns(store: &dyn HotStore) {
    let table = ticks();
    ok(store.create_table(&table).await);
    let rows = batch(&table, 0, &times(at("2013-02-01"), DAY, 50));
    ok(store.append("ticks", vec![rows.clone()]).await);
    let snapshot = ok(store.snapshot("ticks").await);
    let cut = TimeRange::from(at("2013-02-11T07:00:00"));
    for (time, skipped) in [(TimeRange::ALL, 0), (cut, 11)] {
        let select = |names: &[&str]| HotScan {
            columns: Some(names.iter().map(|n| (*n).to_owned()).collect()),
            ..HotScan::new(time, SeqRange::ALL)
        };
        let expected = rows.slice(skipped, 50 - skipped);
        let found = scan(&*snapshot, select(&["id", "venue", "symbol"])).await;
        assert_eq!(found, ok(expected.project(&[5, 4, 0])));
        // No column at all: only the count is asked for.
        assert_eq!(scan(&*snapshot, select(&[])).await.num_rows(), expected.num_rows());
        let unknown = snapshot.scan(select(&["id", "prize"])).await;
        let error = refused(unknown, ErrorKind::Input);
        assert!(error.message().contains("\"prize\""), "{error}");
    }
}

/// A key filter chooses exactly the rows whose key is among its values; nulls never are.
pub async fn filters_by_key(store: &dyn HotStore) {
    let table = ticks();
    ok(store.create_table(&table).await);
    let all = times(at("2013-02-20"), DAY / 2, 40);
    ok(store.append("ticks", vec![batch(&table, 0, &all)]).await);
    let snapshot = ok(store.snapshot("ticks").await);
    let filter = |column: &str, values: &[&str]| {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        Some(KeyFilter { column: column.to_owned(), values })
    };
    let half = TimeRange::from(all[20]);
    for values in [&SYMBOLS[..1], &SYMBOLS[1..4], &["ABC", "nobody"], &["nobody"], &[]] {
        for (time, from) in [(TimeRange::ALL, 0), (half, 20)] {
            let keys = filter("symbol", values);
            let found =
                scan(&*snapshot, HotScan { keys, ..HotScan::new(time, SeqRange::ALL) }).await;
            let expected = (from..40).filter(|i| symbol(*i).is_some_and(|s| values.contains(&s)));
            assert_eq!(found.num_rows(), expected.count(), "{values:?} {time}");
            let symbols = found.column(0).as_string::<i32>();
            assert!(symbols.iter().all(|s| s.is_some_and(|s| values.contains(&s))));
        }
    }
    // Dictionaries are text too, and the key column need not be among those returned.
    let keys = filter("venue", &["Y", "Z"]);
    let columns = Some(vec!["venue".to_owned()]);
    let by_venue = HotScan { keys, columns, ..HotScan::new(TimeRange::ALL, SeqRange::ALL) };
    let found = scan(&*snapshot, by_venue.clone()).await;
    let expected = (0..40).filter(|i| i % 4 != 2 && i % 3 != 0).count();
    assert_eq!((found.num_rows(), found.column(0).logical_null_count()), (expected, 0));
    let columns = Some(vec!["id".to_owned()]);
    assert_eq!(scan(&*snapshot, HotScan { columns, ..by_venue }).await.num_rows(), expected);
    let keys = filter("price", &["1"]);
    let by_price = HotScan { keys, ..HotScan::new(TimeRange::ALL, SeqRange::ALL) };
    assert_eq!(snapshot.scan(by_price).await.err().map(|e| e.kind()), Some(ErrorKind::Input));
}

/// A snapshot does not move, whatever is appended or evicted afterwards, and also
/// when everything it shows is gone.
pub async fn snapshots_stand_still(store: &dyn HotStore) {
    let table = ticks();
    ok(store.create_table(&table).await);
    let append = async |first: u64, from: &str| {
        let rows = batch(&table, first, &times(at(from), 8 * HOUR, 60));
        ok(store.append("ticks", vec![rows]).await);
    };
    append(0, "2013-02-20").await;
    let before = ok(store.snapshot("ticks").await);
    // Begun before everything changes, read afterwards.
    let begun = ok(before.scan(HotScan::new(TimeRange::ALL, SeqRange::ALL)).await);
    append(60, "2013-02-21").await;
    let between = ok(store.snapshot("ticks").await);
    let part = TimeRange::new(at("2013-02-22T03:00:00"), at("2013-03-01"));
    ok(store.evict("ticks", part, SeqRange::new(0, 60)).await);
    let partly = ok(store.snapshot("ticks").await);
    let left = ids(&*partly, TimeRange::ALL, SeqRange::ALL).await;
    ok(store.evict("ticks", TimeRange::ALL, SeqRange::ALL).await);
    append(120, "2013-02-20").await;

    for _ in 0..2 {
        assert_eq!((before.seq(), between.seq(), partly.seq()), (60, 120, 120));
        assert_eq!(ids(&*before, TimeRange::ALL, SeqRange::ALL).await, (0..60).collect());
        assert_eq!(ids(&*between, TimeRange::ALL, SeqRange::ALL).await, (0..120).collect());
        assert_eq!(ids(&*partly, TimeRange::ALL, SeqRange::ALL).await, left);
        let inventory = ok(before.inventory(TimeRange::ALL, SeqRange::ALL, Period::Month).await);
        assert_eq!(inventory.iter().map(|s| s.rows).sum::<u64>(), 60);
    }
    let begun: Vec<_> = ok(futures::TryStreamExt::try_collect(begun).await);
    assert_eq!(begun.iter().map(arrow::array::RecordBatch::num_rows).sum::<usize>(), 60);
    let after = ok(store.snapshot("ticks").await);
    assert_eq!(ids(&*after, TimeRange::ALL, SeqRange::ALL).await, (120..180).collect());
    assert_eq!(after.seq(), 180);
}

/// Inventories count exactly, by every period, within every range.
pub async fn counts_by_period(store: &dyn HotStore) {
    let table = ticks();
    ok(store.create_table(&table).await);
    let first: Vec<Micros> =
        (0..500).map(|i| Micros(at("2012-12-27").0 + (i * 37 % 500) * 7 * HOUR / 3)).collect();
    let late = times(at("2012-06-30T23:50:00"), 60_000_000, 20);
    ok(store.append("ticks", vec![batch(&table, 0, &first)]).await);
    ok(store.append("ticks", vec![batch(&table, 500, &late)]).await);
    let all: Vec<Micros> = first.iter().chain(&late).copied().collect();
    let snapshot = ok(store.snapshot("ticks").await);
    let ranges = [
        TimeRange::ALL,
        TimeRange::before(at("2013-01-05")),
        TimeRange::new(at("2012-07-01"), at("2013-01-03T10:17:00")),
        TimeRange::new(at("2012-12-30T05:30:00"), at("2012-12-30T05:40:00")),
        TimeRange::new(at("2013-01-05"), at("2013-01-04")),
    ];
    for period in Period::ALL {
        for time in ranges {
            for (seqs, from, to) in [
                (SeqRange::ALL, 0, 520),
                (SeqRange::new(0, 500), 0, 500),
                (SeqRange::new(500, 520), 500, 520),
                (SeqRange::new(520, 520), 520, 520),
            ] {
                let mut chosen: Vec<Micros> =
                    all[from..to].iter().copied().filter(|t| time.contains(*t)).collect();
                chosen.sort();
                let found = ok(snapshot.inventory(time, seqs, period).await);
                let groups = chosen.chunk_by(|a, b| period.floor(*a) == period.floor(*b));
                let expected: Vec<_> = groups
                    .map(|g| (period.range(g[0]), g.len() as u64, g[0], g[g.len() - 1]))
                    .collect();
                assert!(found.iter().all(|s| s.bytes > 0), "rows take space");
                let found: Vec<_> =
                    found.iter().map(|s| (s.period, s.rows, s.min_time, s.max_time)).collect();
                assert_eq!(found, expected, "{period} {time} {seqs:?}");
            }
        }
    }
}
