//! `tidelake plugin build`: from a project to a component that is looked at.
//!
//! A language is a file here and a line in [`LANGUAGES`]: it says by which file its
//! projects are known, and makes a component of one.

mod javascript;
mod python;
mod rust;
mod tools;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tidelake_core::Error;
use tidelake_core::config::PluginSample;
use tidelake_core::plugin::PluginInfo;
use tidelake_plugin::PluginHost;
use tidelake_plugin::source::silent;
use tidelake_plugin::trust::report::{InspectRequest, PluginReport};

use super::sample::{host_options, read_sample};
use super::{Out, print_json, with_plugins};
use crate::args::Global;
use crate::failure::Failure;
use crate::render;

/// `plugin build`
#[derive(Debug, clap::Args)]
pub(crate) struct Build {
    /// The plugin's project
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Build a native library instead, for hosts that trust it with everything
    #[arg(long)]
    native: bool,
}

/// A language that plugins are written in.
struct Language {
    /// What it is called.
    name: &'static str,
    /// The file that every project in it has.
    marker: &'static str,
    /// Makes the component of the project in a directory, and says where it is. The tools
    /// of the language speak to the user, on standard error.
    component: fn(&Path) -> Result<PathBuf, Failure>,
    /// The same for a native library.
    library: fn(&Path) -> Result<PathBuf, Failure>,
}

/// All of them; the first whose file is there builds.
static LANGUAGES: [Language; 3] = [rust::LANGUAGE, python::LANGUAGE, javascript::LANGUAGE];

/// Of languages that bring an interpreter along.
fn no_library(dir: &Path) -> Result<PathBuf, Failure> {
    Err(Error::unsupported("only plugins in Rust build as native libraries")
        .with("directory", dir.display())
        .with_help("build the component: `tidelake plugin build`")
        .into())
}

/// What was built.
#[derive(Debug)]
pub(super) struct Built {
    /// What can be seen of the file.
    pub(super) report: PluginReport,
    /// What the plugin says about itself.
    pub(super) info: PluginInfo,
}

/// Builds the project and shows what came out.
pub(super) async fn run(global: &Global, args: Build, out: Out<'_>) -> Result<(), Failure> {
    let file = match args.native {
        true => (language(&args.dir)?.library)(&args.dir)?,
        false => component(&args.dir)?,
    };
    let built = look(&file, &read_sample(&args.dir, None)?).await?;
    if global.json {
        return print_json(out, &to_json(&built));
    }
    render::author::write_built(out, &built.report, &built.info)?;
    let dir = args.dir.display();
    let target = if args.dir == Path::new(".") { String::new() } else { format!(" {dir}") };
    if args.native {
        let native = built.report.path.display();
        return Ok(writeln!(out, "next:\n  tidelake plugin bench{target} --native {native}")?);
    }
    Ok(writeln!(out, "next:\n  tidelake plugin test{target}")?)
}

/// The component of the project in a directory, made anew if anything changed.
pub(super) fn component(dir: &Path) -> Result<PathBuf, Failure> {
    (language(dir)?.component)(dir)
}

/// What the project in a directory is written in.
fn language(dir: &Path) -> Result<&'static Language, Failure> {
    let found = LANGUAGES.iter().find(|language| dir.join(language.marker).is_file());
    found.ok_or_else(|| {
        let known = LANGUAGES.iter().map(|l| format!("{} ({})", l.marker, l.name));
        let known = known.collect::<Vec<_>>().join(", ");
        Error::not_found("there is no plugin's project here")
            .with("directory", dir.display())
            .with_help(format!(
                "a project has one of {known}; `tidelake plugin new --kind transform DIR` \
                 starts one"
            ))
            .into()
    })
}

/// Looks at a component, and asks it what it is.
async fn look(file: &Path, sample: &PluginSample) -> Result<Built, Failure> {
    let options = host_options();
    let host = PluginHost::new(options.clone())?;
    let target = file.to_string_lossy().into_owned();
    let config = sample.plugin.clone();
    let file = file.to_owned();
    let work = move |host: &PluginHost| -> Result<Built, Error> {
        let (_, info) = PluginHost::of_file(&file, &config, options)?;
        // It is known already: this looks at the file alone.
        let request = InspectRequest { target, grants: config.grants, ..InspectRequest::default() };
        Ok(Built { report: host.inspect(&request, &silent)?, info })
    };
    Ok(with_plugins(host, work).await??)
}

fn to_json(built: &Built) -> Value {
    let Built { report, info } = built;
    // Several interfaces may be one capability.
    let capabilities = report.imports.iter().filter_map(|i| i.capability.as_ref());
    json!({
        "path": report.path,
        "name": info.name,
        "version": info.version,
        "kind": info.kind,
        "description": info.description,
        "built_for": report.interface,
        "size": report.size,
        "sha256": report.sha256,
        "capabilities": capabilities.collect::<BTreeSet<_>>(),
        "imports": report.imports.iter().map(|import| &import.name).collect::<Vec<_>>(),
    })
}
