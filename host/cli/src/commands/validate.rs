//! `tidelake validate`: everything that is wrong, before anything is done.

use std::collections::BTreeMap;

use arrow::datatypes::{Field, Schema, SchemaRef};
use bytes::Bytes;
use serde_json::{Value, json};
use tidelake::{Engine, ErrorReport};
use tidelake_core::config::{self, LakeConfig, Problem, Step};
use tidelake_core::plugin::{
    ByteSink, DownsampleSpec, PluginContext, PluginInfo, PluginKind, Plugins, SortColumn,
};
use tidelake_core::table::{RollupSpec, SourceSpec, TableSpec};
use tidelake_core::{Error, Result, columns};
use tidelake_plugin::PluginHost;
use tidelake_plugin::options::OptionProblem;
use tidelake_plugin::source::silent;
use tidelake_plugin::trust::report::InspectRequest;

use super::{Out, print_json};
use crate::args::Global;
use crate::failure::Failure;
use crate::project::Project;
use crate::render::{self, table};

/// Checks plugins, and what can be known of schemas; the configuration itself
/// was checked when it was read.
pub(super) async fn run(project: &Project, global: &Global, out: Out<'_>) -> Result<(), Failure> {
    let options = project.options("validate", None);
    let host = Engine::plugin_host(&project.root, &project.config, &options)?;
    let tables: Vec<TableSpec> = project.config.tables.values().cloned().collect();
    let lake = project.config.lake.clone();
    let text = project.text.clone();
    // Plugins run on blocking threads only.
    let check = move || {
        let mut check = Check {
            plugins: &host,
            text: &text,
            found: BTreeMap::new(),
            problems: Vec::new(),
            mistakes: Vec::new(),
        };
        check.lake(&lake);
        tables.iter().for_each(|spec| check.table(spec));
        let Check { found, problems, mut mistakes, .. } = check;
        mistakes.sort_by_key(|mistake| mistake.span.start);
        (found, problems, mistakes)
    };
    let (found, problems, mistakes) = tokio::task::spawn_blocking(check)
        .await
        .map_err(|e| Error::internal("the check did not finish").with_source(e))?;
    let reports: Vec<ErrorReport> = problems.iter().map(ErrorReport::from).collect();
    let ok = reports.is_empty() && mistakes.is_empty();
    if global.json {
        let report = json!({
            "ok": ok,
            "tables": project.config.tables.keys().collect::<Vec<_>>(),
            "plugins": found.values().collect::<Vec<_>>(),
            "problems": reports,
            "mistakes": render::problems::to_json(&project.text, &mistakes),
        });
        print_json(out, &report)?;
    } else {
        show(project, &found, reports.len() + mistakes.len(), out)?;
    }
    for report in &reports {
        render::error::write_report(&mut std::io::stderr().lock(), report)?;
    }
    if !mistakes.is_empty() {
        let mut err = std::io::stderr().lock();
        render::problems::write(&mut err, &project.path, &project.text, &mistakes)?;
    }
    if ok { Ok(()) } else { Err(Failure::Told) }
}

fn show(
    project: &Project,
    found: &BTreeMap<String, PluginInfo>,
    problems: usize,
    out: Out<'_>,
) -> Result<(), Failure> {
    let tables = render::counted(project.config.tables.len() as u64, "table");
    let result = match problems {
        0 => "ok".to_owned(),
        n => render::counted(n as u64, "problem"),
    };
    writeln!(out, "{}: {tables}, {result}", project.path.display())?;
    if !found.is_empty() {
        let columns = ["plugin", "version", "kind", ""].map(|name| (name, table::Lean::Left));
        let mut shown = table::new(&columns);
        for info in found.values() {
            let kind = info.kind.to_string();
            shown.add_row([
                info.name.clone(),
                info.version.clone(),
                kind,
                info.description.clone(),
            ]);
        }
        write!(out, "{}", table::lines(&shown, "  "))?;
    }
    Ok(())
}

struct Check<'a> {
    plugins: &'a PluginHost,
    /// The configuration, to show where options are.
    text: &'a str,
    found: BTreeMap<String, PluginInfo>,
    problems: Vec<Error>,
    /// What is wrong with options, at its place in the configuration.
    mistakes: Vec<Problem>,
}

