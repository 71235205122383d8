//! A schema as a list of options, for people.

use serde_json::Value;

use crate::text;

/// One option of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct OptionInfo {
    /// Its name.
    pub name: String,
    /// What it takes: `a text`, `a list of texts`, `"hash" or "redact"`.
    pub takes: String,
    /// It must be there.
    pub required: bool,
    /// What it is when it is left out.
    pub default: Option<Value>,
    /// What it is for.
    pub description: String,
}

/// The options that a schema describes, in its order.
pub fn list(schema: &Value) -> Vec<OptionInfo> {
    let required =
        |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|n| n == name));
    let fields = schema["properties"].as_object().into_iter().flatten();
    fields
        .map(|(name, field)| OptionInfo {
            name: text::clean(name, 64),
            takes: text::clean(&type_text(field, schema), 512),
            required: required(name),
            default: field.get("default").filter(|d| !d.is_null()).cloned(),
            description: text::clean(described(field).unwrap_or_default(), 1024),
        })
        .collect()
}

/// What a schema says of itself.
pub(super) fn described(schema: &Value) -> Option<&str> {
    schema.get("description").and_then(Value::as_str)
}

/// What a schema takes, in words.
pub(super) fn type_text(schema: &Value, root: &Value) -> String {
    words(schema, root, &mut { LONGEST })
}

/// As many parts of a schema are put in words, and `anything` stands for the rest:
/// more nobody reads, and a schema may lead back to itself.
const LONGEST: usize = 24;

fn words(schema: &Value, root: &Value, left: &mut usize) -> String {
    let anything = || "anything".to_owned();
    let Some(less) = left.checked_sub(1) else { return anything() };
    *left = less;
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = target.strip_prefix('#').and_then(|path| root.pointer(path));
        return target.map_or_else(anything, |target| words(target, root, left));
    }
    if let Some(one) = schema.get("const") {
        return one.to_string();
    }
    let alternatives = ["enum", "oneOf", "anyOf"].iter().find_map(|key| {
        let all = schema.get(key)?.as_array()?;
        let word = |value: &Value| match *key {
            "enum" => value.to_string(),
            _ => words(value, root, left),
        };
        let mut all: Vec<String> = all.iter().map(word).filter(|word| word != "null").collect();
        all.dedup();
        Some(all.join(" or "))
    });
    if let Some(alternatives) = alternatives {
        return alternatives;
    }
    let mut of_type = |ty: &str| match ty {
        "boolean" => "true or false".to_owned(),
        "integer" => "a whole number".to_owned(),
        "number" => "a number".to_owned(),
        "string" => "a text".to_owned(),
        "null" => "null".to_owned(),
        "array" => match schema.get("items") {
            Some(items) => format!("a list, each {}", words(items, root, left)),
            None => "a list".to_owned(),
        },
        "object" => match schema.get("properties").and_then(Value::as_object) {
            Some(fields) => {
                let names: Vec<&str> = fields.keys().map(String::as_str).collect();
                format!("a table of {}", names.join(", "))
            }
            None => match schema.get("additionalProperties").filter(|v| v.is_object()) {
                Some(values) => format!("a table, each value {}", words(values, root, left)),
                None => "a table".to_owned(),
            },
        },
        _ => anything(),
    };
    match schema.get("type") {
        Some(Value::String(ty)) => of_type(ty),
        Some(Value::Array(all)) => {
            let all: Vec<String> =
                all.iter().filter_map(Value::as_str).map(of_type).filter(|t| t != "null").collect();
            all.join(" or ")
        }
        _ => anything(),
    }
}
