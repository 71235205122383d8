//! `tidelake plugin list`

use super::{Out, host, print_json, with_plugins};
use crate::args::Global;
use crate::failure::Failure;
use crate::project::Project;
use crate::render;

/// Shows all plugins. Those that cannot be used are shown with the reason.
pub(super) async fn run(global: &Global, out: Out<'_>) -> Result<(), Failure> {
    let project = Project::find(global)?;
    let rows = with_plugins(host(project.as_ref())?, |host| host.overview()).await?;
    if global.json {
        return print_json(out, &render::plugins::list_json(&rows));
    }
    Ok(render::plugins::write_list(out, &rows)?)
}