impl Check<'_> {
    /// The plugin that the lake is kept by: there, of the right kind, with options and
    /// grants that it can be opened with. No request is sent.
    fn lake(&mut self, lake: &LakeConfig) {
        let Some(storage) = &lake.storage else { return };
        let name = &storage.plugin;
        let checked = self.storage(name, &lake.url, &storage.options);
        self.problems.extend(checked.err().map(|error| error.with("lake", &lake.url)));
    }

    fn storage(&mut self, name: &str, url: &str, options: &Value) -> Result<()> {
        let info = self.plugins.describe(name)?;
        let kind = info.kind;
        self.found.insert(name.to_owned(), info);
        let needed = PluginKind::StorageBackend;
        if kind != needed {
            return Err(Error::config(format!("plugin {name:?} is a {kind}, not a {needed}"))
                .with_help("name one that keeps objects: `storage` in [lake]"));
        }
        let mistakes = self.plugins.check_options(name, options)?;
        if !mistakes.is_empty() {
            self.mistaken(name, &["lake".into(), "options".into()], &mistakes);
            return Ok(());
        }
        self.reaches_somebody(name)?;
        self.plugins.storage(name, url, options).map(drop)
    }

    fn table(&mut self, spec: &TableSpec) {
        let context = PluginContext { table: spec.name.clone(), unit: "validate".to_owned() };
        let mut schema = spec.schema.clone();
        if let Some(source) = &spec.source {
            self.source(spec, source, &context);
        }
        for (i, transform) in spec.transforms.iter().enumerate() {
            let fits = self.describe(spec, &transform.plugin, PluginKind::Transform)
                && self.options(
                    spec,
                    &transform.plugin,
                    &transform.options,
                    &["transform".into(), i.into()],
                );
            let input = schema.take().filter(|_| fits);
            if let Some(input) = input {
                let stage =
                    self.plugins.transform(&transform.plugin, &context, input, &transform.options);
                schema = self.keep(spec, stage.map(|stage| stage.output_schema()));
            }
        }
        let writer = spec.layout.writer_plugin();
        let writes = self.describe(spec, writer, PluginKind::FormatWriter)
            && self.options(spec, writer, &spec.layout.options, &["layout".into()]);
        // Without transforms the configuration was checked against its schema already.
        let public = schema.filter(|schema| {
            let checked = match spec.transforms.is_empty() {
                true => Ok(()),
                false => spec.check_schema(schema, "the output of the transforms"),
            };
            self.keep(spec, checked).is_some()
        });
        if let Some(public) = public.as_ref().filter(|_| writes) {
            let started = self.start_writer(spec, &context, public);
            self.keep(spec, started);
        }
        for (i, rollup) in spec.rollups.iter().enumerate() {
            let fits = self.describe(spec, &rollup.plugin, PluginKind::Downsampler)
                && self.options(
                    spec,
                    &rollup.plugin,
                    &rollup.options,
                    &["rollup".into(), i.into()],
                );
            if let Some(public) = public.as_ref().filter(|_| fits) {
                let started = self.start_rollup(spec, rollup, &context, public);
                self.keep(spec, started);
            }
        }
    }

    /// The plugin that a table's rows come from, opened at its start; no request need be
    /// sent for that. Its columns are held against the configured ones.
    fn source(&mut self, spec: &TableSpec, source: &SourceSpec, context: &PluginContext) {
        let SourceSpec { plugin, options, .. } = source;
        let fits = self.describe(spec, plugin, PluginKind::Source)
            && self.options(spec, plugin, options, &["source".into()]);
        if !fits {
            return;
        }
        let checked = self.reaches_somebody(plugin).and_then(|()| {
            let brought = self.plugins.source(plugin, context, options, None)?.schema();
            match columns::known(spec, None) {
                Some((schema, origin)) => {
                    columns::check_types(&brought, &schema, &spec.time, &origin, "the source")
                }
                None => spec.check_schema(&columns::plain(&brought), "the source"),
            }
        });
        self.keep(spec, checked);
    }

    /// A plugin that sends requests may reach somebody.
    fn reaches_somebody(&self, name: &str) -> Result<()> {
        let request = InspectRequest { target: name.to_owned(), ..InspectRequest::default() };
        let imports = self.plugins.inspect(&request, &silent)?.imports;
        let speaks = imports.iter().any(|i| i.capability.as_deref() == Some("wasi:http"));
        if speaks && self.plugins.hosts(name).is_empty() {
            return Err(Error::config(format!(
                "plugin {name:?} sends requests, but may reach no host"
            ))
            .with_help(format!("list whom it may reach: `hosts = [...]` under [plugin.{name}]")));
        }
        Ok(())
    }

    /// Whether a plugin is there and of the right kind.
    fn describe(&mut self, spec: &TableSpec, name: &str, kind: PluginKind) -> bool {
        let info = match self.found.get(name) {
            Some(info) => info.clone(),
            None => match self.plugins.describe(name) {
                Ok(info) => info,
                Err(error) => {
                    self.problems.push(error.with("table", &spec.name));
                    return false;
                }
            },
        };
        let wrong = match kind {
            _ if info.kind != kind => {
                Some(format!("plugin {name:?} is a {}, where a {kind} is needed", info.kind))
            }
            PluginKind::Transform if !info.row_wise => Some(format!(
                "transform {name:?} is not row-wise, so hot rows could not pass through it in queries"
            )),
            _ => None,
        };
        self.found.insert(name.to_owned(), info);
        let fits = wrong.is_none();
        self.problems.extend(wrong.map(|message| Error::config(message).with("table", &spec.name)));
        fits
    }

    /// Whether options fit the plugin's own schema; `place` is where they are in the
    /// table's section.
    fn options(&mut self, spec: &TableSpec, name: &str, options: &Value, place: &[Step]) -> bool {
        let found = match self.plugins.check_options(name, options) {
            Ok(found) => found,
            Err(error) => {
                self.problems.push(error.with("table", &spec.name));
                return false;
            }
        };
        let mut around = vec!["table".into(), spec.name.as_str().into()];
        around.extend_from_slice(place);
        around.push("options".into());
        self.mistaken(name, &around, &found);
        found.is_empty()
    }

    /// Shows what is wrong with options at their place.
    fn mistaken(&mut self, name: &str, around: &[Step], found: &[OptionProblem]) {
        for problem in found {
            let path = [around, &problem.path].concat();
            let place = config::locate(self.text, &path);
            let span = place.map(|p| if problem.name_is_wrong { p.key } else { p.value });
            self.mistakes.push(Problem {
                span: span.unwrap_or(0..0),
                message: format!("options of plugin `{name}`: {}", problem.message),
                help: problem.help.clone(),
            });
        }
    }

    fn keep<T>(&mut self, spec: &TableSpec, result: Result<T>) -> Option<T> {
        result.map_err(|e| self.problems.push(e.with("table", &spec.name))).ok()
    }

    fn start_writer(
        &self,
        spec: &TableSpec,
        context: &PluginContext,
        public: &SchemaRef,
    ) -> Result<()> {
        let schema = spec.file_schema(public);
        let sorted = spec.layout.sort.iter().filter_map(|name| schema.index_of(name).ok());
        let sort: Vec<SortColumn> = sorted
            .map(|column| SortColumn { column, descending: false, nulls_first: true })
            .collect();
        let name = spec.layout.writer_plugin();
        let options = &spec.layout.options;
        self.plugins.format_writer(name, context, schema, &sort, options, Box::new(Nowhere))?;
        Ok(())
    }

    fn start_rollup(
        &self,
        spec: &TableSpec,
        rollup: &RollupSpec,
        context: &PluginContext,
        public: &SchemaRef,
    ) -> Result<()> {
        let time_column = public.index_of(&spec.time)?;
        let time_type = public.field(time_column).data_type().clone();
        let mut fields: Vec<_> = public.fields().iter().cloned().collect();
        fields.push(Field::new(tidelake::BUCKET_COLUMN, time_type, false).into());
        let input: SchemaRef = Schema::new(fields).into();
        let groups = spec.group_columns();
        let group_columns =
            groups.iter().map(|name| public.index_of(name)).collect::<Result<_, _>>()?;
        let bucket_column = public.fields().len();
        let roles = DownsampleSpec { time_column, bucket_column, group_columns };
        self.plugins.downsampler(&rollup.plugin, context, input, &roles, &rollup.options)?;
        Ok(())
    }
}

/// Takes the bytes of a file that nobody wants.
struct Nowhere;

impl ByteSink for Nowhere {
    fn write(&mut self, _: Bytes) -> Result<()> {
        Ok(())
    }
}
