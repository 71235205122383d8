//! A run: does for each table what its plan shows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures::StreamExt;
use tidelake_core::commit::{TableInit, TableState, Watermark};
use tidelake_core::plugin::{PluginInfo, PluginKind, Plugins};
use tidelake_core::policy::{self, Action, Decision};
use tidelake_core::table::TableSpec;
use tidelake_core::time::Micros;
use tidelake_core::unit::ManifestRow;
use tidelake_core::{Error, Result, ResultExt};
use tidelake_lake::{LakeTable, storage_schema};

use crate::chain::Chain;
use crate::engine::{Engine, chain};
use crate::evict::{evict, expire};
use crate::export::{Target, blocking, discard, export_unit};
use crate::gather::{Gathered, gather};
use crate::memory::{Budget, budget, sweep_spill};
use crate::publish::{Verifier, commit_group};
use crate::recover::recover;
use crate::report::{ErrorReport, Progress, RunReport, Stage, TableRun};
use crate::units::{Group, groups};

impl Engine {
    /// Does what [`Engine::plan`] shows for these tables (all when none is
    /// named). A table that fails does not stop the others: its error is in the
    /// report, and what was committed before it stays.
    pub async fn run(&self, tables: &[String], progress: Arc<dyn Progress>) -> Result<RunReport> {
        let started = Instant::now();
        let specs = self.tables(tables)?;
        sweep_spill(&self.parts.root);
        let mut reports = Vec::new();
        for spec in specs {
            let mut report = TableRun { table: spec.name.clone(), ..TableRun::default() };
            let result = self.run_table(&spec, &mut report, &progress).await;
            keep_stats(&self.parts.plugins).await;
            if let Err(error) = result {
                report.error = Some(ErrorReport::from(&error.with("table", &spec.name)));
            }
            reports.push(report);
        }
        Ok(RunReport {
            now: self.parts.clock.now(),
            tables: reports,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    async fn run_table(
        &self,
        spec: &Arc<TableSpec>,
        report: &mut TableRun,
        progress: &Arc<dyn Progress>,
    ) -> Result<()> {
        let now = self.parts.clock.now();
        let mut gathered = gather(self, spec).await?;
        let decision = policy::choose(&gathered.inventory, now)?;
        let Some(snapshot) = gathered.snapshot.clone() else { return Ok(()) };
        // One version of each plugin for all units of this table: their digests are in
        // the units' identity.
        let plugins = self.plugins_now();
        let chain = chain(spec, plugins.clone(), snapshot.table().schema.clone()).await?;
        let writer = writer(spec, &plugins).await?;
        let config = &self.parts.config;
        let budget = budget(&config.engine, &config.plugins, spec, &self.parts.root)?;
        let exports = decision.actions.iter().any(|a| matches!(a, Action::Export { .. }));
        if !decision.actions.is_empty() {
            self.parts.lake.prove().await?;
        }
        let Some(mut state) =
            self.lake_state(spec, &chain, &writer, &mut gathered, exports).await?
        else {
            return Ok(());
        };
        let lake = gathered.lake.clone();
        (state, report.orphans) = recover(&lake, state, now).await?;
        let target = Target {
            spec: spec.clone(),
            schema: chain.output_schema().clone(),
            storage: storage_schema(chain.output_schema(), spec.layout.log(), &state.file_format)
                .with("table", &spec.name)?,
            table: lake.clone(),
            plugins,
            writer,
            shares: budget.shares.clone(),
            epoch: state.watermark.epoch,
        };
        let job = Job { chain: &chain, target: &target, budget: &budget, now, progress };
        state = job.exports(&gathered, &decision, state, report).await?;
        self.rollups(&target, &budget, &state, now, report, progress).await?;
        report.watermark = Some(state.watermark);
        state = self.evictions(spec, &lake, state, now, report, progress).await?;
        report.watermark = Some(state.watermark);
        Ok(())
    }

    /// The lake table, made when there is something to export.
    async fn lake_state(
        &self,
        spec: &TableSpec,
        chain: &Chain,
        writer: &PluginInfo,
        gathered: &mut Gathered,
        exports: bool,
    ) -> Result<Option<TableState>> {
        match gathered.state.take() {
            Some(state) => {
                check_state(spec, chain, &state)?;
                Ok(Some(state))
            }
            None if !exports => Ok(None),
            None => {
                let init = TableInit {
                    schema: chain.output_schema().clone(),
                    partition: spec.layout.partition.clone(),
                    file_format: file_format(writer)?,
                };
                storage_schema(&init.schema, spec.layout.log(), &init.file_format)?;
                let now = self.parts.clock.now();
                Ok(Some(gathered.lake.log().create(&init, now).await?))
            }
        }
    }

    /// Lets go what is proven, by a decision made after everything was verified.
    async fn evictions(
        &self,
        spec: &Arc<TableSpec>,
        lake: &LakeTable,
        state: TableState,
        now: Micros,
        report: &mut TableRun,
        progress: &Arc<dyn Progress>,
    ) -> Result<TableState> {
        let inventory = gather(self, spec).await?.inventory;
        let decision = policy::choose(&inventory, now)?;
        let rows = decision
            .actions
            .iter()
            .map(|a| if let Action::Evict { unit: Some(_), rows, .. } = a { *rows } else { 0 })
            .sum();
        progress.start(&spec.name, Stage::Evict, rows);
        let advance = |rows| progress.advance(&spec.name, Stage::Evict, rows);
        let evicted = evict(self.parts.hot.as_ref(), lake, &decision, now, advance).await;
        progress.finish(&spec.name, Stage::Evict);
        report.evicted_rows = evicted?;
        let (state, expired) = expire(lake, state, &decision, now).await?;
        report.expired_rows = expired;
        Ok(state)
    }
}

/// The plugin that writes the table's files.
async fn writer(spec: &TableSpec, plugins: &Arc<dyn Plugins>) -> Result<PluginInfo> {
    let (plugins, name) = (plugins.clone(), spec.layout.writer_plugin().to_owned());
    let info = blocking(move || plugins.describe(&name)).await?;
    if info.kind != PluginKind::FormatWriter {
        return Err(Error::config(format!(
            "format = {:?} needs a format-writer, and plugin {:?} is a {}",
            spec.layout.format, info.name, info.kind
        ))
        .with("table", &spec.name));
    }
    Ok(info)
}

/// How the files of a writer are read back.
pub(crate) fn file_format(writer: &PluginInfo) -> Result<String> {
    writer.file_format.clone().ok_or_else(|| {
        Error::plugin(format!(
            "format plugin {:?} does not say how its files are read",
            writer.name
        ))
        .with_help("its description must name a `file_format`: parquet, json or avro")
    })
}

/// A piece of work has ended: what the plugins did in it is kept.
async fn keep_stats(plugins: &Arc<dyn Plugins>) {
    let plugins = plugins.clone();
    let keep = move || {
        plugins.keep_stats();
        Ok(())
    };
    if let Err(error) = blocking(keep).await {
        tracing::warn!(%error, "what the plugins did is not kept this time");
    }
}

/// The lake table must be what the configuration and the chain say.
fn check_state(spec: &TableSpec, chain: &Chain, state: &TableState) -> Result<()> {
    if state.partition != spec.layout.partition {
        return Err(Error::config(format!(
            "the lake table is partitioned by {}, the configuration says {}",
            state.partition.names().join(", "),
            spec.layout.partition.names().join(", ")
        ))
        .with_help("set [layout] partition back, or point [lake] url to a new place"));
    }
    let (old, new) = (&state.schema, chain.output_schema());
    let differs = old.fields().len() != new.fields().len()
        || old
            .fields()
            .iter()
            .zip(new.fields())
            .any(|(a, b)| a.name() != b.name() || a.data_type() != b.data_type());
    if differs {
        let list = |schema: &arrow::datatypes::Schema| {
            let fields = schema.fields().iter();
            fields
                .map(|f| format!("{}: {}", f.name(), f.data_type()))
                .collect::<Vec<_>>()
                .join(", ")
        };
        return Err(Error::input("the columns of the lake table and of new rows differ")
            .with("lake", list(old))
            .with("new", list(new))
            .with_help("set the transforms back, or point [lake] url to a new place"));
    }
    Ok(())
}

/// The exports of one table.
struct Job<'a> {
    chain: &'a Chain,
    target: &'a Target,
    budget: &'a Budget,
    now: Micros,
    progress: &'a Arc<dyn Progress>,
}

impl Job<'_> {
    /// Exports group by group, each committed and verified; first what an
    /// interrupted run committed and did not verify.
    async fn exports(
        &self,
        gathered: &Gathered,
        decision: &Decision,
        mut state: TableState,
        report: &mut TableRun,
    ) -> Result<TableState> {
        if !gathered.unverified.is_empty() {
            let left = gathered.unverified.clone();
            report.verified += self.verify(gathered, &state, left).await?;
        }
        let recipe = self.recipe();
        let watermark = state.watermark;
        let groups =
            groups(&self.target.spec.name, &recipe, decision, watermark.time, watermark.generation);
        if groups.is_empty() {
            return Ok(state);
        }
        let total = groups.iter().flat_map(|g| &g.units).map(|u| u.rows).sum();
        let table = &self.target.spec.name;
        self.progress.start(table, Stage::Export, total);
        for group in groups {
            let rows = self.export_group(gathered, &group).await?;
            let next = Watermark {
                time: group.watermark,
                seq: decision.seq,
                generation: group.generation,
                ..watermark
            };
            let committed = commit_group(&self.target.table, &state, &rows, next, self.now).await;
            state = match committed {
                Ok(state) => state,
                Err(error) => {
                    // Only a conflict says for certain that the commit did not land.
                    if error.kind() == tidelake_core::ErrorKind::Conflict {
                        for row in &rows {
                            discard(self.target, &row.files).await;
                        }
                    }
                    return Err(error);
                }
            };
            account(report, &rows);
            keep_stats(&self.target.plugins).await;
            let generation = group.generation;
            let rows = rows.into_iter().map(|row| (generation, row)).collect();
            report.verified += self.verify(gathered, &state, rows).await?;
        }
        self.progress.finish(table, Stage::Export);
        Ok(state)
    }

    async fn export_group(&self, gathered: &Gathered, group: &Group) -> Result<Vec<ManifestRow>> {
        let Some(snapshot) = &gathered.snapshot else { return Ok(Vec::new()) };
        let generation = group.generation;
        let failed = Arc::new(AtomicBool::new(false));
        let mut results = futures::stream::iter(group.units.iter().cloned())
            // Nothing new is started once a unit has failed.
            .take_while(|_| std::future::ready(!failed.load(Ordering::Relaxed)))
            .map(|planned| {
                let (target, chain, snapshot) =
                    (self.target.clone(), self.chain.clone(), snapshot.clone());
                let (progress, table) = (self.progress.clone(), self.target.spec.name.clone());
                let advance = move |rows| progress.advance(&table, Stage::Export, rows);
                let work = async move {
                    export_unit(&target, &chain, &snapshot, &planned, generation, advance).await
                };
                async move {
                    match tokio::spawn(work).await {
                        Ok(result) => result,
                        Err(e) => Err(Error::internal("a unit panicked").with_source(e)),
                    }
                }
            })
            .buffered(self.budget.workers);
        let (mut rows, mut failure) = (Vec::new(), None);
        while let Some(result) = results.next().await {
            match result {
                Ok(row) => rows.push(row),
                // Units still at work come to their end before files are removed.
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    failure.get_or_insert(error);
                }
            }
        }
        match failure {
            None => Ok(rows),
            Some(error) => {
                for row in &rows {
                    discard(self.target, &row.files).await;
                }
                Err(error)
            }
        }
    }

