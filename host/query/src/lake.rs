//! The plan that reads a table's rows from the lake.
//!
//! Parquet goes through DataFusion's own reader: row groups and pages are pruned
//! by the filter, only the projected columns are read, and types that a format
//! stores coerced (Delta: microsecond UTC timestamps) are cast back to the public
//! ones. Partition columns, which files do not repeat, come from the log. Files
//! of any other format are read by the lake's own reader (see `lake_rows`).
//!
//! Every table gets a store URL of its own, so that a plan's nodes tell which
//! table they read (see `provenance`).

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::config::TableParquetOptions;
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, ScalarValue, Statistics};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::DataFusionError;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};
use object_store::ObjectMeta;
use object_store::path::Path;
use tidelake_core::file::DataFile;
use tidelake_core::{Error, Result};

use crate::error::{from_datafusion, to_datafusion};
use crate::lake_rows::LakeRowsExec;
use crate::pin::{PinnedLake, PinnedTable};
use crate::prune::{partition_value, plain_type, prune};

/// Scheme of the private store URLs.
const SCHEME: &str = "tidelake";

/// The store URL of the session's table number `index`.
pub(crate) fn store_url(index: usize) -> Result<ObjectStoreUrl> {
    ObjectStoreUrl::parse(format!("{SCHEME}://table-{index}")).map_err(from_datafusion)
}

/// The number of the table that a store URL belongs to.
pub(crate) fn table_of(url: &ObjectStoreUrl) -> Option<usize> {
    url.as_str().strip_prefix(SCHEME)?.strip_prefix("://table-")?.trim_end_matches('/').parse().ok()
}

/// What a scan asks of the lake.
pub(crate) struct LakeRequest<'a> {
    /// Number of the table in its session.
    pub(crate) index: usize,
    /// The table.
    pub(crate) table: &'a PinnedTable,
    /// Its lake part.
    pub(crate) lake: &'a PinnedLake,
    /// Columns of the table's schema to return, in this order.
    pub(crate) projection: &'a [usize],
    /// Conjuncts that rows will be filtered by.
    pub(crate) filters: &'a [Expr],
    /// Rows that are enough, when nothing is filtered.
    pub(crate) limit: Option<usize>,
}

/// The plan; `None` when no file can hold a matching row.
pub(crate) fn scan(
    session: &dyn Session,
    request: &LakeRequest<'_>,
) -> Result<Option<Arc<dyn ExecutionPlan>>, DataFusionError> {
    let layout = FileLayout::new(request);
    let predicate = predicate(session, request.filters, layout.schema.table_schema())?;
    let state = &request.lake.state;
    let files = prune(state, layout.schema.table_schema(), predicate.as_ref());
    if files.is_empty() {
        return Ok(None);
    }
    let threads = session.config().target_partitions();
    let groups = balance(files, threads);
    if state.file_format != "parquet" {
        let schema = Arc::new(request.table.schema.project(request.projection)?);
        let groups = groups.into_iter().map(|g| g.into_iter().cloned().collect()).collect();
        let plan = LakeRowsExec::new(request.index, request.lake.clone(), groups, schema);
        return Ok(Some(Arc::new(plan)));
    }

    let total: u64 = groups.iter().flatten().map(|f| f.rows).sum();
    let groups = groups
        .into_iter()
        .map(|group| {
            let files = group.into_iter().map(|f| layout.partitioned_file(request, f));
            files.collect::<Result<Vec<_>>>().map(FileGroup::new)
        })
        .collect::<Result<Vec<_>>>()
        .map_err(to_datafusion)?;
    let reader = CachedParquetFileReaderFactory::new(
        request.lake.table.store(),
        session.runtime_env().cache_manager.get_file_metadata_cache(),
    );
    let options = TableParquetOptions {
        global: session.config_options().execution.parquet.clone(),
        ..TableParquetOptions::default()
    };
    // The filters get to the reader, for row groups and pages, when DataFusion
    // pushes them down through the plan.
    let source = ParquetSource::new(layout.schema.clone())
        .with_table_parquet_options(options)
        .with_parquet_file_reader_factory(Arc::new(reader));
    let url = store_url(request.index).map_err(to_datafusion)?;
    let config = FileScanConfigBuilder::new(url, Arc::new(source))
        .with_file_groups(groups)
        .with_statistics(rows_exactly(total, layout.schema.table_schema()))
        .with_limit(request.limit)
        .with_projection_indices(Some(layout.project(request.projection)))?
        .build();
    Ok(Some(DataSourceExec::from_data_source(config)))
}

