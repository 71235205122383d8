//! `tidelake plugin new`: a project that compiles, passes its tests and is a plugin.
//!
//! What is written is in `templates/`: for Rust one `lib.rs` for each kind, the rest is the
//! same for all; for Python and JavaScript, in which transforms alone are written so far, a
//! directory each. Placeholders stand in double braces.
//!
//! The SDKs are not published yet, so that a version would name nothing: a project depends
//! on its one by path. Without `--sdk` the checkout is looked for above the new directory
//! and above this program (which was built in one); when there is none, nothing is written
//! and the error says what to give. The path is relative, so that project and checkout
//! can move together.

mod files;
mod sdk;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde_json::json;
use tidelake_core::Error;
use tidelake_core::config::is_plugin_name;

use self::files::{Names, files};
use super::{Out, print_json};
use crate::args::Global;
use crate::failure::Failure;

/// `plugin new`
#[derive(Debug, clap::Args)]
pub(crate) struct New {
    /// Where to; the last part is the plugin's name
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// What it is to be
    #[arg(long, value_enum)]
    kind: Kind,
    /// The language that it is written in
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,
    /// The directory of the SDK: `sdk/rust`, `sdk/python` or `sdk/javascript` of a checkout
    /// of tidelake
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Changes rows
    Transform,
    /// Aggregates rows into time buckets
    Downsampler,
    /// Writes a file format
    FormatWriter,
    /// Brings rows in
    Source,
    /// Keeps the lake's objects
    StorageBackend,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    /// Every kind
    Rust,
    /// Transforms
    Python,
    /// Transforms
    Javascript,
}

impl Language {
    fn word(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::Javascript => "JavaScript",
        }
    }

    /// Where its SDK is in a checkout.
    fn sdk(self) -> &'static str {
        match self {
            Self::Rust => "sdk/rust",
            Self::Python => "sdk/python",
            Self::Javascript => "sdk/javascript",
        }
    }

    /// Names that the language refuses, or that the plugin's own dependencies have.
    fn taken(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &[
                "alloc",
                "core",
                "proc-macro",
                "std",
                "test",
                "serde",
                "schemars",
                "arrow-array",
                "arrow-cast",
                "tidelake-sdk",
            ],
            // Keywords, and modules that the SDK, the bindings and the tests import.
            Self::Python => &[
                "and",
                "as",
                "assert",
                "async",
                "await",
                "break",
                "class",
                "continue",
                "def",
                "del",
                "elif",
                "else",
                "except",
                "finally",
                "for",
                "from",
                "global",
                "if",
                "import",
                "in",
                "is",
                "lambda",
                "nonlocal",
                "not",
                "or",
                "pass",
                "raise",
                "return",
                "try",
                "while",
                "with",
                "yield",
                "array",
                "abc",
                "collections",
                "copy",
                "dataclasses",
                "enum",
                "functools",
                "io",
                "json",
                "math",
                "os",
                "re",
                "struct",
                "sys",
                "test",
                "tests",
                "tidelake",
                "transform",
                "types",
                "typing",
                "unittest",
                "weakref",
            ],
            Self::Javascript => &["node-modules"],
        }
    }

    /// What to run next.
    fn next(self) -> &'static str {
        match self {
            Self::Rust => "cargo test",
            Self::Python => {
                "python3 -m unittest\n  python3 -m venv .venv && .venv/bin/pip install -r \
                 requirements.txt"
            }
            Self::Javascript => "npm install\n  npm test",
        }
    }
}

