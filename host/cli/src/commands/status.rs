//! `tidelake status`

use super::{Out, check_tables, print_json};
use crate::args::{Global, Now};
use crate::failure::Failure;
use crate::project::Project;
use crate::render;

/// Shows where rows are.
pub(super) async fn run(
    project: &Project,
    global: &Global,
    tables: &[String],
    now: Now,
    out: Out<'_>,
) -> Result<(), Failure> {
    check_tables(project, tables)?;
    let statuses = project.open("status", now)?.status(tables).await?;
    if global.json {
        return print_json(out, &statuses);
    }
    if statuses.is_empty() {
        writeln!(out, "{} has no table yet", project.path.display())?;
    }
    Ok(render::status::write(out, &statuses)?)
}
