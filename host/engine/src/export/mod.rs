//! One unit on its way from the hot store to the lake.
//!
//! ```text
//!  hot scan ──▶ hash, transforms ──▶ sort ──▶ split, hash, format ──▶ upload
//!   (async)       (blocking)       (async)        (blocking)         (async)
//! ```
//!
//! Five stages joined by bounded channels: plugins run on blocking threads only,
//! sorting spills under the one memory budget, and nothing holds more than a few
//! batches beside it. [`export_unit`] is the left half, [`sort_and_write`] the
//! right one, which rollups use as well.

mod sort;
mod write;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::StreamExt;
use tidelake_core::failpoint;
use tidelake_core::file::DataFile;
use tidelake_core::hash::{Digest, RowHasher};
use tidelake_core::plugin::{PluginInfo, Plugins};
use tidelake_core::table::TableSpec;
use tidelake_core::unit::{Account, ManifestRow};
use tidelake_core::{Error, ErrorKind, Result, ResultExt};
use tidelake_hot::{HotScan, HotSnapshot};
use tidelake_lake::LakeTable;
use tokio::sync::mpsc;

use self::sort::Sorted;
use crate::chain::{Chain, check_times};
use crate::memory::Shares;
use crate::units::PlannedUnit;

/// Batches in flight between two stages.
const CHANNEL: usize = 2;

/// Where rows are written: one lake table, raw or rollup.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) spec: Arc<TableSpec>,
    /// Public schema.
    pub(crate) schema: SchemaRef,
    /// What the files hold, partition columns included.
    pub(crate) storage: SchemaRef,
    pub(crate) table: LakeTable,
    pub(crate) plugins: Arc<dyn Plugins>,
    pub(crate) writer: PluginInfo,
    /// Memory for sorting.
    pub(crate) shares: Shares,
    pub(crate) epoch: u64,
}

/// What the right half of the pipeline yields.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) files: Vec<DataFile>,
    pub(crate) digest: Digest,
    pub(crate) rows: u64,
}

/// Names of the files to be written.
#[derive(Debug, Clone)]
pub(crate) struct Naming {
    pub(crate) generation: u64,
    pub(crate) unit: String,
}

/// What a stage answers when its neighbour is gone: not the root of the trouble.
fn cut_off() -> Error {
    Error::internal(CUT_OFF)
}

const CUT_OFF: &str = "a stage of the pipeline ended early";

/// The error that is the root, among what the stages answered.
fn root_cause(errors: impl IntoIterator<Item = Option<Error>>) -> Option<Error> {
    let mut errors: Vec<Error> = errors.into_iter().flatten().collect();
    let root = errors
        .iter()
        .position(|e| e.kind() != ErrorKind::Internal || e.message() != CUT_OFF)
        .unwrap_or(0);
    (!errors.is_empty()).then(|| errors.swap_remove(root))
}

/// What a blocking stage came to, panics included.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::internal("a worker thread panicked").with_source(error)),
    }
}

/// Exports one unit, and tries once more when a plugin or a store failed it.
/// Files of a failed attempt are removed as far as that is possible; the rest
/// are orphans, which the next run removes.
pub(crate) async fn export_unit(
    target: &Target,
    chain: &Chain,
    snapshot: &Arc<dyn HotSnapshot>,
    planned: &PlannedUnit,
    generation: u64,
    advance: impl Fn(u64) + Send + Sync + Clone + 'static,
) -> Result<ManifestRow> {
    let first = attempt(target, chain, snapshot, planned, generation, advance.clone()).await;
    let result = match first {
        Err(error) if matches!(error.kind(), ErrorKind::Plugin | ErrorKind::Unavailable) => {
            tracing::warn!(table = target.spec.name, %error, "a unit failed and is tried again");
            attempt(target, chain, snapshot, planned, generation, |_| {}).await
        }
        other => other,
    };
    result
        .with("unit", format!("{} ({})", planned.unit.id(), planned.unit.time))
        .with("table", &target.spec.name)
}

