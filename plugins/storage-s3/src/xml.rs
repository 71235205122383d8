//! What servers write in XML, as a tree. Whatever a document is, there is a tree or an
//! error: it is read once, without following entities, and not deeper than answers are.

use quick_xml::Reader;
use quick_xml::events::Event;

/// S3's own answers are four deep.
const DEEPEST: usize = 16;

/// An element: its local name, its own text and what is in it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    children: Vec<Element>,
}

impl Element {
    /// The elements of a name in this one.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first element of a name in this one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next().map(|child| child.text.as_str())
    }

    /// The same, and an error where there is none.
    pub(crate) fn need(&self, name: &str) -> Result<&str, String> {
        self.get(name).ok_or_else(|| format!("<{}> has no <{name}>", self.name))
    }
}

/// Reads a document to its end.
pub(crate) fn read(bytes: &[u8]) -> Result<Element, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "the answer is not UTF-8".to_owned())?;
    let mut reader = Reader::from_str(text);
    let told = |error: &dyn std::fmt::Display| format!("the answer is not XML: {error}");
    // The first stands for the document.
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|error| told(&error))?;
        let here = open.last_mut().ok_or("the answer ends an element that it did not begin")?;
        match event {
            Event::Start(start) => {
                let name = local(start.local_name().as_ref())?;
                open.push(Element { name, ..Element::default() });
                if open.len() > DEEPEST {
                    return Err("the answer is too deep".to_owned());
                }
            }
            Event::Empty(start) => {
                let name = local(start.local_name().as_ref())?;
                here.children.push(Element { name, ..Element::default() });
            }
            Event::End(_) => {
                let Some(done) = open.pop() else { break };
                let outer = open.last_mut().ok_or("the answer ends what it did not begin")?;
                outer.children.push(done);
            }
            Event::Text(text) => {
                here.text.push_str(&text.xml10_content().map_err(|error| told(&error))?);
            }
            Event::CData(text) => {
                here.text.push_str(&text.xml10_content().map_err(|error| told(&error))?);
            }
            Event::GeneralRef(entity) => {
                let character = entity.resolve_char_ref().map_err(|error| told(&error))?;
                let name = entity.decode().map_err(|error| told(&error))?;
                let known = quick_xml::escape::resolve_predefined_entity(&name);
                match (character, known) {
                    (Some(character), _) => here.text.push(character),
                    (None, Some(known)) => here.text.push_str(known),
                    (None, None) => return Err("an entity that XML does not know".to_owned()),
                }
            }
            Event::DocType(_) => return Err("the answer has a DOCTYPE".to_owned()),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match (open.len(), open.pop()) {
        (1, Some(mut document)) if document.children.len() == 1 => Ok(document.children.remove(0)),
        _ => Err("the answer is not one whole element".to_owned()),
    }
}

/// The same, which must be one of a name.
pub(crate) fn read_as(bytes: &[u8], name: &str) -> Result<Element, String> {
    let root = read(bytes)?;
    if root.name == name {
        return Ok(root);
    }
    let shown: String = root.name.chars().take(64).collect();
    Err(format!("<{shown}> where <{name}> was expected"))
}

fn local(name: &[u8]) -> Result<String, String> {
    std::str::from_utf8(name).map(str::to_owned).map_err(|_| "a name is not UTF-8".to_owned())
}

/// Text as it stands in XML.
pub(crate) fn escaped(text: &str) -> std::borrow::Cow<'_, str> {
    quick_xml::escape::escape(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_are_kept_as_they_are() {
        let text = "<?xml version=\"1.0\"?>\n<a xmlns=\"u\"><b> x &amp;&#x2b;&lt; </b><c/>\
                    <n:b>&quot;2&quot;</n:b><d><![CDATA[<&>]]></d></a>\n";
        let root = read_as(text.as_bytes(), "a").unwrap();
        assert_eq!(root.get("b"), Some(" x &+< "));
        let all: Vec<_> = root.all("b").map(|b| b.text.as_str()).collect();
        assert_eq!(all, [" x &+< ", "\"2\""]);
        assert_eq!((root.get("c"), root.get("d"), root.get("e")), (Some(""), Some("<&>"), None));
        assert_eq!(root.need("e").unwrap_err(), "<a> has no <e>");
        let odd = " a<&>\"'b ";
        let there = format!("<a>{}</a>", escaped(odd));
        assert_eq!(read(there.as_bytes()).unwrap().text, odd);
    }

    #[test]
    fn what_is_hostile_is_an_error() {
        let deep = "<a>".repeat(1_000_000);
        let laughs = "<!DOCTYPE a [<!ENTITY b \"bbbb\">]><a>&b;</a>";
        for text in [
            "",
            "x",
            "<a>",
            "<a></b>",
            "</a>",
            "<a/><b/>",
            "<a>&b;</a>",
            "<a>&#xD800;</a>",
            "<a",
            &deep,
            laughs,
            "<a></a></a>",
            "<html><body>404</body>",
        ] {
            assert!(read(text.as_bytes()).is_err(), "{:?}", &text[..text.len().min(40)]);
        }
        assert!(read(b"<a>\xff</a>").is_err());
        assert!(read_as(b"<html/>", "a").unwrap_err().contains("<html>"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn any_markup_is_read_or_refused(text in "[<>/a&;#x0-9!\\[\\]\"= -]{0,80}") {
            let _ = read(text.as_bytes());
        }
    }
}
