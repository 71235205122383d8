//! `tidelake plugin bench`: what a component costs, alone or beside a native build.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tidelake_core::Error;
use tidelake_core::plugin::{PluginInfo, PluginKind};
use tidelake_plugin::measure::{self, Measured, Readiness, readiness};
use tidelake_plugin::{PluginHost, PluginStats};

use super::sample::{Loaded, SampleArgs, host_options};
use super::{Out, print_json, storage};
use crate::args::Global;
use crate::failure::Failure;
use crate::render;

/// `plugin bench`
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    sample: SampleArgs,
    /// Rows handed in, each time; none go through a storage backend
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    rows: u64,
    /// How many times
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    times: u16,
    /// A native build of the same plugin to compare with; it runs without a sandbox
    #[arg(long, value_name = "FILE")]
    native: Option<PathBuf>,
}

/// What was measured.
enum Figures {
    /// Of a plugin that rows go through, and of its native build.
    Rows(Box<(Measured, Option<Measured>)>),
    /// Of one that keeps objects.
    Storage(measure::storage::Measured),
}

/// Measures and shows.
pub(super) async fn run(global: &Global, args: Bench, out: Out<'_>) -> Result<(), Failure> {
    let loaded = args.sample.load()?;
    let runtime = tokio::runtime::Handle::current();
    let Bench { rows, times, native, .. } = args;
    let work = move || work(&loaded, rows, times.into(), native.as_deref(), &runtime);
    let work = tokio::task::spawn_blocking(work).await;
    let work = work.map_err(|e| Error::internal("the bench did not finish").with_source(e))?;
    let (info, ready, figures) = work?;
    if global.json {
        return print_json(out, &to_json(&info, ready, &figures));
    }
    match &figures {
        Figures::Rows(rows) => {
            render::author::write_bench(out, &info, ready, &rows.0, rows.1.as_ref())?;
        }
        Figures::Storage(measured) => render::store::write_bench(out, &info, ready, measured)?,
    }
    Ok(())
}

fn work(
    loaded: &Loaded,
    rows: u64,
    times: usize,
    native: Option<&Path>,
    runtime: &tokio::runtime::Handle,
) -> Result<(PluginInfo, Readiness, Figures), Error> {
    let Loaded { file, config, subject, .. } = loaded;
    let options = host_options();
    let cache = options.cache_dir.join(format!("bench-{}", std::process::id()));
    let ready = readiness(file, config, &options, &cache)?;
    let (host, info) = PluginHost::of_file(file, config, options.clone())?;
    let figures = match info.kind {
        PluginKind::StorageBackend => {
            Figures::Storage(runtime.block_on(storage::bench(&host, &info, loaded, times))?)
        }
        _ => {
            let measured = measure::measure(&host, &info, subject, rows, times)?;
            let native = native.map(|library| {
                let (host, other) = PluginHost::of_file(library, config, options)?;
                if (&other.name, &other.version) != (&info.name, &info.version) {
                    return Err(Error::input(format!(
                        "{} {} is compared with {} {}",
                        info.name, info.version, other.name, other.version
                    ))
                    .with("native", library.display())
                    .with_help("build both from the same source"));
                }
                measure::measure(&host, &other, subject, rows, times)
            });
            Figures::Rows(Box::new((measured, native.transpose()?)))
        }
    };
    Ok((info, ready, figures))
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

fn to_json(info: &PluginInfo, ready: Readiness, figures: &Figures) -> Value {
    let (stats, own) = match figures {
        Figures::Rows(rows) => (&rows.0.stats, of_rows(&rows.0, rows.1.as_ref())),
        Figures::Storage(measured) => (&measured.stats, of_storage(measured)),
    };
    let mut all = common(info, ready, stats);
    if let (Value::Object(all), Value::Object(own)) = (&mut all, own) {
        all.extend(own);
    }
    all
}

/// What is told of every kind.
fn common(info: &PluginInfo, ready: Readiness, stats: &PluginStats) -> Value {
    json!({
        "name": info.name,
        "version": info.version,
        "kind": info.kind,
        "sha256": info.digest,
        "calls": stats.calls,
        "busy_seconds": seconds(stats.busy),
        "peak_memory": stats.peak_memory,
        "instances": stats.instances,
        "instantiation_seconds": seconds(stats.instantiation),
        "compile_seconds": seconds(ready.compiled),
        "from_cache_seconds": seconds(ready.cached),
    })
}

fn of_rows(measured: &Measured, native: Option<&Measured>) -> Value {
    let stats = &measured.stats;
    json!({
        "native_seconds": native.map(|n| n.times.iter().copied().map(seconds).collect::<Vec<_>>()),
        "times_native": native.map(|native| measured.times_as_long_as(native)),
        "rows": measured.rows,
        "arrow_bytes": measured.bytes,
        "seconds": measured.times.iter().copied().map(seconds).collect::<Vec<_>>(),
        "median_seconds": seconds(measured.median()),
        "rows_per_second": render::author::per_second(measured.rows, measured.median()),
        "mb_per_second": render::author::per_second(measured.bytes, measured.median()) / 1e6,
        "bytes_in": stats.bytes_in,
        "bytes_out": stats.bytes_out,
        "rows_out": stats.rows_out,
        "crossing_seconds": seconds(stats.crossing),
        "codec_seconds": seconds(stats.codec),
    })
}

fn of_storage(measured: &measure::storage::Measured) -> Value {
    let operation = |operation: &measure::storage::Operation| {
        let (count, total) = (operation.times.len() as u64, operation.total());
        json!({
            "name": operation.name,
            "bytes": operation.bytes,
            "seconds": operation.times.iter().copied().map(seconds).collect::<Vec<_>>(),
            "median_seconds": seconds(operation.median()),
            "per_second": render::author::per_second(count, total),
            "mb_per_second": render::author::per_second(count * operation.bytes, total) / 1e6,
        })
    };
    json!({
        "operations": measured.operations.iter().map(operation).collect::<Vec<_>>(),
        "waiting_seconds": seconds(measured.stats.waiting),
    })
}
