//! A registry: Debian's docker-registry, on this machine, for one scenario.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// `me`, whose password is `secret`.
const HTPASSWD: &str = "me:$2y$05$XgqFqk4QxFsZm086cNdLxORo79d.tixmvTF5SPaIDy0.SyaNnGexS\n";

/// A running registry. It ends when it is dropped.
pub struct Registry {
    /// Host and port.
    pub address: String,
    process: Child,
    directory: TempDir,
}

impl Registry {
    /// Starts one that serves everybody.
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts one that serves those who know the password.
    pub fn with_password() -> Self {
        Self::start_with("auth: {htpasswd: {realm: basic, path: DIR/htpasswd}}\n")
    }

    fn start_with(more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().display().to_string();
        std::fs::write(directory.path().join("htpasswd"), HTPASSWD).unwrap();
        // Between finding a free port and taking it another may come first.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = free.local_addr().unwrap().to_string();
            drop(free);
            let config = format!(
                "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n\
                 storage: {{filesystem: {{rootdirectory: DIR/data}}}}\n\
                 http: {{addr: '{address}', secret: none}}\n{more}"
            );
            let file = directory.path().join("config.yml");
            std::fs::write(&file, config.replace("DIR", &path)).unwrap();
            let mut process = Command::new("docker-registry")
                .arg("serve")
                .arg(&file)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("docker-registry is missing: `make test-registry` installs it");
            let start = Instant::now();
            while process.try_wait().unwrap().is_none() {
                if TcpStream::connect(&address).is_ok() {
                    return Self { address, process, directory };
                }
                assert!(start.elapsed() < Duration::from_secs(20), "the registry does not start");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        panic!("the registry found no port");
    }

    /// The name of an artifact in it.
    pub fn name(&self, rest: &str) -> String {
        format!("oci://{}/{rest}", self.address)
    }

    /// The file in which it keeps a blob.
    pub fn blob(&self, sha256: &str) -> PathBuf {
        let blobs = self.directory.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(&sha256[..2]).join(sha256).join("data")
    }

    /// Puts an image there as other tools would, whose layers are of this type.
    pub fn put_image(&self, repository: &str, layer_type: &str) {
        let layer = b"a layer";
        let digest = format!("sha256:{}", tidelake_plugin::trust::digest(layer));
        let (_, head) = self.request("POST", &format!("/v2/{repository}/blobs/uploads/"), "", b"");
        let upload = head
            .lines()
            .find_map(|line| line.strip_prefix("Location: "))
            .and_then(|location| location.split_once(&self.address))
            .unwrap_or_else(|| panic!("no place for an upload: {head}"))
            .1;
        let octets = "application/octet-stream";
        let (status, head) =
            self.request("PUT", &format!("{upload}&digest={digest}"), octets, layer);
        assert_eq!(status, 201, "{head}");
        let blob = format!("\"digest\": \"{digest}\", \"size\": {}", layer.len());
        let manifest_type = "application/vnd.oci.image.manifest.v1+json";
        let manifest = format!(
            "{{ \"schemaVersion\": 2, \"mediaType\": \"{manifest_type}\",
                \"config\": {{ \"mediaType\": \"application/vnd.oci.image.config.v1+json\", {blob} }},
                \"layers\": [{{ \"mediaType\": \"{layer_type}\", {blob} }}] }}"
        );
        let path = format!("/v2/{repository}/manifests/latest");
        let (status, head) = self.request("PUT", &path, manifest_type, manifest.as_bytes());
        assert_eq!(status, 201, "{head}");
    }

    fn request(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: {kind}\r\n\
             content-length: {}\r\n\r\n",
            self.address,
            body.len()
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let head = answer.split("\r\n\r\n").next().unwrap().replace('\r', "");
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
