//! `tidelake run`

use super::{Out, check_tables, print_json, told};
use crate::args::{Global, Now};
use crate::failure::Failure;
use crate::project::Project;
use crate::render;

/// Does what `plan` shows. Fails when a table did; the others were done.
pub(super) async fn run(
    project: &Project,
    global: &Global,
    tables: &[String],
    now: Now,
    out: Out<'_>,
) -> Result<(), Failure> {
    check_tables(project, tables)?;
    let engine = project.open("run", now)?;
    let report = engine.run(tables, render::progress::new(global.json)).await?;
    if global.json {
        print_json(out, &report)?;
    } else {
        render::run::write_run(out, &report)?;
    }
    told(report.tables.iter().filter_map(|table| table.error.as_ref()))
}
