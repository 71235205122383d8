//! The same plugin as a component and as an ordinary library.
//!
//! Both sides run the same source on the same batches, one thread each: 16 batches
//! of ticks for transforms and downsamplers, the same rows in order of symbol and
//! time for writers, as a run would hand them over. What comes out is counted and
//! dropped. Making the plugin ready is part of each run, compiling it is not. Times are
//! the processor's, of the one thread that works: what else the machine does counts less.
//!
//! [`measure_threads`] runs the same on two threads at once and looks at the processor's
//! time, not the clock's: what a row costs more of it than on one thread is contention.
//! Two threads share more than tidelake's locks (caches, memory, perhaps a core), so the
//! same library on two threads stands beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{ArrayRef, AsArray, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::{SortColumn as Key, concat_batches, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{Field, Schema, TimestampMicrosecondType};
use bytes::Bytes;
use serde_json::{Value, json};
use tidelake_core::plugin::{
    BatchSink, ByteSink, DownsampleSpec, PluginContext, Plugins, SortColumn,
};
use tidelake_core::{Error, Result};
use tidelake_plugin::PluginHost;
use tidelake_sdk::{
    Batch, Downsampler, FormatWriter, Output, Roles, Sink, SortColumn as NativeSort, Transform,
};

use crate::measure::{cpu_time, mb_per_second, middle};
use crate::plan::Plan;
use crate::report::Figure;
use crate::ticks::{self, BATCH_ROWS, Ticks};

const BATCHES: usize = 16;
const HOUR: i64 = 3_600_000_000;

/// Measures the plugins.
pub(crate) fn measure(plan: &Plan) -> Result<Vec<Figure>> {
    all(plan, Judge::Speed)
}

/// Measures what they cost on two threads at once.
pub(crate) fn measure_threads(plan: &Plan) -> Result<Vec<Figure>> {
    all(plan, Judge::Contention)
}

/// The same work as a component and as a library.
struct Work<'a> {
    name: &'a str,
    batches: &'a [RecordBatch],
    wasm: &'a (dyn Fn() -> Result<()> + Sync),
    native: &'a (dyn Fn() -> Result<()> + Sync),
}

/// What is looked at.
#[derive(Clone, Copy)]
enum Judge {
    /// How much data goes through in a second.
    Speed,
    /// The processor's time that a row takes on two threads, of that on one.
    Contention,
}

fn all(plan: &Plan, judge: Judge) -> Result<Vec<Figure>> {
    let plugins = plan.plugins()?;
    let ticks: Vec<RecordBatch> = Ticks::new(20_000_000, plan.seed).take(BATCHES).collect();
    let bench = Bench { plugins: &plugins, runs: plan.runs(), judge };

    let mut figures = Vec::new();
    let sorted = in_order(&ticks)?;
    for (name, compression) in
        [("parquet_plain", "none"), ("parquet_snappy", "snappy"), ("parquet_zstd", "zstd(1)")]
    {
        let options = json!({ "compression": compression });
        figures
            .push(bench.writer::<tidelake_format_parquet::ParquetFile>(name, &sorted, &options)?);
    }
    let options = json!({ "price": "price", "volume": "size" });
    figures.push(bench.downsampler::<tidelake_ohlcv::Ohlcv>(
        "ohlcv",
        &with_hours(&ticks)?,
        &options,
    )?);
    let options = json!({ "columns": ["symbol", "venue"], "salt": "bench", "length": 16 });
    figures.push(bench.transform::<tidelake_mask::Mask>("mask", &ticks, &options)?);
    Ok(figures)
}

struct Bench<'a> {
    plugins: &'a PluginHost,
    runs: usize,
    judge: Judge,
}

