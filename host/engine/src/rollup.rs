//! Rollups: downsampled tables beside the raw one, brought up to date from the lake.
//!
//! A rollup remembers the generation of the raw table that it covers. Raw commits
//! only add files, and a file carries its generation, so what is new since then
//! is known exactly: no row is counted twice or forgotten, late ones included.
//!
//! ```text
//! new raw files ──▶ update ┐
//!                          ├─ aggregator ─▶ sort ─▶ format ─▶ one commit:
//! rollup files they touch ▶ merge                 + new files − replaced ones,
//!                                                 covers generation g
//! ```
//!
//! The rows drained hold the state that `merge` needs, so a late raw row costs
//! the rollup files of its buckets, not a second look at old raw rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::hash_utils::create_hashes;
use futures::StreamExt;
use tidelake_core::commit::{Commit, TableInit, TableState, Watermark};
use tidelake_core::file::DataFile;
use tidelake_core::ledger::LedgerEntry;
use tidelake_core::partition::PartitionSpec;
use tidelake_core::period::Period;
use tidelake_core::plugin::{DownsampleSpec, Downsampler, PluginContext};
use tidelake_core::table::{Layout, RollupSpec, TableSpec};
use tidelake_core::time::{
    Micros, SeqRange, TimeRange, column_micros, micros_to_column, time_column,
};
use tidelake_core::unit::Unit;
use tidelake_core::{Error, Result, ResultExt, failpoint};
use tidelake_lake::{LakeTable, storage_schema};
use tokio::sync::mpsc;

use crate::engine::Engine;
use crate::export::{Naming, Target, Written, blocking, discard, sort_and_write};
use crate::memory::Budget;
use crate::publish::send;
use crate::recover::recover;
use crate::report::{Progress, RollupRun, Stage, TableRun};
use crate::run::file_format;

/// The column in which a downsampler finds each row's bucket.
pub const BUCKET_COLUMN: &str = "__tidelake_bucket";
/// Raw rows that one aggregator takes at most: its groups must fit a plugin's memory.
const SLICE_ROWS: u64 = 1_000_000;

impl Engine {
    /// Brings the rollups of a table up to date with `state` of the raw table.
    pub(crate) async fn rollups(
        &self,
        raw: &Target,
        budget: &Budget,
        state: &TableState,
        now: Micros,
        report: &mut TableRun,
        progress: &Arc<dyn Progress>,
    ) -> Result<()> {
        for rollup in &raw.spec.rollups {
            let name = raw.spec.rollup_name(rollup);
            let done = self
                .rollup(raw, budget, state, rollup, &name, now, progress)
                .await
                .with("rollup", &name)?;
            report.rollups.extend(done);
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "one call, from the loop above")]
    async fn rollup(
        &self,
        raw: &Target,
        budget: &Budget,
        state: &TableState,
        rollup: &RollupSpec,
        name: &str,
        now: Micros,
        progress: &Arc<dyn Progress>,
    ) -> Result<Option<RollupRun>> {
        let lake = self.lake_table(&raw.spec, name);
        let existing = lake.log().load().await?;
        let covered = existing.as_ref().map_or(0, |s| s.watermark.source_generation);
        let new: Vec<DataFile> =
            state.files.values().filter(|f| f.generation > covered).cloned().collect();
        if new.is_empty() {
            return Ok(None);
        }
        let aggregation = Aggregation::new(raw, rollup, name)?;
        let (schema, recipe) = {
            let aggregation = aggregation.clone();
            blocking(move || Ok((aggregation.start()?.output_schema(), aggregation.recipe()?)))
                .await?
        };
        let recipe = format!("{recipe};{}:{}", raw.writer.name, raw.writer.digest);
        aggregation.check_output(&schema)?;
        let spec = Arc::new(rollup_spec(&raw.spec, rollup, name));
        let format = file_format(&raw.writer)?;
        let base = match existing {
            Some(existing) => existing,
            None => {
                let init = TableInit {
                    schema: schema.clone(),
                    partition: spec.layout.partition.clone(),
                    file_format: format.clone(),
                };
                lake.log().create(&init, now).await?
            }
        };
        let (base, _) = recover(&lake, base, now).await?;
        let target = Target {
            storage: storage_schema(&schema, spec.layout.log(), &format)?,
            spec,
            schema,
            table: lake.clone(),
            shares: budget.shares.clone(),
            epoch: base.watermark.epoch,
            ..raw.clone()
        };
        let source_rows = new.iter().map(|f| f.rows).sum();
        progress.start(name, Stage::Rollup, source_rows);
        let work = Work { aggregation, recipe, raw, state, target: &target, base: &base, progress };
        let built = work.build(&new).await;
        progress.finish(name, Stage::Rollup);
        let (written, replaced) = built?;
        let run = RollupRun {
            rollup: name.to_owned(),
            source_rows,
            rows: written.rows,
            files: written.files.len() as u64,
        };
        commit(&lake, &base, state, written, replaced, now).await?;
        Ok(Some(run))
    }
}

