//! Servers that speak S3, each with a bucket `lake`, ended when they are dropped.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use tempfile::TempDir;
use tidelake_core::config::{PluginConfig, SecretSource};
use tidelake_plugin::{HostOptions, PluginHost};

use super::{plugin_cache, plugins, python, repository};

/// The keys that `tests/servers/s3` takes; moto takes any.
const KEYS: [(&str, &str); 2] = [("access_key", "test-access"), ("secret_key", "test-secret")];

/// A server in a process of its own.
pub struct Server {
    /// Host and port.
    pub address: String,
    /// Its files: keys for plugins, objects, certificates.
    pub dir: TempDir,
    child: Child,
    /// It ends when this does.
    input: Option<ChildStdin>,
}

impl Server {
    /// moto, which is the more faithful in what it answers.
    pub fn moto() -> Self {
        Self::started(|_| {
            let mut command = Command::new(python());
            command.arg(repository().join("tests/servers/moto_s3.py"));
            command
        })
    }

    /// The same by HTTPS, with a certificate of the authority in `ca.pem`.
    pub fn moto_with_tls() -> Self {
        Self::started(|dir| {
            let mut command = Command::new(python());
            command.arg(repository().join("tests/servers/moto_s3.py")).arg("--tls").arg(dir);
            command
        })
    }

    /// s3s, which verifies signatures.
    pub fn s3s() -> Self {
        Self::started(|dir| {
            let program = repository().join("target/servers/s3");
            assert!(program.exists(), "{} is missing: `make test-servers`", program.display());
            let objects = dir.join("objects");
            std::fs::create_dir_all(objects.join("lake")).unwrap();
            let mut command = Command::new(program);
            command.arg(objects);
            command
        })
    }

    fn started(command: impl FnOnce(&Path) -> Command) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, key) in KEYS {
            std::fs::write(dir.path().join(name), format!("{key}\n")).unwrap();
        }
        let mut command = command(dir.path());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{command:?} said {address:?}");
        let input = child.stdin.take();
        Self { address, dir, child, input }
    }

    fn secret(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// A lake on it, as a configuration says so. `endpoint` is the server's address, or
    /// that of somebody who passes requests on.
    pub fn lake(&self, prefix: &str, endpoint: &str) -> String {
        format!(
            r#"
[lake]
url = "s3://lake/{prefix}"
options = {{ endpoint = "{endpoint}" }}

[plugin.s3]
grants = ["wasi:http", "secrets", "clock"]
hosts = ["{endpoint}"]
deadline = "30s"

[plugin.s3.secrets]
access_key = "file:{}"
secret_key = "file:{}"
"#,
            self.secret("access_key"),
            self.secret("secret_key"),
        )
    }

    /// Where it is, without encryption.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A host whose plugin `s3` may reach it.
    pub fn host(&self) -> PluginHost {
        let secrets =
            KEYS.map(|(name, _)| (name.to_owned(), SecretSource::File(self.dir.path().join(name))));
        let config = PluginConfig {
            grants: ["wasi:http", "clock", "secrets"].map(str::to_owned).into(),
            hosts: vec![self.endpoint().parse().unwrap()],
            secrets: secrets.into(),
            deadline_ms: 30_000,
            ..PluginConfig::default()
        };
        PluginHost::new(HostOptions {
            plugin_dirs: vec![plugins()],
            sources: [("s3".to_owned(), config)].into(),
            cache_dir: plugin_cache(),
            ..HostOptions::default()
        })
        .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}
