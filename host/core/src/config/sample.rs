//! `tidelake-test.toml`: what the author of a plugin tests and measures it with.
//!
//! ```toml
//! time = "ts"                  # roles of columns, as in [table.X]
//! key = ["symbol"]
//! data = "sample.csv"          # rows of your own, next to those that are made up
//! memory = "64MB"              # limits and grants, as in [plugin.X]
//! deadline = "5s"
//! grants = ["clock"]
//! hosts = ["http://127.0.0.1:8080"]
//! url = "acme://bucket/prefix" # of storage backends: as `url` in [lake]
//!
//! [schema]                     # a sample table, as in [table.X.schema]
//! ts = "timestamp(us, UTC)"
//! symbol = "utf8"
//! price = "float64"
//!
//! [options]                    # the plugin's
//! column = "price"
//!
//! [secrets]                    # where they are, as in [plugin.X.secrets]
//! access_key = "env:ACME_ACCESS_KEY"
//! ```
//!
//! All of it is optional. The file belongs to the plugin's project, whatever the language.

use std::path::PathBuf;

use arrow::datatypes::SchemaRef;
use serde_json::Value as Json;

use super::problem::Problems;
use super::project::limits;
use super::walk::Section;
use super::{EngineConfig, PluginConfig, Problem, syntax, table};

/// What a plugin is tested with.
#[derive(Debug, Clone, Default)]
pub struct PluginSample {
    /// `time`: the time column.
    pub time: Option<String>,
    /// `key`: the columns that say which series a row belongs to.
    pub key: Vec<String>,
    /// `[schema]`: the columns of a sample table.
    pub schema: Option<SchemaRef>,
    /// `[options]`: a JSON object.
    pub options: Option<Json>,
    /// `data`: a file with rows of the author's own, relative to this one.
    pub data: Option<PathBuf>,
    /// `url`: the store that a storage backend is tested on.
    pub url: Option<String>,
    /// `memory`, `deadline`, `grants`, `hosts` and `[secrets]`.
    pub plugin: PluginConfig,
}

impl PluginSample {
    /// Reads the file's text; on failure, everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let problems = Problems::default();
        let sample = syntax::read(text, &problems)
            .map(|document| read(Section::root(&problems, document.as_table())));
        match (sample, problems.into_sorted()) {
            (Some(sample), problems) if problems.is_empty() => Ok(sample),
            (_, problems) => Err(problems),
        }
    }
}

fn read(mut root: Section<'_>) -> PluginSample {
    let time = root.name("time");
    let key = root.names("key").map(|k| k.value).unwrap_or_default();
    let data = root.name("data").map(|d| PathBuf::from(d.value));
    let url = root.name("url").map(|u| u.value.to_owned());
    let options = root.has("options").then(|| root.options("options"));
    let (schema, _) = table::schema(&mut root);
    let mut plugin = PluginConfig::default();
    limits(&mut root, &EngineConfig::default(), &mut plugin);
    if let Some(schema) = &schema {
        let named = time.iter().map(|t| (t.value, &t.span));
        let named = named.chain(key.iter().map(|k| (&*k.value, &k.span)));
        for (name, span) in named {
            if schema.field_with_name(name).is_err() {
                root.problems.add_with_help(
                    span.clone(),
                    format!("there is no column {name:?} in [schema]"),
                    "add it there with its type",
                );
            }
        }
    }
    PluginSample {
        time: time.map(|t| t.value.to_owned()),
        key: key.into_iter().map(|k| k.value).collect(),
        schema,
        options,
        data,
        url,
        plugin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_optional() {
        let sample = PluginSample::parse("").unwrap();
        assert!(sample.schema.is_none() && sample.options.is_none() && sample.key.is_empty());
        assert_eq!(sample.plugin, PluginConfig::default());
    }

    #[test]
    fn a_sample_has_the_words_of_a_table_and_a_plugin() {
        let text = "time = \"ts\"\nkey = [\"symbol\"]\nmemory = \"32MB\"\n\n[schema]\n\
                    ts = \"timestamp(us, UTC)\"\nsymbol = \"utf8\"\n\n[options]\nfactor = 2.0\n";
        let sample = PluginSample::parse(text).unwrap();
        assert_eq!(sample.schema.map(|s| s.fields().len()), Some(2));
        assert_eq!(sample.options.unwrap()["factor"], 2.0);
        assert_eq!((sample.plugin.memory, sample.key), (32_000_000, vec!["symbol".to_owned()]));
    }

    #[test]
    fn a_storage_backend_has_a_url_hosts_and_secrets() {
        let text = "url = \"acme://b\"\ngrants = [\"wasi:http\"]\nhosts = [\"a.example\"]\n\n\
                    [secrets]\nkey = \"env:KEY\"\n";
        let sample = PluginSample::parse(text).unwrap();
        assert_eq!(sample.url.as_deref(), Some("acme://b"));
        assert_eq!((sample.plugin.hosts.len(), sample.plugin.secrets.len()), (1, 1));
    }

    #[test]
    fn mistakes_are_told_all_at_once() {
        let text = "time = \"t\"\noption = {}\n[schema]\nts = \"text\"\n";
        let problems = PluginSample::parse(text).unwrap_err();
        let all: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
        assert!(all.iter().any(|m| m.contains("`option`")), "{all:?}");
        assert!(all.iter().any(|m| m.contains("\"text\" is not a type")), "{all:?}");
        let problems = PluginSample::parse("time = \"t\"\n[schema]\nts = \"utf8\"\n").unwrap_err();
        assert!(problems[0].message.contains("no column \"t\""), "{problems:?}");
    }
}
