//! What every plugin must keep to, asked through the traits that the engine works with:
//! whoever implements [`Plugins`] can run it, and `tidelake plugin test` does.
//!
//! ```text
//!  Subject (a sample table, options) ─▶ rows of every kind ─▶ the plugin ─▶ Check, Check, ...
//! ```
//!
//! The rows are those of `tidelake_columns::samples`, the same that the SDK's suite runs
//! a plugin's source with. Here they cross: what is tested is the component, with its
//! caps, its limits and the host's own checks around it.
//!
//! | rows | the plugin |
//! |---|---|
//! | ordinary values of the sample table | must take them |
//! | the ends of the types (overflows, empty texts) | takes them, or answers invalid input |
//! | other layouts (dictionary, view), other types | takes them, or refuses them when it is created, by the name of the column |
//! | more than fits under the output cap | ends in an error that says so, and the plugin is usable again |
//!
//! Sources bring their own rows: of them is asked that the same come again from the same
//! offset, however they are cut into polls.
//!
//! A crash, an internal error or a broken batch is a failure everywhere.

mod agree;
mod downsampler;
mod judge;
mod source;
mod transform;
mod writer;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use serde_json::Value;
use tidelake_columns::samples::{Flavour, Samples};
use tidelake_core::plugin::{PluginContext, PluginInfo, PluginKind, Plugins};
use tidelake_core::{Error, Result};

pub use agree::agree;
pub use writer::{ReadBack, Reader};

/// Rows of an ordinary batch.
const ROWS: usize = 203;
/// Rows of one that crosses in several pieces.
const LARGE: usize = 70_000;
/// Rows of the largest one.
const MILLION: usize = 1_000_000;

/// What a plugin is tested with.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The columns of a sample table.
    pub schema: SchemaRef,
    /// The plugin's options, which name columns of that table.
    pub options: Value,
    /// The time column: its values grow, and are never null.
    pub time: Option<String>,
    /// Columns that say which series a row belongs to: what downsamplers group by.
    pub key: Vec<String>,
    /// Other values of the same kinds for each.
    pub seed: u64,
    /// Rows of the author's own, of the sample table's schema.
    pub rows: Vec<RecordBatch>,
}

impl Default for Subject {
    /// A table of ticks, for plugins that need no option.
    fn default() -> Self {
        let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let schema = Schema::new(vec![
            Field::new("ts", utc, true),
            Field::new("symbol", DataType::Utf8, true),
            Field::new("price", DataType::Float64, true),
            Field::new("size", DataType::Int64, true),
        ]);
        Self {
            schema: schema.into(),
            options: Value::Object(serde_json::Map::new()),
            time: Some("ts".to_owned()),
            key: vec!["symbol".to_owned()],
            seed: 0,
            rows: Vec::new(),
        }
    }
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The plugin keeps to it.
    Passed,
    /// The plugin refuses such rows as it should: with an error for the operator.
    Refused,
    /// It could not be asked.
    Skipped,
    /// The plugin breaks it.
    Failed,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Passed => "passed",
            Self::Refused => "refused",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        })
    }
}

/// One check, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was asked.
    pub name: String,
    /// How it ended.
    pub verdict: Verdict,
    /// More about it: where it fails, what it refuses, why it was skipped. Often empty.
    pub note: String,
}

/// A conformance suite for one plugin.
pub struct Suite<'a> {
    plugins: &'a dyn Plugins,
    info: PluginInfo,
    subject: &'a Subject,
    samples: Samples,
    tight: Option<&'a dyn Plugins>,
    reader: Option<&'a Reader<'a>>,
    foreign: Vec<(String, &'a Reader<'a>)>,
}

impl fmt::Debug for Suite<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Suite").field("plugin", &self.info.name).finish_non_exhaustive()
    }
}

impl<'a> Suite<'a> {
    /// A suite for the plugin of a name.
    pub fn new(plugins: &'a dyn Plugins, name: &str, subject: &'a Subject) -> Result<Self> {
        let info = plugins.describe(name)?;
        moves_rows(&info)?;
        let samples = samples(subject)?;
        Ok(Self { plugins, info, subject, samples, tight: None, reader: None, foreign: vec![] })
    }

    /// The same plugin under an output cap of 64 KiB or so, to be exceeded.
    #[must_use]
    pub fn under_cap(mut self, plugins: &'a dyn Plugins) -> Self {
        self.tight = Some(plugins);
        self
    }

    /// Reads files of a format writer back, independently of it.
    #[must_use]
    pub fn read_by(mut self, reader: &'a Reader<'a>) -> Self {
        self.reader = Some(reader);
        self
    }

    /// Reads them as others would; each is a check of its own.
    #[must_use]
    pub fn also_read_by(mut self, name: &str, reader: &'a Reader<'a>) -> Self {
        self.foreign.push((name.to_owned(), reader));
        self
    }

    /// What the plugin says about itself.
    pub fn info(&self) -> &PluginInfo {
        &self.info
    }

