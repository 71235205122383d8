//! Sessions: SQL in, batches and provenance out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use futures::{Stream, StreamExt, TryStreamExt};
use tidelake_core::{Error, Result};

use crate::error::{from_datafusion, unknown};
use crate::lake::store_url;
use crate::pin::{PinnedTable, pin_rollup, pin_table};
use crate::provenance::{Provenance, collect};
use crate::source::TableSource;
use crate::table::TieredTable;

/// What queries may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryOptions {
    /// Memory of all queries of the session together, in bytes.
    pub memory: u64,
    /// Threads of one query; `None`: one a core.
    pub target_partitions: Option<usize>,
    /// Where sorts, joins and aggregates spill to when memory is short: a
    /// directory inside the project. `None`: they fail instead.
    pub spill_dir: Option<PathBuf>,
}

impl Default for QueryOptions {
    fn default() -> Self {
        Self { memory: 512_000_000, target_partitions: None, spill_dir: None }
    }
}

/// Tables at one state each. Every query of the session, and every reference
/// within a query, sees the same rows.
pub struct QuerySession {
    context: SessionContext,
    tables: Vec<Arc<PinnedTable>>,
    /// Tables that are configured, but have neither rows nor a schema, and why.
    unborn: BTreeMap<String, &'static str>,
}

impl QuerySession {
    /// Pins the newest state of each table.
    pub async fn open(tables: Vec<TableSource>, options: QueryOptions) -> Result<Self> {
        let mut pinned = Vec::new();
        let mut unborn = BTreeMap::new();
        for table in tables {
            let TableSource { spec, hot, lake, transform, rollups } = table;
            match pin_table(&spec, hot.as_ref(), lake, transform).await? {
                Some(table) => pinned.push(table),
                None => {
                    unborn.insert(
                        spec.name,
                        "it has no rows yet: bring some in with `tidelake ingest`",
                    );
                }
            }
            for rollup in rollups {
                match pin_rollup(&rollup.name, rollup.lake).await? {
                    Some(table) => pinned.push(table),
                    None => {
                        unborn.insert(
                            rollup.name,
                            "it was not computed yet: `tidelake run` does that",
                        );
                    }
                }
            }
        }
        Self::over(pinned, unborn, options)
    }

    /// A session over tables that are pinned already.
    pub(crate) fn over(
        tables: Vec<PinnedTable>,
        unborn: BTreeMap<String, &'static str>,
        options: QueryOptions,
    ) -> Result<Self> {
        let context = context(&options)?;
        let tables: Vec<Arc<PinnedTable>> = tables.into_iter().map(Arc::new).collect();
        for (index, pinned) in tables.iter().enumerate() {
            if let Some(lake) = &pinned.lake {
                context.register_object_store(store_url(index)?.as_ref(), lake.table.store());
            }
            let table = TieredTable { index, pinned: Arc::clone(pinned) };
            // A bare reference: parsing it would fold case and split at dots.
            context
                .register_table(TableReference::bare(pinned.name.as_str()), Arc::new(table))
                .map_err(from_datafusion)?;
        }
        Ok(Self { context, tables, unborn })
    }

