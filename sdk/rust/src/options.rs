//! Options: the JSON object of the configuration becomes the plugin's struct.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, Result};

/// The options of a plugin: a struct that serde reads and schemars describes.
///
/// Give it `#[serde(default, deny_unknown_fields)]` and a `Default`, so that the
/// operator writes only what differs, and hears about a misspelt name.
pub trait Options: DeserializeOwned + JsonSchema {}

impl<T: DeserializeOwned + JsonSchema> Options for T {}

/// A plugin without options.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoOptions {}

/// Reads options; errors name the option.
pub(crate) fn parse<T: Options>(json: &str) -> Result<T> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let message = without_position(error.inner());
        match path.as_str() {
            "" | "." => Error::invalid_input(format!("options: {message}")),
            path => Error::option(path, message),
        }
    })
}

/// The JSON Schema of some options.
pub(crate) fn schema<T: Options>() -> Value {
    schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.meta_schema = None)
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

/// The message without the place in the JSON text, which the operator never saw.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let suffix = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&suffix).map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, serde::Deserialize, JsonSchema)]
    #[serde(default, deny_unknown_fields)]
    struct Example {
        /// How deep.
        depth: u8,
        rules: Vec<Rule>,
    }

    #[derive(Debug, serde::Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Rule {
        name: String,
    }

    fn message(json: &str) -> String {
        parse::<Example>(json).unwrap_err().message().to_owned()
    }

    #[test]
    fn errors_name_the_option_that_is_wrong() {
        assert_eq!(
            message(r#"{"rules": [{"name": "a"}, {"name": 7}]}"#),
            "option `rules[1].name`: invalid type: integer `7`, expected a string"
        );
        assert!(message(r#"{"dept": 1}"#).contains("unknown field `dept`"));
        assert!(message(r#"{"depth": 300}"#).starts_with("option `depth`: "));
        assert!(message(r#"{"rules": [{}]}"#).contains("missing field `name`"));
        let read = parse::<Example>(r#"{"depth": 3, "rules": [{"name": "a"}]}"#).unwrap();
        assert_eq!((read.depth, read.rules[0].name.as_str()), (3, "a"));
    }

    #[test]
    fn the_schema_comes_from_the_struct() {
        let schema = schema::<Example>();
        assert_eq!(schema["properties"]["depth"]["description"], "How deep.");
        assert_eq!(schema["additionalProperties"], false);
    }
}
