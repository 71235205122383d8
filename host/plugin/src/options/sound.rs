//! Whether a schema can be used without harm.
//!
//! A schema comes from the plugin, and checking runs on the host, where nothing
//! stops it. Two things could make it run for ever or far too long: a schema that
//! leads back to itself without going deeper into the options, and one that doubles
//! its work at every step. Both are found by counting, at each place of the schema,
//! the places that are looked at for the same value. A third could exhaust the
//! stack: depth, which nesting and references make together, so both are bounded.
//! References out of the schema are refused, too: there is nothing there.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

/// Looks at one value of the options that a schema may ask for.
const MOST_LOOKS: u64 = 10_000;
/// Levels of objects and lists in a schema.
const DEEPEST: usize = 32;
/// Places of a schema that references lead to.
const MOST_TARGETS: usize = 50;

/// Keywords whose schemas look at the same value, alone or in a list.
const SAME_VALUE: [&str; 7] = ["allOf", "anyOf", "oneOf", "not", "if", "then", "else"];

/// References that depend on the way taken, and names that change what `#` means.
const REFUSED: [&str; 6] =
    ["$dynamicRef", "$recursiveRef", "$dynamicAnchor", "$recursiveAnchor", "$anchor", "$id"];

/// The error is what is wrong.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    let mut counting = Counting { root: schema, looks: HashMap::new(), targets: HashSet::new() };
    counting.all(schema, String::new(), 0)
}

struct Counting<'a> {
    root: &'a Value,
    /// By place; `None` while it is being counted.
    looks: HashMap<String, Option<u64>>,
    targets: HashSet<&'a str>,
}

impl<'a> Counting<'a> {
    /// Counts from every place: whatever the keyword, each may be where a value's
    /// check begins.
    fn all(&mut self, here: &'a Value, path: String, depth: usize) -> Result<(), String> {
        if depth > DEEPEST {
            return Err(format!("it is nested deeper than {DEEPEST} levels"));
        }
        match here {
            Value::Object(fields) => {
                if let Some(key) =
                    REFUSED.iter().find(|key| fields.get(**key).is_some_and(Value::is_string))
                {
                    return Err(format!("it uses `{key}`, which this host does not take"));
                }
                self.count(here, &path)?;
                for (key, value) in fields {
                    self.all(value, format!("{path}/{}", escaped(key)), depth + 1)?;
                }
                Ok(())
            }
            Value::Array(values) => values
                .iter()
                .enumerate()
                .try_for_each(|(i, value)| self.all(value, format!("{path}/{i}"), depth + 1)),
            _ => Ok(()),
        }
    }

    /// Places that are looked at for one value, from a place on.
    fn count(&mut self, here: &'a Value, path: &str) -> Result<u64, String> {
        let Value::Object(fields) = here else { return Ok(1) };
        match self.looks.get(path) {
            Some(Some(looks)) => return Ok(*looks),
            Some(None) => return Err("it leads back to itself for the same value".to_owned()),
            None => {}
        }
        self.looks.insert(path.to_owned(), None);
        let mut looks = 1u64;
        let mut add = |more: u64| {
            looks = looks.saturating_add(more);
            match looks > MOST_LOOKS {
                true => Err(format!("it looks at one value more than {MOST_LOOKS} times")),
                false => Ok(()),
            }
        };
        for key in SAME_VALUE {
            match fields.get(key) {
                Some(Value::Array(list)) => {
                    for (i, value) in list.iter().enumerate() {
                        add(self.count(value, &format!("{path}/{key}/{i}"))?)?;
                    }
                }
                Some(value) => add(self.count(value, &format!("{path}/{key}"))?)?,
                None => {}
            }
        }
        if let Some(Value::Object(dependent)) = fields.get("dependentSchemas") {
            for (name, value) in dependent {
                let at = format!("{path}/dependentSchemas/{}", escaped(name));
                add(self.count(value, &at)?)?;
            }
        }
        if let Some(reference) = fields.get("$ref").and_then(Value::as_str) {
            let target = reference.strip_prefix('#').filter(|p| p.is_empty() || p.starts_with('/'));
            // Places are compared as texts, so there must be one way to write each.
            let plain = target.filter(|p| !p.contains('%'));
            let found = plain.and_then(|p| Some((p, self.root.pointer(p)?)));
            let Some((target, value)) = found else {
                return Err("it refers to something that is not in it".to_owned());
            };
            self.targets.insert(target);
            if self.targets.len() > MOST_TARGETS {
                return Err(format!("it refers to more than {MOST_TARGETS} places in itself"));
            }
            add(self.count(value, target)?)?;
        }
        self.looks.insert(path.to_owned(), Some(looks));
        Ok(looks)
    }
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
