//! What can be typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use tidelake_core::time::Micros;

use crate::commands::plugin::PluginCommand;
use crate::ingest::bad::OnError;

/// Moves ageing time series from a hot store into an open data lake, and
/// queries both as one table.
#[derive(Debug, Parser)]
#[command(name = "tidelake", version, max_term_width = 100)]
pub(crate) struct Args {
    /// For every command.
    #[command(flatten)]
    pub(crate) global: Global,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// For every command.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Global {
    /// The project's directory, where tidelake.toml is [default: .]
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub(crate) directory: Option<PathBuf>,
    /// The configuration; its directory is the project
    #[arg(long, value_name = "FILE", global = true, conflicts_with = "directory")]
    pub(crate) config: Option<PathBuf>,
    /// Print facts as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// The moment that a command takes for now.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Now {
    /// Take this for the current time, such as 2013-03-02 or 2013-03-02T10:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(crate) now: Option<Micros>,
}

fn parse_time(text: &str) -> Result<Micros, String> {
    Micros::parse(text).map_err(|e| format!("{}; {}", e.message(), e.help().unwrap_or_default()))
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a commented tidelake.toml
    Init {
        /// Where to [default: the project's directory]
        dir: Option<PathBuf>,
    },
    /// Check the configuration and its plugins, and show all mistakes at once
    Validate,
    /// Bring CSV, NDJSON, Parquet or Arrow files into a table's hot store
    Ingest(Ingest),
    /// Bring rows from the tables' sources into the hot store, each once
    Sync {
        /// The tables [default: all that have a source]
        tables: Vec<String>,
        #[command(flatten)]
        now: Now,
    },
    /// Show what `run` would do, what waits, and why; change nothing
    Plan {
        /// The tables [default: all]
        tables: Vec<String>,
        /// Show every action of its own, not alike ones together
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        now: Now,
    },
    /// Do what `plan` shows: export, verify, roll up, evict
    Run {
        /// The tables [default: all]
        tables: Vec<String>,
        #[command(flatten)]
        now: Now,
    },
    /// Show where each table's rows are
    Status {
        /// The tables [default: all]
        tables: Vec<String>,
        #[command(flatten)]
        now: Now,
    },
    /// Query hot and lake as one table; "TABLE@1h" is a rollup
    Query(Query),
    /// Read the lake back and check it against its log and the ledger
    Verify {
        /// The tables [default: all]
        tables: Vec<String>,
        #[command(flatten)]
        now: Now,
    },
    /// Make, test, sign, add and list plugins
    Plugin {
        #[command(subcommand)]
        command: Box<PluginCommand>,
    },
    /// Play the whole story on real stock prices, offline
    Demo {
        /// Where to [default: tidelake-demo]
        dir: Option<PathBuf>,
    },
}

/// `ingest`
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Ingest {
    /// The table
    pub(crate) table: String,
    /// The files, by their ending or content; text may be packed with gzip
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// What to do about rows that cannot be stored
    #[arg(long, value_enum, default_value_t = OnError::Abort)]
    pub(crate) on_error: OnError,
    /// Join the columns of this CSV file to every row
    #[arg(long, value_name = "FILE", requires = "on")]
    pub(crate) lookup: Option<PathBuf>,
    /// The column that the rows and the lookup have in common
    #[arg(long, value_name = "COLUMN", requires = "lookup")]
    pub(crate) on: Option<String>,
    #[command(flatten)]
    pub(crate) now: Now,
}

/// `query`
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Query {
    /// A SELECT statement; names are taken as written
    pub(crate) sql: String,
    /// How to print the rows
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Print the plan that ran, and which tier and files answered, in place of the rows
    #[arg(long)]
    pub(crate) explain: bool,
    /// Write to this file instead of standard output
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// With a header.
    Csv,
    /// One array of objects.
    Json,
    /// A Parquet file.
    Parquet,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn arguments_are_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_lookup_needs_a_column() {
        let parse = |line: &str| Args::try_parse_from(line.split(' '));
        assert!(parse("tidelake ingest t f.csv --lookup l.csv").is_err());
        assert!(parse("tidelake ingest t f.csv --lookup l.csv --on k").is_ok());
        assert!(parse("tidelake ingest t").is_err());
        assert!(parse("tidelake plan --now yesterday").is_err());
        assert!(parse("tidelake plan --now 2013-03-02 -C x --json").is_ok());
        assert!(parse("tidelake plan -C x --config y").is_err());
    }
}
