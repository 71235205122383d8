//! A table's chain of transforms: from hot rows to public rows.
//!
//! The public schema of a table is its chain's output. The same chain runs when
//! rows are exported ([`Chain::start`]) and when hot rows are queried
//! ([`Chain::row_transform`]), so an answer never changes because a row crossed
//! the watermark. Only row-wise transforms may stand in it, and they must leave
//! the time column alone: the hot store and the lake are cut by the same times.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use tidelake_core::plugin::{
    BatchSink, PluginContext, PluginInfo, PluginKind, Plugins, RowTransform, RowTransformRef,
    Transform,
};
use tidelake_core::table::TableSpec;
use tidelake_core::time::{column_micros, time_column};
use tidelake_core::{Error, Result, ResultExt};

/// The transforms of a table, checked against its hot schema.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    spec: Arc<TableSpec>,
    plugins: Arc<dyn Plugins>,
    input: SchemaRef,
    output: SchemaRef,
    recipe: String,
}

impl Chain {
    /// Checks every transform of the table and finds the public schema. Blocks.
    pub(crate) fn new(
        spec: Arc<TableSpec>,
        plugins: Arc<dyn Plugins>,
        input: SchemaRef,
    ) -> Result<Self> {
        spec.check_schema(&input, "the hot table")?;
        let mut recipe = String::new();
        for transform in &spec.transforms {
            let info = plugins.describe(&transform.plugin).with("table", &spec.name)?;
            check_transform(&spec, &info)?;
            recipe.push_str(&format!("{}:{}:{};", info.name, info.digest, transform.options));
        }
        let mut chain = Self { spec, plugins, output: input.clone(), input, recipe };
        let running = chain.start("schema")?;
        chain.output = running.output_schema();
        chain.spec.check_schema(&chain.output, "the output of the transforms")?;
        let (before, after) = (
            chain.input.field_with_name(&chain.spec.time)?,
            chain.output.field_with_name(&chain.spec.time)?,
        );
        if before.data_type() != after.data_type() {
            return Err(Error::config(format!(
                "the transforms turn the time column {:?} from {} into {}",
                chain.spec.time,
                before.data_type(),
                after.data_type()
            ))
            .with("table", &chain.spec.name)
            .with_help(format!(
                "leave the time column alone; set its type in [table.{}.schema]",
                chain.spec.name
            )));
        }
        Ok(chain)
    }

    /// The schema of hot rows.
    pub(crate) fn input_schema(&self) -> &SchemaRef {
        &self.input
    }

    /// The public schema.
    pub(crate) fn output_schema(&self) -> &SchemaRef {
        &self.output
    }

    /// Digests and options of the transforms.
    pub(crate) fn recipe(&self) -> &str {
        &self.recipe
    }

    /// Starts every transform for one stream of batches. Blocks.
    pub(crate) fn start(&self, unit: &str) -> Result<RunningChain> {
        let context = PluginContext { table: self.spec.name.clone(), unit: unit.to_owned() };
        let mut schema = self.input.clone();
        let mut stages = Vec::with_capacity(self.spec.transforms.len());
        for transform in &self.spec.transforms {
            let stage = self
                .plugins
                .transform(&transform.plugin, &context, schema, &transform.options)
                .with("table", &self.spec.name)?;
            schema = stage.output_schema();
            stages.push(stage);
        }
        Ok(RunningChain { stages, output: schema })
    }

    /// The chain as queries apply it to hot rows; `None` when it is empty.
    pub(crate) fn row_transform(&self) -> Option<RowTransformRef> {
        if self.spec.transforms.is_empty() {
            return None;
        }
        Some(Arc::new(QueryChain(self.clone())))
    }
}

fn check_transform(spec: &TableSpec, info: &PluginInfo) -> Result<()> {
    let wrong = if info.kind != PluginKind::Transform {
        format!("plugin {:?} is a {}, not a transform", info.name, info.kind)
    } else if !info.row_wise {
        format!("transform {:?} is not row-wise", info.name)
    } else {
        return Ok(());
    };
    Err(Error::config(wrong).with("table", &spec.name).with_help(
        "a table's own chain takes row-wise transforms, since hot rows pass through it in queries too",
    ))
}

/// The transforms of one stream of batches.
pub(crate) struct RunningChain {
    stages: Vec<Box<dyn Transform>>,
    output: SchemaRef,
}

impl RunningChain {
    /// The public schema.
    pub(crate) fn output_schema(&self) -> SchemaRef {
        self.output.clone()
    }

    /// Sends one batch through all stages.
    pub(crate) fn process(&mut self, batch: RecordBatch) -> Result<Vec<RecordBatch>> {
        feed(&mut self.stages, batch)
    }

    /// Ends the stream: what the stages held back.
    pub(crate) fn finish(mut self) -> Result<Vec<RecordBatch>> {
        let mut results = Vec::new();
        for i in 0..self.stages.len() {
            let mut held = Vec::new();
            self.stages[i].finish(&mut held)?;
            for batch in held {
                results.extend(feed(&mut self.stages[i + 1..], batch)?);
            }
        }
        Ok(results)
    }
}

fn feed(stages: &mut [Box<dyn Transform>], batch: RecordBatch) -> Result<Vec<RecordBatch>> {
    let mut batches = vec![batch];
    for stage in stages {
        let mut next = Vec::with_capacity(batches.len());
        for batch in &batches {
            stage.process(batch, &mut next as &mut dyn BatchSink)?;
        }
        batches = next;
    }
    batches.retain(|b| b.num_rows() > 0);
    Ok(batches)
}

/// A chain applied to hot rows as they are queried.
#[derive(Debug)]
struct QueryChain(Chain);

impl RowTransform for QueryChain {
    fn output_schema(&self) -> SchemaRef {
        self.0.output.clone()
    }

    fn apply(&self, batch: &RecordBatch) -> Result<Vec<RecordBatch>> {
        let mut running = self.0.start("query")?;
        let mut batches = running.process(batch.clone())?;
        batches.extend(running.finish()?);
        Ok(batches)
    }
}

/// Checks what the host relies on in public rows: times are there, and within
/// the range of the unit that they came from. Returns them.
pub(crate) fn check_times(
    spec: &TableSpec,
    batch: &RecordBatch,
    range: tidelake_core::time::TimeRange,
) -> Result<Vec<i64>> {
    let column = time_column(batch, &spec.time)?;
    let moved = |what: &str| {
        Error::plugin(format!("the transforms {what} in the time column {:?}", spec.time))
            .with("table", &spec.name)
            .with_help("a chain must pass the time column on unchanged")
    };
    if column.null_count() > 0 {
        return Err(moved("put nulls"));
    }
    let times = column_micros(column)?;
    match tidelake_core::time::min_max(&times) {
        Some((min, max)) if !range.covers(min, max) => {
            Err(moved("moved rows to another partition").with("range", range))
        }
        _ => Ok(times),
    }
}
