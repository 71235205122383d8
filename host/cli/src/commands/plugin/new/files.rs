//! The files of a new project: templates with what is to be filled in.

use super::super::sample::SAMPLE_FILE;
use super::{Kind, Language};

/// What is filled in.
pub(super) struct Names<'a> {
    /// The plugin's.
    pub(super) name: &'a str,
    /// The way to the SDK.
    pub(super) sdk: &'a str,
    /// The way to the interfaces.
    pub(super) wit: &'a str,
}

/// What differs between kinds, for a plugin in Rust; and how an operator uses one.
struct Parts {
    word: &'static str,
    lib: &'static str,
    /// How a configuration names it.
    usage: &'static str,
    /// Further lines of its `[plugin.NAME]`.
    grants: &'static str,
    dependencies: &'static str,
    /// `tidelake-test.toml`.
    sample: &'static str,
}

const SAMPLE: &str = include_str!("../templates/sample.toml.template");

fn parts(kind: Kind) -> Parts {
    match kind {
        Kind::Transform => Parts {
            word: "transform",
            lib: include_str!("../templates/transform/lib.rs.template"),
            usage: include_str!("../templates/transform/use.toml.template"),
            grants: "",
            dependencies: "",
            sample: SAMPLE,
        },
        Kind::Downsampler => Parts {
            word: "downsampler",
            lib: include_str!("../templates/downsampler/lib.rs.template"),
            usage: include_str!("../templates/downsampler/use.toml.template"),
            grants: "",
            dependencies: "",
            sample: SAMPLE,
        },
        Kind::FormatWriter => Parts {
            word: "format writer",
            lib: include_str!("../templates/format-writer/lib.rs.template"),
            usage: include_str!("../templates/format-writer/use.toml.template"),
            grants: "",
            dependencies: include_str!("../templates/format-writer/dependencies.toml.template"),
            sample: SAMPLE,
        },
        Kind::Source => Parts {
            word: "source",
            lib: include_str!("../templates/source/lib.rs.template"),
            usage: include_str!("../templates/source/use.toml.template"),
            grants: "",
            dependencies: "",
            sample: SAMPLE,
        },
        Kind::StorageBackend => Parts {
            word: "storage backend",
            lib: include_str!("../templates/storage-backend/lib.rs.template"),
            usage: include_str!("../templates/storage-backend/use.toml.template"),
            grants: include_str!("../templates/storage-backend/grants.toml.template"),
            dependencies: "",
            sample: include_str!("../templates/storage-backend/sample.toml.template"),
        },
    }
}

/// The name of a class or struct.
fn type_name(name: &str) -> String {
    let parts = name.split('-').flat_map(|part| {
        let (first, rest) = part.split_at(part.len().min(1));
        [first.to_ascii_uppercase(), rest.to_owned()]
    });
    parts.collect()
}

