//! `tidelake plugin bench`: what a component costs, alone or beside a native build.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tidelake_core::Error;
use tidelake_core::plugin::PluginInfo;
use tidelake_plugin::PluginHost;
use tidelake_plugin::measure::{Measured, Readiness, measure, readiness};

use super::sample::{Loaded, SampleArgs, host_options};
use super::{Out, print_json};
use crate::args::Global;
use crate::failure::Failure;
use crate::render;

/// `plugin bench`
#[derive(Debug, clap::Args)]
pub(crate) struct Bench {
    #[command(flatten)]
    sample: SampleArgs,
    /// Rows handed in, each time
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    rows: u64,
    /// How many times
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    times: u16,
    /// A native build of the same plugin to compare with; it runs without a sandbox
    #[arg(long, value_name = "FILE")]
    native: Option<PathBuf>,
}

/// All that was measured.
struct Compared {
    info: PluginInfo,
    ready: Readiness,
    measured: Measured,
    native: Option<Measured>,
}

/// Measures and shows.
pub(super) async fn run(global: &Global, args: Bench, out: Out<'_>) -> Result<(), Failure> {
    let loaded = args.sample.load()?;
    let Bench { rows, times, native, .. } = args;
    let work = move || work(&loaded, rows, times.into(), native.as_deref());
    let work = tokio::task::spawn_blocking(work);
    let work =
        work.await.map_err(|e| Error::internal("the bench did not finish").with_source(e))?;
    let Compared { info, ready, measured, native } = work?;
    if global.json {
        return print_json(out, &to_json(&info, ready, &measured, native.as_ref()));
    }
    Ok(render::author::write_bench(out, &info, ready, &measured, native.as_ref())?)
}

fn work(
    loaded: &Loaded,
    rows: u64,
    times: usize,
    native: Option<&Path>,
) -> Result<Compared, Error> {
    let Loaded { file, config, subject } = loaded;
    let options = host_options();
    let cache = options.cache_dir.join(format!("bench-{}", std::process::id()));
    let ready = readiness(file, config, &options, &cache)?;
    let (host, info) = PluginHost::of_file(file, config, options.clone())?;
    let measured = measure(&host, &info, subject, rows, times)?;
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
        measure(&host, &other, subject, rows, times)
    });
    Ok(Compared { info, ready, measured, native: native.transpose()? })
}

fn to_json(
    info: &PluginInfo,
    ready: Readiness,
    measured: &Measured,
    native: Option<&Measured>,
) -> Value {
    let stats = &measured.stats;
    let seconds = |time: Duration| time.as_secs_f64();
    json!({
        "name": info.name,
        "version": info.version,
        "kind": info.kind,
        "sha256": info.digest,
        "rows": measured.rows,
        "arrow_bytes": measured.bytes,
        "seconds": measured.times.iter().copied().map(seconds).collect::<Vec<_>>(),
        "median_seconds": seconds(measured.median()),
        "rows_per_second": render::author::per_second(measured.rows, measured.median()),
        "mb_per_second": render::author::per_second(measured.bytes, measured.median()) / 1e6,
        "calls": stats.calls,
        "bytes_in": stats.bytes_in,
        "bytes_out": stats.bytes_out,
        "rows_out": stats.rows_out,
        "busy_seconds": seconds(stats.busy),
        "crossing_seconds": seconds(stats.crossing),
        "codec_seconds": seconds(stats.codec),
        "peak_memory": stats.peak_memory,
        "instances": stats.instances,
        "instantiation_seconds": seconds(stats.instantiation),
        "compile_seconds": seconds(ready.compiled),
        "from_cache_seconds": seconds(ready.cached),
        "native_seconds": native.map(|n| n.times.iter().copied().map(seconds).collect::<Vec<_>>()),
        "times_native": native.map(|native| measured.times_as_long_as(native)),
    })
}
