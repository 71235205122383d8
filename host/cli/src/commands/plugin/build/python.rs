//! Python: `componentize-py` makes one component of a module and its interpreter.
//!
//! What it needs to know is in the project's `pyproject.toml`:
//!
//! ```toml
//! [tool.tidelake]
//! module = "spread"             # the module that is the plugin
//! source = "src"                # where it is
//! sdk = "../tidelake/sdk/python"
//! wit = "../tidelake/wit"
//! ```

use std::path::{Path, PathBuf};
use std::process::Command;

use tidelake_core::config::texts_of;
use tidelake_core::{Error, ResultExt};

use super::{Language, tools};
use crate::failure::Failure;

/// What a project in Python is, and how it is built.
pub(super) const LANGUAGE: Language =
    Language { name: "Python", marker: MARKER, component, library: super::no_library };

const MARKER: &str = "pyproject.toml";
const TABLE: &str = "[tool.tidelake] in pyproject.toml";
const TOOL: &str = "componentize-py";

fn component(dir: &Path) -> Result<PathBuf, Failure> {
    let marker = dir.join(MARKER);
    let text = tools::read(&marker)?;
    let project = texts_of(&text, &["tool", "tidelake"]).with("file", marker.display())?;
    let said = |key: &str| {
        let value = project.get(key).map(String::as_str);
        value.ok_or_else(|| {
            Error::input(format!("the project does not say its `{key}`"))
                .with("file", marker.display())
                .with_help(
                    "[tool.tidelake] has `module`, `source`, `sdk` and `wit`, as in projects \
                     that `tidelake plugin new --lang python` writes",
                )
        })
    };
    let module = said("module")?;
    let source = tools::there(dir, said("source")?, TABLE)?;
    let sdk = tools::there(dir, said("sdk")?, TABLE)?;
    let wit = tools::there(dir, said("wit")?, TABLE)?;
    let place = tools::place(dir, module);
    if tools::is_fresh(&place, &[marker, source.clone(), sdk.join("tidelake"), wit.clone()]) {
        return Ok(place);
    }
    let tool = tools::find(TOOL, &[dir.join(".venv").join("bin")]).ok_or_else(|| {
        Error::not_found(format!("`{TOOL}` is not installed"))
            .with("directory", dir.display())
            .with_help(format!(
                "in the project: python3 -m venv .venv && .venv/bin/pip install -r \
                 requirements.txt ({TOOL} in PATH, or beside TIDELAKE_PYTHON, does as well)"
            ))
    })?;
    tools::make(place, |half| {
        let mut command = Command::new(tool);
        command.arg("--quiet").arg("-d").arg(wit);
        command.args(["-w", tools::WORLD, "componentize", module]);
        command.arg("-p").arg(sdk).arg("-p").arg(source).arg("-o").arg(half);
        tools::run(command, TOOL, dir)
    })
}
