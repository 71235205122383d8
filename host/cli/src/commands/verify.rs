//! `tidelake verify`

use super::{Out, check_tables, print_json};
use crate::args::{Global, Now};
use crate::failure::Failure;
use crate::project::Project;
use crate::render;

/// Reads the lake back. Fails when something is wrong with it.
pub(super) async fn run(
    project: &Project,
    global: &Global,
    tables: &[String],
    now: Now,
    out: Out<'_>,
) -> Result<(), Failure> {
    check_tables(project, tables)?;
    let engine = project.open("verify", now)?;
    let reports = engine.verify(tables, render::progress::new(global.json)).await?;
    if global.json {
        print_json(out, &reports)?;
    } else {
        render::run::write_verify(out, &reports)?;
    }
    match reports.iter().all(|report| report.problems.is_empty()) {
        true => Ok(()),
        false => Err(Failure::Told),
    }
}
