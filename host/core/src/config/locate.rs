//! Finding a value in the text again.
//!
//! A validated [`super::Config`] has no spans, and what is checked later (a
//! plugin's options against the plugin's own schema) should still show the line.
//! So a place is found by its path when there is something to say about it, which
//! is seldom.

use std::ops::Range;

use toml_edit::{Document, Item, TableLike, Value};

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The value of a key.
    Key(String),
    /// An element of a list, counted from 0.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Where something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its key; the value, when it has none.
    pub key: Range<usize>,
    /// Its value.
    pub value: Range<usize>,
}

/// The place of a value in a TOML text, or of the nearest thing around it that
/// is written there.
pub fn locate(text: &str, path: &[Step]) -> Option<Place> {
    let document = Document::parse(text).ok()?;
    let mut here = Node::Table(document.as_table());
    let mut place = None;
    for step in path {
        let Some((next, key)) = here.step(step) else { break };
        // Tables made by dotted keys are written nowhere as a whole.
        if let Some(value) = next.span().or_else(|| key.clone()) {
            place = Some(Place { key: key.unwrap_or_else(|| value.clone()), value });
        }
        here = next;
    }
    place
}

/// Whatever can be at a place.
enum Node<'a> {
    Table(&'a dyn TableLike),
    Item(&'a Item),
    Value(&'a Value),
    Header(&'a toml_edit::Table),
}

impl<'a> Node<'a> {
    fn step(&self, step: &Step) -> Option<(Node<'a>, Option<Range<usize>>)> {
        match step {
            Step::Key(key) => {
                let table = self.table()?;
                let item = table.get(key)?;
                Some((Node::Item(item), table.key(key).and_then(|k| k.span())))
            }
            Step::Index(index) => {
                if let Node::Item(Item::ArrayOfTables(tables)) = self {
                    return Some((Node::Header(tables.get(*index)?), None));
                }
                let array = match self {
                    Node::Item(item) => item.as_array(),
                    Node::Value(value) => value.as_array(),
                    _ => None,
                };
                Some((Node::Value(array?.get(*index)?), None))
            }
        }
    }

    fn table(&self) -> Option<&'a dyn TableLike> {
        match self {
            Node::Table(table) => Some(*table),
            Node::Item(item) => item.as_table_like(),
            Node::Value(value) => value.as_inline_table().map(|t| t as &dyn TableLike),
            Node::Header(table) => Some(*table),
        }
    }

    fn span(&self) -> Option<Range<usize>> {
        match self {
            Node::Table(_) => None,
            Node::Item(item) => item.span(),
            Node::Value(value) => value.span(),
            Node::Header(table) => table.span(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
[[table.t.transform]]
plugin = "a"
[[table.t.transform]]
plugin = "b"
options = { columns = ["x", { name = "y" }] }
[table.t.layout]
options.level = 3
"#;

    fn found(path: &[Step]) -> (&'static str, &'static str) {
        let place = locate(TEXT, path).expect("a place");
        (&TEXT[place.key], &TEXT[place.value])
    }

    #[test]
    fn values_are_found_by_their_path() {
        let second = ["table".into(), "t".into(), "transform".into(), Step::Index(1)];
        let below = |more: &[Step]| [&second[..], more].concat();
        assert_eq!(found(&below(&["plugin".into()])), ("plugin", "\"b\""));
        let name = below(&["options".into(), "columns".into(), 1.into(), "name".into()]);
        assert_eq!(found(&name), ("name", "\"y\""));
        let x = below(&["options".into(), "columns".into(), 0.into()]);
        assert_eq!(found(&x).1, "\"x\"");
        let layout = ["table", "t", "layout", "options", "level"].map(Step::from);
        assert_eq!(found(&layout), ("level", "3"));
    }

    #[test]
    fn what_is_not_there_is_near_what_is() {
        let missing = ["table", "t", "layout", "options", "nowhere", "x"].map(Step::from);
        assert!(locate(TEXT, &missing).is_some());
        assert_eq!(locate(TEXT, &["hot".into()]), None);
        assert_eq!(locate("[", &["hot".into()]), None);
    }
}
