//! An attack, and how it must end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Field, Schema};
use serde_json::json;
use tempfile::TempDir;
use tidelake_core::config::PluginConfig;
use tidelake_core::plugin::{PluginContext, Plugins};
use tidelake_core::{ErrorKind, Result};
use tidelake_plugin::{HostOptions, Interruption, PluginHost};

use crate::frame::component;

/// Ways to stop guests.
pub const WAYS: [Interruption; 2] = [Interruption::Polls, Interruption::Epochs];

/// What an instance may use.
const MEMORY: u64 = 8_000_000;
/// What a call may emit.
const OUTPUT: u64 = 4_000_000;
/// Far more than any attack needs that is not stopped by its deadline.
const PLENTY: u64 = 20_000;
/// Time until an attack must be over, deadline included, on a machine that has
/// much to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// One attack.
pub struct Attack {
    guest: &'static str,
    hook: &'static str,
    column: DataType,
    deadline_ms: u64,
    end: End,
}

enum End {
    /// With an error of this kind that says this.
    Error(ErrorKind, &'static [&'static str]),
    /// The rows come through; so many calls trapped all the same.
    Rows { traps: u64 },
}

/// An attack by the guest of this name; it ends well unless said otherwise.
pub fn by(guest: &'static str) -> Attack {
    Attack {
        guest,
        hook: "process",
        column: DataType::Int64,
        deadline_ms: PLENTY,
        end: End::Rows { traps: 0 },
    }
}

impl Attack {
    /// The guest that attacks.
    pub fn guest(&self) -> &'static str {
        self.guest
    }

    /// From where `$evil` is called.
    pub fn at(self, hook: &'static str) -> Self {
        Self { hook, ..self }
    }

    /// The type of the column that comes in and is declared.
    pub fn column(self, column: DataType) -> Self {
        Self { column, ..self }
    }

    /// Ends with an error.
    pub fn ends(self, kind: ErrorKind, words: &'static [&'static str]) -> Self {
        Self { end: End::Error(kind, words), ..self }
    }

    /// Ends at the deadline.
    pub fn ends_at_deadline(self) -> Self {
        let end = End::Error(ErrorKind::Plugin, &["did not finish within 50ms"]);
        Self { deadline_ms: 50, end, ..self }
    }

    /// Is stopped at the deadline where it does not matter any more.
    pub fn ends_late(self) -> Self {
        Self { deadline_ms: 50, end: End::Rows { traps: 1 }, ..self }
    }

    /// A project with the attacker in it, and a plugin that does as it should.
    pub fn host(&self, way: Interruption) -> (TempDir, PluginHost) {
        let dir = TempDir::new().expect("directory");
        let plugins = dir.path().join("plugins");
        std::fs::create_dir(&plugins).expect("directory");
        let evil = component(self.guest, "evil", self.hook);
        std::fs::write(plugins.join("evil.wasm"), evil).expect("file");
        let good = component("well-behaved", "good", "");
        std::fs::write(plugins.join("good.wasm"), good).expect("file");
        let config =
            |deadline_ms| PluginConfig { memory: MEMORY, deadline_ms, ..PluginConfig::default() };
        let host = PluginHost::new(HostOptions {
            plugin_dirs: vec![plugins],
            sources: BTreeMap::from([
                ("evil".to_owned(), config(self.deadline_ms)),
                ("good".to_owned(), config(PLENTY)),
            ]),
            cache_dir: dir.path().join("cache"),
            output_cap: OUTPUT,
            interrupt: way,
            ..HostOptions::default()
        });
        (dir, host.expect("host"))
    }

    /// Attacks once; panics if it does not end as it must, or if the next unit does
    /// not run.
    pub fn once(&self, host: &PluginHost) {
        let (guest, way) = (self.guest, host.interruption());
        let before = host.stats().get("evil").map_or(0, |stats| stats.traps);
        let since = Instant::now();
        let result = unit(host, "evil", &self.batch());
        let took = since.elapsed();
        assert!(took < PATIENCE, "{guest} took {took:?} with {way:?}");
        match (&self.end, result) {
            (End::Rows { traps }, Ok(rows)) => {
                assert_eq!(rows, [self.batch()], "{guest} with {way:?}");
                assert_eq!(host.stats()["evil"].traps - before, *traps, "{guest} with {way:?}");
            }
            (End::Error(kind, words), Err(error)) => {
                assert_eq!(error.kind(), *kind, "{guest} with {way:?}: {error:?}");
                let text = error.to_string();
                for word in *words {
                    assert!(text.contains(word), "{guest} with {way:?}: no {word:?} in {error:?}");
                }
                let named = error.context().iter().any(|(k, v)| *k == "plugin" && v == "evil");
                assert!(named, "{guest} with {way:?}: {error:?}");
                let odd = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
                assert!(!text.contains(odd), "{guest} with {way:?}: {text:?}");
                assert!(text.len() < 10_000, "{guest}: {} bytes", text.len());
                // What only its author can mend, or what to set.
                assert!(error.kind() == ErrorKind::Input || error.help().is_some(), "{error:?}");
            }
            (End::Rows { .. }, Err(error)) => panic!("{guest} with {way:?}: {error:?}"),
            (End::Error(..), Ok(rows)) => panic!("{guest} got away with {rows:?} with {way:?}"),
        }
        let numbers = Arc::new(Int64Array::from(vec![Some(7), None, Some(9)])) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("x", numbers)]).expect("batch");
        assert_eq!(unit(host, "good", &batch).expect("the next unit runs"), [batch]);
    }

    fn batch(&self) -> RecordBatch {
        let numbers = || Arc::new(Int64Array::from(vec![1, 2, 3])) as ArrayRef;
        let column = match &self.column {
            DataType::Int64 => numbers(),
            other => new_null_array(other, 3),
        };
        let schema = Schema::new(vec![Field::new("x", self.column.clone(), true)]);
        RecordBatch::try_new(Arc::new(schema), vec![column]).expect("batch")
    }
}

/// One unit's work of a plugin.
fn unit(host: &PluginHost, plugin: &str, batch: &RecordBatch) -> Result<Vec<RecordBatch>> {
    let context = PluginContext { table: "ticks".to_owned(), unit: "unit-7".to_owned() };
    let mut transform = host.transform(plugin, &context, batch.schema(), &json!({}))?;
    let mut out = Vec::new();
    transform.process(batch, &mut out)?;
    transform.finish(&mut out)?;
    Ok(out)
}