    /// The tables that can be queried, rollups included, with their schemas.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &SchemaRef)> {
        self.tables.iter().map(|t| (t.name.as_str(), &t.schema))
    }

    /// Plans one SELECT (or EXPLAIN, SHOW TABLES, DESCRIBE) and starts it.
    /// Nothing can be written or defined. Batches are computed as they are taken.
    pub async fn query(&self, sql: &str) -> Result<QueryResult> {
        let state = self.context.state();
        let dialect = state.config_options().sql_parser.dialect;
        let statement = state.sql_to_statement(sql, &dialect).map_err(from_datafusion)?;
        let named = self.named(&state, &statement)?;
        let logical = state.statement_to_plan(statement).await.map_err(from_datafusion)?;
        SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false)
            .verify_plan(&logical)
            .map_err(|e| {
                Error::input("this statement does more than read")
                    .with_help("queries only read: write a SELECT statement")
                    .with_source(e)
            })?;
        let plan = state.create_physical_plan(&logical).await.map_err(from_datafusion)?;
        let stream =
            execute_stream(Arc::clone(&plan), self.context.task_ctx()).map_err(from_datafusion)?;
        Ok(QueryResult { stream, plan, tables: self.tables.clone(), named })
    }

    /// The numbers of the tables that a statement names; an error for a name
    /// that is none.
    fn named(&self, state: &SessionState, statement: &Statement) -> Result<Vec<usize>> {
        let references = state.resolve_table_references(statement).map_err(from_datafusion)?;
        let mut named = Vec::new();
        for reference in &references {
            if reference.schema().is_some_and(|schema| schema != "public") {
                continue;
            }
            let name = reference.table();
            if let Some(index) = self.tables.iter().position(|t| t.name == name) {
                named.push(index);
            } else if let Some(why) = self.unborn.get(name) {
                return Err(
                    Error::not_found(format!("table {name:?} cannot be queried")).with_help(*why)
                );
            } else if !state.table_functions().contains_key(name) {
                let known = self.tables.iter().map(|t| t.name.as_str());
                let known: Vec<&str> =
                    known.chain(self.unborn.keys().map(String::as_str)).collect();
                return Err(unknown("table", name, &known));
            }
        }
        named.sort_unstable();
        named.dedup();
        Ok(named)
    }
}

impl std::fmt::Debug for QuerySession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QuerySession").field("tables", &self.tables).finish_non_exhaustive()
    }
}

fn context(options: &QueryOptions) -> Result<SessionContext> {
    let memory = usize::try_from(options.memory).unwrap_or(usize::MAX);
    let spill = match &options.spill_dir {
        Some(directory) => {
            std::fs::create_dir_all(directory).map_err(|e| {
                Error::unavailable("the directory for spilling could not be made")
                    .with("directory", directory.display())
                    .with_source(e)
            })?;
            DiskManagerMode::Directories(vec![directory.clone()])
        }
        None => DiskManagerMode::Disabled,
    };
    let consumers = std::num::NonZeroUsize::MIN.saturating_add(4);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(TrackConsumersPool::new(FairSpillPool::new(memory), consumers)))
        .with_disk_manager_builder(DiskManagerBuilder::default().with_mode(spill))
        .build_arc()
        .map_err(from_datafusion)?;
    let mut config = SessionConfig::new().with_information_schema(true);
    if let Some(partitions) = options.target_partitions {
        config = config.with_target_partitions(partitions.max(1));
    }
    let threads = config.target_partitions();
    let settings = config.options_mut();
    // Names are taken as written; see the crate's head.
    settings.sql_parser.enable_ident_normalization = false;
    // Text comes out as the schema says, not as views.
    settings.sql_parser.map_string_types_to_utf8view = false;
    settings.execution.parquet.schema_force_view_types = false;
    // What a sort keeps aside for merging, for each thread: a share of a small budget.
    let reserve = settings.execution.sort_spill_reservation_bytes;
    settings.execution.sort_spill_reservation_bytes = reserve.min(memory / (8 * threads));
    Ok(SessionContext::new_with_config_rt(config, runtime))
}

/// The batches of an answer: a stream, and where they came from.
pub struct QueryResult {
    stream: SendableRecordBatchStream,
    plan: Arc<dyn ExecutionPlan>,
    tables: Vec<Arc<PinnedTable>>,
    named: Vec<usize>,
}

impl QueryResult {
    /// The schema of the batches.
    pub fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }

    /// Where the rows came from. Complete when the stream has ended; before,
    /// what was read so far.
    pub fn provenance(&self) -> Provenance {
        collect(&self.plan, &self.tables, &self.named)
    }

    /// The plan as text, with what each step has done so far.
    pub fn plan(&self) -> String {
        DisplayableExecutionPlan::with_metrics(self.plan.as_ref()).indent(false).to_string()
    }

    /// All batches, and where they came from.
    pub async fn collect(mut self) -> Result<(Vec<RecordBatch>, Provenance)> {
        let batches = (&mut self).try_collect().await?;
        Ok((batches, self.provenance()))
    }
}

impl std::fmt::Debug for QueryResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueryResult").field("schema", &self.schema()).finish_non_exhaustive()
    }
}

impl Stream for QueryResult {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.poll_next_unpin(context).map(|next| next.map(|r| r.map_err(from_datafusion)))
    }
}
