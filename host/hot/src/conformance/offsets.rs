//! Offsets of sources: they move with the rows, or not at all.

use arrow::array::RecordBatch;
use tidelake_core::ErrorKind;

use super::data::{batch, table, ticks, times};
use super::{all_ids, at, ok, refused};
use crate::store::{HotStore, OffsetMove};

const DAY: i64 = 86_400_000_000;

fn moved(source: &str, from: Option<&[u8]>, to: &[u8]) -> OffsetMove {
    OffsetMove { source: source.to_owned(), from: from.map(<[u8]>::to_vec), to: to.to_vec() }
}

fn rows(first: u64, count: usize) -> Vec<RecordBatch> {
    vec![batch(&ticks(), first, &times(at("2013-01-20"), DAY, count))]
}

/// An offset becomes what an append says, with its rows or without any; each source of
/// each table has its own.
pub async fn offsets_move_with_rows(store: &dyn HotStore) {
    ok(store.create_table(&ticks()).await);
    ok(store.create_table(&table("other", ticks().schema.field(1).data_type().clone())).await);
    assert_eq!(ok(store.offset("ticks", "feed").await), None);
    let appended = ok(store.append_from("ticks", rows(0, 30), moved("feed", None, b"1")).await);
    assert_eq!((appended.rows, appended.seqs.up_to), (30, 30));
    assert_eq!(ok(store.offset("ticks", "feed").await).as_deref(), Some(&b"1"[..]));
    // No rows: the offset alone, and no number is given out.
    let appended = ok(store.append_from("ticks", vec![], moved("feed", Some(b"1"), b"")).await);
    assert_eq!((appended.rows, appended.seqs.up_to), (0, 30));
    assert_eq!(ok(store.offset("ticks", "feed").await).as_deref(), Some(&b""[..]));
    // Bytes of any kind.
    let long: Vec<u8> = (0..=255).cycle().take(16 << 10).collect();
    ok(store.append_from("ticks", rows(30, 2), moved("feed", Some(b""), &long)).await);
    assert_eq!(ok(store.offset("ticks", "feed").await), Some(long));
    for (table, source) in [("ticks", "feed2"), ("ticks", "fee"), ("other", "feed")] {
        assert_eq!(ok(store.offset(table, source).await), None, "{table} {source}");
    }
    ok(store.append_from("ticks", rows(32, 1), moved("feed2", None, b"x")).await);
    assert_eq!(ok(store.offset("ticks", "feed2").await).as_deref(), Some(&b"x"[..]));
    // Appends that come from nowhere move none of them.
    ok(store.append("ticks", rows(33, 2)).await);
    assert_eq!(ok(store.offset("ticks", "feed2").await).as_deref(), Some(&b"x"[..]));
    assert_eq!(all_ids(store, "ticks").await, (0..35).collect());
    refused(store.offset("nowhere", "feed").await, ErrorKind::NotFound);
    let nowhere = store.append_from("nowhere", vec![], moved("feed", None, b"1")).await;
    refused(nowhere, ErrorKind::NotFound);
}

/// What does not begin where the source is, and what holds a bad row, changes neither
/// rows nor offset.
pub async fn offsets_and_rows_move_together_or_not(store: &dyn HotStore) {
    ok(store.create_table(&ticks()).await);
    ok(store.append_from("ticks", rows(0, 3), moved("feed", None, b"1")).await);
    let stale = [moved("feed", None, b"2"), moved("feed", Some(b"0"), b"2")];
    for stale in stale {
        let error =
            refused(store.append_from("ticks", rows(3, 3), stale).await, ErrorKind::Conflict);
        assert!(error.to_string().contains("feed"), "{error}");
    }
    let mut columns = rows(3, 2)[0].columns().to_vec();
    columns[1] = arrow::array::new_null_array(columns[1].data_type(), 2);
    let timeless = ok(RecordBatch::try_new(ticks().schema, columns));
    let mut bad = rows(5, 2);
    bad.push(timeless);
    let bad = store.append_from("ticks", bad, moved("feed", Some(b"1"), b"2")).await;
    refused(bad, ErrorKind::Input);
    assert_eq!(ok(store.offset("ticks", "feed").await).as_deref(), Some(&b"1"[..]));
    assert_eq!(all_ids(store, "ticks").await, (0..3).collect());
    assert_eq!(ok(store.snapshot("ticks").await).seq(), 3);
    // Of two that bring the same rows, one does.
    let (one, two) = futures::join!(
        store.append_from("ticks", rows(3, 4), moved("feed", Some(b"1"), b"2")),
        store.append_from("ticks", rows(3, 4), moved("feed", Some(b"1"), b"2")),
    );
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_eq!(all_ids(store, "ticks").await, (0..7).collect());
}