async fn commit(
    lake: &LakeTable,
    base: &TableState,
    raw: &TableState,
    written: Written,
    replaced: Vec<String>,
    now: Micros,
) -> Result<()> {
    failpoint!("engine.rollup-written");
    if !replaced.is_empty() {
        let removed = LedgerEntry::Removed { files: replaced.clone(), at: now };
        lake.ledger().append(&[removed]).await?;
    }
    let watermark = Watermark {
        time: raw.watermark.time,
        seq: raw.watermark.seq,
        epoch: base.watermark.epoch,
        generation: base.watermark.generation + 1,
        source_generation: raw.watermark.generation,
    };
    let files = written.files.clone();
    let commit = Commit {
        base: base.version,
        add: written.files,
        remove: replaced,
        watermark,
        operation: "rollup",
        at: now,
    };
    let next = send(lake, base, commit).await?;
    failpoint!("engine.rollup-committed");
    for file in &files {
        let found = lake.digest_file(&next, file).await?;
        if found != file.digest {
            return Err(Error::corrupt("a rollup file does not hold the rows written to it")
                .with("file", &file.path)
                .with("expected", file.digest)
                .with("found", found)
                .with_help("the raw rows are in the lake: remove the rollup's directory to have it built anew"));
        }
    }
    Ok(())
}

/// The table that a rollup is: keyed and sorted as the raw one's series.
fn rollup_spec(raw: &TableSpec, rollup: &RollupSpec, name: &str) -> TableSpec {
    let groups = raw.group_columns();
    let mut sort = raw.key.clone();
    sort.push(raw.time.clone());
    let columns = &raw.layout.partition.columns;
    let partition = PartitionSpec {
        time: raw.time.clone(),
        period: rollup.every.partition_period(),
        columns: columns.iter().filter(|c| groups.contains(c)).cloned().collect(),
    };
    TableSpec {
        name: name.to_owned(),
        schema: None,
        source: None,
        layout: Layout { partition, sort, ..raw.layout.clone() },
        transforms: Vec::new(),
        rollups: Vec::new(),
        ..raw.clone()
    }
}

/// How raw rows become rows of one rollup.
#[derive(Debug, Clone)]
struct Aggregation {
    rollup: RollupSpec,
    name: String,
    time: String,
    groups: Vec<String>,
    input: SchemaRef,
    spec: DownsampleSpec,
    plugins: Arc<dyn tidelake_core::plugin::Plugins>,
}

impl Aggregation {
    fn new(raw: &Target, rollup: &RollupSpec, name: &str) -> Result<Self> {
        let groups = raw.spec.group_columns();
        let time = raw.schema.field_with_name(&raw.spec.time)?;
        let mut fields: Vec<Field> =
            raw.schema.fields().iter().map(|f| f.as_ref().clone()).collect();
        fields.push(Field::new(BUCKET_COLUMN, time.data_type().clone(), false));
        let spec = DownsampleSpec {
            time_column: raw.schema.index_of(&raw.spec.time)?,
            bucket_column: raw.schema.fields().len(),
            group_columns: groups
                .iter()
                .map(|g| Ok(raw.schema.index_of(g)?))
                .collect::<Result<_>>()?,
        };
        Ok(Self {
            rollup: rollup.clone(),
            name: name.to_owned(),
            time: raw.spec.time.clone(),
            groups,
            input: Arc::new(Schema::new(fields)),
            spec,
            plugins: raw.plugins.clone(),
        })
    }

    fn start(&self) -> Result<Box<dyn Downsampler>> {
        let context = PluginContext { table: self.name.clone(), unit: "rollup".to_owned() };
        let Self { rollup, input, spec, .. } = self;
        self.plugins.downsampler(&rollup.plugin, &context, input.clone(), spec, &rollup.options)
    }

