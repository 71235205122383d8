//! What `plugin test` and `plugin bench` run a plugin with: the same arguments, the
//! same `tidelake-test.toml`.
//!
//! Every fact is taken from where it is said first: an argument, the file, the rows that
//! the author gave, a table of ticks that is there for plugins without needs.
//!
//! The file is the one that is named; else that of the project, which is the directory that
//! is named or, for a component, the nearest one above it that has such a file; else the one
//! in the current directory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use serde_json::Value;
use tidelake_core::config::types::parse_type;
use tidelake_core::config::{HostRule, PluginConfig, PluginSample};
use tidelake_core::{Error, ResultExt};
use tidelake_plugin::HostOptions;
use tidelake_plugin::conformance::Subject;

use super::build;
use crate::failure::Failure;
use crate::ingest::sample::{Sample, read};
use crate::project;

/// Name of the file in a plugin's project.
pub(super) const SAMPLE_FILE: &str = "tidelake-test.toml";

/// Arguments of both commands.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct SampleArgs {
    /// The plugin's file, or its project, which is built first
    #[arg(value_name = "FILE|DIR", default_value = ".")]
    target: PathBuf,
    /// What to run it with [default: tidelake-test.toml of DIR or above FILE, or here]
    #[arg(long, value_name = "FILE")]
    sample: Option<PathBuf>,
    /// The plugin's options
    #[arg(long, value_name = "JSON", conflicts_with = "options_file")]
    options: Option<String>,
    /// A JSON file with the plugin's options
    #[arg(long, value_name = "FILE")]
    options_file: Option<PathBuf>,
    /// A column of the sample table, such as price=float64; once for each
    #[arg(long = "column", value_name = "NAME=TYPE")]
    columns: Vec<String>,
    /// The sample table's time column
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// A column that says which series a row belongs to; once for each
    #[arg(long, value_name = "COLUMN")]
    key: Vec<String>,
    /// Rows of your own: CSV, NDJSON, Parquet or Arrow
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Give it this capability; once for each
    #[arg(long = "grant", value_name = "CAPABILITY")]
    grants: Vec<String>,
    /// The store that a storage backend is run on
    #[arg(long)]
    url: Option<String>,
    /// A host that it may reach, as in `hosts` of [plugin.X]; once for each
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<HostRule>,
    /// Where a secret is, such as key=env:KEY; once for each
    #[arg(long = "secret", value_name = "NAME=SOURCE")]
    secrets: Vec<String>,
    /// Make up other values
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// A plugin, and what it is run with.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The component.
    pub(super) file: PathBuf,
    /// Its limits and grants, whom it may reach, and its secrets.
    pub(super) config: PluginConfig,
    /// The store, for a storage backend.
    pub(super) url: Option<String>,
    /// The sample table and the options.
    pub(super) subject: Subject,
}

/// How plugins are run that nobody has added to a project.
pub(super) fn host_options() -> HostOptions {
    HostOptions {
        cache_dir: project::cache_dir().unwrap_or_else(|| PathBuf::from(".tidelake").join("cache")),
        ..HostOptions::default()
    }
}

/// The sample file of a project or component, or the one that is named; an empty one where
/// there is none.
pub(super) fn read_sample(target: &Path, named: Option<&Path>) -> Result<PluginSample, Failure> {
    let path = match named {
        Some(named) => named.to_owned(),
        None => match sample_of(target) {
            Some(path) => path,
            None => return Ok(PluginSample::default()),
        },
    };
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Error::input("the sample file cannot be read")
            .with("file", path.display())
            .with_source(error)
    })?;
    let mut sample = PluginSample::parse(&text).map_err(|problems| Failure::Config {
        path: path.clone(),
        text,
        problems,
    })?;
    // What it names lies beside it.
    let beside = path.parent().unwrap_or(Path::new("."));
    sample.data = sample.data.map(|data| beside.join(data));
    Ok(sample)
}

/// The sample file that belongs to a project's directory, or to a component.
fn sample_of(target: &Path) -> Option<PathBuf> {
    let in_dir = |dir: &Path| Some(dir.join(SAMPLE_FILE)).filter(|path| path.is_file());
    if target.is_dir() {
        return in_dir(target);
    }
    // By the path as it was named: a build directory may be a link to elsewhere.
    let target = std::path::absolute(target).ok()?;
    target.ancestors().skip(1).find_map(in_dir).or_else(|| in_dir(Path::new(".")))
}