    async fn verify(
        &self,
        gathered: &Gathered,
        state: &TableState,
        rows: Vec<(u64, ManifestRow)>,
    ) -> Result<u64> {
        let Some(snapshot) = &gathered.snapshot else { return Ok(0) };
        let table = &self.target.spec.name;
        self.progress.start(table, Stage::Verify, rows.iter().map(|(_, r)| r.account.read).sum());
        let verifier = Verifier {
            lake: self.target.table.clone(),
            state: Arc::new(state.clone()),
            snapshot: snapshot.clone(),
            now: self.now,
            workers: self.budget.workers,
        };
        let (progress, name) = (self.progress.clone(), table.clone());
        let proven =
            verifier.prove(rows, move |rows| progress.advance(&name, Stage::Verify, rows)).await;
        self.progress.finish(table, Stage::Verify);
        proven
    }

    /// Everything besides the rows that the result of a unit depends on.
    fn recipe(&self) -> String {
        let writer = &self.target.writer;
        let layout = &self.target.spec.layout;
        format!(
            "{}{}:{}:{}:{}",
            self.chain.recipe(),
            writer.name,
            writer.digest,
            layout.options,
            layout.sort.join(",")
        )
    }
}

fn account(report: &mut TableRun, rows: &[ManifestRow]) {
    report.commits += 1;
    for row in rows {
        report.units += 1;
        report.rows += row.account.written;
        report.dropped += row.account.dropped;
        report.arrow_bytes += row.arrow_bytes;
        report.files += row.files.len() as u64;
        report.file_bytes += row.files.iter().map(|f| f.bytes).sum::<u64>();
    }
}