/// The filters as one physical expression over `schema`.
fn predicate(
    session: &dyn Session,
    filters: &[Expr],
    schema: &SchemaRef,
) -> Result<Option<Arc<dyn PhysicalExpr>>, DataFusionError> {
    let Some(filter) = conjunction(filters.to_vec()) else { return Ok(None) };
    let named = DFSchema::try_from(Arc::clone(schema))?;
    session.create_physical_expr(filter, &named).map(Some)
}

/// Shares files out among threads, the largest first, each to the thread with
/// the least to do.
fn balance(mut files: Vec<&DataFile>, threads: usize) -> Vec<Vec<&DataFile>> {
    files.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.path.cmp(&b.path)));
    let mut groups: Vec<(u64, Vec<&DataFile>)> =
        (0..threads.clamp(1, files.len().max(1))).map(|_| (0, Vec::new())).collect();
    for file in files {
        if let Some(least) = groups.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            // At least one, so that empty statistics still spread the files.
            least.0 += file.bytes.max(1);
            least.1.push(file);
        }
    }
    groups.into_iter().map(|(_, files)| files).collect()
}

fn rows_exactly(rows: u64, schema: &Schema) -> Statistics {
    let rows = usize::try_from(rows).map_or(Precision::Absent, Precision::Exact);
    Statistics { num_rows: rows, ..Statistics::new_unknown(schema) }
}

/// A partition value as the log writes it, in the column's type.
fn partition_scalar(
    text: Option<&str>,
    data_type: &DataType,
) -> Result<ScalarValue, DataFusionError> {
    match text {
        None => ScalarValue::try_from(data_type),
        // Through the plain type: text becomes a number only outside a dictionary.
        Some(text) => {
            ScalarValue::try_from_string(text.to_owned(), plain_type(data_type))?.cast_to(data_type)
        }
    }
}

/// Where the public columns are: inside the files, or in the log.
struct FileLayout {
    /// Columns of the files, then the partition columns.
    schema: TableSchema,
    /// The place in that schema of each public column.
    place: Vec<usize>,
}

impl FileLayout {
    fn new(request: &LakeRequest<'_>) -> Self {
        let public = request.table.schema.fields();
        let partitioned = |f: &&FieldRef| {
            request.lake.state.partition.columns.iter().any(|name| name == f.name())
        };
        let (partition, stored): (Vec<FieldRef>, Vec<FieldRef>) = {
            let (a, b): (Vec<&FieldRef>, Vec<&FieldRef>) = public.iter().partition(partitioned);
            (a.into_iter().cloned().collect(), b.into_iter().cloned().collect())
        };
        let schema = TableSchema::builder(Arc::new(Schema::new(stored)))
            .with_table_partition_cols(partition)
            .build();
        let all = schema.table_schema();
        let place = public.iter().filter_map(|f| all.index_of(f.name()).ok()).collect();
        Self { schema, place }
    }

    fn project(&self, projection: &[usize]) -> Vec<usize> {
        projection.iter().map(|&i| self.place[i]).collect()
    }

    fn partitioned_file(
        &self,
        request: &LakeRequest<'_>,
        file: &DataFile,
    ) -> Result<PartitionedFile> {
        let state = &request.lake.state;
        let unreadable = |what: String, why: DataFusionError| {
            Error::corrupt(what)
                .with("file", &file.path)
                .with("table", &request.table.name)
                .with_source(why)
        };
        let values = self
            .schema
            .table_partition_cols()
            .iter()
            .map(|field| {
                let text = partition_value(state, file, field.name()).flatten();
                partition_scalar(text, field.data_type()).map_err(|why| {
                    unreadable(
                        format!(
                            "the partition value {text:?} of column {:?} is not of type {}",
                            field.name(),
                            field.data_type()
                        ),
                        why,
                    )
                })
            })
            .collect::<Result<Vec<ScalarValue>>>()?;

        let root = request.lake.table.root();
        // `parse`, not `from`: directory names are encoded already.
        let location = Path::parse(format!("{}/{}", root.trim_end_matches('/'), file.path))
            .map_err(|e| {
                let why = DataFusionError::External(Box::new(e));
                unreadable("the log names an impossible path".to_owned(), why)
            })?;
        let mut partitioned = PartitionedFile::new_from_meta(ObjectMeta {
            location,
            // Files never change, so any constant will do for caches.
            last_modified: Default::default(),
            size: file.bytes,
            e_tag: None,
            version: None,
        });
        partitioned.partition_values = values;
        partitioned.statistics =
            Some(Arc::new(rows_exactly(file.rows, self.schema.table_schema())));
        Ok(partitioned)
    }
}
