//! Walking a TOML document, section by section.
//!
//! A [`Section`] hands out the values it is asked for and notes what was asked.
//! When it is dropped, every key nobody asked for is reported as unknown, with
//! the nearest key that somebody did ask for.

use std::ops::Range;
use std::str::FromStr;

use serde_json::Value as Json;
use toml_edit::{Item, TableLike, Value};

use super::problem::{Problems, closest};
use crate::error::{Error, Result};

/// A value and the bytes it was read from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

/// Keys that belong into another section than a first guess says.
const HOMES: [(&str, &str); 11] = [
    ("trusted_keys", "plugins"),
    ("hot", "lifecycle"),
    ("warm", "lifecycle"),
    ("retention", "lifecycle"),
    ("grace", "lifecycle"),
    ("format", "layout"),
    ("partition", "layout"),
    ("sort", "layout"),
    ("target_file_size", "layout"),
    ("every", "rollup"),
    ("zone", "rollup"),
];

/// One table of the document, or an inline one.
pub(super) struct Section<'a> {
    pub(super) problems: &'a Problems,
    /// Its full name without brackets; empty for the document.
    pub(super) name: String,
    /// Where it begins: its header, or its key.
    pub(super) span: Range<usize>,
    table: &'a dyn TableLike,
    asked: Vec<&'static str>,
    /// Any key may be there.
    free: bool,
}

impl<'a> Section<'a> {
    /// The whole document.
    pub(super) fn root(problems: &'a Problems, table: &'a dyn TableLike) -> Self {
        Self { problems, name: String::new(), span: 0..0, table, asked: Vec::new(), free: false }
    }

    /// What people call it: `[table.trades]`.
    pub(super) fn title(&self) -> String {
        if self.name.is_empty() { "the file".into() } else { format!("[{}]", self.name) }
    }

