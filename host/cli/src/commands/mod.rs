//! One file for each command: what it reads, which call of the engine it is,
//! and how the report is shown.

pub(crate) mod demo;
mod ingest;
mod init;
mod plan;
pub(crate) mod plugin;
mod query;
mod run;
mod status;
mod sync;
mod validate;
mod verify;

use std::io::Write;

use serde::Serialize;
use tidelake::ErrorReport;

use crate::args::{Args, Command, Global};
use crate::failure::Failure;
use crate::project::Project;
use crate::render;

/// Where a command writes what it found.
pub(crate) type Out<'a> = &'a mut (dyn Write + Send);

/// Does what was typed.
pub(crate) async fn run(args: Args, out: Out<'_>) -> Result<(), Failure> {
    let Args { global, command } = args;
    match command {
        Command::Init { dir } => return init::run(&global, dir, out),
        Command::Demo { dir } => return demo::run(&global, dir, out).await,
        Command::Plugin { command } => return plugin::run(&global, *command, out).await,
        _ => {}
    }
    let project = Project::read(&global)?;
    on_project(&project, &global, command, out).await
}

/// The commands that work on a project that is there.
pub(crate) async fn on_project(
    project: &Project,
    global: &Global,
    command: Command,
    out: Out<'_>,
) -> Result<(), Failure> {
    match command {
        // These make projects, or need none: see above.
        Command::Init { .. } | Command::Demo { .. } | Command::Plugin { .. } => Ok(()),
        Command::Validate => validate::run(project, global, out).await,
        Command::Ingest(args) => ingest::run(project, global, args, out).await,
        Command::Sync { tables, now } => sync::run(project, global, &tables, now, out).await,
        Command::Plan { tables, all, now } => {
            plan::run(project, global, &tables, all, now, out).await
        }
        Command::Run { tables, now } => run::run(project, global, &tables, now, out).await,
        Command::Status { tables, now } => status::run(project, global, &tables, now, out).await,
        Command::Query(args) => query::run(project, global, args, out).await,
        Command::Verify { tables, now } => verify::run(project, global, &tables, now, out).await,
    }
}

/// Writes a report for machines.
fn print_json(out: Out<'_>, report: &impl Serialize) -> Result<(), Failure> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)?;
    Ok(())
}

/// Shows the errors of tables, if there are any: then the command has failed.
fn told<'a>(errors: impl Iterator<Item = &'a ErrorReport>) -> Result<(), Failure> {
    let mut result = Ok(());
    for error in errors {
        render::error::write_report(&mut std::io::stderr().lock(), error)?;
        result = Err(Failure::Told);
    }
    result
}

/// An error for the first name that is no table.
fn check_tables(project: &Project, tables: &[String]) -> Result<(), Failure> {
    match tables.iter().find(|name| !project.config.tables.contains_key(*name)) {
        Some(name) => Err(project.no_table(name).into()),
        None => Ok(()),
    }
}
