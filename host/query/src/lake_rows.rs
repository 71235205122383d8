//! Reading data files through the lake's own reader, for formats that DataFusion
//! has no reader for here.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt};
use tidelake_core::file::DataFile;
use tidelake_core::{Error, ResultExt};

use crate::error::to_datafusion;
use crate::pin::PinnedLake;
use crate::rows::{conform, in_pieces};

/// Reads groups of files, one group a partition.
#[derive(Debug)]
pub(crate) struct LakeRowsExec {
    table: usize,
    lake: PinnedLake,
    groups: Vec<Arc<[DataFile]>>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl LakeRowsExec {
    /// Reads the columns of `schema` of the files of table number `table`.
    pub(crate) fn new(
        table: usize,
        lake: PinnedLake,
        groups: Vec<Vec<DataFile>>,
        schema: SchemaRef,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(groups.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            table,
            lake,
            groups: groups.into_iter().map(Arc::from).collect(),
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// Number of the table in its session.
    pub(crate) fn table(&self) -> usize {
        self.table
    }

    /// The files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &DataFile> {
        self.groups.iter().flat_map(|group| group.iter())
    }

    /// The columns to ask the reader for: the projected ones that the lake has,
    /// and never none, because rows without columns cannot be counted.
    fn columns(&self) -> Vec<String> {
        let state = &self.lake.state;
        let mut columns: Vec<String> = self
            .schema
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .filter(|name| state.schema.field_with_name(name).is_ok())
            .collect();
        if columns.is_empty() {
            columns.push(state.partition.time.clone());
        }
        columns
    }
}

impl DisplayAs for LakeRowsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "LakeRowsExec: format={}, files={}",
            self.lake.state.file_format,
            self.files().count()
        )
    }
}

impl ExecutionPlan for LakeRowsExec {
    fn name(&self) -> &str {
        "LakeRowsExec"
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
        let Some(group) = self.groups.get(partition).cloned() else {
            return Err(DataFusionError::Internal(format!("there is no file group {partition}")));
        };
        let (lake, columns) = (self.lake.clone(), self.columns());
        let (schema, piece) = (Arc::clone(&self.schema), context.session_config().batch_size());
        let rows = MetricBuilder::new(&self.metrics).output_rows(partition);
        let read = futures::stream::iter(0..group.len())
            .then(move |i| {
                let (lake, columns, group) = (lake.clone(), columns.clone(), Arc::clone(&group));
                async move {
                    let path = group[i].path.clone();
                    let batches = lake.table.read_file(&lake.state, &group[i], Some(columns)).await;
                    let batches = batches.with("file", &path)?;
                    Ok::<_, Error>(batches.map(move |batch| batch.with("file", &path)))
                }
            })
            .try_flatten()
            .map(move |batch| -> tidelake_core::Result<_> {
                let batch = conform(&batch?, &schema)?;
                rows.add(batch.num_rows());
                Ok(batch)
            });
        let stream = in_pieces(read, piece).map_err(to_datafusion);
        let schema = Arc::clone(&self.schema);
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}
