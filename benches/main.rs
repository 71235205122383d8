//! `make bench`: what tidelake costs, on this machine, against what it could cost.
//!
//! | module | measures | against |
//! |---|---|---|
//! | [`crossing`] | columns into a guest and out | `memcpy` of the same buffers |
//! | [`plugins`] | plugins as components | the same source as a library |
//! | [`run`] | whole runs, with commit and verification | the project's goal |
//! | [`peers`] | the same rows written by others | |
//!
//! Everything is measured in one go, baselines included, so that a figure and what it
//! is compared with saw the same machine in the same mood. The report goes to
//! `target/bench/report.json`, the machine beside it to `machine.json`.

mod child;
mod crossing;
mod machine;
mod measure;
mod peers;
mod plan;
mod plugins;
mod report;
mod run;
mod ticks;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde::Serialize;
use tidelake_core::{Error, Result};

use crate::machine::Machine;
use crate::plan::{Plan, Section};

/// Measures crossing, plugins and whole runs.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    child: Option<Child>,
    #[command(flatten)]
    plan: Plan,
}

/// What this program runs in processes of their own.
#[derive(Debug, Subcommand)]
enum Child {
    #[command(hide = true)]
    Ingest(child::IngestArgs),
    #[command(hide = true)]
    Run(child::RunArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.child {
        Some(Child::Ingest(args)) => child::ingest(args).and_then(|result| tell(&result)),
        Some(Child::Run(args)) => child::run(args).and_then(|result| tell(&result)),
        None => bench(&cli.plan),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn bench(plan: &Plan) -> Result<()> {
    let machine = Machine::this();
    type Measure = fn(&Plan) -> Result<Vec<report::Figure>>;
    let sections: [(Section, Measure); 4] = [
        (Section::Crossing, crossing::measure),
        (Section::Plugins, plugins::measure),
        (Section::Run, run::measure),
        (Section::Peers, peers::measure),
    ];
    let mut figures = Vec::new();
    for (section, measure) in sections {
        if plan.wants(section) {
            eprintln!("measuring {section:?}");
            figures.extend(measure(plan)?);
        }
    }
    report::print(&machine, &figures);
    report::write(&plan.out, &machine, &figures)
}

/// Tells the parent process.
fn tell(result: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string(result)
        .map_err(|e| Error::internal("a result has no JSON form").with_source(e))?;
    println!("{text}");
    Ok(())
}