impl Bench<'_> {
    fn transform<T: Transform>(
        &self,
        name: &str,
        batches: &[RecordBatch],
        options: &Value,
    ) -> Result<Figure> {
        let input = batches[0].schema();
        let wasm = || {
            let mut out = Discard;
            let mut stage = self.plugins.transform(T::NAME, &context(), input.clone(), options)?;
            for batch in batches {
                stage.process(batch, &mut out)?;
            }
            stage.finish(&mut out)
        };
        let native = || {
            let mut out = Vec::new();
            let mut stage = T::create(input.clone(), native_options(options)?).map_err(failed)?;
            let schema = stage.output_schema();
            for batch in batches {
                let batch = Batch::from_memory(batch);
                let mut output = Output::to_memory(&mut out, schema.clone(), Some(&batch));
                stage.process(&batch, &mut output).map_err(failed)?;
                out.clear();
            }
            stage.finish(&mut Output::to_memory(&mut out, schema, None)).map_err(failed)
        };
        self.figure(Work { name, batches, wasm: &wasm, native: &native })
    }

    fn writer<T: FormatWriter>(
        &self,
        name: &str,
        batches: &[RecordBatch],
        options: &Value,
    ) -> Result<Figure> {
        let schema = batches[0].schema();
        // As `order` has it.
        let sort = [1, 0].map(|column| SortColumn { column, descending: false, nulls_first: true });
        let written = Arc::new(AtomicU64::new(0));
        let wasm = || {
            let out = Box::new(Count(written.clone()));
            let mut writer = self.plugins.format_writer(
                T::NAME,
                &context(),
                schema.clone(),
                &sort,
                options,
                out,
            )?;
            for batch in batches {
                writer.write(batch)?;
            }
            writer.finish()
        };
        let native = || {
            let sort = sort.map(|s| NativeSort {
                column: s.column,
                descending: s.descending,
                nulls_first: s.nulls_first,
            });
            let count = written.clone();
            let out = Sink::from_fn(move |bytes| {
                count.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                Ok(())
            });
            let options = native_options(options)?;
            let mut writer = T::create(schema.clone(), &sort, options, out).map_err(failed)?;
            for batch in batches {
                writer.write(&Batch::from_memory(batch)).map_err(failed)?;
            }
            writer.finish().map_err(failed)
        };
        self.figure(Work { name, batches, wasm: &wasm, native: &native })
    }

    /// The last column is the bucket.
    fn downsampler<T: Downsampler>(
        &self,
        name: &str,
        batches: &[RecordBatch],
        options: &Value,
    ) -> Result<Figure> {
        let input = batches[0].schema();
        let spec = DownsampleSpec {
            time_column: 0,
            bucket_column: input.fields().len() - 1,
            group_columns: vec![1, 2],
        };
        let wasm = || {
            let mut aggregator =
                self.plugins.downsampler(T::NAME, &context(), input.clone(), &spec, options)?;
            for batch in batches {
                aggregator.update(batch)?;
            }
            aggregator.drain(&mut Discard)
        };
        let roles = Roles {
            time_column: spec.time_column,
            bucket_column: spec.bucket_column,
            group_columns: spec.group_columns.clone(),
        };
        let native = || {
            let mut aggregator =
                T::create(input.clone(), &roles, native_options(options)?).map_err(failed)?;
            for batch in batches {
                aggregator.update(&Batch::from_memory(batch)).map_err(failed)?;
            }
            let (schema, mut out) = (aggregator.output_schema(), Vec::new());
            aggregator.drain(&mut Output::to_memory(&mut out, schema, None)).map_err(failed)
        };
        self.figure(Work { name, batches, wasm: &wasm, native: &native })
    }

    fn figure(&self, work: Work<'_>) -> Result<Figure> {
        match self.judge {
            Judge::Speed => self.speed(work),
            Judge::Contention => self.contention(work),
        }
    }

    fn speed(&self, work: Work<'_>) -> Result<Figure> {
        let bytes = work.batches.iter().map(ticks::arrow_bytes).sum();
        // In turn, so that both see the same machine.
        let (mut native, mut wasm) = (Vec::new(), Vec::new());
        for _ in 0..self.runs {
            native.push(cpu_time(1, 1, work.native)?);
            wasm.push(cpu_time(1, 1, work.wasm)?);
        }
        let [native, wasm] = [native, wasm].map(|times| mb_per_second(bytes, middle(times)));
        Ok(Figure::new(work.name, wasm, "MB/s").against("native", native))
    }

    fn contention(&self, work: Work<'_>) -> Result<Figure> {
        let grown = |f: &(dyn Fn() -> Result<()> + Sync)| {
            let [one, two] = [1, 2].map(|threads| cpu_time(self.runs, threads, f));
            Ok::<_, Error>(two?.as_secs_f64() / one?.as_secs_f64())
        };
        let name = format!("{}_threads", work.name);
        let native = grown(work.native)?;
        Ok(Figure::new(name, grown(work.wasm)?, "of 1 thread").against("native", native))
    }
}

fn context() -> PluginContext {
    PluginContext { table: "bench".into(), unit: "plugins".into() }
}

/// The options of a library: what serde makes of the configuration's.
fn native_options<O: tidelake_sdk::Options>(options: &Value) -> Result<O> {
    serde_json::from_value(options.clone())
        .map_err(|e| Error::internal("the options of a bench are wrong").with_source(e))
}

fn failed(error: tidelake_sdk::Error) -> Error {
    Error::plugin(format!("native build: {error}"))
}

struct Discard;

impl BatchSink for Discard {
    fn emit(&mut self, _: RecordBatch) -> Result<()> {
        Ok(())
    }
}

struct Count(Arc<AtomicU64>);

impl ByteSink for Count {
    fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.0.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

/// The rows in order of symbol and time, in batches of their own.
fn in_order(batches: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
    let all = concat_batches(&ticks::schema(), batches)?;
    let key = |column: usize| Key { values: all.column(column).clone(), options: None };
    let order = lexsort_to_indices(&[key(1), key(0)], None)?;
    (0..all.num_rows())
        .step_by(BATCH_ROWS)
        .map(|start| {
            let rows = order.slice(start, BATCH_ROWS.min(all.num_rows() - start));
            Ok(take_record_batch(&all, &rows)?)
        })
        .collect()
}

/// The rows with the start of their hour as the last column, as the host adds it.
fn with_hours(batches: &[RecordBatch]) -> Result<Vec<RecordBatch>> {
    let plain = ticks::schema();
    let bucket = Field::new("bucket", plain.field(0).data_type().clone(), false);
    let fields = plain.fields().iter().cloned().chain([Arc::new(bucket)]);
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    batches
        .iter()
        .map(|batch| {
            let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
            let hours: TimestampMicrosecondArray = times.unary(|t| t - t.rem_euclid(HOUR));
            let mut columns = batch.columns().to_vec();
            columns.push(Arc::new(hours.with_timezone("UTC")) as ArrayRef);
            Ok(RecordBatch::try_new(schema.clone(), columns)?)
        })
        .collect()
}