async fn attempt(
    target: &Target,
    chain: &Chain,
    snapshot: &Arc<dyn HotSnapshot>,
    planned: &PlannedUnit,
    generation: u64,
    advance: impl Fn(u64) + Send + Sync + 'static,
) -> Result<ManifestRow> {
    let unit = planned.unit.clone();
    failpoint!("engine.unit-planned");
    let mut hot = snapshot.scan(HotScan::new(unit.time, unit.seqs)).await?;
    let (hot_tx, mut hot_rx) = mpsc::channel::<RecordBatch>(CHANNEL);
    let (row_tx, row_rx) = mpsc::channel::<RecordBatch>(CHANNEL);

    let read = async move {
        while let Some(batch) = hot.next().await {
            let batch = batch?;
            advance(batch.num_rows() as u64);
            hot_tx.send(batch).await.map_err(|_| cut_off())?;
        }
        Ok::<_, Error>(())
    };
    let transform = {
        let (chain, spec, unit) = (chain.clone(), target.spec.clone(), unit.clone());
        blocking(move || {
            let mut running = chain.start(&unit.id())?;
            let mut hasher = RowHasher::new(&spec.name, chain.input_schema())?;
            let (mut input, mut bytes, mut rows) = (Digest::default(), 0u64, 0u64);
            let send = |batches: Vec<RecordBatch>, rows: &mut u64| {
                for batch in batches {
                    check_times(&spec, &batch, unit.time)?;
                    *rows += batch.num_rows() as u64;
                    row_tx.blocking_send(batch).map_err(|_| cut_off())?;
                }
                Ok::<_, Error>(())
            };
            while let Some(batch) = hot_rx.blocking_recv() {
                input = input.merge(hasher.digest(&batch)?);
                bytes += logical_bytes(&batch);
                send(running.process(batch)?, &mut rows)?;
            }
            send(running.finish()?, &mut rows)?;
            Ok((input, bytes, rows))
        })
    };
    let naming = Naming { generation, unit: unit.id() };
    let write = sort_and_write(target, row_rx, naming);
    let (read, transformed, written) = tokio::join!(read, transform, write);
    let (written, (input, arrow_bytes, rows)) = match (read, transformed, written) {
        (Ok(()), Ok(transformed), Ok(written)) => (written, transformed),
        (read, transformed, written) => {
            if let Ok(written) = &written {
                discard(target, &written.files).await;
            }
            let errors = [read.err(), transformed.err(), written.err()];
            return Err(root_cause(errors).unwrap_or_else(cut_off));
        }
    };
    if written.rows != rows {
        discard(target, &written.files).await;
        return Err(Error::internal(format!(
            "{rows} rows left the transforms and {} were written",
            written.rows
        )));
    }
    let account =
        Account { read: input.rows, written: rows, dropped: input.rows.saturating_sub(rows) };
    let output = written.digest;
    failpoint!("engine.unit-written");
    Ok(ManifestRow { unit, files: written.files, input, output, account, arrow_bytes })
}

/// Sorts what arrives as the table's layout says, splits it by partition and
/// writes files near the target size.
pub(crate) async fn sort_and_write(
    target: &Target,
    rows: mpsc::Receiver<RecordBatch>,
    naming: Naming,
) -> Result<Written> {
    let (command_tx, command_rx) = mpsc::channel(2 * CHANNEL);
    // Kept until the files are written.
    let share = target.shares.take().await?;
    let (pump, rows) = match sort::sorted(target, &share, rows).await? {
        Sorted::Memory(rows) => (None, Box::new(rows) as write::Rows),
        Sorted::Stream(mut sorted) => {
            let (tx, mut rx) = mpsc::channel::<RecordBatch>(CHANNEL);
            let pump = async move {
                while let Some(batch) = sorted.next().await {
                    tx.send(batch?).await.map_err(|_| cut_off())?;
                }
                Ok::<_, Error>(())
            };
            let rows = std::iter::from_fn(move || rx.blocking_recv().map(Ok));
            (Some(pump), Box::new(rows) as write::Rows)
        }
    };
    let pump = async move {
        match pump {
            Some(pump) => pump.await,
            None => Ok(()),
        }
    };
    let format = {
        let target = target.clone();
        blocking(move || write::format(&target, &naming, rows, command_tx))
    };
    let upload = write::upload(target.table.clone(), command_rx);
    let (pump, formatted, uploaded) = tokio::join!(pump, format, upload);
    match (pump, formatted, uploaded) {
        (Ok(()), Ok(written), Ok(sizes)) => write::with_sizes(written, &sizes),
        (pump, formatted, uploaded) => {
            if let Ok(sizes) = &uploaded {
                let paths: Vec<String> = sizes.keys().cloned().collect();
                remove(target, &paths).await;
            }
            let errors = [pump.err(), formatted.err(), uploaded.err()];
            Err(root_cause(errors).unwrap_or_else(cut_off))
        }
    }
}

/// Removes files that no commit names and none will.
pub(crate) async fn discard(target: &Target, files: &[DataFile]) {
    let paths: Vec<String> = files.iter().map(|f| f.path.clone()).collect();
    remove(target, &paths).await;
}

async fn remove(target: &Target, paths: &[String]) {
    if let Err(error) = target.table.delete_files(paths).await {
        tracing::warn!(%error, "files of a failed attempt stay behind; the next run removes them");
    }
}

/// The size of a batch's rows, whatever larger buffers they are part of.
fn logical_bytes(batch: &RecordBatch) -> u64 {
    let sliced = |column: &arrow::array::ArrayRef| {
        column.to_data().get_slice_memory_size().unwrap_or(column.get_array_memory_size())
    };
    batch.columns().iter().map(|c| sliced(c) as u64).sum()
}
