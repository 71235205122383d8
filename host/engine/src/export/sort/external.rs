//! Sorting more rows than fit into memory: DataFusion's sort, which spills.

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
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use tidelake_core::{Error, Result};

/// The rows of a stream, sorted by columns of `schema`; at least one is needed.
pub(super) fn sort(
    schema: &SchemaRef,
    by: &[&str],
    rows: impl Stream<Item = RecordBatch> + Send + 'static,
    tasks: Arc<TaskContext>,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let options = SortOptions { descending: false, nulls_first: true };
    let order = by
        .iter()
        .map(|name| Ok(PhysicalSortExpr::new(col(name, schema)?, options)))
        .collect::<Result<Vec<_>, DataFusionError>>()
        .map_err(sort_error)?;
    let order = LexOrdering::new(order)
        .ok_or_else(|| Error::internal("rows are to be sorted by no column"))?;
    let stream: SendableRecordBatchStream =
        Box::pin(RecordBatchStreamAdapter::new(schema.clone(), rows.map(Ok)));
    let source = Arrived { schema: schema.clone(), stream: Mutex::new(Some(stream)) };
    let source = vec![Arc::new(source) as Arc<dyn PartitionStream>];
    let source = StreamingTableExec::try_new(schema.clone(), source, None, None, false, None)
        .map_err(sort_error)?;
    let sort = SortExec::new(order, Arc::new(source));
    let sorted = sort.execute(0, tasks).map_err(sort_error)?;
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
