//! `tidelake plugin test`: the conformance suite over a component.

use serde_json::{Value, json};
use tidelake_core::plugin::{PluginInfo, PluginKind};
use tidelake_core::{Error, ErrorKind};
use tidelake_plugin::PluginHost;
use tidelake_plugin::conformance::{Check, ReadBack, Suite, Verdict};

use super::foreign::{self, Python};
use super::sample::{Loaded, SampleArgs, host_options};
use super::{Out, print_json, storage};
use crate::args::Global;
use crate::failure::Failure;
use crate::render;

/// Output cap of the host whose cap is meant to be exceeded, in bytes.
const TIGHT: u64 = 64 << 10;

/// `plugin test`
#[derive(Debug, clap::Args)]
pub(crate) struct Test {
    #[command(flatten)]
    sample: SampleArgs,
    /// Read files with the pyarrow and duckdb of this Python, too [default: TIDELAKE_PYTHON]
    #[arg(long, value_name = "PROGRAM")]
    python: Option<String>,
}

/// Runs the suite. Fails if any check does.
pub(super) async fn run(global: &Global, args: Test, out: Out<'_>) -> Result<(), Failure> {
    let loaded = args.sample.load()?;
    let seed = loaded.subject.seed;
    let python = args.python.or_else(|| std::env::var("TIDELAKE_PYTHON").ok());
    let runtime = tokio::runtime::Handle::current();
    // Plugins run on blocking threads only.
    let work = tokio::task::spawn_blocking(move || suite(&loaded, python, &runtime)).await;
    let work = work.map_err(|e| Error::internal("the test did not finish").with_source(e))?;
    let (info, checks) = work?;
    let failed = checks.iter().any(|check| check.verdict == Verdict::Failed);
    if global.json {
        print_json(out, &to_json(&info, seed, &checks))?;
    } else {
        render::author::write_checks(out, &info, &checks)?;
    }
    if failed { Err(Failure::Told) } else { Ok(()) }
}

fn suite(
    loaded: &Loaded,
    python: Option<String>,
    runtime: &tokio::runtime::Handle,
) -> Result<(PluginInfo, Vec<Check>), Error> {
    let Loaded { file, config, subject, .. } = loaded;
    let (host, info) = PluginHost::of_file(file, config, host_options())?;
    if info.kind == PluginKind::StorageBackend {
        let checks = runtime.block_on(storage::test(&host, &info, loaded))?;
        return Ok((info, checks));
    }
    let tight = tidelake_plugin::HostOptions { output_cap: TIGHT, ..host_options() };
    let (tight, _) = PluginHost::of_file(file, config, tight)?;

    let format = info.file_format.clone().unwrap_or_default();
    let lake = |file: &[u8], schema: &_, rows: usize| {
        let bytes = bytes::Bytes::copy_from_slice(file);
        let read = tidelake_lake::read_back(&format, bytes, schema, rows as u64);
        match runtime.block_on(read) {
            Ok(rows) => Ok(ReadBack::Rows(rows)),
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                Ok(ReadBack::Unknown(error.message().to_owned()))
            }
            Err(error) => Err(with_causes(&error)),
        }
    };
    let python = Python::new(python);
    let foreign = foreign::READERS.map(|reader| {
        let (python, format) = (&python, format.clone());
        let read =
            move |file: &[u8], schema: &_, _: usize| python.read(reader, &format, file, schema);
        (reader, read)
    });
    let mut suite = Suite::new(&host, &info.name, subject)?.under_cap(&tight);
    if info.kind == PluginKind::FormatWriter {
        suite = suite.read_by(&lake);
        for (reader, read) in &foreign {
            suite = suite.also_read_by(reader, read);
        }
    }
    let checks = suite.run(&mut |check| tracing::info!(name = check.name, "{}", check.verdict));
    Ok((info, checks))
}

fn with_causes(error: &Error) -> String {
    let mut text = error.message().to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

fn to_json(info: &PluginInfo, seed: u64, checks: &[Check]) -> Value {
    let check = |check: &Check| {
        json!({
            "name": check.name,
            "verdict": check.verdict.to_string(),
            "note": check.note,
        })
    };
    json!({
        "name": info.name,
        "version": info.version,
        "kind": info.kind,
        "sha256": info.digest,
        "seed": seed,
        "ok": checks.iter().all(|check| check.verdict != Verdict::Failed),
        "checks": checks.iter().map(check).collect::<Vec<_>>(),
    })
}
