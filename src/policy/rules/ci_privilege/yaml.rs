//! YAML as a tree that knows its lines, within bounds, and strict where readers of YAML differ.
//!
//! GitHub refuses a key that stands twice, GitLab takes the last one; YAML 1.1 ends a line where 1.2 does not. What
//! could be read in two ways is a [`Flaw`], so that nothing can be shown to this rule and hidden from the runner.

use saphyr_parser::{Event, Parser, Span, Tag};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

/// Longest text that is parsed. GitHub itself stops at half of it.
pub const YAML_BYTES_MAX: usize = 1024 * 1024;
/// How deep collections nest. Everything that walks a tree may recurse that deep.
const DEPTH_MAX: usize = 64;
/// Keys of one mapping: jobs, say. Looking for one goes through all.
const PAIRS_MAX: usize = 1000;
/// What a document may come to with its aliases written out: bytes of text, and some for each node.
const WEIGHT_MAX: usize = 8 * 1024 * 1024;
const NODE_WEIGHT: usize = 32;

/// A scalar, list or mapping, and the line its content starts on. Aliases share what they stand for.
#[derive(Debug)]
pub struct Node {
    pub line: u32,
    pub value: Value,
    weight: usize,
}

#[derive(Debug)]
pub enum Value {
    Scalar(String),
    List(Vec<Rc<Node>>),
    Map(Vec<Pair>),
}

/// A key and its value; a merge (`<<`) is already done.
#[derive(Debug, Clone)]
pub struct Pair {
    pub key: String,
    pub line: u32,
    pub value: Rc<Node>,
}

/// Something readers of YAML do not agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    pub line: u32,
    pub what: String,
}

/// See [`Node::lines`]. Goes over the text once, however often it is asked.
pub struct LinesOf<'n> {
    text: &'n str,
    at: usize,
    line: u32,
}

impl LinesOf<'_> {
    pub fn line_at(&mut self, offset: usize) -> u32 {
        let passed = self.text.as_bytes().get(self.at..offset).unwrap_or_default();
        self.line = self.line.saturating_add(to_u32(memchr::memchr_iter(b'\n', passed).count()));
        self.at = self.at.max(offset);
        self.line
    }
}

/// All documents of a text.
#[derive(Debug, Default)]
pub struct Stream {
    pub documents: Vec<Rc<Node>>,
    pub flaws: Vec<Flaw>,
}

impl Node {
    /// The value of a key, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Rc<Node>> {
        self.pair(key).map(|pair| &pair.value)
    }

    /// The last one counts, as it does for readers that allow several.
    #[must_use]
    pub fn pair(&self, key: &str) -> Option<&Pair> {
        self.pairs().iter().rev().find(|pair| pair.key == key)
    }

    #[must_use]
    pub fn pairs(&self) -> &[Pair] {
        match &self.value {
            Value::Map(pairs) => pairs,
            Value::Scalar(_) | Value::List(_) => &[],
        }
    }

    #[must_use]
    pub fn items(&self) -> &[Rc<Node>] {
        match &self.value {
            Value::List(items) => items,
            Value::Scalar(_) | Value::Map(_) => &[],
        }
    }

    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(text) => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    #[must_use]
    pub fn is_map(&self) -> bool {
        matches!(self.value, Value::Map(_))
    }

    /// Tells the line of the file for offsets in this scalar's text, asked for in rising order; a guess in folded ones.
    #[must_use]
    pub fn lines(&self) -> LinesOf<'_> {
        LinesOf { text: self.text().unwrap_or_default(), at: 0, line: self.line }
    }

    /// One scalar, or all of a list, also one of lists: where a format takes both.
    #[must_use]
    pub fn scalars(&self) -> Vec<(&str, &Node)> {
        let mut found = Vec::new();
        self.each_scalar(&mut |_, node| found.extend(node.text().map(|text| (text, node))), None);
        found
    }

    /// Calls `look` with every scalar value below, and the key it stands under, if any.
    pub fn each_scalar<'n>(&'n self, look: &mut dyn FnMut(Option<&'n str>, &'n Self), key: Option<&'n str>) {
        match &self.value {
            Value::Scalar(_) => look(key, self),
            Value::List(items) => items.iter().for_each(|item| item.each_scalar(look, key)),
            Value::Map(pairs) => pairs.iter().for_each(|pair| pair.value.each_scalar(look, Some(&pair.key))),
        }
    }

    /// The whole as one text, to compare it: the same for the same content, wherever it stands.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut out = String::new();
        self.write_canonical(&mut out);
        out
    }

    fn write_canonical(&self, out: &mut String) {
        match &self.value {
            Value::Scalar(text) => out.push_str(&format!("{text:?}")),
            Value::List(items) => {
                out.push('[');
                for item in items {
                    item.write_canonical(out);
                    out.push(',');
                }
                out.push(']');
            }
            Value::Map(pairs) => {
                let mut pairs: Vec<&Pair> = pairs.iter().collect();
                pairs.sort_by(|a, b| a.key.cmp(&b.key));
                out.push('{');
                for pair in pairs {
                    out.push_str(&format!("{:?}:", pair.key));
                    pair.value.write_canonical(out);
                    out.push(',');
                }
                out.push('}');
            }
        }
    }
}

