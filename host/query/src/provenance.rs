//! Provenance: which tier and which resolution answered a query, and what it cost.
//!
//! It is read off the plan that ran, so it tells what happened, not what was intended.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use serde::{Serialize, Serializer};
use tidelake_core::time::{Micros, Seq};

use crate::hot::{BATCHES_SCANNED, HotRowsExec, ROWS_SCANNED};
use crate::lake::table_of;
use crate::lake_rows::LakeRowsExec;
use crate::pin::PinnedTable;

/// Where an answer came from, table by table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// The tables that the query names, by name.
    pub tables: Vec<TableProvenance>,
}

/// What was read of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableProvenance {
    /// The table, `trades`, or the rollup, `trades@1h`.
    pub table: String,
    /// `raw`, or the length of the rollup's buckets.
    pub resolution: String,
    /// W: rows before it were read from the lake. A rollup is complete up to
    /// here. `None` when nothing is in the lake yet.
    #[serde(serialize_with = "instant")]
    pub watermark: Option<Micros>,
    /// S: ... unless their sequence number is greater.
    pub seq: Seq,
    /// The lake version that was pinned; `None` without a lake table.
    pub version: Option<u64>,
    /// What the lake gave.
    pub lake: LakeRead,
    /// What the hot store gave.
    pub hot: HotRead,
}

/// What was read from the lake.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LakeRead {
    /// Files of the pinned version.
    pub files_total: u64,
    /// Files that were read.
    pub files_read: u64,
    /// Files that did not have to be.
    pub files_pruned: u64,
    /// Rows in those.
    pub rows_pruned: u64,
    /// Sum of the sizes of the files that were read.
    pub bytes: u64,
    /// Bytes fetched from them, where the reader tells.
    pub bytes_fetched: Option<u64>,
    /// Rows that reading returned, before they were filtered again.
    pub rows: u64,
}

/// What was read from the hot store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct HotRead {
    /// Rows scanned.
    pub rows: u64,
    /// In so many batches.
    pub batches: u64,
}

fn instant<S: Serializer>(t: &Option<Micros>, serializer: S) -> Result<S::Ok, S::Error> {
    match t {
        Some(t) => serializer.collect_str(t),
        None => serializer.serialize_none(),
    }
}

/// Collects what `plan` has read of the tables numbered `named`.
pub(crate) fn collect(
    plan: &Arc<dyn ExecutionPlan>,
    tables: &[Arc<PinnedTable>],
    named: &[usize],
) -> Provenance {
    let mut reads: BTreeMap<usize, Read<'_>> = BTreeMap::new();
    walk(plan, &mut reads);
    let mut provenance: Vec<TableProvenance> = named
        .iter()
        .filter_map(|i| Some((tables.get(*i)?, reads.remove(i).unwrap_or_default())))
        .map(|(table, read)| read.of(table))
        .collect();
    provenance.sort_by(|a, b| a.table.cmp(&b.table));
    Provenance { tables: provenance }
}

/// What the nodes of a plan have read of one table.
#[derive(Default)]
struct Read<'a> {
    /// Paths below the lake's root or the table's: the name is what counts.
    files: BTreeMap<&'a str, u64>,
    fetched: Option<u64>,
    lake_rows: u64,
    hot: HotRead,
}

impl Read<'_> {
    fn of(&self, table: &PinnedTable) -> TableProvenance {
        let mark = table.watermark();
        let state = table.lake.as_ref().map(|lake| &lake.state);
        let files_total = state.map_or(0, |s| s.files.len() as u64);
        let all_rows = state.map_or(0, |s| s.rows());
        let rows_read: u64 = state.map_or(0, |s| {
            let read = |path: &str| self.files.contains_key(file_name(path));
            s.files.values().filter(|f| read(&f.path)).map(|f| f.rows).sum()
        });
        let files_read = self.files.len() as u64;
        TableProvenance {
            table: table.name.clone(),
            resolution: table.resolution.clone(),
            watermark: (mark.time != Micros::MIN).then_some(mark.time),
            seq: mark.seq,
            version: state.map(|s| s.version),
            lake: LakeRead {
                files_total,
                files_read,
                files_pruned: files_total.saturating_sub(files_read),
                rows_pruned: all_rows.saturating_sub(rows_read),
                bytes: self.files.values().sum(),
                bytes_fetched: self.fetched,
                rows: self.lake_rows,
            },
            hot: self.hot,
        }
    }
}

/// Names of data files are never used twice.
fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn walk<'a>(plan: &'a Arc<dyn ExecutionPlan>, reads: &mut BTreeMap<usize, Read<'a>>) {
    let metric = |name: &str| {
        let value = plan.metrics().and_then(|m| m.sum_by_name(name));
        value.map(|v| v.as_usize() as u64)
    };
    let rows = || plan.metrics().and_then(|m| m.output_rows()).unwrap_or(0) as u64;
    if let Some(hot) = plan.downcast_ref::<HotRowsExec>() {
        let read = reads.entry(hot.table()).or_default();
        read.hot.rows += metric(ROWS_SCANNED).unwrap_or(0);
        read.hot.batches += metric(BATCHES_SCANNED).unwrap_or(0);
    } else if let Some(lake) = plan.downcast_ref::<LakeRowsExec>() {
        let read = reads.entry(lake.table()).or_default();
        read.files.extend(lake.files().map(|f| (file_name(&f.path), f.bytes)));
        read.lake_rows += rows();
    } else if let Some((config, table)) = plan
        .downcast_ref::<DataSourceExec>()
        .and_then(|source| source.data_source().downcast_ref::<FileScanConfig>())
        .and_then(|config| Some((config, table_of(&config.object_store_url)?)))
    {
        let read = reads.entry(table).or_default();
        let files = config.file_groups.iter().flat_map(|group| group.files());
        read.files.extend(files.map(|f| (file_name(f.path().as_ref()), f.object_meta.size)));
        read.lake_rows += rows();
        if let Some(bytes) = metric("bytes_scanned") {
            *read.fetched.get_or_insert(0) += bytes;
        }
    }
    for child in plan.children() {
        walk(child, reads);
    }
}

impl fmt::Display for Provenance {
    /// One line a table.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, table) in self.tables.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{table}")?;
        }
        Ok(())
    }
}

impl fmt::Display for TableProvenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, resolution, lake, hot, .. } = self;
        write!(f, "{table} ({resolution}): ")?;
        if let Some(version) = self.version {
            write!(
                f,
                "lake {} of {} files, {}, {} rows; ",
                lake.files_read,
                lake.files_total,
                Bytes(lake.bytes),
                lake.rows
            )?;
            if resolution == "raw" {
                write!(f, "hot {} rows; ", hot.rows)?;
            }
            match self.watermark {
                Some(t) if resolution == "raw" => write!(f, "watermark {t}, ")?,
                Some(t) => write!(f, "complete up to {t}, ")?,
                None => {}
            }
            write!(f, "version {version}")
        } else {
            write!(f, "hot {} rows; nothing in the lake yet", hot.rows)
        }
    }
}

/// A size as people read it.
struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
        if self.0 < 1_000 {
            return write!(f, "{} B", self.0);
        }
        let mut size = self.0 as f64 / 1_000.0;
        let mut unit = 0;
        while size >= 999.95 && unit + 1 < UNITS.len() {
            size /= 1_000.0;
            unit += 1;
        }
        write!(f, "{size:.1} {}", UNITS[unit])
    }
}
