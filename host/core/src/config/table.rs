//! One `[table.<name>]`: from keys to a [`TableSpec`].

use std::collections::HashSet;
use std::ops::Range;

use arrow::datatypes::{Field, Schema, SchemaRef};
use chrono_tz::Tz;

use super::check;
use super::project::is_plugin_name;
use super::size::parse_bytes;
use super::types::{parse_type, parse_zone};
use super::walk::{At, Section};
use crate::error::Error;
use crate::partition::PartitionSpec;
use crate::period::{Age, Every, Period};
use crate::table::{Layout, Lifecycle, RollupSpec, SourceSpec, TableSpec, TransformSpec};

/// Rows that a source is asked for at once.
const DEFAULT_MAX_ROWS: u32 = 16_384;

/// Where the values of a table were written, for problems found later.
pub(super) struct Places<'a> {
    pub(super) section: Section<'a>,
    pub(super) time: Range<usize>,
    pub(super) key: Vec<At<String>>,
    pub(super) category: Option<At<String>>,
    pub(super) partition: Vec<At<String>>,
    pub(super) sort: Vec<At<String>>,
    pub(super) columns: Vec<At<String>>,
}

/// Reads a table. `None` when it has no name or time column to go by.
pub(super) fn read(name: &At<String>, mut section: Section<'_>) -> Option<TableSpec> {
    let named = check_name(&section, name);
    let time = section.name("time");
    if time.is_none() && !section.has("time") {
        section.problems.add_missing(
            name.span.clone(),
            format!("[table.{}] does not say which column is its time", name.value),
            "add `time = \"<column>\"`",
        );
    }
    let key = section.names("key").map(|k| k.value).unwrap_or_default();
    let category = section.name("category").map(|c| At { value: c.value.to_owned(), span: c.span });
    let (schema, columns) = schema(&mut section);
    let source = source(&mut section);
    let lifecycle = lifecycle(&mut section);
    let time_name = time.as_ref().map_or("", |t| t.value);
    let (layout, partition, sort) = layout(&mut section, time_name, &key);
    let transforms = transforms(&mut section);
    let rollups = rollups(&mut section);

    let places = Places {
        time: time.as_ref().map_or(name.span.clone(), |t| t.span.clone()),
        section,
        key,
        category,
        partition,
        sort,
        columns,
    };
    let spec = TableSpec {
        name: name.value.clone(),
        time: time?.value.to_owned(),
        key: values(&places.key),
        category: places.category.as_ref().map(|c| c.value.clone()),
        schema,
        source,
        lifecycle,
        layout,
        transforms,
        rollups,
    };
    check::table(&spec, &places);
    named.then_some(spec)
}

fn values(names: &[At<String>]) -> Vec<String> {
    names.iter().map(|name| name.value.clone()).collect()
}

fn check_name(section: &Section<'_>, name: &At<String>) -> bool {
    let mut bytes = name.value.bytes();
    let good = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.value.len() <= 100;
    if !good {
        section.problems.add_with_help(
            name.span.clone(),
            format!("{:?} cannot be the name of a table", name.value),
            "names of tables have letters, digits and `_`, and begin with no digit",
        );
    }
    good
}

pub(super) fn schema(section: &mut Section<'_>) -> (Option<SchemaRef>, Vec<At<String>>) {
    let Some(section) = section.section("schema") else { return (None, Vec::new()) };
    let (problems, span, title) = (section.problems, section.span.clone(), section.title());
    let mut fields = Vec::new();
    let mut columns = Vec::new();
    let mut complete = true;
    for (column, type_text) in section.pairs() {
        match parse_type(type_text.value) {
            Ok(data_type) => fields.push(Field::new(&column.value, data_type, true)),
            Err(error) => {
                problems.add_error(type_text.span, &column.value, &error);
                complete = false;
            }
        }
        columns.push(column);
    }
    if columns.is_empty() {
        problems.add_missing(
            span,
            format!("{title} names no column"),
            "write a line `column = \"type\"` for each, or leave the section out",
        );
        complete = false;
    }
    (complete.then(|| Schema::new(fields).into()), columns)
}

fn source(section: &mut Section<'_>) -> Option<SourceSpec> {
    let mut section = section.section("source")?;
    let plugin = plugin_name(&mut section, "source");
    let options = section.options("options");
    let id = section.name("id").filter(|id| {
        let good = id.value.len() <= 100 && !id.value.contains(char::is_control);
        if !good {
            section.problems.add_with_help(
                id.span.clone(),
                format!("{:?} cannot be the name of a source", id.value),
                "use at most 100 bytes and no control characters",
            );
        }
        good
    });
    let max_rows = section.integer("max_rows", 1..1_048_577);
    let plugin = plugin?;
    Some(SourceSpec {
        options,
        id: id.map_or_else(|| plugin.clone(), |id| id.value.to_owned()),
        max_rows: max_rows.map_or(DEFAULT_MAX_ROWS, |rows| rows.value as u32),
        plugin,
    })
}