/// Parses a text; a [`Flaw`] if it is no YAML, or none that can be judged.
pub fn parse(bytes: &[u8]) -> Result<Stream, Flaw> {
    let flaw = |line, what: &str| Flaw { line, what: what.to_owned() };
    if bytes.len() > YAML_BYTES_MAX {
        return Err(flaw(1, &format!("is too large to be parsed ({YAML_BYTES_MAX} bytes at most)")));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| flaw(1, "is not UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // A NUL ends the text for some, and the others are line breaks in YAML 1.1.
    let odd = |c: char| matches!(c, '\0' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}');
    if let Some(at) = text.find(odd) {
        let line = text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        return Err(flaw(to_u32(line), "has a character that some readers of YAML take for the end of a line or file"));
    }
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| flaw(to_u32(error.marker().line()), "is no valid YAML here"))?;
        builder.take(event, span)?;
    }
    Ok(builder.stream)
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Makes a tree of events, without recursion.
#[derive(Default)]
struct Builder {
    stream: Stream,
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
}

/// A collection whose end has not come yet.
struct Open {
    line: u32,
    anchor: usize,
    weight: usize,
    content: Content,
}

enum Content {
    List(Vec<Rc<Node>>),
    Map { pairs: Vec<Pair>, keys: HashSet<String>, merges: Vec<Rc<Node>>, key: Option<(String, u32)> },
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Flaw> {
        let line = to_u32(span.start.line());
        match event {
            Event::Scalar(text, _, anchor, tag) => {
                self.look_at_tag(tag.as_deref(), line);
                let weight = NODE_WEIGHT + text.len();
                let value = Value::Scalar(text.into_owned());
                self.close(Node { line, value, weight }, anchor)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(Flaw { line, what: "uses an alias before its anchor is complete".to_owned() });
                };
                self.put(node, line)
            }
            Event::SequenceStart(anchor, tag) => {
                self.look_at_tag(tag.as_deref(), line);
                self.open(Content::List(Vec::new()), anchor, line)
            }
            Event::MappingStart(anchor, tag) => {
                self.look_at_tag(tag.as_deref(), line);
                let (pairs, keys, merges, key) = Default::default();
                self.open(Content::Map { pairs, keys, merges, key }, anchor, line)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.end(open),
                None => Ok(()),
            },
            Event::DocumentEnd => {
                self.anchors.clear();
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => Ok(()),
        }
    }

    /// Tags that change what a scalar is would show one text here and give another to the runner.
    fn look_at_tag(&mut self, tag: Option<&Tag>, line: u32) {
        let Some(tag) = tag else { return };
        let is_plain = matches!(tag.suffix.as_str(), "str" | "int" | "float" | "bool" | "null" | "map" | "seq");
        let is_reference = tag.handle == "!" && matches!(tag.suffix.as_str(), "reference" | "");
        if !(is_reference || tag.is_yaml_core_schema() && is_plain) {
            self.stream.flaws.push(Flaw { line, what: "has a YAML tag that readers do not agree on".to_owned() });
        }
    }

    fn open(&mut self, content: Content, anchor: usize, line: u32) -> Result<(), Flaw> {
        if self.open.len() >= DEPTH_MAX {
            return Err(Flaw { line, what: format!("nests deeper than {DEPTH_MAX} levels") });
        }
        self.open.push(Open { line, anchor, weight: NODE_WEIGHT, content });
        Ok(())
    }

    fn end(&mut self, open: Open) -> Result<(), Flaw> {
        let Open { line, anchor, mut weight, content } = open;
        let value = match content {
            Content::List(items) => Value::List(items),
            Content::Map { mut pairs, mut keys, merges, .. } => {
                let maps = merges.iter().flat_map(|node| std::iter::once(node).chain(node.items()));
                for pair in maps.flat_map(|node| node.pairs()) {
                    if keys.insert(pair.key.clone()) {
                        weight = weight.saturating_add(pair.value.weight);
                        pairs.push(pair.clone());
                    }
                }
                if pairs.len() > PAIRS_MAX {
                    return Err(Flaw { line, what: format!("has a mapping with more than {PAIRS_MAX} keys") });
                }
                Value::Map(pairs)
            }
        };
        self.close(Node { line, value, weight }, anchor)
    }

    fn close(&mut self, node: Node, anchor: usize) -> Result<(), Flaw> {
        let (line, node) = (node.line, Rc::new(node));
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.put(node, line)
    }

    /// Puts a complete node where it belongs.
    fn put(&mut self, node: Rc<Node>, line: u32) -> Result<(), Flaw> {
        let Some(open) = self.open.last_mut() else {
            self.stream.documents.push(node);
            return Ok(());
        };
        open.weight = open.weight.saturating_add(node.weight);
        if open.weight > WEIGHT_MAX {
            return Err(Flaw { line, what: "comes to too much with its aliases written out".to_owned() });
        }
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map { pairs, keys, merges, key } => match key.take() {
                None => {
                    let Some(text) = node.text() else {
                        return Err(Flaw { line, what: "has a key that is a list or mapping".to_owned() });
                    };
                    *key = Some((text.to_owned(), line));
                }
                Some((name, _)) if name == "<<" => merges.push(node),
                Some((name, line)) => {
                    if !keys.insert(name.clone()) {
                        self.stream.flaws.push(Flaw { line, what: "has a key for the second time".to_owned() });
                    }
                    pairs.push(Pair { key: name, line, value: node });
                }
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Rc<Node> {
        let mut stream = parse(text.as_bytes()).unwrap_or_else(|flaw| panic!("{flaw:?}"));
        assert_eq!((stream.documents.len(), stream.flaws.as_slice()), (1, &[][..]), "{text}");
        stream.documents.remove(0)
    }

    #[test]
    fn makes_trees_that_know_their_lines() {
        let text = "a: 1\nb:\n  - x\n  - 'y'\nrun: |\n  one\n  two\n\"q\": >-\n  three\n# end\n";
        let root = one(text);
        let lines: Vec<(&str, u32)> = root.pairs().iter().map(|pair| (pair.key.as_str(), pair.line)).collect();
        assert_eq!(lines, [("a", 1), ("b", 2), ("run", 5), ("q", 8)]);
        let run = root.get("run").expect("run");
        let mut lines = run.lines();
        assert_eq!((run.text(), lines.line_at(0), lines.line_at(4)), (Some("one\ntwo\n"), 6, 7));
        let items: Vec<(&str, u32)> = root.get("b").expect("b").scalars().iter().map(|(t, n)| (*t, n.line)).collect();
        assert_eq!(items, [("x", 3), ("y", 4)]);
        assert_eq!(one("{b: [1, 2], a: {x: 'y'}}").canonical(), one("a:\n  x: y\nb:\n- 1\n- \"2\"\n").canonical());
    }

    #[test]
    fn anchors_and_merges_are_written_out() {
        let text = "base: &b {a: 1, b: 2}\nmore: &m {b: 3, c: 4}\nx:\n  <<: [*b, *m]\n  a: 0\ny: *b\n";
        let root = one(text);
        let x: Vec<_> = root.get("x").expect("x").pairs().iter().map(|p| (p.key.as_str(), p.value.text())).collect();
        assert_eq!(x, [("a", Some("0")), ("b", Some("2")), ("c", Some("4"))]);
        assert_eq!(root.get("y").expect("y").canonical(), root.get("base").expect("base").canonical());
    }

    #[test]
    fn what_readers_differ_on_is_a_flaw() {
        let flaws = |text: &str| match parse(text.as_bytes()) {
            Ok(stream) => stream.flaws.first().map(|flaw| flaw.line),
            Err(flaw) => Some(flaw.line),
        };
        let deep = format!("a: {}1{}", "[".repeat(70), "]".repeat(70));
        let bomb: String = (1..12).fold("a0: &a0 [x, x]\n".to_owned(), |text, n| {
            let last = n - 1;
            format!(
                "{text}a{n}: &a{n} [*a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}]\n"
            )
        });
        let table = [
            ("a: 1\nb: 2\na: 3\n", Some(3)),
            ("a: !!binary eA==\n", Some(1)),
            ("a: !ruby/object x\n", Some(1)),
            ("# note\u{2028}a: 1\n", Some(1)),
            ("a: 1\0b: 2\n", Some(1)),
            ("a: 1\n? [x]\n: 2\n", Some(2)),
            ("a: &a [*a]\n", Some(1)),
            ("a: *b\n", Some(1)),
            ("a: [1\nb: 2\n", Some(2)),
            ("a: b: c\n", Some(1)),
            (&deep, Some(1)),
            (&bomb, Some(7)),
            ("a: !!str 1\nb: !reference [x, y]\n", None),
            ("\u{feff}a: 1\r\nb: 2\r\n", None),
            ("", None),
        ];
        for (text, line) in table {
            assert_eq!(flaws(text), line, "{}", text.get(..60).unwrap_or(text));
        }
        assert!(parse(b"a: \xff").is_err());
        assert!(parse(&vec![b'#'; YAML_BYTES_MAX + 1]).is_err());
    }
}
