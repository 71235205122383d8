//! The engine: a project's tables, and what can be asked of them.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use tidelake_core::clock::Clock;
use tidelake_core::config::Config;
use tidelake_core::plugin::{Plugins, RowTransformRef};
use tidelake_core::policy;
use tidelake_core::table::{RollupSpec, TableSpec};
use tidelake_core::{Error, Result, ResultExt};
use tidelake_hot::{Appended, HotStore, HotTable};
use tidelake_lake::{Lake, LakeTable};

use crate::chain::Chain;
use crate::export::blocking;
use crate::gather::{Gathered, gather};
use crate::report::TablePlan;

/// What an engine is made of.
#[derive(Debug, Clone)]
pub struct EngineParts {
    /// The validated configuration.
    pub config: Config,
    /// The project's directory: relative paths start here, spill files go to
    /// `.tidelake/spill` in it.
    pub root: PathBuf,
    /// Where "now" comes from.
    pub clock: Arc<dyn Clock>,
    /// The hot store.
    pub hot: Arc<dyn HotStore>,
    /// The lake.
    pub lake: Lake,
    /// The plugins.
    pub plugins: Arc<dyn Plugins>,
}

/// A project at work. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) parts: Arc<EngineParts>,
}

/// A table as the query layer needs it.
#[derive(Debug, Clone)]
pub struct QueryTable {
    /// The table.
    pub spec: TableSpec,
    /// The hot store.
    pub hot: Arc<dyn HotStore>,
    /// Its place in the lake.
    pub lake: LakeTable,
    /// What turns its hot rows into public rows; `None`: nothing.
    pub transform: Option<RowTransformRef>,
    /// Its rollups.
    pub rollups: Vec<RollupTable>,
}

/// A rollup as the query layer needs it.
#[derive(Debug, Clone)]
pub struct RollupTable {
    /// `trades@1h`
    pub name: String,
    /// How it is made.
    pub rollup: RollupSpec,
    /// Its place in the lake.
    pub lake: LakeTable,
}

impl Engine {
    /// An engine of parts that the embedder chose.
    pub fn new(parts: EngineParts) -> Self {
        Self { parts: Arc::new(parts) }
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.parts.config
    }

    /// The plugins.
    pub fn plugins(&self) -> &Arc<dyn Plugins> {
        &self.parts.plugins
    }

    /// The hot store.
    pub fn hot(&self) -> &Arc<dyn HotStore> {
        &self.parts.hot
    }

    /// The lake.
    pub fn lake(&self) -> &Lake {
        &self.parts.lake
    }

    /// The tables of these names, all when there is none. `NotFound` names the
    /// tables that there are.
    pub(crate) fn tables(&self, names: &[String]) -> Result<Vec<Arc<TableSpec>>> {
        let tables = &self.parts.config.tables;
        if names.is_empty() {
            return Ok(tables.values().cloned().map(Arc::new).collect());
        }
        names
            .iter()
            .map(|name| {
                tables.get(name).cloned().map(Arc::new).ok_or_else(|| {
                    let known: Vec<&str> = tables.keys().map(String::as_str).collect();
                    Error::not_found(format!("there is no table {name:?}")).with_help(format!(
                        "the configuration has: {}; add [table.{name}] for a new one",
                        known.join(", ")
                    ))
                })
            })
            .collect()
    }

    /// What [`Engine::run`] would do now with these tables (all when none is
    /// named). Changes nothing.
    pub async fn plan(&self, tables: &[String]) -> Result<Vec<TablePlan>> {
        let mut plans = Vec::new();
        for spec in self.tables(tables)? {
            plans.push(self.plan_table(&spec).await.with("table", &spec.name)?);
        }
        Ok(plans)
    }

    async fn plan_table(&self, spec: &Arc<TableSpec>) -> Result<TablePlan> {
        let now = self.parts.clock.now();
        let Gathered { inventory, state, idle, .. } = gather(self, spec).await?;
        Ok(TablePlan {
            table: spec.name.clone(),
            now,
            watermark: state.map(|s| s.watermark),
            decision: policy::choose(&inventory, now)?,
            idle,
        })
    }

    /// The schema that ingested rows of a table must have: the hot table's, or
    /// the configuration's; `None` when the first ingest decides.
    pub async fn ingest_schema(&self, table: &str) -> Result<Option<SchemaRef>> {
        let spec = self.tables(&[table.to_owned()])?.remove(0);
        let hot = self.parts.hot.table(table).await?;
        Ok(hot.map(|t| t.schema).or_else(|| spec.schema.clone()))
    }

    /// Gets a table ready to take rows of `schema`: checks it against the
    /// configuration, the transforms and what is there already.
    pub async fn prepare_ingest(&self, table: &str, schema: &SchemaRef) -> Result<()> {
        let spec = self.tables(&[table.to_owned()])?.remove(0);
        chain(&spec, self.plugins_now(), schema.clone()).await?;
        let hot =
            HotTable { name: spec.name.clone(), time: spec.time.clone(), schema: schema.clone() };
        self.parts.hot.create_table(&hot).await.with("table", table)
    }

    /// Appends batches to a table that [`Engine::prepare_ingest`] got ready; they
    /// are durable when this returns.
    pub async fn append(&self, table: &str, batches: Vec<RecordBatch>) -> Result<Appended> {
        self.parts.hot.append(table, batches).await.with("table", table)
    }

    /// The tables as the query layer needs them.
    pub async fn query_tables(&self) -> Result<Vec<QueryTable>> {
        let mut tables = Vec::new();
        for spec in self.tables(&[])? {
            let transform = match self.parts.hot.table(&spec.name).await? {
                Some(hot) => chain(&spec, self.plugins_now(), hot.schema).await?.row_transform(),
                None => None,
            };
            let rollups = spec
                .rollups
                .iter()
                .map(|rollup| {
                    let name = spec.rollup_name(rollup);
                    let lake = self.lake_table(&spec, &name);
                    RollupTable { name, rollup: rollup.clone(), lake }
                })
                .collect();
            tables.push(QueryTable {
                lake: self.lake_table(&spec, &spec.name),
                spec: TableSpec::clone(&spec),
                hot: self.parts.hot.clone(),
                transform,
                rollups,
            });
        }
        Ok(tables)
    }

    /// The place in the lake of a table or of one of its rollups.
    pub(crate) fn lake_table(&self, spec: &TableSpec, name: &str) -> LakeTable {
        self.parts.lake.table(name, spec.layout.log())
    }

    /// The plugins in their versions of now. What belongs together takes them from one
    /// such view: a plan and its units, a query. A new version is taken by the next.
    pub(crate) fn plugins_now(&self) -> Arc<dyn Plugins> {
        self.parts.plugins.hold().unwrap_or_else(|| self.parts.plugins.clone())
    }
}

/// The chain of a table over hot rows of `input`.
pub(crate) async fn chain(
    spec: &Arc<TableSpec>,
    plugins: Arc<dyn Plugins>,
    input: SchemaRef,
) -> Result<Chain> {
    let spec = spec.clone();
    blocking(move || Chain::new(spec, plugins, input)).await
}
