//! A project that a stranger's plugin comes to.

use std::path::PathBuf;

use serde_json::Value;

use super::{Outcome, Project, custom_transform};

/// The table; the plugin comes from the lock.
pub const QUOTES: &str = r#"
[table.quotes]
time = "ts"
key = ["symbol"]

[table.quotes.lifecycle]
hot = "2d"
warm = "4d"

[[table.quotes.transform]]
plugin = "spread"
"#;

/// A project, the plugin in it, and a compiler's cache of its own.
pub struct Scene {
    pub project: Project,
    pub wasm: PathBuf,
}

impl Scene {
    pub fn new(config: &str) -> Self {
        let project = Project::new(config);
        let wasm = project.write("spread.wasm", std::fs::read(custom_transform()).unwrap());
        Self { project, wasm }
    }

    pub fn path(&self, name: &str) -> String {
        self.project.root.join(name).to_string_lossy().into_owned()
    }

    /// Runs a command with the cache of this scene.
    pub fn run(&self, args: &[&str]) -> Outcome {
        self.run_with(args, &[])
    }

    /// The same, with these variables, and without those that the machine may have.
    pub fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Outcome {
        let mut command = self.project.command(args);
        command.env("TIDELAKE_CACHE", self.project.root.join("cache"));
        command.env("DOCKER_CONFIG", self.project.root.join("docker"));
        command.env("NO_PROXY", "127.0.0.1");
        for name in ["TIDELAKE_KEY_PASSWORD", "TIDELAKE_OCI_USER", "TIDELAKE_OCI_PASSWORD"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied());
        Outcome::of(args, command.output().unwrap())
    }

    /// The lock's text; nothing when there is no lock.
    pub fn lock(&self) -> String {
        std::fs::read_to_string(self.project.root.join("tidelake.lock")).unwrap_or_default()
    }

    /// Makes another version of the plugin of what it is: nothing but its bytes differ.
    pub fn build_anew(&self, note: &str) {
        let mut wasm = std::fs::read(custom_transform()).unwrap();
        wasm.extend(note_section(note));
        std::fs::write(&self.wasm, wasm).unwrap();
    }

    pub fn json(&self, args: &[&str]) -> Value {
        let args = [args, &["--json"]].concat();
        let outcome = self.run(&args).success();
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome:?}"))
    }

    /// Makes a key pair; its public key.
    pub fn keygen(&self, name: &str) -> String {
        let made = self.json(&["plugin", "keygen", &self.path(name), "--no-password"]);
        made["public_key"].as_str().unwrap().to_owned()
    }

    pub fn sign(&self, key: &str) {
        let (wasm, key) = (self.wasm.to_string_lossy(), self.path(&format!("{key}.key")));
        self.run(&["plugin", "sign", &wasm, "--key", &key]).success();
    }

    pub fn add(&self, more: &[&str]) -> Outcome {
        let wasm = self.wasm.to_string_lossy();
        self.run(&[&["plugin", "add", &wasm], more].concat())
    }

    /// The file that was added.
    pub fn added(&self) -> PathBuf {
        let found = std::fs::read_dir(self.project.root.join(".tidelake/plugins")).unwrap();
        let mut files = found.map(|entry| entry.unwrap().path());
        files.find(|path| path.extension().is_some_and(|e| e == "wasm")).unwrap()
    }

    /// Nothing has been handed to the compiler, which keeps all that it made.
    #[track_caller]
    pub fn nothing_was_compiled(&self) {
        let cache = self.project.root.join("cache");
        let entries = std::fs::read_dir(cache).map_or(0, |entries| entries.count());
        assert_eq!(entries, 0, "something was compiled");
    }
}

/// A custom section, which says nothing to anybody.
pub fn note_section(note: &str) -> Vec<u8> {
    let name = b"note";
    let length = 1 + name.len() + note.len();
    assert!(length < 128);
    [&[0, length as u8, name.len() as u8], &name[..], note.as_bytes()].concat()
}

/// A component that claims to be a transform and imports one interface. Written
/// byte by byte: every length is below 128.
pub fn importing(import: &str) -> Vec<u8> {
    let section = |id: u8, content: Vec<u8>| [&[id, content.len() as u8][..], &content].concat();
    let name = |text: &str| [&[0, text.len() as u8][..], text.as_bytes()].concat();
    let export = |text: &str| [&name(text)[..], &[5, 1, 0]].concat();
    [
        b"\0asm\x0d\0\x01\0".to_vec(),
        // An instance type without members, an import of it, an empty instance.
        section(7, vec![1, 0x42, 0]),
        section(10, [&[1][..], &name(import), &[5, 0]].concat()),
        section(5, vec![1, 1, 0]),
        section(
            11,
            [
                &[2][..],
                &export("tidelake:plugin/meta@0.1.0"),
                &export("tidelake:plugin/transform@0.1.0"),
            ]
            .concat(),
        ),
    ]
    .concat()
}
