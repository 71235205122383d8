//! What a plugin says about itself, held against what is known of it.

use serde_json::Value;
use tidelake_core::config::is_plugin_name;
use tidelake_core::plugin::{PluginInfo, PluginKind};

use crate::text;

/// The longest description, in bytes.
const LONGEST: usize = 256 << 10;

/// Reads the JSON of `meta.describe`; the error is what is wrong with it.
pub(crate) fn read(
    json: &str,
    expected: Option<&str>,
    kind: PluginKind,
    digest: &str,
) -> Result<PluginInfo, String> {
    if json.len() > LONGEST {
        return Err(format!("its description is longer than {LONGEST} bytes"));
    }
    let mut info: PluginInfo = serde_json::from_str(json)
        .map_err(|error| text::message(&format!("its description is not valid: {error}")))?;
    if let Some(name) = expected.filter(|name| info.name != *name) {
        let own = text::clean(&info.name, 64);
        return Err(format!("it calls itself `{own}`, not `{name}`"));
    }
    if !is_plugin_name(&info.name) {
        return Err(format!("`{}` is not a name for a plugin", text::clean(&info.name, 64)));
    }
    if info.kind != kind {
        return Err(format!("it calls itself a {}, but is a {kind}", info.kind));
    }
    if !is_version(&info.version) {
        let version = text::clean(&info.version, 64);
        return Err(format!("`{version}` is not a version (major.minor.patch)"));
    }
    match info.options {
        Value::Null => info.options = Value::Object(Default::default()),
        Value::Object(_) => {}
        _ => return Err("its options are not described by a JSON Schema object".to_owned()),
    }
    if kind == PluginKind::FormatWriter {
        for (key, value) in [("file_format", &info.file_format), ("extension", &info.extension)] {
            if !value.as_deref().is_some_and(is_word) {
                return Err(format!("its description lacks `{key}`, which a format-writer needs"));
            }
        }
    }
    info.description = text::clean(&info.description, 512);
    digest.clone_into(&mut info.digest);
    Ok(info)
}

/// Three numbers, perhaps with a pre-release or build after them.
fn is_version(version: &str) -> bool {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let tail = version[core.len()..].chars();
    let numbers: Vec<&str> = core.split('.').collect();
    version.len() <= 64
        && numbers.len() == 3
        && numbers.iter().all(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
        && tail.into_iter().all(|c| c.is_ascii_alphanumeric() || ".-+".contains(c))
}

/// Fit to be a part of a file's name.
fn is_word(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 32
        && !word.starts_with('.')
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_held_against_what_is_known() {
        let good = r#"{"name":"mask","version":"1.2.3-rc.1","kind":"transform","row_wise":true}"#;
        let info = read(good, Some("mask"), PluginKind::Transform, "abc").expect("good");
        assert!(info.row_wise && info.options.is_object() && info.digest == "abc");
        for (json, part) in [
            (good.replace("mask", "other"), "calls itself `other`"),
            (good.replace("transform", "downsampler"), "calls itself a downsampler"),
            (good.replace("1.2.3-rc.1", "one"), "`one` is not a version"),
            (good.replace("true", "7"), "description is not valid"),
            (good.replace("}", r#","options":3}"#), "not described by a JSON Schema"),
            ("[".repeat(10_000), "description is not valid"),
        ] {
            let error = read(&json, Some("mask"), PluginKind::Transform, "").expect_err("refused");
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(read(good, None, PluginKind::Transform, "").expect("any").name, "mask");
        let odd = good.replace("mask", "Mask");
        assert!(read(&odd, None, PluginKind::Transform, "").is_err());
        let writer = r#"{"name":"w","version":"1.0.0","kind":"format-writer","extension":"../x"}"#;
        assert!(read(writer, Some("w"), PluginKind::FormatWriter, "").is_err());
    }
}
