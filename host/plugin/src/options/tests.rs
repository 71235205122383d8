use serde_json::json;
use tidelake_core::config::Step;

use super::*;

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "columns": { "type": "array", "items": { "$ref": "#/$defs/Rule" } },
            "method": { "$ref": "#/$defs/Method", "default": "hash" },
            "salt": { "type": ["string", "null"], "minLength": 8, "description": "The key." },
            "level": { "type": "integer", "minimum": 1, "maximum": 22 }
        },
        "additionalProperties": false,
        "required": ["columns"],
        "$defs": {
            "Method": { "oneOf": [
                { "const": "hash", "description": "Keyed." },
                { "const": "redact" }
            ] },
            "Rule": { "anyOf": [{ "type": "string" }, { "$ref": "#/$defs/RuleObject" }] },
            "RuleObject": {
                "type": "object",
                "properties": { "name": { "type": "string" } },
                "additionalProperties": false,
                "required": ["name"]
            }
        }
    })
}

/// Path, message and help of each problem, on a line.
fn problems(options: Value) -> Vec<String> {
    let schema = OptionSchema::compile(&schema()).expect("schema");
    let problems = schema.check(&options);
    let line = |p: &OptionProblem| format!("{} / {}", p.message, p.help.as_deref().unwrap_or(""));
    problems.iter().map(line).collect()
}

#[test]
fn good_options_have_no_problems() {
    for options in [
        json!({ "columns": [] }),
        json!({ "columns": ["a", { "name": "b" }], "method": "redact", "level": 3 }),
        json!({ "columns": [], "salt": "long enough" }),
    ] {
        let found = problems(options.clone());
        assert!(found.is_empty(), "{options}: {found:?}");
    }
    let any = OptionSchema::compile(&json!({})).expect("schema");
    assert!(any.check(&json!({ "a": 1 })).is_empty() && any.check(&Value::Null).is_empty());
}

#[test]
fn all_problems_are_told_at_once_in_plain_words() {
    let found = problems(json!({
        "colums": [], "method": "hsh", "salt": 7, "level": 30
    }));
    for part in [
        "there is no option `colums` / did you mean `columns`?",
        "the option `columns` is missing / `columns` is a list, each a text or a table of name",
        "`method` cannot be \"hsh\" / did you mean \"hash\"?",
        "`salt` is a whole number, not a text / The key.",
        "`level` is greater than the maximum of 22",
    ] {
        assert!(found.iter().any(|line| line.starts_with(part)), "{part:?} is not in {found:#?}");
    }
    assert_eq!(found.len(), 5, "{found:#?}");
}

#[test]
fn values_that_may_be_secret_are_not_repeated() {
    let found = problems(json!({ "columns": [], "salt": "hunter2" }));
    assert!(found[0].contains("`salt`") && !found[0].contains("hunter2"), "{found:?}");
}

#[test]
fn paths_lead_to_the_option() {
    let schema = OptionSchema::compile(&schema()).expect("schema");
    let found = schema.check(&json!({ "columns": ["a", { "nme": "b" }], "x": 1 }));
    let nested = found.iter().find(|p| p.path.len() == 2).expect("nested");
    assert_eq!(nested.path, [Step::Key("columns".into()), Step::Index(1)]);
    assert!(nested.message.contains("`columns[1]`"), "{nested:?}");
    let unknown = found.iter().find(|p| p.name_is_wrong).expect("unknown");
    assert_eq!(unknown.path, [Step::Key("x".into())]);
}

#[test]
fn schemas_that_could_harm_the_host_are_refused() {
    let mut doubling = json!({ "$ref": "#/$defs/a0", "$defs": { "a40": {} } });
    for i in 0..40 {
        let next = json!({ "$ref": format!("#/$defs/a{}", i + 1) });
        doubling["$defs"][format!("a{i}")] = json!({ "allOf": [next, next] });
    }
    let mut deep = json!({});
    let mut chain = json!({ "$defs": { "a60": {} } });
    for i in 0..60 {
        deep = json!({ "items": deep });
        chain["$defs"][format!("a{i}")] =
            json!({ "items": { "$ref": format!("#/$defs/a{}", i + 1) } });
    }
    for (schema, why) in [
        (deep, "deeper than 32 levels"),
        (chain, "more than 50 places"),
        (json!({ "$ref": "#" }), "leads back to itself"),
        (json!({ "allOf": [{ "anyOf": [{ "$ref": "#" }] }] }), "leads back to itself"),
        (json!({ "properties": { "a": { "not": { "$ref": "#/properties/a" } } } }), "leads back"),
        (json!({ "dependentSchemas": { "a": { "$ref": "#" } } }), "leads back to itself"),
        (doubling, "more than 10000 times"),
        (json!({ "$ref": "https://example.com/schema" }), "not in it"),
        (json!({ "$ref": "#/%24defs/a", "$defs": { "a": {} } }), "not in it"),
        (json!({ "$ref": "#/nowhere" }), "not in it"),
        (json!({ "properties": { "a": { "$id": "x", "$ref": "#" } } }), "`$id`"),
        (json!({ "$dynamicRef": "#a" }), "`$dynamicRef`"),
        (json!({ "type": "strnig" }), "strnig"),
        (json!({ "pattern": "(a" }), ""),
    ] {
        let error = OptionSchema::compile(&schema).expect_err("refused");
        assert!(error.contains(why), "{schema}: {error}");
    }
    // Deeper at each step is what recursive types are.
    let tree = json!({ "type": "object", "properties": { "child": { "$ref": "#" } } });
    let tree = OptionSchema::compile(&tree).expect("schema");
    assert_eq!(tree.check(&json!({ "child": { "child": 3 } })).len(), 1);
}

#[test]
fn the_list_shows_what_people_need() {
    let all = list(&schema());
    let of = |name: &str| all.iter().find(|o| o.name == name).expect("option");
    assert_eq!(of("method").takes, "\"hash\" or \"redact\"");
    assert_eq!(of("method").default, Some(json!("hash")));
    assert_eq!(of("salt").takes, "a text");
    assert_eq!(of("salt").description, "The key.");
    assert!(of("columns").required && !of("level").required);
    // One that leads back to itself is shown as far as anybody reads.
    let endless = json!({ "properties": { "a": { "type": "array", "items": { "$ref": "#/properties/a" } } } });
    assert!(list(&endless)[0].takes.contains("anything"));
}
