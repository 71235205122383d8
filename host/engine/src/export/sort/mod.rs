//! Sorting the rows of a unit as the table's layout says, under the memory budget.
//!
//! A unit mostly fits into its worker's share of the memory, and then is sorted in
//! it by packed keys ([`keys`], [`memory`]); else what has arrived and what is still
//! to come goes through a sort that spills ([`external`]).

mod external;
mod keys;
mod memory;

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use tidelake_core::Result;
use tidelake_core::plugin::SortColumn;
use tidelake_core::table::TableSpec;
use tokio::sync::mpsc;

use self::memory::{MemorySorted, Outcome};
use super::{Target, blocking, logical_bytes};
use crate::memory::Share;

/// More rows than this are not sorted in memory, however much there is: they are
/// numbered with 32 bits.
const MOST_ROWS: usize = u32::MAX as usize;

/// The columns that files are sorted by: partition columns first, so that each
/// partition arrives in one piece.
pub(super) fn columns(spec: &TableSpec) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in spec.layout.partition.columns.iter().chain(&spec.layout.sort) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
}

/// What a writer is told of the order within a file of `file_schema`.
pub(super) fn within_file(spec: &TableSpec, file_schema: &SchemaRef) -> Vec<SortColumn> {
    columns(spec)
        .into_iter()
        .filter_map(|name| file_schema.index_of(name).ok())
        .map(|column| SortColumn { column, descending: false, nulls_first: true })
        .collect()
}

/// Sorted rows: put together by whoever takes them, or from a stream.
pub(super) enum Sorted {
    Memory(MemorySorted),
    Stream(BoxStream<'static, Result<RecordBatch>>),
}

/// The rows that arrive, sorted; as they come when the layout asks for no order.
pub(super) async fn sorted(
    target: &Target,
    share: &Share,
    rows: mpsc::Receiver<RecordBatch>,
) -> Result<Sorted> {
    sort(&target.schema, &columns(&target.spec), share.tasks(), rows).await
}

async fn sort(
    schema: &SchemaRef,
    by: &[&str],
    tasks: &Arc<TaskContext>,
    mut rows: mpsc::Receiver<RecordBatch>,
) -> Result<Sorted> {
    if by.is_empty() {
        return Ok(Sorted::Stream(stream(rows).map(Ok).boxed()));
    }
    let indexes = by.iter().map(|name| Ok(schema.index_of(name)?)).collect::<Result<Vec<_>>>()?;
    let mut arrived = Vec::new();
    if indexes.iter().all(|i| keys::can_rank(schema.field(*i).data_type())) {
        let memory = MemoryConsumer::new("sort").with_can_spill(true);
        let memory = memory.register(tasks.memory_pool());
        if collect(&mut rows, &memory, &mut arrived).await {
            let (schema, batch_rows) = (schema.clone(), tasks.session_config().batch_size());
            let batches = std::mem::take(&mut arrived);
            let sort = move || memory::sort(&schema, &indexes, batches, batch_rows, memory);
            match blocking(sort).await? {
                Outcome::Sorted(sorted) => return Ok(Sorted::Memory(sorted)),
                Outcome::Refused(batches) => arrived = batches,
            }
        }
    }
    let rows = futures::stream::iter(arrived).chain(stream(rows));
    Ok(Sorted::Stream(external::sort(schema, by, rows, tasks.clone())?))
}

fn stream(mut rows: mpsc::Receiver<RecordBatch>) -> impl Stream<Item = RecordBatch> + Send {
    futures::stream::poll_fn(move |cx| rows.poll_recv(cx))
}

/// Takes rows as long as there is memory to sort them in; answers whether these
/// are all.
async fn collect(
    rows: &mut mpsc::Receiver<RecordBatch>,
    memory: &MemoryReservation,
    batches: &mut Vec<RecordBatch>,
) -> bool {
    let mut count = 0;
    while let Some(batch) = rows.recv().await {
        let size = logical_bytes(&batch);
        count += batch.num_rows();
        let needed = size as usize + batch.num_rows() * keys::BYTES_PER_ROW;
        batches.push(batch);
        if count > MOST_ROWS || memory.try_grow(needed).is_err() {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Float64Array, Int64Array, StringArray};
    use arrow::compute::concat_batches;
    use datafusion::execution::config::SessionConfig;
    use datafusion::execution::memory_pool::FairSpillPool;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;

    use super::*;

    const ROWS: i64 = 40_000;

    /// Rows whose order is a permutation, some without a symbol.
    fn batches(count: i64) -> Vec<RecordBatch> {
        let batch = |part: i64| {
            let ids = (0..ROWS).map(move |i| (part * ROWS + i) * 7_919 % (count * ROWS));
            let symbols = ids.clone().map(|id| (id % 11 > 0).then(|| format!("S{:02}", id % 11)));
            let columns: [ArrayRef; 3] = [
                Arc::new(StringArray::from_iter(symbols)),
                Arc::new(Float64Array::from_iter_values(ids.clone().map(|id| id as f64 / 8.0))),
                Arc::new(Int64Array::from_iter_values(ids)),
            ];
            RecordBatch::try_from_iter(["symbol", "price", "id"].into_iter().zip(columns))
                .expect("batch")
        };
        (0..count).map(batch).collect()
    }

    /// What comes out when `memory` bytes are there, and whether it was sorted in them.
    async fn run(memory: usize, by: &[&str], batches: Vec<RecordBatch>) -> (RecordBatch, bool) {
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(memory)))
            .build_arc()
            .expect("runtime");
        let config = SessionConfig::new().with_batch_size(8_192);
        let tasks = TaskContext::default().with_session_config(config).with_runtime(runtime);
        let schema = batches[0].schema();
        let (tx, rx) = mpsc::channel(2);
        let send = async move {
            for batch in batches {
                tx.send(batch).await.expect("taken");
            }
        };
        let tasks = Arc::new(tasks);
        let take = async {
            match sort(&schema, by, &tasks, rx).await.expect("sorted") {
                Sorted::Memory(rows) => (rows.collect::<Result<Vec<_>>>().expect("rows"), true),
                Sorted::Stream(rows) => {
                    let rows: Vec<_> = rows.collect().await;
                    (rows.into_iter().collect::<Result<_>>().expect("rows"), false)
                }
            }
        };
        let ((), (rows, in_memory)) = tokio::join!(send, take);
        assert!(rows.iter().all(|batch| batch.num_rows() <= ROWS as usize));
        (concat_batches(&schema, &rows).expect("one batch"), in_memory)
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn rows_are_sorted_alike_within_memory_and_beyond() {
        let by = ["symbol", "id"];
        let (within, in_memory) = run(1 << 30, &by, batches(20)).await;
        assert!(in_memory);
        assert_eq!(within.num_rows() as i64, 20 * ROWS);
        let (beyond, in_memory) = run(24 << 20, &by, batches(20)).await;
        assert!(!in_memory);
        assert!(within == beyond);
    }

    #[tokio::test]
    async fn without_an_order_rows_pass_as_they_come() {
        let (rows, _) = run(1 << 30, &[], batches(2)).await;
        assert!(rows == concat_batches(&rows.schema(), &batches(2)).expect("one batch"));
    }
}
