//! XML as a tree, without anything a document type could bring in.

use super::tree::Malformed;
use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

const DEPTH_MAX: usize = 100;

/// One element: its name without a prefix, its text, and what is in it.
#[derive(Debug, Default)]
pub struct XmlNode {
    pub name: String,
    pub line: u32,
    text: String,
    pub children: Vec<XmlNode>,
}

impl XmlNode {
    /// The text of the last child of a name; nothing, if there is none.
    #[must_use]
    pub fn word(&self, name: &str) -> &str {
        self.children.iter().rev().find(|child| child.name == name).map_or("", |child| child.text.trim())
    }
}

pub fn xml(text: &str) -> Result<XmlNode, Malformed> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader = Reader::from_str(text);
    let mut open = vec![XmlNode::default()];
    let (mut line, mut seen) = (1_usize, 0_usize);
    loop {
        let start = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        line = line.saturating_add(
            text.as_bytes().get(seen..start).map_or(0, |part| memchr::memchr_iter(b'\n', part).count()),
        );
        seen = start;
        let event = reader.read_event().map_err(|error| Malformed(error.to_string()))?;
        let node = |name: &str| XmlNode {
            name: name.to_owned(),
            line: u32::try_from(line).unwrap_or(0),
            ..XmlNode::default()
        };
        match event {
            Event::Start(tag) => {
                if open.len() > DEPTH_MAX {
                    return Err(Malformed("it is nested too deeply".to_owned()));
                }
                open.push(node(tag.local_name().as_ref()));
            }
            Event::Empty(tag) => add(&mut open, node(tag.local_name().as_ref())),
            Event::End(_) => {
                if let Some(done) = open.pop() {
                    add(&mut open, done);
                }
            }
            Event::Text(part) => say(&mut open, &part),
            Event::CData(part) => say(&mut open, &part),
            Event::GeneralRef(entity) => say(&mut open, &resolve(&entity)?),
            Event::DocType(_) => return Err(Malformed("it has a document type".to_owned())),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some(root), true) => Ok(root),
        _ => Err(Malformed("an element does not end".to_owned())),
    }
}

fn add(open: &mut [XmlNode], node: XmlNode) {
    if let Some(parent) = open.last_mut() {
        parent.children.push(node);
    }
}

fn say(open: &mut [XmlNode], text: &str) {
    if let Some(parent) = open.last_mut() {
        parent.text.push_str(text);
    }
}

fn resolve(entity: &BytesRef<'_>) -> Result<String, Malformed> {
    if let Ok(Some(c)) = entity.resolve_char_ref() {
        return Ok(c.to_string());
    }
    let known = [("amp", "&"), ("lt", "<"), ("gt", ">"), ("quot", "\""), ("apos", "'")];
    let name = &**entity;
    let text = known.into_iter().find(|(known, _)| *known == name).map(|(_, text)| text.to_owned());
    text.ok_or_else(|| Malformed("it has an entity of its own".to_owned()))
}
