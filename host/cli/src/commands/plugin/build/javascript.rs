//! JavaScript: esbuild makes one module of the plugin and its imports, and
//! `componentize-js` one component of that and an engine.
//!
//! What it needs to know is in the project's `package.json`: `name`, `main`, and
//! `"tidelake": { "wit": "../tidelake/wit" }`. Both tools are packages of the project.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tidelake_core::Error;

use super::{Language, tools};
use crate::failure::Failure;

/// What a project in JavaScript is, and how it is built.
pub(super) const LANGUAGE: Language =
    Language { name: "JavaScript", marker: MARKER, component, library: super::no_library };

const MARKER: &str = "package.json";
const SCRIPT: &str = include_str!("build.mjs");

/// What the script imports.
const PACKAGES: [&str; 2] = ["@bytecodealliance/componentize-js", "esbuild"];

fn component(dir: &Path) -> Result<PathBuf, Failure> {
    // The script runs in the project, and is told about files elsewhere.
    let dir = &std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    let marker = dir.join(MARKER);
    let text = tools::read(&marker)?;
    let project: Value = serde_json::from_str(&text).map_err(|error| {
        Error::input("the project's package.json is no JSON")
            .with("file", marker.display())
            .with_source(error)
    })?;
    let said = |value: &Value, key: &str| {
        value.as_str().map(str::to_owned).ok_or_else(|| {
            Error::input(format!("the project does not say its {key}"))
                .with("file", marker.display())
                .with_help(
                    "package.json has `name`, `main` and `tidelake.wit`, as in projects that \
                     `tidelake plugin new --lang javascript` writes",
                )
        })
    };
    let name = said(&project["name"], "`name`")?.replace(['@', '/'], "");
    let main = tools::there(dir, &said(&project["main"], "`main`")?, "`main` in package.json")?;
    let wit = said(&project["tidelake"]["wit"], "`tidelake.wit`")?;
    let wit = tools::there(dir, &wit, "`tidelake.wit` in package.json")?;
    let place = tools::place(dir, &name);
    let missing = PACKAGES.iter().find(|package| !dir.join("node_modules").join(package).exists());
    if let Some(package) = missing {
        return Err(Error::not_found(format!("the package {package} is not installed"))
            .with("directory", dir.display())
            .with_help("in the project: npm install")
            .into());
    }
    let mut sources = vec![marker.clone(), wit.clone()];
    sources.extend(main.parent().map(Path::to_owned));
    // The SDK is linked, not copied: it may change, too.
    sources.push(dir.join("node_modules").join("@tidelake").join("sdk"));
    if tools::is_fresh(&place, &sources) {
        return Ok(place);
    }
    let node = tools::find("node", &[]).ok_or_else(|| {
        Error::not_found("`node` is not installed")
            .with_help("install Node.js 20 or later, with npm (https://nodejs.org)")
    })?;
    let bundle = place.with_extension("bundle.js");
    tools::make(place, |half| {
        let mut command = Command::new(node);
        command.current_dir(dir).args(["--input-type=module", "-e", SCRIPT, "--"]);
        command.arg(main).arg(wit).arg(tools::WORLD).arg(bundle).arg(half);
        tools::run(command, "node", dir)
    })
}