    /// Digest and options of the plugin.
    fn recipe(&self) -> Result<String> {
        let info = self.plugins.describe(&self.rollup.plugin)?;
        Ok(format!("{}:{}:{}", info.name, info.digest, self.rollup.options))
    }

    /// The host relies on the bucket and the group columns of what is drained.
    fn check_output(&self, schema: &Schema) -> Result<()> {
        for name in std::iter::once(&self.time).chain(&self.groups) {
            let wanted = self.input.field_with_name(name)?.data_type();
            let found = schema.field_with_name(name).ok().map(Field::data_type);
            if found != Some(wanted) {
                return Err(Error::plugin(format!(
                    "downsampler {:?} must give back column {name:?} as {wanted}, and gives {found:?}",
                    self.rollup.plugin
                )));
            }
        }
        Ok(())
    }

    /// The bucket that holds an instant.
    fn bucket(&self, t: Micros) -> Micros {
        self.rollup.every.bucket(t, self.rollup.zone).start
    }

    /// Raw rows whose bucket lies in `period`, with their buckets.
    fn prepare(&self, batch: &RecordBatch, period: TimeRange, slice: Slice) -> Result<RecordBatch> {
        let times = column_micros(time_column(batch, &self.time)?)?;
        let buckets = self.rollup.every.buckets(&times, self.rollup.zone);
        let inside = tidelake_core::time::in_range(&buckets, period);
        let mut columns = batch.columns().to_vec();
        let bucket_type = self.input.field(self.spec.bucket_column).data_type();
        columns.push(micros_to_column(buckets, bucket_type)?);
        let batch = RecordBatch::try_new(self.input.clone(), columns)?;
        let batch = match inside.true_count() == batch.num_rows() {
            true => batch,
            false => filter_record_batch(&batch, &inside)?,
        };
        slice.of(&batch, &self.groups)
    }
}

/// One part of the groups, chosen by hash, so that an aggregator stays small.
#[derive(Debug, Clone, Copy)]
struct Slice {
    index: u64,
    of: u64,
}

impl Slice {
    fn of(self, batch: &RecordBatch, groups: &[String]) -> Result<RecordBatch> {
        if self.of == 1 {
            return Ok(batch.clone());
        }
        let columns = groups
            .iter()
            .map(|g| Ok(batch.column(batch.schema().index_of(g)?).clone()))
            .collect::<Result<Vec<ArrayRef>>>()?;
        let mut hashes = vec![0; batch.num_rows()];
        let random = datafusion::common::hash_utils::RandomState::with_seed(0);
        create_hashes(&columns, &random, &mut hashes)
            .map_err(|e| Error::internal("the groups could not be hashed").with_source(e))?;
        let mine: BooleanArray =
            hashes.iter().map(|h| Some((h >> 32) % self.of == self.index)).collect();
        Ok(filter_record_batch(batch, &mine)?)
    }
}

/// One rollup being brought up to date.
struct Work<'a> {
    aggregation: Aggregation,
    /// What the result depends on besides the rows.
    recipe: String,
    raw: &'a Target,
    state: &'a TableState,
    target: &'a Target,
    base: &'a TableState,
    progress: &'a Arc<dyn Progress>,
}

/// Rows on their way into an aggregator.
enum Feed {
    Raw(RecordBatch),
    Partials(RecordBatch),
}

