//! A look into TOML files that are not tidelake's own, such as a `pyproject.toml`.

use std::collections::BTreeMap;

use toml_edit::Document;

use crate::error::{Error, Result};

/// The texts of one table of a TOML file; none where there is no such table. What else
/// the file holds is its owner's business.
pub fn texts_of(text: &str, table: &[&str]) -> Result<BTreeMap<String, String>> {
    let document = Document::parse(text)
        .map_err(|error| Error::input(format!("this is not valid TOML: {}", error.message())))?;
    let mut found: Option<&dyn toml_edit::TableLike> = Some(document.as_table());
    for name in table {
        found = found.and_then(|table| table.get(name)).and_then(|item| item.as_table_like());
    }
    let texts = found
        .into_iter()
        .flat_map(|table| table.iter())
        .filter_map(|(key, item)| Some((key.to_owned(), item.as_str()?.to_owned())));
    Ok(texts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_table_is_looked_into() {
        let text = "[project]\nname = \"x\"\nkeywords = [\"a\"]\n[tool.tidelake]\nsdk = \"../s\"\n";
        let of = |table: &[&str]| texts_of(text, table).unwrap();
        assert_eq!(of(&["tool", "tidelake"])["sdk"], "../s");
        assert_eq!(of(&["project"]).len(), 1);
        assert!(of(&["tool", "other"]).is_empty() && of(&["project", "name"]).is_empty());
        assert!(texts_of("[", &[]).is_err());
    }
}
