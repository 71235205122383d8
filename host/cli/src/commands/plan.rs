//! `tidelake plan`

use super::{Out, check_tables, print_json};
use crate::args::{Global, Now};
use crate::failure::Failure;
use crate::project::Project;
use crate::render;

/// Shows what `run` would do.
pub(super) async fn run(
    project: &Project,
    global: &Global,
    tables: &[String],
    all: bool,
    now: Now,
    out: Out<'_>,
) -> Result<(), Failure> {
    check_tables(project, tables)?;
    let plans = project.open("plan", now)?.plan(tables).await?;
    if global.json {
        return print_json(out, &plans);
    }
    for (i, plan) in plans.iter().enumerate() {
        if i > 0 {
            writeln!(out)?;
        }
        render::plan::write(out, plan, all)?;
    }
    Ok(())
}