impl Work<'_> {
    /// Builds what is new; answers what was written and which files it replaces.
    async fn build(&self, new: &[DataFile]) -> Result<(Written, Vec<String>)> {
        let mut all = Written::default();
        let mut replaced = Vec::new();
        for period in self.periods(new) {
            match self.build_period(new, period).await {
                Ok((written, old)) => {
                    all.files.extend(written.files);
                    all.digest = all.digest.merge(written.digest);
                    all.rows += written.rows;
                    replaced.extend(old);
                }
                Err(error) => {
                    discard(self.target, &all.files).await;
                    return Err(error);
                }
            }
        }
        Ok((all, replaced))
    }

    /// The rollup's partition periods that new rows touch.
    fn periods(&self, new: &[DataFile]) -> Vec<TimeRange> {
        let period: Period = self.target.spec.layout.partition.period;
        let mut periods = BTreeSet::new();
        for file in new {
            let last = self.aggregation.bucket(file.max_time);
            let mut at = period.range(self.aggregation.bucket(file.min_time));
            periods.insert(at);
            while at.end <= last && at.end > at.start {
                at = period.range(at.end);
                periods.insert(at);
            }
        }
        periods.into_iter().collect()
    }

    async fn build_period(
        &self,
        new: &[DataFile],
        period: TimeRange,
    ) -> Result<(Written, Vec<String>)> {
        let dirty = |file: &DataFile| {
            let (first, last) =
                (self.aggregation.bucket(file.min_time), self.aggregation.bucket(file.max_time));
            period.overlaps(first, last).then(|| (first.max(period.start), last))
        };
        let sources: Vec<&DataFile> = new.iter().filter(|f| dirty(f).is_some()).collect();
        let ranges = sources.iter().filter_map(|f| dirty(f));
        let Some((first, last)) = ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else {
            return Ok(Default::default());
        };
        let old: Vec<&DataFile> = self
            .base
            .files
            .values()
            .filter(|f| period.contains(f.min_time) && f.max_time >= first && f.min_time <= last)
            .collect();
        let rows: u64 = sources.iter().chain(&old).map(|f| f.rows).sum();
        let slices = rows.div_ceil(SLICE_ROWS).max(1);
        let (tx, rx) = mpsc::channel(2);
        let naming = self.naming(period);
        let aggregate = async {
            for index in 0..slices {
                let slice = Slice { index, of: slices };
                self.aggregate(&sources, &old, period, slice, tx.clone()).await?;
            }
            drop(tx);
            Ok::<_, Error>(())
        };
        let (aggregated, written) =
            tokio::join!(aggregate, sort_and_write(self.target, rx, naming));
        let written = match (aggregated, written) {
            (Ok(()), Ok(written)) => written,
            (Err(error), Ok(written)) => {
                discard(self.target, &written.files).await;
                return Err(error);
            }
            (_, Err(error)) => return Err(error),
        };
        Ok((written, old.iter().map(|f| f.path.clone()).collect()))
    }

    /// Feeds one slice of the groups through an aggregator of its own.
    async fn aggregate(
        &self,
        sources: &[&DataFile],
        old: &[&DataFile],
        period: TimeRange,
        slice: Slice,
        out: mpsc::Sender<RecordBatch>,
    ) -> Result<()> {
        let (tx, mut rx) = mpsc::channel::<Feed>(2);
        let gone = || Error::internal("the aggregator ended early");
        let feed = async {
            for file in old {
                let mut rows = self.target.table.read_file(self.base, file, None).await?;
                while let Some(batch) = rows.next().await {
                    tx.send(Feed::Partials(batch?)).await.map_err(|_| gone())?;
                }
            }
            for file in sources {
                let mut rows = self.raw.table.read_file(self.state, file, None).await?;
                while let Some(batch) = rows.next().await {
                    let batch = batch?;
                    if slice.index == 0 {
                        let rows = batch.num_rows() as u64;
                        self.progress.advance(&self.target.spec.name, Stage::Rollup, rows);
                    }
                    tx.send(Feed::Raw(batch)).await.map_err(|_| gone())?;
                }
            }
            drop(tx);
            Ok::<_, Error>(())
        };
        let aggregation = self.aggregation.clone();
        let work = blocking(move || {
            let mut downsampler = aggregation.start()?;
            while let Some(feed) = rx.blocking_recv() {
                match feed {
                    Feed::Raw(batch) => {
                        let batch = aggregation.prepare(&batch, period, slice)?;
                        if batch.num_rows() > 0 {
                            downsampler.update(&batch)?;
                        }
                    }
                    Feed::Partials(batch) => {
                        downsampler.merge(&slice.of(&batch, &aggregation.groups)?)?;
                    }
                }
            }
            let mut drained = Vec::new();
            downsampler.drain(&mut drained)?;
            for batch in drained.into_iter().filter(|b| b.num_rows() > 0) {
                out.blocking_send(batch)
                    .map_err(|_| Error::internal("the rollup's writer ended early"))?;
            }
            Ok(())
        });
        match tokio::join!(feed, work) {
            (_, Err(error)) | (Err(error), Ok(())) => Err(error),
            (Ok(()), Ok(())) => Ok(()),
        }
    }

    fn naming(&self, period: TimeRange) -> Naming {
        let (from, to) = (self.base.watermark.source_generation, self.state.watermark.generation);
        let unit = Unit {
            table: self.target.spec.name.clone(),
            time: period,
            seqs: SeqRange::new(from, to),
            recipe: self.recipe.clone(),
        };
        Naming { generation: self.base.watermark.generation + 1, unit: unit.id() }
    }
}
