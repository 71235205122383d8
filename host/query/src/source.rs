//! What a table consists of.

use std::sync::Arc;

use tidelake_core::plugin::RowTransformRef;
use tidelake_core::table::TableSpec;
use tidelake_hot::HotStore;
use tidelake_lake::LakeTable;

/// A table to query: where its rows are, in every tier.
#[derive(Debug, Clone)]
pub struct TableSource {
    /// The table.
    pub spec: TableSpec,
    /// The store that its rows are born in; `None` to read the lake alone.
    pub hot: Option<Arc<dyn HotStore>>,
    /// Its lake table.
    pub lake: LakeTable,
    /// The chain that turns hot rows into public rows; `None` when there is none.
    pub transform: Option<RowTransformRef>,
    /// The downsampled tables kept beside it.
    pub rollups: Vec<RollupSource>,
}

/// A rollup to query, as a table of its own: `"trades@1h"`.
#[derive(Debug, Clone)]
pub struct RollupSource {
    /// Its name, `trades@1h`.
    pub name: String,
    /// Its lake table.
    pub lake: LakeTable,
}
