//! `tidelake plugin new`: a project that compiles, passes its tests and is a plugin.
//!
//! What is written is in `templates/`: one `lib.rs` for each kind, the rest is the same
//! for all. Placeholders stand in double braces.
//!
//! The SDK is not published yet, so that a version would name nothing: a project depends
//! on it by path. Without `--sdk` the checkout is looked for above the new directory
//! and above this program (which was built in one); when there is none, nothing is written
//! and the error says what to give. The path is relative, so that project and checkout
//! can move together.

use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use clap::ValueEnum;
use serde_json::json;
use tidelake_core::Error;
use tidelake_core::config::is_plugin_name;

use super::sample::SAMPLE_FILE;
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
    /// The directory of the Rust SDK: `sdk/rust` of a checkout of tidelake
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    Rust,
}

/// Names that cargo refuses, or that the plugin's own dependencies have.
const TAKEN: [&str; 10] = [
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
];

/// Writes the project. Never into a directory that holds anything.
pub(super) fn run(global: &Global, args: &New, out: Out<'_>) -> Result<(), Failure> {
    let Language::Rust = args.lang;
    let unwritten = |error: std::io::Error| {
        Error::input("the project could not be written")
            .with("directory", args.dir.display())
            .with_source(error)
    };
    let name = name(&args.dir)?;
    if fs::read_dir(&args.dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Error::input("the directory holds something already")
            .with("directory", args.dir.display())
            .with_help("choose another one: nothing is ever written over")
            .into());
    }
    let place = std::path::absolute(&args.dir).map_err(unwritten)?;
    // Found before anything is written, so that a failure leaves nothing behind.
    let sdk = sdk(args.sdk.as_deref(), &place)?;
    fs::create_dir_all(&place).map_err(unwritten)?;
    let place = place.canonicalize().map_err(unwritten)?;
    let sdk = relative(&place, &sdk);
    let files = files(args.kind, name, &sdk);
    for (path, text) in &files {
        let path = place.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(unwritten)?;
        }
        fs::write(path, text).map_err(unwritten)?;
    }
    if global.json {
        let files: Vec<&str> = files.iter().map(|(path, _)| *path).collect();
        return print_json(
            out,
            &json!({ "directory": args.dir, "name": name, "sdk": sdk, "files": files }),
        );
    }
    writeln!(
        out,
        "wrote {}\nnext:\n  cd {}\n  cargo test\n  tidelake plugin build\n  \
         tidelake plugin test",
        args.dir.display(),
        args.dir.display()
    )?;
    Ok(())
}

/// The plugin's name: that of the directory.
fn name(dir: &Path) -> Result<&str, Error> {
    let name = dir.file_name().and_then(OsStr::to_str).unwrap_or_default();
    if !is_plugin_name(name) || name.ends_with('-') || TAKEN.contains(&name) {
        return Err(Error::input(format!("{name:?} cannot be the name of a plugin"))
            .with("directory", dir.display())
            .with_help(
                "the last part of DIR is the name: lower-case letters, digits and hyphens, \
                 such as my-filter",
            ));
    }
    Ok(name)
}

/// The directory of the SDK.
fn sdk(given: Option<&Path>, place: &Path) -> Result<PathBuf, Error> {
    if let Some(given) = given {
        let found = given.canonicalize().ok().filter(|path| is_sdk(path));
        return found.ok_or_else(|| {
            Error::input("there is no Rust SDK of tidelake there")
                .with("directory", given.display())
                .with_help("give the directory `sdk/rust` of a checkout of tidelake")
        });
    }
    let program = std::env::current_exe().ok();
    let above = [Some(place), program.as_deref()].into_iter().flatten().flat_map(Path::ancestors);
    let mut candidates = above.map(|dir| dir.join("sdk").join("rust"));
    candidates.find(|path| is_sdk(path)).and_then(|path| path.canonicalize().ok()).ok_or_else(
        || {
            Error::input("the Rust SDK was not found; it is not published yet")
                .with_help("check out tidelake and add --sdk CHECKOUT/sdk/rust")
        },
    )
}

fn is_sdk(dir: &Path) -> bool {
    fs::read_to_string(dir.join("Cargo.toml"))
        .is_ok_and(|manifest| manifest.lines().any(|line| line == "name = \"tidelake-sdk\""))
}