fn lifecycle(section: &mut Section<'_>) -> Lifecycle {
    let defaults =
        Lifecycle { hot: age("30d"), warm: age("90d"), retention: None, grace: Age::ZERO };
    let Some(mut section) = section.section("lifecycle") else { return defaults };
    let hot = section.parsed("hot").map(|a| a.value);
    let warm = section.parsed("warm").map(|a| a.value);
    let lifecycle = Lifecycle {
        hot: hot.unwrap_or(defaults.hot),
        // A longer `hot` alone means no dual residence, not a contradiction.
        warm: match (hot, warm) {
            (_, Some(warm)) => warm,
            (Some(hot), None) if check::may_exceed(hot, defaults.warm) => hot,
            (_, None) => defaults.warm,
        },
        retention: section.parsed("retention").map(|a| a.value),
        grace: section.parsed("grace").map_or(defaults.grace, |a| a.value),
    };
    check::lifecycle(&lifecycle, &section);
    lifecycle
}

fn age(text: &str) -> Age {
    text.parse().unwrap_or(Age::ZERO)
}

fn layout(
    section: &mut Section<'_>,
    time: &str,
    key: &[At<String>],
) -> (Layout, Vec<At<String>>, Vec<At<String>>) {
    let default_sort = || {
        let mut sort = values(key);
        sort.push(time.to_owned());
        sort
    };
    let mut layout = Layout {
        format: "delta".into(),
        partition: PartitionSpec { time: time.into(), period: Period::Day, columns: Vec::new() },
        sort: default_sort(),
        target_file_size: 128_000_000,
        options: serde_json::Value::Object(serde_json::Map::new()),
    };
    let Some(mut section) = section.section("layout") else {
        return (layout, Vec::new(), Vec::new());
    };
    if let Some(format) = section.name("format") {
        match is_plugin_name(format.value) {
            true => layout.format = format.value.to_owned(),
            false => section.problems.add_with_help(
                format.span,
                format!("{:?} is not a format", format.value),
                "write delta, parquet, json, avro, or the name of an installed format plugin",
            ),
        }
    }
    let mut columns = Vec::new();
    if let Some(partition) = section.names("partition") {
        columns = partition.value;
        match check::period(&section, &columns, partition.span) {
            Some(period) => {
                layout.partition.period = period;
                columns.remove(0);
            }
            None => columns.clear(),
        }
        layout.partition.columns = values(&columns);
    }
    let sort = section.names("sort").map(|s| s.value).unwrap_or_default();
    if !sort.is_empty() {
        layout.sort = values(&sort);
    }
    let size = section.parsed_with("target_file_size", |text| match parse_bytes(text)? {
        0 => Err(Error::config("no file can be of no size").with_help("write 128MB")),
        bytes => Ok(bytes),
    });
    if let Some(size) = size {
        layout.target_file_size = size.value;
    }
    layout.options = section.options("options");
    (layout, columns, sort)
}

fn transforms(section: &mut Section<'_>) -> Vec<TransformSpec> {
    let mut transforms = Vec::new();
    for mut section in section.list("transform") {
        let plugin = plugin_name(&mut section, "transform");
        let options = section.options("options");
        transforms.extend(plugin.map(|plugin| TransformSpec { plugin, options }));
    }
    transforms
}

fn rollups(section: &mut Section<'_>) -> Vec<RollupSpec> {
    let mut rollups = Vec::new();
    let mut seen: HashSet<Every> = HashSet::new();
    for mut section in section.list("rollup") {
        let every = section.parsed::<Every>("every");
        if every.is_none() && !section.has("every") {
            section.problems.add_missing(
                section.span.clone(),
                "this rollup does not say how long its buckets are",
                "add `every = \"1h\"`",
            );
        }
        if let Some(every) = &every
            && !seen.insert(every.value)
        {
            section.problems.add_with_help(
                every.span.clone(),
                format!("there is a rollup of {} already", every.value),
                "a table has one rollup of each length; its name is <table>@<length>",
            );
        }
        let zone = section.parsed_with("zone", parse_zone).map_or(Tz::UTC, |z| z.value);
        let plugin = plugin_name(&mut section, "rollup");
        let options = section.options("options");
        if let (Some(every), Some(plugin)) = (every, plugin) {
            rollups.push(RollupSpec { every: every.value, zone, plugin, options });
        }
    }
    rollups
}

fn plugin_name(section: &mut Section<'_>, what: &str) -> Option<String> {
    let found = section.name("plugin");
    match found {
        None if !section.has("plugin") => {
            section.problems.add_missing(
                section.span.clone(),
                format!("this {what} does not name its plugin"),
                "add `plugin = \"<name>\"`",
            );
            None
        }
        None => None,
        Some(name) if is_plugin_name(name.value) => Some(name.value.to_owned()),
        Some(name) => {
            section.problems.add_with_help(
                name.span,
                format!("{:?} cannot be the name of a plugin", name.value),
                "names of plugins have lower-case letters, digits and `-`; a path goes into \
                 `source` of [plugin.<name>]",
            );
            None
        }
    }
}