/// Writes the project. Never into a directory that holds anything.
pub(super) fn run(global: &Global, args: &New, out: Out<'_>) -> Result<(), Failure> {
    let language = args.lang;
    if language != Language::Rust && args.kind != Kind::Transform {
        let word = language.word();
        return Err(Error::input(format!("only transforms can be written in {word} so far"))
            .with_help("write this kind with --lang rust, or a transform: --kind transform")
            .into());
    }
    let unwritten = |error: std::io::Error| {
        Error::input("the project could not be written")
            .with("directory", args.dir.display())
            .with_source(error)
    };
    let name = name(&args.dir, language)?;
    if fs::read_dir(&args.dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::input("the directory holds something already")
            .with("directory", args.dir.display())
            .with_help("choose another one: nothing is ever written over")
            .into());
    }
    let place = std::path::absolute(&args.dir).map_err(unwritten)?;
    // Found before anything is written, so that a failure leaves nothing behind.
    let sdk = sdk::find(language, args.sdk.as_deref(), &place)?;
    fs::create_dir_all(&place).map_err(unwritten)?;
    let place = place.canonicalize().map_err(unwritten)?;
    // Both are of one checkout.
    let wit = sdk.ancestors().nth(2).map(|root| root.join("wit")).unwrap_or_default();
    let (sdk, wit) = (sdk::relative(&place, &sdk), sdk::relative(&place, &wit));
    let files = files(language, args.kind, &Names { name, sdk: &sdk, wit: &wit });
    for (path, text) in &files {
        let path = place.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(unwritten)?;
        }
        fs::write(path, text).map_err(unwritten)?;
    }
    if global.json {
        let files: Vec<&str> = files.iter().map(|(path, _)| path.as_str()).collect();
        return print_json(
            out,
            &json!({ "directory": args.dir, "name": name, "sdk": sdk, "files": files }),
        );
    }
    writeln!(
        out,
        "wrote {}\nnext:\n  cd {}\n  {}\n  tidelake plugin build\n  tidelake plugin test",
        args.dir.display(),
        args.dir.display(),
        language.next(),
    )?;
    Ok(())
}

/// The plugin's name: that of the directory.
fn name(dir: &Path, language: Language) -> Result<&str, Error> {
    let name = dir.file_name().and_then(OsStr::to_str).unwrap_or_default();
    if !is_plugin_name(name) || name.ends_with('-') || language.taken().contains(&name) {
        return Err(Error::input(format!("{name:?} cannot be the name of a plugin"))
            .with("directory", dir.display())
            .with_help(
                "the last part of DIR is the name: lower-case letters, digits and hyphens, \
                 such as my-filter",
            ));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_plugins() {
        let rust = |path| name(Path::new(path), Language::Rust);
        assert_eq!(rust("a/b/my-filter2").unwrap(), "my-filter2");
        for wrong in ["", "..", "My", "2nd", "a_b", "a-", "\u{fc}nder", "std", "tidelake-sdk"] {
            assert!(rust(wrong).is_err(), "{wrong}");
        }
        assert!(name(Path::new("class"), Language::Python).is_err());
        assert!(name(Path::new("class"), Language::Javascript).is_ok());
    }

    #[test]
    fn a_project_is_written_once_and_only_beside_an_sdk() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("plugins").join("half");
        let new = |sdk: Option<PathBuf>| {
            let (lang, kind) = (Language::Rust, Kind::Transform);
            let args = New { dir: dir.clone(), kind, lang, sdk };
            run(&Global::default(), &args, &mut Vec::new())
        };
        let sdk = root.path().join("sdk").join("rust");
        assert!(matches!(new(Some(sdk.clone())), Err(Failure::Error(e)) if e.help().is_some()));
        assert!(!dir.exists(), "a failure leaves nothing behind");
        fs::create_dir_all(&sdk).unwrap();
        fs::write(sdk.join("Cargo.toml"), "[package]\nname = \"tidelake-sdk\"\n").unwrap();
        new(None).unwrap();
        let manifest = fs::read_to_string(dir.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("path = \"../../sdk/rust\""), "{manifest}");
        assert!(dir.join("src/lib.rs").exists() && dir.join(".cargo/config.toml").exists());
        assert!(matches!(new(None), Err(Failure::Error(e)) if e.message().contains("already")));
    }
}