impl SampleArgs {
    /// Builds the plugin, if a project was named, and finds what it is run with.
    pub(super) fn load(&self) -> Result<Loaded, Failure> {
        let dir = Some(self.target.as_path()).filter(|target| target.is_dir());
        let sample = read_sample(&self.target, self.sample.as_deref())?;
        let subject = self.subject(&sample)?;
        let file = match dir {
            Some(dir) => build::component(dir)?,
            None => self.target.clone(),
        };
        let mut config = sample.plugin;
        config.grants.extend(self.grants.iter().cloned());
        config.hosts.extend(self.hosts.iter().cloned());
        for secret in &self.secrets {
            let (name, source) = secret.split_once('=').ok_or_else(|| {
                Error::input(format!("{secret:?} does not say where a secret is"))
                    .with_help("write its name and its place: --secret key=env:KEY")
            })?;
            config.secrets.insert(name.to_owned(), source.parse().with("secret", name)?);
        }
        let url = self.url.clone().or(sample.url);
        Ok(Loaded { file, config, url, subject })
    }

    fn subject(&self, sample: &PluginSample) -> Result<Subject, Failure> {
        let mut subject = Subject { seed: self.seed, ..Subject::default() };
        let given = self.schema()?.or_else(|| sample.schema.clone());
        let time = self.time.as_ref().or(sample.time.as_ref());
        let key = if self.key.is_empty() { &sample.key } else { &self.key };
        if let Some(path) = self.data.as_ref().or(sample.data.as_ref()) {
            let Sample { schema, time, rows } = read(path, given, time.map(String::as_str), key)?;
            subject = Subject { schema, time, rows, key: key.clone(), ..subject };
        } else if let Some(schema) = given {
            subject = Subject { schema, time: time.cloned(), key: key.clone(), ..subject };
        } else {
            subject.time = time.cloned().or(subject.time);
            subject.key = if key.is_empty() { subject.key } else { key.clone() };
        }
        if let Some(options) = self.options()?.or_else(|| sample.options.clone()) {
            subject.options = options;
        }
        Ok(subject)
    }

    fn schema(&self) -> Result<Option<SchemaRef>, Error> {
        let field = |text: &String| {
            let (name, data_type) = text.split_once('=').ok_or_else(|| {
                Error::input(format!("{text:?} is not a column"))
                    .with_help("write its name and its type: --column price=float64")
            })?;
            Ok(Field::new(name, parse_type(data_type).with("column", name)?, true))
        };
        let fields = self.columns.iter().map(field).collect::<Result<Vec<_>, Error>>()?;
        Ok((!fields.is_empty()).then(|| Arc::new(Schema::new(fields))))
    }

    fn options(&self) -> Result<Option<Value>, Error> {
        let (text, from) = match (&self.options, &self.options_file) {
            (Some(text), _) => (text.clone(), "--options".to_owned()),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Error::input("the options cannot be read")
                        .with("file", path.display())
                        .with_source(error)
                })?;
                (text, path.display().to_string())
            }
            (None, None) => return Ok(None),
        };
        match serde_json::from_str(&text) {
            Ok(options @ Value::Object(_)) => Ok(Some(options)),
            Ok(_) => Err(Error::input("the options are no JSON object").with("from", from)),
            Err(error) => Err(Error::input("the options are no JSON")
                .with("from", from)
                .with_source(error)
                .with_help("write an object: --options '{\"column\": \"price\"}'")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_that_of_the_file() {
        let root = tempfile::tempdir().unwrap();
        let built = root.path().join("mine/target/wasm32-wasip2/release");
        std::fs::create_dir_all(&built).unwrap();
        let sample = root.path().join("mine").join(SAMPLE_FILE);
        std::fs::write(&sample, "time = \"ts\"\n").unwrap();
        let of = |path: &Path| sample_of(path);
        assert_eq!(of(&built.join("mine.wasm")), Some(sample.clone()));
        assert_eq!(of(&root.path().join("mine")), Some(sample));
        // A directory is a project: nothing above it is.
        assert_eq!(of(&built), None);
        assert_eq!(of(&root.path().join("other.wasm")), None);
    }
}