    /// Runs all checks. `told` hears of each when it is done.
    pub fn run(&self, told: &mut dyn FnMut(&Check)) -> Vec<Check> {
        let mut checks = Checks { told, done: Vec::new() };
        checks.run("it says what it is, in one line", || match self.info.description.as_str() {
            "" => Err("its description is empty".to_owned()),
            text if text.contains('\n') => Err("its description is not one line".to_owned()),
            _ => passed(),
        });
        match self.info.kind {
            PluginKind::Transform => self.transform(&mut checks),
            PluginKind::Downsampler => self.downsampler(&mut checks),
            PluginKind::FormatWriter => self.writer(&mut checks),
            PluginKind::Source => self.source(&mut checks),
            // `new` has refused it.
            PluginKind::StorageBackend => {}
        }
        checks.done
    }

    fn batch(&self, rows: std::ops::Range<usize>, flavour: Flavour) -> Result<RecordBatch, String> {
        self.samples.batch(rows, flavour)
    }

    fn context(&self) -> PluginContext {
        PluginContext { table: "sample".to_owned(), unit: "plugin test".to_owned() }
    }

    /// An option that nobody knows is an error that names it.
    fn unknown_option(&self, create: impl FnOnce(&Value) -> Result<()>) -> Case {
        let mut options = self.subject.options.clone();
        options["no_such_option"] = Value::Null;
        match create(&options) {
            Err(error) if error.message().contains("no_such_option") => {
                judge::refusal(&error).map(|_| Answer::passed())
            }
            Err(error) => Err(format!("the error does not name it: {error}")),
            Ok(()) => Err("was taken: the schema of the options should have \
                 `additionalProperties: false` (in Rust: #[serde(deny_unknown_fields)])"
                .to_owned()),
        }
    }

    /// The sample table with one of its columns of another type, for each column that the
    /// suite does not make itself, and each type.
    fn retyped(&self, samples: &Samples) -> Vec<(String, SchemaRef)> {
        let own = |name: &String| self.subject.time.as_ref() == Some(name);
        let schema = samples.schema();
        let mut schemas = Vec::new();
        for (i, field) in self.subject.schema.fields().iter().enumerate() {
            if own(field.name()) {
                continue;
            }
            for data_type in tidelake_columns::samples::every_type() {
                let mut fields = schema.fields().to_vec();
                fields[i] = Field::new(field.name(), data_type, true).into();
                schemas.push((field.name().clone(), Schema::new(fields).into()));
            }
        }
        schemas
    }
}

/// Refuses plugins that rows cannot be sent through.
pub(crate) fn moves_rows(info: &PluginInfo) -> Result<()> {
    if info.kind != PluginKind::StorageBackend {
        return Ok(());
    }
    let what = format!("plugin `{}` is a {}: no rows go through it", info.name, info.kind);
    Err(Error::config(what).with("plugin", &info.name).with_help(
        "ask it against its store: `tidelake plugin test`, or `tidelake_lake::conformance::store`",
    ))
}

/// Rows of the sample table.
pub(crate) fn samples(subject: &Subject) -> Result<Samples> {
    for column in subject.time.iter().chain(&subject.key) {
        if subject.schema.field_with_name(column).is_err() {
            return Err(Error::input(format!("the sample table has no column {column:?}"))
                .with_help("name its time and key columns as they are called there"));
        }
    }
    let samples = Samples::new(subject.schema.clone()).seeded(subject.seed);
    Ok(match &subject.time {
        Some(time) => samples.ascending(time),
        None => samples,
    })
}

/// How a check ended, if it did not fail.
struct Answer {
    verdict: Verdict,
    note: String,
}

impl Answer {
    fn passed() -> Self {
        Self { verdict: Verdict::Passed, note: String::new() }
    }
}

/// The end of a check; the error says how it failed.
type Case = Result<Answer, String>;

fn passed() -> Case {
    Ok(Answer::passed())
}

fn noted(note: impl Into<String>) -> Case {
    Ok(Answer { verdict: Verdict::Passed, note: note.into() })
}

fn refused(note: impl Into<String>) -> Case {
    Ok(Answer { verdict: Verdict::Refused, note: note.into() })
}

fn skipped(note: impl Into<String>) -> Case {
    Ok(Answer { verdict: Verdict::Skipped, note: note.into() })
}

/// Runs checks one after the other.
struct Checks<'a> {
    told: &'a mut dyn FnMut(&Check),
    done: Vec<Check>,
}

impl Checks<'_> {
    /// One check; a panic in it is a failure, too.
    fn run(&mut self, name: impl Into<String>, check: impl FnOnce() -> Case) {
        let ended = catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(format!("panicked: {}", text.unwrap_or("without a message")))
        });
        let (verdict, note) = match ended {
            Ok(Answer { verdict, note }) => (verdict, note),
            Err(how) => (Verdict::Failed, how),
        };
        let check = Check { name: name.into(), verdict, note };
        (self.told)(&check);
        self.done.push(check);
    }
}

#[cfg(test)]
mod tests;