    /// A text.
    pub(super) fn string(&mut self, key: &'static str) -> Option<At<&'a str>> {
        let (item, span) = self.ask(key)?;
        match item.as_str() {
            Some(value) => Some(At { value, span }),
            None => self.wrong_type(key, item, span, "a text in quotes"),
        }
    }

    /// A text that is not empty.
    pub(super) fn name(&mut self, key: &'static str) -> Option<At<&'a str>> {
        let found = self.string(key)?;
        if found.value.trim().is_empty() {
            self.problems.add(found.span, format!("`{key}` is empty"));
            return None;
        }
        Some(found)
    }

    /// A text that something is read from.
    pub(super) fn parsed<T: FromStr<Err = Error>>(&mut self, key: &'static str) -> Option<At<T>> {
        self.parsed_with(key, T::from_str)
    }

    /// A text that something is read from by a function.
    pub(super) fn parsed_with<T>(
        &mut self,
        key: &'static str,
        parse: impl FnOnce(&str) -> Result<T>,
    ) -> Option<At<T>> {
        let At { value, span } = self.string(key)?;
        match parse(value) {
            Ok(value) => Some(At { value, span }),
            Err(error) => {
                self.problems.add_error(span, key, &error);
                None
            }
        }
    }

    /// A whole number of a range.
    pub(super) fn integer(&mut self, key: &'static str, range: Range<i64>) -> Option<At<i64>> {
        let (item, span) = self.ask(key)?;
        match item.as_integer() {
            Some(value) if range.contains(&value) => Some(At { value, span }),
            Some(value) => {
                let (from, to) = (range.start, range.end - 1);
                self.problems.add(span, format!("`{key}` is {value}, not {from} to {to}"));
                None
            }
            None => self.wrong_type(key, item, span, "a whole number"),
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, key: &'static str) -> Option<At<bool>> {
        let (item, span) = self.ask(key)?;
        match item.as_bool() {
            Some(value) => Some(At { value, span }),
            None => self.wrong_type(key, item, span, "true or false"),
        }
    }

    /// A list of texts, none of them empty or repeated.
    pub(super) fn names(&mut self, key: &'static str) -> Option<At<Vec<At<String>>>> {
        let (item, span) = self.ask(key)?;
        let Some(array) = item.as_array() else {
            if let Some(text) = item.as_str() {
                self.problems.add_with_help(
                    span,
                    format!("`{key}` is a text, not a list"),
                    format!("write `{key} = [{text:?}]`"),
                );
                return None;
            }
            return self.wrong_type(key, item, span, "a list of texts");
        };
        let mut names: Vec<At<String>> = Vec::new();
        for value in array {
            let at = value.span().unwrap_or_else(|| span.clone());
            match value.as_str() {
                None => {
                    let what = value.type_name();
                    self.problems
                        .add(at, format!("`{key}` holds a value of type {what}, not a text"));
                }
                Some(text) if text.trim().is_empty() => {
                    self.problems.add(at, format!("`{key}` holds an empty name"));
                }
                Some(text) if names.iter().any(|n| n.value == text) => {
                    self.problems.add(at, format!("`{key}` names {text:?} twice"));
                }
                Some(text) => names.push(At { value: text.to_owned(), span: at }),
            }
        }
        Some(At { value: names, span })
    }

    /// A section below this one.
    pub(super) fn section(&mut self, key: &'static str) -> Option<Section<'a>> {
        let (item, span) = self.ask(key)?;
        let name = self.below(key);
        self.child(name, item, span)
    }

    /// All sections `[key.<name>]`, with their names.
    pub(super) fn named_sections(&mut self, key: &'static str) -> Vec<(At<String>, Section<'a>)> {
        let Some(parent) = self.section(key) else { return Vec::new() };
        let mut sections = Vec::new();
        for (name, item) in parent.table.iter() {
            let span = key_span(parent.table, name, item);
            if let Some(section) = self.child(format!("{key}.{name}"), item, span.clone()) {
                sections.push((At { value: name.to_owned(), span }, section));
            }
        }
        parent.forget();
        sections
    }

    /// All sections `[[key]]`.
    pub(super) fn list(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let Some((item, span)) = self.ask(key) else { return Vec::new() };
        let name = self.below(key);
        let make = |table: &'a dyn TableLike, span: Range<usize>| Section {
            problems: self.problems,
            name: format!("[{name}]"),
            span,
            table,
            asked: Vec::new(),
            free: false,
        };
        if let Some(tables) = item.as_array_of_tables() {
            return tables
                .iter()
                .map(|t| make(t, t.span().unwrap_or_else(|| span.clone())))
                .collect();
        }
        let inline = item.as_array().and_then(|array| {
            let tables = array.iter().map(|v| v.as_inline_table().map(|t| (t, v.span())));
            tables.collect::<Option<Vec<_>>>()
        });
        match inline {
            Some(tables) => tables
                .into_iter()
                .map(|(t, at)| make(t, at.unwrap_or_else(|| span.clone())))
                .collect(),
            None => {
                self.problems.add_with_help(
                    span,
                    format!("`{key}` in {} is not a list of sections", self.title()),
                    format!("write it as [[{name}]], with two brackets, once for each"),
                );
                Vec::new()
            }
        }
    }

    /// Keys and texts of a section whose keys are free, such as a schema.
    pub(super) fn pairs(self) -> Vec<(At<String>, At<&'a str>)> {
        let mut pairs = Vec::new();
        for (key, item) in self.table.iter() {
            let at = key_span(self.table, key, item);
            let span = item.span().unwrap_or_else(|| at.clone());
            match item.as_str() {
                Some(value) => {
                    pairs.push((At { value: key.to_owned(), span: at }, At { value, span }));
                }
                None => self.problems.add(
                    span,
                    format!("`{key}` in {} is {}, not a text", self.title(), article(item)),
                ),
            }
        }
        self.forget();
        pairs
    }

    /// Options for a plugin: any table, as a JSON object; empty when absent.
    pub(super) fn options(&mut self, key: &'static str) -> Json {
        let empty = || Json::Object(serde_json::Map::new());
        let Some((item, span)) = self.ask(key) else { return empty() };
        if item.as_table_like().is_none() {
            self.wrong_type::<()>(key, item, span, "a table, such as { column = \"price\" }");
            return empty();
        }
        self.json(item).unwrap_or_else(empty)
    }

    /// Whether a key is there; counts as asking for it.
    pub(super) fn has(&mut self, key: &'static str) -> bool {
        self.ask(key).is_some()
    }

    /// Where a key's value is, or else where the section is.
    pub(super) fn span_of(&self, key: &str) -> Range<usize> {
        self.table.get(key).and_then(Item::span).unwrap_or_else(|| self.span.clone())
    }

    fn ask(&mut self, key: &'static str) -> Option<(&'a Item, Range<usize>)> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        let item = self.table.get(key).filter(|item| !item.is_none())?;
        let span = item.span().unwrap_or_else(|| key_span(self.table, key, item));
        Some((item, span))
    }

    fn below(&self, key: &str) -> String {
        let parent = self.name.trim_matches(['[', ']']);
        if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
    }

    fn child(&self, name: String, item: &'a Item, span: Range<usize>) -> Option<Section<'a>> {
        match item.as_table_like() {
            Some(table) => Some(Section {
                problems: self.problems,
                name,
                span,
                table,
                asked: Vec::new(),
                free: false,
            }),
            None if item.is_array_of_tables() => {
                self.problems.add_with_help(
                    span,
                    format!("[[{name}]] can be there only once"),
                    format!("write [{name}], with one bracket"),
                );
                None
            }
            None => {
                let is = article(item);
                self.problems.add_with_help(
                    span,
                    format!("`{name}` is {is}, not a section"),
                    format!("write [{name}] on a line of its own and its keys below"),
                );
                None
            }
        }
    }

    fn wrong_type<T>(&self, key: &str, item: &Item, span: Range<usize>, wanted: &str) -> Option<T> {
        self.problems.add(span, format!("`{key}` is {}, not {wanted}", article(item)));
        None
    }

    fn json(&self, item: &Item) -> Option<Json> {
        if let Some(table) = item.as_table_like() {
            let fields = table.iter().map(|(k, v)| Some((k.to_owned(), self.json(v)?)));
            return fields.collect::<Option<_>>().map(Json::Object);
        }
        if let Some(tables) = item.as_array_of_tables() {
            let table = |t: &toml_edit::Table| {
                let fields = t.iter().map(|(k, v)| Some((k.to_owned(), self.json(v)?)));
                fields.collect::<Option<_>>().map(Json::Object)
            };
            return tables.iter().map(table).collect::<Option<_>>().map(Json::Array);
        }
        item.as_value().and_then(|value| self.json_value(value))
    }

    fn json_value(&self, value: &Value) -> Option<Json> {
        Some(match value {
            Value::String(v) => Json::from(v.value().as_str()),
            Value::Integer(v) => Json::from(*v.value()),
            Value::Boolean(v) => Json::from(*v.value()),
            Value::Datetime(v) => Json::from(v.value().to_string()),
            Value::Float(v) => match serde_json::Number::from_f64(*v.value()) {
                Some(number) => Json::Number(number),
                None => {
                    let span = value.span().unwrap_or_else(|| self.span.clone());
                    self.problems.add(span, "options cannot hold infinite numbers or `nan`");
                    return None;
                }
            },
            Value::Array(values) => {
                Json::Array(values.iter().map(|v| self.json_value(v)).collect::<Option<_>>()?)
            }
            Value::InlineTable(table) => {
                let fields = table.iter().map(|(k, v)| Some((k.to_owned(), self.json_value(v)?)));
                Json::Object(fields.collect::<Option<_>>()?)
            }
        })
    }

    /// Ends a section whose keys are free: none of them is unknown.
    pub(super) fn forget(mut self) {
        self.free = true;
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        if self.free {
            return;
        }
        for (key, item) in self.table.iter() {
            if self.asked.contains(&key) {
                continue;
            }
            let span = key_span(self.table, key, item);
            let what = if item.is_table() || item.is_array_of_tables() { "section" } else { "key" };
            let message = format!("unknown {what} `{key}` in {}", self.title());
            let home = HOMES.iter().find(|(name, home)| *name == key && self.asked.contains(home));
            let help = match (home, closest(key, self.asked.iter().copied())) {
                (Some((_, home)), _) => format!("it belongs into [{}]", self.below(home)),
                (None, Some(near)) => format!("did you mean `{near}`?"),
                (None, None) => format!("possible are: {}", self.asked.join(", ")),
            };
            self.problems.add_with_help(span, message, help);
        }
    }
}

fn key_span(table: &dyn TableLike, key: &str, item: &Item) -> Range<usize> {
    let of_key = || table.key(key).and_then(|k| k.span());
    of_key().or_else(|| item.span()).unwrap_or(0..0)
}

fn article(item: &Item) -> String {
    match item.type_name() {
        "integer" => "a whole number".into(),
        "float" => "a decimal number".into(),
        "string" => "a text".into(),
        "array" | "array of tables" => "a list".into(),
        "boolean" => "true or false".into(),
        "inline table" | "table" => "a section".into(),
        other => format!("a {other}"),
    }
}