/// The way from one directory to another, with `/` between its parts. Both are absolute
/// and without links; it is absolute itself where they share no root.
fn relative(from: &Path, to: &Path) -> String {
    let (from, to) = (from.components(), to.components());
    let (from, to): (Vec<Component<'_>>, Vec<_>) = (from.collect(), to.collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    if shared == 0 {
        return to.iter().collect::<PathBuf>().to_string_lossy().replace('\\', "/");
    }
    let up = from[shared..].iter().map(|_| "..".into());
    let down = to[shared..].iter().map(|part| part.as_os_str().to_string_lossy());
    up.chain(down).collect::<Vec<_>>().join("/")
}

/// The files of a project with what is in them.
fn files(kind: Kind, name: &str, sdk: &str) -> Vec<(&'static str, String)> {
    let (word, lib, usage, dependencies) = match kind {
        Kind::Transform => (
            "transform",
            include_str!("templates/transform/lib.rs.template"),
            include_str!("templates/transform/use.toml.template"),
            "",
        ),
        Kind::Downsampler => (
            "downsampler",
            include_str!("templates/downsampler/lib.rs.template"),
            include_str!("templates/downsampler/use.toml.template"),
            "",
        ),
        Kind::FormatWriter => (
            "format writer",
            include_str!("templates/format-writer/lib.rs.template"),
            include_str!("templates/format-writer/use.toml.template"),
            include_str!("templates/format-writer/dependencies.toml.template"),
        ),
        Kind::Source => (
            "source",
            include_str!("templates/source/lib.rs.template"),
            include_str!("templates/source/use.toml.template"),
            "",
        ),
    };
    let type_name: String = name
        .split('-')
        .flat_map(|part| {
            let (first, rest) = part.split_at(part.len().min(1));
            [first.to_ascii_uppercase(), rest.to_owned()]
        })
        .collect();
    // Those that the README shows are those that it is tested with.
    let options = usage.lines().find(|line| line.starts_with("options = ")).unwrap_or_default();
    let fill = |text: &str| {
        // What is filled in may hold placeholders itself, so it comes first.
        text.replace("{{use}}", usage.trim_end())
            .replace("{{options}}", options)
            .replace("{{dependencies}}", dependencies)
            .replace("{{kind}}", word)
            .replace("{{Type}}", &type_name)
            .replace("{{file}}", &name.replace('-', "_"))
            .replace("{{name}}", name)
            .replace("{{sdk}}", sdk)
    };
    vec![
        ("Cargo.toml", fill(include_str!("templates/Cargo.toml.template"))),
        (".cargo/config.toml", fill(include_str!("templates/config.toml.template"))),
        (".gitignore", "/target/\n".to_owned()),
        ("README.md", fill(include_str!("templates/README.md.template"))),
        ("src/lib.rs", fill(lib)),
        (SAMPLE_FILE, fill(include_str!("templates/sample.toml.template"))),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: [Kind; 4] = [Kind::Transform, Kind::Downsampler, Kind::FormatWriter, Kind::Source];

    #[test]
    fn nothing_is_left_to_fill_in() {
        for kind in KINDS {
            for (path, text) in files(kind, "my-plugin-2", "../sdk/rust") {
                assert!(!text.contains("{{") && !text.contains("}}"), "{kind:?}: {path}");
                assert!(text.ends_with('\n'), "{kind:?}: {path}");
            }
        }
        let files = files(Kind::Transform, "my-plugin-2", "../sdk/rust");
        assert!(files[4].1.contains("pub struct MyPlugin2 {"));
        assert!(files[0].1.contains("tidelake-sdk = { path = \"../sdk/rust\" }"));
        assert!(files[3].1.contains("target/wasm32-wasip2/release/my_plugin_2.wasm"));
    }

    #[test]
    fn the_sample_is_one() {
        for kind in KINDS {
            let files = files(kind, "mine", "sdk");
            let (_, text) = files.iter().find(|(path, _)| *path == SAMPLE_FILE).unwrap();
            let sample = tidelake_core::config::PluginSample::parse(text).unwrap();
            assert!(sample.options.is_some_and(|o| o.as_object().is_some_and(|o| !o.is_empty())));
        }
    }

    #[test]
    fn names_are_those_of_plugins() {
        assert_eq!(name(Path::new("a/b/my-filter2")).unwrap(), "my-filter2");
        for wrong in ["", "..", "My", "2nd", "a_b", "a-", "ünder", "std", "tidelake-sdk"] {
            assert!(name(Path::new(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_way_to_the_sdk_is_relative() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        assert_eq!(way("/a/b/c", "/a/sdk/rust"), "../../sdk/rust");
        assert_eq!(way("/a", "/a/sdk/rust"), "sdk/rust");
        assert_eq!(way("/x/y", "/a/sdk/rust"), "../../a/sdk/rust");
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
