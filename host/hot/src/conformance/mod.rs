//! What every hot store must do, as functions over `&dyn HotStore`.
//!
//! Each function checks one property and panics with what it saw when a store
//! lacks it. All want an empty store; [`run_all`] makes one for each.
//!
//! | module | checks |
//! |---|---|
//! | `tables` | making tables, and what is refused |
//! | `rows` | append, scan, snapshots, inventories |
//! | `offsets` | offsets of sources, which move with rows |
//! | `evictions` | what goes, what stays, what is never used again |
//! | [`model`] | random histories against a plain list of rows |
//! | [`data`] | the rows used for it |

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::{concat_batches, sort_to_indices, take_record_batch};
use arrow::datatypes::UInt64Type;
use futures::TryStreamExt;
use tidelake_core::time::{Micros, SeqRange, TimeRange};
use tidelake_core::{Error, ErrorKind, Result};

use crate::store::{HotScan, HotSnapshot, HotStore};

pub mod data;
mod evictions;
pub mod model;
mod offsets;
mod rows;
mod tables;

pub use evictions::{evicts_exactly, evicts_late_rows, numbers_are_never_used_again};
pub use offsets::{offsets_and_rows_move_together_or_not, offsets_move_with_rows};
pub use rows::{
    counts_by_period, empty_appends_change_nothing, filters_by_key, numbers_rows, projects_columns,
    returns_what_was_appended, scans_by_time_and_sequence, snapshots_stand_still,
};
pub use tables::{keeps_tables, refuses_bad_rows, refuses_bad_tables, refuses_unknown_tables};

/// Checks every property, each on a store of its own.
pub async fn run_all(make: impl AsyncFn() -> Arc<dyn HotStore>) {
    keeps_tables(&*make().await).await;
    refuses_bad_tables(&*make().await).await;
    refuses_unknown_tables(&*make().await).await;
    refuses_bad_rows(&*make().await).await;
    returns_what_was_appended(&*make().await).await;
    numbers_rows(&*make().await).await;
    empty_appends_change_nothing(&*make().await).await;
    scans_by_time_and_sequence(&*make().await).await;
    projects_columns(&*make().await).await;
    filters_by_key(&*make().await).await;
    snapshots_stand_still(&*make().await).await;
    counts_by_period(&*make().await).await;
    evicts_exactly(&*make().await).await;
    evicts_late_rows(&*make().await).await;
    numbers_are_never_used_again(&*make().await).await;
    offsets_move_with_rows(&*make().await).await;
    offsets_and_rows_move_together_or_not(&*make().await).await;
    for seed in 0..4 {
        let store = make().await;
        model::Model::new(&*store, seed).await.play(&*store, 12).await;
    }
}

/// All rows of a scan as one batch, sorted by their `id`.
pub(crate) async fn scan(snapshot: &dyn HotSnapshot, scan: HotScan) -> RecordBatch {
    let schema = match &scan.columns {
        None => snapshot.table().schema.clone(),
        Some(names) => {
            let table = &snapshot.table().schema;
            let at: Vec<usize> = names.iter().map(|n| ok(table.index_of(n))).collect();
            Arc::new(ok(table.project(&at)))
        }
    };
    let batches: Vec<RecordBatch> = ok(ok(snapshot.scan(scan).await).try_collect().await);
    for batch in &batches {
        assert_eq!(batch.schema(), schema, "batches have the schema asked for");
        assert!(batch.num_rows() > 0, "no batch is empty");
    }
    let all = ok(concat_batches(&schema, &batches));
    match all.column_by_name("id") {
        Some(ids) => ok(take_record_batch(&all, &ok(sort_to_indices(ids, None, None)))),
        None => all,
    }
}

/// The `id`s of the rows that a scan chooses, each of which must come once.
pub(crate) async fn ids(
    snapshot: &dyn HotSnapshot,
    time: TimeRange,
    seqs: SeqRange,
) -> BTreeSet<u64> {
    let columns = Some(vec!["id".to_owned()]);
    let rows = scan(snapshot, HotScan { columns, ..HotScan::new(time, seqs) }).await;
    let ids = rows.column(0).as_primitive::<UInt64Type>().values();
    let set: BTreeSet<u64> = ids.iter().copied().collect();
    assert_eq!(set.len(), ids.len(), "no row comes twice");
    set
}

/// All rows that a store holds now.
pub(crate) async fn all_ids(store: &dyn HotStore, table: &str) -> BTreeSet<u64> {
    let snapshot = ok(store.snapshot(table).await);
    ids(&*snapshot, TimeRange::ALL, SeqRange::ALL).await
}

pub(crate) fn at(text: &str) -> Micros {
    ok(Micros::parse(text))
}

pub(crate) fn ok<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("must succeed: {error:?}"))
}

/// The error that must have come, of the kind it must have, with help.
pub(crate) fn refused<T>(result: Result<T>, kind: ErrorKind) -> Error {
    match result {
        Ok(_) => panic!("must be refused as {kind:?}"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error:?}");
            assert!(error.help().is_some(), "says what to do: {error:?}");
            error
        }
    }
}
