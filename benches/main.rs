//! `make bench`: what tidelake costs, on this machine, against what it could cost.
//!
//! | module | measures | against |
//! |---|---|---|
//! | [`crossing`] | columns into a guest and out | `memcpy` of the same buffers |
//! | [`plugins`] | plugins as components, on one thread and on two | the same source as a library |
//! | [`ready`] | making plugins and their instances ready | the project's goal |
//! | [`run`] | whole runs, with commit and verification | the project's goal |
//! | [`peers`] | the same rows written by others | |
//!
//! Everything is measured in one go, baselines included, so that a figure and what it
//! is compared with saw the same machine in the same mood. Built without its default
//! feature (`make bench-plugins`) it measures all but whole runs. The report goes to
//! `target/bench/report.json`, the machine beside it to `machine.json`.

#[cfg(feature = "whole")]
mod child;
mod crossing;
mod machine;
mod measure;
mod peers;
mod plan;
mod plugins;
mod ready;
mod report;
#[cfg(feature = "whole")]
mod run;
mod ticks;

use std::process::ExitCode;

use clap::Parser;
use tidelake_core::Result;

use crate::machine::Machine;
use crate::plan::{Plan, Section};

/// Measures crossing, plugins and whole runs.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[cfg(feature = "whole")]
    #[command(subcommand)]
    child: Option<child::Child>,
    #[command(flatten)]
    plan: Plan,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    #[cfg(feature = "whole")]
    if let Some(child) = &cli.child {
        return exit(child.run());
    }
    exit(bench(&cli.plan))
}

fn exit(result: Result<()>) -> ExitCode {
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
    let sections: &[(Section, Measure)] = &[
        (Section::Crossing, crossing::measure),
        (Section::Plugins, plugins::measure),
        (Section::Threads, plugins::measure_threads),
        (Section::Ready, ready::measure),
        #[cfg(feature = "whole")]
        (Section::Run, run::measure),
        (Section::Peers, peers::measure),
    ];
    let mut figures = Vec::new();
    for &(section, measure) in sections {
        if plan.wants(section) {
            eprintln!("measuring {section:?}");
            figures.extend(measure(plan)?);
        }
    }
    report::print(&machine, &figures);
    report::write(&plan.out, &machine, &figures)
}
