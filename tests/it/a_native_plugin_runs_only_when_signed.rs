//! A native library is trusted with everything, so it is loaded only when the configuration
//! says so and somebody who is trusted signed these very bytes. Of one that is refused no
//! line runs: the library here would write a file when it is loaded.

use std::path::{Path, PathBuf};
use std::process::Command;

use tidelake_core::Error;
use tidelake_core::config::{PluginConfig, Runtime, TrustConfig};
use tidelake_core::plugin::{PluginContext, Plugins};
use tidelake_plugin::conformance::Subject;
use tidelake_plugin::{HostOptions, PluginHost};

use crate::support::{Project, repository, sign};

const MARK: &str = "tidelake-native-plugin:abi=1:kind=transform:";

/// A project with a library in it.
struct Scene {
    project: Project,
    library: PathBuf,
    loaded: PathBuf,
}

impl Scene {
    /// `abi` of two letters: the symbol names another version than the mark.
    fn new(mark: &str, abi: &str) -> Self {
        let project = Project::new("");
        let (library, loaded) = (project.root.join("library.so"), project.root.join("loaded"));
        let built = Command::new("rustc")
            .args(["--edition", "2024", "--crate-type", "cdylib", "--crate-name", "library", "-o"])
            .arg(&library)
            .arg(repository().join("tests/native/library.rs"))
            .env("MARK", mark)
            .env("ABI", abi)
            .env("LOADED", &loaded)
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        Self { project, library, loaded }
    }

    fn host(&self, config: PluginConfig, trust: TrustConfig) -> PluginHost {
        let config = PluginConfig { source: Some(self.library.clone()), ..config };
        PluginHost::new(HostOptions {
            sources: [("library".to_owned(), config)].into(),
            trust,
            project: Some(self.project.root.clone()),
            cache_dir: self.project.root.join("cache"),
            ..HostOptions::default()
        })
        .unwrap()
    }

    /// It is refused in these words, and nothing of it ran.
    #[track_caller]
    fn refused(&self, config: PluginConfig, trust: TrustConfig, says: &[&str]) {
        let error = self.host(config, trust).describe("library").unwrap_err();
        said(&error, says);
        assert!(!self.loaded.exists(), "it was loaded: {error}");
    }
}

#[track_caller]
fn said(error: &Error, says: &[&str]) {
    let text = format!("{error} {}", error.help().unwrap_or_default());
    assert!(says.iter().all(|part| text.contains(part)), "{text}");
}

fn native() -> PluginConfig {
    PluginConfig { runtime: Runtime::Native, ..PluginConfig::default() }
}

fn trusting(key: &str) -> TrustConfig {
    TrustConfig { trusted_keys: vec![key.to_owned()], allow_unsigned: false }
}

fn append(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes.push(0);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn without_a_good_signature_or_the_word_native_nothing_runs() {
    let scene = Scene::new(MARK, "1");
    let all = TrustConfig { allow_unsigned: true, ..TrustConfig::default() };
    scene.refused(native(), TrustConfig::default(), &["not signed", "`tidelake plugin sign`"]);
    scene.refused(native(), all, &["not signed", "`allow_unsigned` does not change that"]);
    let own = PluginConfig { allow_unsigned: true, ..native() };
    scene.refused(own, TrustConfig::default(), &["`allow_unsigned` does not change that"]);

    let key = sign(&scene.project, "mine", &scene.library);
    let says = ["native library", "`runtime = \"native\"` under [plugin.library]"];
    scene.refused(PluginConfig::default(), trusting(&key), &says);
    scene.refused(native(), TrustConfig::default(), &["not trusted", "trusted_keys"]);
    let path = scene.library.to_string_lossy().into_owned();
    scene.project.run(&["plugin", "verify", &path, "--key", &key]).success();
    let inspected = scene.project.run(&["plugin", "inspect", &path, "--key", &key]).success();
    for says in ["transform", "version 1 of the native interface", "all that this process"] {
        assert!(inspected.stdout.contains(says), "{inspected:?}");
    }
    assert!(!scene.loaded.exists());

    append(&scene.library);
    scene.refused(native(), trusting(&key), &["not for these bytes"]);

    // In an installation's directory, too.
    let host = PluginHost::new(HostOptions {
        plugin_dirs: vec![scene.project.root.clone()],
        sources: [("library".to_owned(), native())].into(),
        ..HostOptions::default()
    });
    said(&host.unwrap().describe("library").unwrap_err(), &["not trusted"]);
    assert!(!scene.loaded.exists());
}

#[test]
fn what_is_no_plugin_of_this_version_does_not_run() {
    for (mark, says) in [
        ("nothing", ["not a tidelake plugin", "plugin build --native"]),
        ("tidelake-native-plugin:abi=7:kind=transform:", ["version 7", "speaks version 1"]),
        ("tidelake-native-plugin:abi=1:kind=storage-backend:", ["`storage-backend`", "native"]),
    ] {
        let scene = Scene::new(mark, "1");
        let key = sign(&scene.project, "mine", &scene.library);
        scene.refused(native(), trusting(&key), &says);
    }
    let mut scene = Scene::new(MARK, "1");
    scene.library = scene.project.write("library.wasm", b"\0asm\x0d\0\x01\0");
    let key = sign(&scene.project, "mine", &scene.library);
    scene.refused(native(), trusting(&key), &["not a native library", "leave `runtime` out"]);
}

#[test]
fn a_library_that_lies_about_its_version_or_name_is_refused() {
    let scene = Scene::new(MARK, "77");
    let key = sign(&scene.project, "mine", &scene.library);
    let error = scene.host(native(), trusting(&key)).describe("library").unwrap_err();
    said(&error, &["version 77", "speaks version 1"]);

    let scene = Scene::new("tidelake-native-plugin:abi=1:kind=downsampler:", "1");
    let key = sign(&scene.project, "mine", &scene.library);
    let error = scene.host(native(), trusting(&key)).describe("library").unwrap_err();
    said(&error, &["its mark calls it a downsampler"]);
}

#[test]
fn what_crashed_is_an_error_and_is_not_called_again() {
    let scene = Scene::new(MARK, "1");
    let key = sign(&scene.project, "mine", &scene.library);
    let host = scene.host(native(), trusting(&key));
    assert_eq!(host.describe("library").unwrap().version, "1.0.0");
    assert!(scene.loaded.exists());
    let subject = Subject::default();
    let context = PluginContext::default();
    let made = host.transform("library", &context, subject.schema.clone(), &subject.options);
    said(&made.err().unwrap(), &["plugin `library` crashed: no such tide"]);
    assert!(!scene.project.root.join("loaded.destroyed").exists());
    assert_eq!(host.stats()["library"].traps, 1);
}