/// The files of a project, by path, with what is in them.
pub(super) fn files(language: Language, kind: Kind, names: &Names<'_>) -> Vec<(String, String)> {
    let Parts { word, lib, usage, grants, dependencies, sample } = parts(kind);
    let (name, file) = (names.name, names.name.replace('-', "_"));
    // Those that the README shows are those that it is tested with.
    let options = usage.lines().find(|line| line.starts_with("options = ")).unwrap_or_default();
    let memory = match language {
        // What JavaScript throws away is not all collected between calls.
        Language::Javascript => "memory = \"256MB\"\n",
        Language::Rust | Language::Python => "",
    };
    let fill = |text: &str| {
        // What is filled in may hold placeholders itself, so it comes first.
        text.replace("{{use}}", usage.trim_end())
            .replace("{{grants}}", &format!("{memory}{grants}"))
            .replace("{{memory}}", memory)
            .replace("{{options}}", options)
            .replace("{{dependencies}}", dependencies)
            .replace("{{kind}}", word)
            .replace("{{Type}}", &type_name(name))
            .replace("{{file}}", &file)
            .replace("{{name}}", name)
            .replace("{{sdk}}", names.sdk)
            .replace("{{wit}}", names.wit)
    };
    let templates: Vec<(String, &str)> = match language {
        Language::Rust => vec![
            ("Cargo.toml".into(), include_str!("../templates/Cargo.toml.template")),
            (".cargo/config.toml".into(), include_str!("../templates/config.toml.template")),
            (".gitignore".into(), "/target/\n"),
            ("README.md".into(), include_str!("../templates/README.md.template")),
            ("src/lib.rs".into(), lib),
        ],
        Language::Python => vec![
            ("pyproject.toml".into(), include_str!("../templates/python/pyproject.toml.template")),
            (
                "requirements.txt".into(),
                include_str!("../templates/python/requirements.txt.template"),
            ),
            (".gitignore".into(), "/target/\n/.venv/\n__pycache__/\n"),
            ("README.md".into(), include_str!("../templates/python/README.md.template")),
            (format!("src/{file}.py"), include_str!("../templates/python/plugin.py.template")),
            (
                "tests/__init__.py".into(),
                include_str!("../templates/python/tests_init.py.template"),
            ),
            (format!("tests/test_{file}.py"), include_str!("../templates/python/test.py.template")),
        ],
        Language::Javascript => vec![
            ("package.json".into(), include_str!("../templates/javascript/package.json.template")),
            (".gitignore".into(), "/target/\n/node_modules/\n"),
            ("README.md".into(), include_str!("../templates/javascript/README.md.template")),
            (format!("src/{name}.js"), include_str!("../templates/javascript/plugin.js.template")),
            (
                format!("tests/{name}.test.js"),
                include_str!("../templates/javascript/test.js.template"),
            ),
        ],
    };
    let sample = (SAMPLE_FILE.to_owned(), sample);
    templates.into_iter().chain([sample]).map(|(path, text)| (path, fill(text))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that can be made.
    const ALL: [(Language, Kind); 7] = [
        (Language::Rust, Kind::Transform),
        (Language::Rust, Kind::Downsampler),
        (Language::Rust, Kind::FormatWriter),
        (Language::Rust, Kind::Source),
        (Language::Rust, Kind::StorageBackend),
        (Language::Python, Kind::Transform),
        (Language::Javascript, Kind::Transform),
    ];

    fn made(language: Language, kind: Kind) -> Vec<(String, String)> {
        let names = Names { name: "my-plugin-2", sdk: "../sdk/x", wit: "../wit" };
        files(language, kind, &names)
    }

    fn text(files: &[(String, String)], of: &str) -> String {
        files.iter().find(|(path, _)| path == of).unwrap().1.clone()
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        for (language, kind) in ALL {
            for (path, text) in made(language, kind) {
                assert!(!text.contains("{{") && !text.contains("}}"), "{kind:?}: {path}");
                assert!(text.ends_with('\n'), "{kind:?}: {path}");
            }
        }
        let rust = made(Language::Rust, Kind::Transform);
        assert!(text(&rust, "src/lib.rs").contains("pub struct MyPlugin2 {"));
        assert!(text(&rust, "Cargo.toml").contains("tidelake-sdk = { path = \"../sdk/x\" }"));
        assert!(text(&rust, "README.md").contains("wasm32-wasip2/release/my_plugin_2.wasm"));
        let python = made(Language::Python, Kind::Transform);
        assert!(text(&python, "src/my_plugin_2.py").contains("class MyPlugin2("));
        let javascript = made(Language::Javascript, Kind::Transform);
        assert!(text(&javascript, "src/my-plugin-2.js").contains("class MyPlugin2 {"));
    }

    #[test]
    fn the_sample_is_one() {
        for (language, kind) in ALL {
            let sample = text(&made(language, kind), SAMPLE_FILE);
            let sample = tidelake_core::config::PluginSample::parse(&sample).unwrap();
            assert!(sample.options.is_some_and(|o| o.as_object().is_some_and(|o| !o.is_empty())));
            assert_eq!(sample.url.is_some(), kind == Kind::StorageBackend);
        }
    }

    #[test]
    fn what_the_readme_shows_is_a_configuration() {
        for (language, kind) in ALL {
            let readme = text(&made(language, kind), "README.md");
            let (_, shown) = readme.split_once("```toml\n").unwrap();
            let (shown, _) = shown.split_once("```").unwrap();
            let table = "[table.TABLE]\ntime = \"ts\"\n\n";
            let problems = tidelake_core::config::parse(&format!("{table}{shown}"));
            assert!(problems.is_ok(), "{language:?} {kind:?}: {problems:?}");
        }
    }

    /// New projects begin with the tools that the examples are built with.
    #[test]
    fn the_pins_are_those_of_the_repository() {
        let pinned = include_str!("../../../../../../tests/readers/requirements.txt");
        let python = text(&made(Language::Python, Kind::Transform), "requirements.txt");
        let tool = python.lines().find(|line| line.starts_with("componentize-py==")).unwrap();
        assert!(pinned.lines().any(|line| line == tool), "{tool}");
        let example =
            include_str!("../../../../../../examples/custom-transform-javascript/package.json");
        let example: serde_json::Value = serde_json::from_str(example).unwrap();
        let ours = text(&made(Language::Javascript, Kind::Transform), "package.json");
        let ours: serde_json::Value = serde_json::from_str(&ours).unwrap();
        assert_eq!(ours["devDependencies"], example["devDependencies"]);
    }
}
