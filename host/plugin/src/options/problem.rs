//! What is wrong with an option, in the words of somebody who writes TOML.

use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use jsonschema::paths::LocationSegment;
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;
use tidelake_core::config::{Step, closest};

use super::list::{described, type_text};
use crate::text;

/// One thing wrong with options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionProblem {
    /// The option, from the outside in; empty: the options as a whole.
    pub path: Vec<Step>,
    /// It is the name that is wrong, and not the value.
    pub name_is_wrong: bool,
    /// What is wrong.
    pub message: String,
    /// What the schema allows.
    pub help: Option<String>,
}

/// Adds what one error of the validator says.
pub(super) fn read(error: &ValidationError<'_>, root: &Value, problems: &mut Vec<OptionProblem>) {
    let path: Vec<Step> = error.instance_path().iter().map(step).collect();
    let (above, keyword) = around(error, root);
    let add = |path: Vec<Step>, message: String, help: Option<String>| OptionProblem {
        path,
        name_is_wrong: false,
        message: text::clean(&message, 512),
        help: help.map(|help| text::clean(&help, 1024)),
    };
    let here = shown(&path);
    match error.kind() {
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            let fields = above.and_then(|schema| schema.get("properties")?.as_object());
            let names: Vec<&str> =
                fields.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
            for name in unexpected {
                let mut path = path.clone();
                path.push(Step::Key(name.clone()));
                let message = format!("there is no option `{}`", shown(&path));
                let mut problem = add(path, message, Some(choice(name, &names, "`")));
                problem.name_is_wrong = true;
                problems.push(problem);
            }
        }
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let schema = above.and_then(|schema| schema.get("properties")?.get(name));
            let help = schema.map(|schema| {
                let what = described(schema).map(|d| format!(": {d}")).unwrap_or_default();
                format!("`{name}` is {}{what}", type_text(schema, root))
            });
            let mut whole = path.clone();
            whole.push(Step::Key(name.to_owned()));
            problems.push(add(path, format!("the option `{}` is missing", shown(&whole)), help));
        }
        Kind::Type { kind } => {
            let wanted: Vec<&str> = match kind {
                TypeKind::Single(one) => vec![type_name(*one)],
                // Nobody writes null in TOML.
                TypeKind::Multiple(all) => {
                    all.iter().filter(|t| *t != JsonType::Null).map(type_name).collect()
                }
            };
            let is = value_type(error.instance());
            let message = format!("`{here}` is {is}, not {}", wanted.join(" or "));
            problems.push(add(path, message, above.and_then(described).map(str::to_owned)));
        }
        Kind::Enum { options } => {
            let names = options.as_array().map(|all| texts(all)).unwrap_or_default();
            problems.push(not_among(add, path, error.instance(), &names));
        }
        Kind::Constant { expected_value } => {
            let names = texts(std::slice::from_ref(&**expected_value));
            problems.push(not_among(add, path, error.instance(), &names));
        }
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            let branches = keyword.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            match constants(branches) {
                Some(names) => problems.push(not_among(add, path, error.instance(), &names)),
                None => {
                    let forms: Vec<String> = branches
                        .iter()
                        .filter(|branch| branch.get("type").is_none_or(|t| t != "null"))
                        .map(|branch| type_text(branch, root))
                        .collect();
                    let message = format!("`{here}` has none of the possible forms");
                    let help = format!("possible are: {}", forms.join("; or "));
                    problems.push(add(path, message, Some(help)));
                }
            }
        }
        // The value is not repeated: it may be a secret.
        _ => {
            let name = format!("`{here}`");
            let message = error.masked_with(name.as_str()).to_string();
            problems.push(add(path, message, above.and_then(described).map(str::to_owned)));
        }
    }
}

/// A text that is none of a few.
fn not_among(
    add: impl Fn(Vec<Step>, String, Option<String>) -> OptionProblem,
    path: Vec<Step>,
    value: &Value,
    names: &[String],
) -> OptionProblem {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let here = shown(&path);
    match value.as_str() {
        Some(word) => {
            let message = format!("`{here}` cannot be {word:?}");
            add(path, message, Some(choice(word, &names, "\"")))
        }
        None => {
            let message = format!("`{here}` is {}, not one of a few texts", value_type(value));
            add(path, message, Some(choice("", &names, "\"")))
        }
    }
}

/// "did you mean", or what there is to choose from.
fn choice(word: &str, names: &[&str], quote: &str) -> String {
    if let Some(near) = closest(word, names.iter().copied()) {
        return format!("did you mean {quote}{near}{quote}?");
    }
    match names {
        [] => "there are none".to_owned(),
        names => {
            let names: Vec<String> = names.iter().map(|n| format!("{quote}{n}{quote}")).collect();
            format!("possible are: {}", names.join(", "))
        }
    }
}

/// The texts that the branches of a choice stand for, if each stands for some.
fn constants(branches: &[Value]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for branch in branches {
        match (branch.get("const"), branch.get("enum"), branch.get("type")) {
            (Some(one), ..) => names.extend(texts(std::slice::from_ref(one))),
            (_, Some(Value::Array(all)), _) => names.extend(texts(all)),
            (None, None, Some(null)) if null == "null" => {}
            _ => return None,
        }
    }
    (!names.is_empty()).then_some(names)
}

fn texts(values: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    values.iter().filter(|value| !value.is_null()).map(text).collect()
}

/// The schema that an error is of, and the value of the keyword that failed.
fn around<'a>(
    error: &ValidationError<'_>,
    root: &'a Value,
) -> (Option<&'a Value>, Option<&'a Value>) {
    let path = error.schema_path().as_str();
    let above = path.rfind('/').map_or("", |slash| &path[..slash]);
    (root.pointer(above), root.pointer(path))
}

fn step(segment: LocationSegment<'_>) -> Step {
    match segment {
        LocationSegment::Property(name) => Step::Key(name.into_owned()),
        LocationSegment::Index(index) => Step::Index(index),
    }
}

/// A path as people write it: `columns[1].name`.
fn shown(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.extend([".", key]),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    if text.is_empty() { "options".to_owned() } else { text }
}

fn type_name(ty: JsonType) -> &'static str {
    match ty {
        JsonType::Null => "nothing",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::String => "a text",
        JsonType::Array => "a list",
        JsonType::Object => "a table",
    }
}

fn value_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "a decimal number",
        Value::Number(_) => "a whole number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}
