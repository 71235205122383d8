//! Pinning: one state of every table, for as long as a session lives.
//!
//! The cut must be consistent. The hot snapshot comes first: a row that an
//! eviction had removed by then was in a lake version that had landed by then,
//! so the version loaded afterwards holds it too. If that version already
//! covers rows younger than the snapshot (its S is above the snapshot's), the
//! pair is torn, and both are taken again.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use tidelake_core::commit::{TableState, Watermark};
use tidelake_core::plugin::RowTransformRef;
use tidelake_core::table::TableSpec;
use tidelake_core::{Error, ErrorKind, Result, ResultExt};
use tidelake_hot::{HotSnapshot, HotStore};
use tidelake_lake::LakeTable;

use crate::rows::query_schema;

/// How often a torn pair is taken again before somebody is told.
const ATTEMPTS: usize = 8;

/// One table at one state.
#[derive(Debug, Clone)]
pub(crate) struct PinnedTable {
    /// Its name in SQL.
    pub(crate) name: String,
    /// `raw`, or the length of a rollup's buckets.
    pub(crate) resolution: String,
    /// What queries see.
    pub(crate) schema: SchemaRef,
    /// The time column.
    pub(crate) time: String,
    /// The key columns.
    pub(crate) key: Vec<String>,
    /// The lake's part; `None` when nothing was ever committed.
    pub(crate) lake: Option<PinnedLake>,
    /// The hot store's part.
    pub(crate) hot: Option<PinnedHot>,
}

/// The lake's part of a table.
#[derive(Debug, Clone)]
pub(crate) struct PinnedLake {
    /// The version.
    pub(crate) state: Arc<TableState>,
    /// Access to its files.
    pub(crate) table: LakeTable,
}

/// The hot store's part of a table.
#[derive(Debug, Clone)]
pub(crate) struct PinnedHot {
    /// The snapshot.
    pub(crate) snapshot: Arc<dyn HotSnapshot>,
    /// The chain that its rows go through.
    pub(crate) transform: Option<RowTransformRef>,
}

impl PinnedTable {
    /// What the lake covers.
    pub(crate) fn watermark(&self) -> Watermark {
        self.lake.as_ref().map_or(Watermark::EMPTY, |lake| lake.state.watermark)
    }
}

/// Pins a raw table. `None` when it has no rows and no known schema yet.
pub(crate) async fn pin_table(
    spec: &TableSpec,
    hot: Option<&Arc<dyn HotStore>>,
    lake: LakeTable,
    transform: Option<RowTransformRef>,
) -> Result<Option<PinnedTable>> {
    let (snapshot, state) = cut(&spec.name, hot, &lake).await.with("table", &spec.name)?;
    let public = match (&transform, &snapshot, &state) {
        (Some(chain), ..) => chain.output_schema(),
        (None, Some(snapshot), _) => Arc::clone(&snapshot.table().schema),
        (None, None, Some(state)) => Arc::clone(&state.schema),
        (None, None, None) => match &spec.schema {
            Some(declared) => Arc::clone(declared),
            None => return Ok(None),
        },
    };
    Ok(Some(PinnedTable {
        name: spec.name.clone(),
        resolution: "raw".to_owned(),
        schema: query_schema(&public, &spec.time),
        time: spec.time.clone(),
        key: spec.key.clone(),
        lake: state.map(|state| PinnedLake { state: Arc::new(state), table: lake }),
        hot: snapshot.map(|snapshot| PinnedHot { snapshot, transform }),
    }))
}

/// Pins a rollup. `None` when it was never computed.
pub(crate) async fn pin_rollup(name: &str, lake: LakeTable) -> Result<Option<PinnedTable>> {
    let Some(state) = lake.log().load().await.with("table", name)? else { return Ok(None) };
    let time = state.partition.time.clone();
    Ok(Some(PinnedTable {
        name: name.to_owned(),
        resolution: name.rsplit_once('@').map_or("rollup", |(_, every)| every).to_owned(),
        schema: query_schema(&state.schema, &time),
        time,
        key: Vec::new(),
        lake: Some(PinnedLake { state: Arc::new(state), table: lake }),
        hot: None,
    }))
}

type Cut = (Option<Arc<dyn HotSnapshot>>, Option<TableState>);

async fn cut(table: &str, hot: Option<&Arc<dyn HotStore>>, lake: &LakeTable) -> Result<Cut> {
    let mut torn = (0, 0);
    for _ in 0..ATTEMPTS {
        let snapshot = match hot {
            Some(store) => snapshot(store.as_ref(), table).await?,
            None => None,
        };
        let state = lake.log().load().await?;
        match (&snapshot, &state) {
            (Some(s), Some(l)) if l.watermark.seq > s.seq() => torn = (s.seq(), l.watermark.seq),
            _ => return Ok((snapshot, state)),
        }
    }
    // Commits follow appends, so a race resolves at once; a hot store that stays
    // behind has lost rows, and its new rows would be taken for committed ones.
    Err(Error::corrupt(format!(
        "the hot store is behind the lake: its last row is number {}, and the lake has committed \
         rows up to number {}",
        torn.0, torn.1
    ))
    .with_help(
        "the hot store was replaced, or restored from an older copy: bring back the one that \
         this lake was filled from, or point [lake] at a new place",
    ))
}

async fn snapshot(store: &dyn HotStore, table: &str) -> Result<Option<Arc<dyn HotSnapshot>>> {
    match store.snapshot(table).await {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
