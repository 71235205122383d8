//! Reading hot rows, as the public rows that they are.
//!
//! Without a transform chain, projection and key filters go down to the store.
//! With one, rows are read whole and go through the chain, which may block for
//! as long as its plugins run: on blocking threads, a few batches at a time.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt};
use tidelake_core::time::{SeqRange, TimeRange};
use tidelake_core::{Error, ResultExt};
use tidelake_hot::{BatchStream, HotScan};

use crate::error::to_datafusion;
use crate::filter::{key_filter, time_range};
use crate::pin::{PinnedHot, PinnedTable};
use crate::prune::plain_type;
use crate::rows::{conform, in_pieces};

/// Batches of one scan that may be in the transform chain at once.
const IN_TRANSFORM: usize = 2;

/// Names of what is counted.
pub(crate) const ROWS_SCANNED: &str = "rows_scanned";
pub(crate) const BATCHES_SCANNED: &str = "batches_scanned";

/// Reads parts of a hot snapshot, one part a partition.
#[derive(Debug)]
pub(crate) struct HotRowsExec {
    table: usize,
    name: String,
    hot: PinnedHot,
    scans: Vec<HotScan>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

/// The hot rows that the lake does not hold: those from W on, and the late ones
/// below it. At most two scans; those that cannot find a row are left out.
fn uncommitted(table: &PinnedTable, hot: &PinnedHot, wanted: TimeRange) -> Vec<HotScan> {
    let (mark, last) = (table.watermark(), hot.snapshot.seq());
    let young = HotScan::new(TimeRange::from(mark.time), SeqRange::new(0, last));
    let late = HotScan::new(TimeRange::before(mark.time), SeqRange::new(mark.seq, last));
    [young, late]
        .into_iter()
        .map(|scan| HotScan { time: scan.time.intersect(&wanted), ..scan })
        .filter(|scan| !scan.time.is_empty() && !scan.seqs.is_empty())
        .collect()
}

/// The plan that reads a table's uncommitted rows; `None` when there can be none.
pub(crate) fn scan(
    index: usize,
    table: &PinnedTable,
    hot: &PinnedHot,
    schema: SchemaRef,
    filters: &[Expr],
) -> Option<Arc<dyn ExecutionPlan>> {
    let mut scans = uncommitted(table, hot, time_range(filters, &table.time));
    if scans.is_empty() {
        return None;
    }
    if hot.transform.is_none() {
        let stored = &hot.snapshot.table().schema;
        // A chain may change keys (mask them), so only bare rows are chosen by key.
        let keys: Vec<&str> = table
            .key
            .iter()
            .map(String::as_str)
            .filter(|key| {
                stored.field_with_name(key).is_ok_and(|f| {
                    let plain = plain_type(f.data_type());
                    matches!(plain, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
                })
            })
            .collect();
        let chosen = key_filter(filters, &keys);
        let mut columns: Vec<String> = schema
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .filter(|name| stored.field_with_name(name).is_ok())
            .collect();
        if columns.is_empty() {
            // Rows without columns cannot be counted.
            columns.push(table.time.clone());
        }
        for scan in &mut scans {
            scan.columns = Some(columns.clone());
            scan.keys = chosen.clone();
        }
    }
    Some(Arc::new(HotRowsExec::new(index, table.name.clone(), hot.clone(), scans, schema)))
}

impl HotRowsExec {
    fn new(
        table: usize,
        name: String,
        hot: PinnedHot,
        scans: Vec<HotScan>,
        schema: SchemaRef,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(scans.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        let metrics = ExecutionPlanMetricsSet::new();
        Self { table, name, hot, scans, schema, properties: Arc::new(properties), metrics }
    }

    /// Number of the table in its session.
    pub(crate) fn table(&self) -> usize {
        self.table
    }

    /// Sends hot rows through the chain.
    fn public(&self, rows: BatchStream) -> BatchStream {
        let Some(transform) = self.hot.transform.clone() else { return rows };
        rows.map_ok(move |batch| {
            let transform = Arc::clone(&transform);
            async move {
                match tokio::task::spawn_blocking(move || transform.apply(&batch)).await {
                    Ok(batches) => batches,
                    Err(e) => Err(Error::internal("a transform panicked").with_source(e)),
                }
            }
        })
        .try_buffered(IN_TRANSFORM)
        .map_ok(|batches| futures::stream::iter(batches.into_iter().map(Ok)))
        .try_flatten()
        .boxed()
    }
}

impl DisplayAs for HotRowsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HotRowsExec: table={}, transform={}", self.name, self.hot.transform.is_some())?;
        for scan in &self.scans {
            write!(f, ", [{}, seq > {}]", scan.time, scan.seqs.after)?;
            if let Some(keys) = &scan.keys {
                write!(f, " {} in {:?}", keys.column, keys.values)?;
            }
        }
        Ok(())
    }
}

impl ExecutionPlan for HotRowsExec {
    fn name(&self) -> &str {
        "HotRowsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let Some(scan) = self.scans.get(partition).cloned() else {
            return Err(DataFusionError::Internal(format!("there is no hot scan {partition}")));
        };
        let counter = |name| MetricBuilder::new(&self.metrics).counter(name, partition);
        let (rows, batches) = (counter(ROWS_SCANNED), counter(BATCHES_SCANNED));
        let snapshot = Arc::clone(&self.hot.snapshot);
        let scanned = futures::stream::once(async move { snapshot.scan(scan).await })
            .try_flatten()
            .inspect_ok(move |batch| {
                rows.add(batch.num_rows());
                batches.add(1);
            })
            .boxed();
        let (schema, name) = (Arc::clone(&self.schema), self.name.clone());
        let piece = context.session_config().batch_size();
        let output = MetricBuilder::new(&self.metrics).output_rows(partition);
        let public = self.public(scanned).map(move |batch| -> tidelake_core::Result<_> {
            let batch = batch.and_then(|b| conform(&b, &schema)).with("table", &name)?;
            output.add(batch.num_rows());
            Ok(batch)
        });
        let stream = in_pieces(public, piece).map_err(to_datafusion);
        let schema = Arc::clone(&self.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
