//! A project in a temporary directory, driven through the real binary.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::{binary, plugin_cache, plugins};

/// A tidelake project of one scenario.
pub struct Project {
    _dir: Option<TempDir>,
    pub root: PathBuf,
}

impl Project {
    /// A project with this configuration.
    pub fn new(config: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let project = Self { _dir: Some(dir), root };
        project.configure(config);
        project
    }

    /// An existing directory as a project; it is left in place.
    pub fn at(root: &Path) -> Self {
        Self { _dir: None, root: root.to_owned() }
    }

    /// Replaces the configuration.
    pub fn configure(&self, config: &str) {
        self.write("tidelake.toml", config);
    }

    /// Writes a file of the project.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The binary, about to work on this project.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .arg("-C")
            .arg(&self.root)
            .args(args)
            .env("TIDELAKE_PLUGINS", plugins())
            .env("TIDELAKE_CACHE", plugin_cache())
            .env_remove("FAILPOINTS")
            .stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, args: &[&str]) -> Outcome {
        Outcome::of(args, self.command(args).output().unwrap())
    }

    /// Runs it with failpoints armed.
    pub fn run_with_failpoints(&self, failpoints: &str, args: &[&str]) -> Outcome {
        let output = self.command(args).env("FAILPOINTS", failpoints).output().unwrap();
        Outcome::of(args, output)
    }

    /// Starts it.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The rows of a query, as JSON objects.
    pub fn query(&self, sql: &str) -> Vec<Value> {
        let outcome = self.run(&["query", sql, "--format", "json"]).success();
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome:?}"))
    }

    /// The only value of a query with one row and one column.
    pub fn scalar(&self, sql: &str) -> Value {
        let rows = self.query(sql);
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        let row = rows[0].as_object().unwrap();
        assert_eq!(row.len(), 1, "{sql}: {row:?}");
        row.values().next().unwrap().clone()
    }

    /// What a command prints with `--json`.
    pub fn json(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.push("--json");
        let outcome = self.run(&args).success();
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome:?}"))
    }
}

/// How a run of the binary ended.
pub struct Outcome {
    pub args: String,
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
    pub fn of(args: &[&str], output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        Self {
            args: args.join(" "),
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It went well.
    #[track_caller]
    pub fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// It failed with this exit code, and said each of these on standard error.
    #[track_caller]
    pub fn fails(self, code: i32, says: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self.says(says)
    }

    /// It said each of these on standard error (white space folded: text wraps).
    #[track_caller]
    pub fn says(self, says: &[&str]) -> Self {
        let fold = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let stderr = fold(&self.stderr);
        for text in says {
            assert!(stderr.contains(&fold(text)), "{text:?} is not said: {self:?}");
        }
        self
    }

    /// A failpoint killed it.
    #[track_caller]
    pub fn killed_at(self, failpoint: &str) -> Self {
        assert_eq!(self.signal, Some(6), "{self:?}");
        let hit = format!("failpoint {failpoint} hit");
        assert!(self.stderr.contains(&hit), "{failpoint}: {self:?}");
        self
    }
}

impl Debug for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "tidelake {} -> code {:?}, signal {:?}", self.args, self.code, self.signal)?;
        writeln!(f, "--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr)
    }
}
