//! What the operator configures.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

/// Options of the plugin. What is said here holds for every column that does not
/// say otherwise.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MaskOptions {
    /// The columns to mask: names, or objects with `name` and options of their own.
    pub columns: Vec<ColumnRule>,
    /// What to do with them.
    pub method: Method,
    /// `hash`: the secret key. Whoever knows it can find out values by trying.
    pub salt: Option<String>,
    /// `hash`: hexadecimal digits to keep, 16 to 64 (default 64).
    pub length: Option<usize>,
    /// `truncate`: characters to keep.
    pub keep: Option<usize>,
    /// `redact`: what stands in every row instead of the value; null without it.
    pub replacement: Option<String>,
}

/// How values are hidden.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// A keyed hash: equal values stay equal, nobody without the salt can compute it.
    #[default]
    Hash,
    /// A constant, or null.
    Redact,
    /// The first characters.
    Truncate,
}

/// One column and its options; a name alone is a column without any of its own.
#[derive(Debug, Clone, Default)]
pub struct ColumnRule {
    /// The column.
    pub name: String,
    /// As [`MaskOptions::method`].
    pub method: Option<Method>,
    /// As [`MaskOptions::salt`].
    pub salt: Option<String>,
    /// As [`MaskOptions::length`].
    pub length: Option<usize>,
    /// As [`MaskOptions::keep`].
    pub keep: Option<usize>,
    /// As [`MaskOptions::replacement`].
    pub replacement: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RuleObject {
    name: String,
    method: Option<Method>,
    salt: Option<String>,
    length: Option<usize>,
    keep: Option<usize>,
    replacement: Option<String>,
}

/// Read by hand, because serde's untagged enums forget why neither form fitted.
impl<'de> Deserialize<'de> for ColumnRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameOrObject;

        impl<'de> Visitor<'de> for NameOrObject {
            type Value = ColumnRule;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column name, or an object with `name`")
            }

            fn visit_str<E>(self, name: &str) -> Result<ColumnRule, E> {
                Ok(ColumnRule { name: name.to_owned(), ..ColumnRule::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ColumnRule, A::Error> {
                let object = RuleObject::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ColumnRule {
                    name: object.name,
                    method: object.method,
                    salt: object.salt,
                    length: object.length,
                    keep: object.keep,
                    replacement: object.replacement,
                })
            }
        }

        deserializer.deserialize_any(NameOrObject)
    }
}

impl JsonSchema for ColumnRule {
    fn schema_name() -> Cow<'static, str> {
        "ColumnRule".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let object = generator.subschema_for::<RuleObject>();
        json_schema!({ "anyOf": [{ "type": "string" }, object] })
    }
}
