//! A plugin's options, held against the JSON Schema that it brings.
//!
//! The schema is compiled once, when the plugin is loaded; a schema that cannot be
//! used is refused there ([`sound`] says why it might not be). Then every set of
//! options is checked before the plugin sees it, and all that is wrong is told at
//! once, each problem with the path of its option ([`problem`]). [`list`] shows the
//! schema to people.

mod list;
mod problem;
mod sound;

use std::fmt;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

pub use list::{OptionInfo, list};
pub use problem::OptionProblem;

use crate::text;

/// More problems than this are not worth reading one by one.
const MOST: usize = 50;

/// A plugin's schema, ready to check options.
pub(crate) struct OptionSchema {
    validator: Validator,
    schema: Value,
}

impl fmt::Debug for OptionSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OptionSchema").field(&self.schema).finish()
    }
}

impl OptionSchema {
    /// Compiles a schema; the error is what is wrong with it.
    pub(crate) fn compile(schema: &Value) -> Result<Self, String> {
        sound::check(schema)?;
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            // Formats are notes for people: `uint`, `double`.
            .should_validate_formats(false)
            // This engine's time is linear, whatever the pattern.
            .with_pattern_options(PatternOptions::regex())
            .offline()
            .build(schema)
            .map_err(|error| text::clean(&error.to_string(), 512))?;
        Ok(Self { validator, schema: schema.clone() })
    }

    /// All that is wrong with some options.
    pub(crate) fn check(&self, options: &Value) -> Vec<OptionProblem> {
        let empty = Value::Object(serde_json::Map::new());
        let options = if options.is_null() { &empty } else { options };
        let mut problems = Vec::new();
        for error in self.validator.iter_errors(options) {
            problem::read(&error, &self.schema, &mut problems);
            if problems.len() >= MOST {
                break;
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests;
