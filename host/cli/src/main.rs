//! The `tidelake` command.
//!
//! `args` says what can be typed, `project` finds and opens what it is about,
//! `commands` has one file for each command, `render` turns reports into text,
//! and `ingest` reads the files that people bring.

mod args;
mod commands;
mod failure;
mod ingest;
mod project;
mod render;

use std::io::{BufWriter, Write};
use std::process::ExitCode;

use clap::Parser;

use args::Args;
use failure::Failure;

/// What is logged unless `RUST_LOG` says otherwise: what goes wrong, once. These say again
/// what our errors say.
const QUIET: &str = "warn,rustls_platform_verifier=off,oci_client=off";

fn main() -> ExitCode {
    // Armed through the environment, by tests alone.
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| QUIET.into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let json = args.global.json;
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(json),
    }
}

fn start(args: Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut out = BufWriter::new(std::io::stdout());
    let result = runtime.block_on(commands::run(args, &mut out));
    out.flush()?;
    result
}
