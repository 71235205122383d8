//! Sorting a stream as the table's layout says, under the memory budget.

use std::sync::{Arc, Mutex};

use arrow::array::RecordBatch;
use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::col;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::StreamExt;
use futures::stream::BoxStream;
use tidelake_core::plugin::SortColumn;
use tidelake_core::table::TableSpec;
use tidelake_core::{Error, Result};
use tokio::sync::mpsc;

use super::Target;

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

/// The rows that arrive, sorted; as they come when the layout asks for no order.
pub(super) fn sorted(
    target: &Target,
    mut rows: mpsc::Receiver<RecordBatch>,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let input = futures::stream::poll_fn(move |cx| rows.poll_recv(cx));
    let schema = target.schema.clone();
    let order = columns(&target.spec)
        .into_iter()
        .map(|name| {
            let options = SortOptions { descending: false, nulls_first: true };
            Ok(PhysicalSortExpr::new(col(name, &schema)?, options))
        })
        .collect::<Result<Vec<_>, DataFusionError>>()
        .map_err(sort_error)?;
    let Some(order) = LexOrdering::new(order) else {
        return Ok(input.map(Ok).boxed());
    };
    let stream: SendableRecordBatchStream =
        Box::pin(RecordBatchStreamAdapter::new(schema.clone(), input.map(Ok)));
    let source = Arrived { schema: schema.clone(), stream: Mutex::new(Some(stream)) };
    let source =
        StreamingTableExec::try_new(schema, vec![Arc::new(source)], None, None, false, None)
            .map_err(sort_error)?;
    let sort = SortExec::new(order, Arc::new(source));
    let sorted = sort.execute(0, target.tasks.clone()).map_err(sort_error)?;
    Ok(sorted.map(|batch| batch.map_err(sort_error)).boxed())
}

fn sort_error(error: DataFusionError) -> Error {
    let root = error.find_root();
    match root {
        DataFusionError::ResourcesExhausted(why) => {
            Error::exhausted(format!("the memory for sorting is used up: {why}"))
                .with_help("raise [engine] memory, or lower [engine] threads")
        }
        DataFusionError::IoError(_) => {
            Error::unavailable("sorted rows could not be spilled to disk")
                .with_help("look at the space left where the project is; nothing was lost")
                .with_source(error)
        }
        _ => Error::internal("rows could not be sorted").with_source(error),
    }
}

/// A stream that is there already, as DataFusion wants to be handed it.
struct Arrived {
    schema: SchemaRef,
    stream: Mutex<Option<SendableRecordBatchStream>>,
}

impl std::fmt::Debug for Arrived {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Arrived")
    }
}

impl PartitionStream for Arrived {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let taken = self.stream.lock().unwrap_or_else(|e| e.into_inner()).take();
        taken.unwrap_or_else(|| {
            let again = futures::stream::once(async {
                Err(DataFusionError::Internal("the rows were taken already".into()))
            });
            Box::pin(RecordBatchStreamAdapter::new(self.schema.clone(), again))
        })
    }
}
