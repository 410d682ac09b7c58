//! `invisible-text`: characters that are not seen, or that make text seen as something else.

mod classes;
mod scan;

use crate::model::{Change, Effect};
use crate::policy::content::{Content, Unreadable, View, Window};
use crate::policy::findings::Fix;
use crate::policy::object_text::{CommitText, TagText};
use crate::policy::pattern::{Subject, Who};
use crate::policy::pattern_list::PatternList;
use crate::policy::pusher::Pusher;
use crate::policy::rules::{Check, read_match};
use crate::policy::spotted::Spotted;
use crate::strict::{Problem, Table, Value};
use bstr::ByteSlice;
use classes::Class;
use scan::Seen;

pub const DOC: &str = r#"kind = "invisible-text"
Speaks of characters in added lines, and in commit and tag messages and names, that a reader does not see or takes for
others: text that people see differs then from text that compilers, shells and agents read.
    what  = ["bidi", "tags", "zero-width", "variation", "filler", "control", "homoglyph"]
    match = ["**"]      # all paths, if not given; messages are always looked at
bidi: controls that turn the order of text around (U+202A to U+202E, U+2066 to U+2069). tags: an invisible alphabet
(U+E0000 and up), but for the flags of England, Scotland and Wales. variation: variation selectors in a row or in
places where they do nothing; one after an emoji, a mathematical sign or an ideograph passes. filler: Hangul and Khmer
letters without a shape. zero-width: zero-width spaces and joiners, direction marks, soft hyphens, line separators; those
that emoji and Arabic, Indic, Mongolian and Southeast Asian words need pass, and so does the byte order mark at the
start of a file. control: control characters other than tab, line ends and form feed, such as ESC, which commands a
terminal. homoglyph: a Greek or Cyrillic letter that looks like a Latin one, in a word with Latin letters.
Without `what` the rule speaks of all of them: with its own effect of bidi, tags, variation, filler, eight zero-width
characters in a row, and control characters in messages and names; of the others with a warning. With `what` it speaks
of those named alone, always with its own effect. In a binary file only the first five count, where they stand in text."#;

#[derive(Debug)]
struct InvisibleText {
    /// `None`: all, each with the effect it is worth.
    what: Option<Vec<Class>>,
    paths: PatternList,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let paths = read_match(table, problems);
    let what = match table.get("what") {
        Some(value) => Some(read_what(value, problems)?),
        None => None,
    };
    Some(Box::new(InvisibleText { what, paths: paths? }))
}

fn read_what(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<Vec<Class>> {
    let values = value.array(problems)?;
    if values.is_empty() {
        problems.push(Problem::new(value.span(), "an empty list matches nothing"));
    }
    let words = Class::ALL.map(|class| (class.word(), class));
    Some(values.into_iter().filter_map(|value| value.one_of(&words, problems)).collect())
}

/// Where a line is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    File,
    /// Binary, or UTF-16 byte by byte: what looks like a character may be none.
    Bytes,
    Object,
}

impl InvisibleText {
    /// The effect with which something seen is told, `None` being the rule's own; or nothing.
    fn effect(&self, seen: &Seen, from: From) -> Option<Option<Effect>> {
        if from == From::Bytes && !(seen.class.is_rare() && seen.is_in_text) {
            return None;
        }
        match &self.what {
            Some(what) => what.contains(&seen.class).then_some(None),
            None if seen.is_strong || (from == From::Object && seen.class == Class::Control) => Some(None),
            None => Some(Some(Effect::Warn)),
        }
    }

    fn tell(&self, seen: &Seen, line: Option<u32>, from: From, spotted: &mut Spotted<'_>) {
        let Some(effect) = self.effect(seen, from) else { return };
        let message = seen.to_string();
        let fix = Fix::Edit(seen.fix());
        match effect {
            Some(effect) => spotted.add_as(effect, line, message, fix),
            None => spotted.add(line, message, fix),
        }
    }

    fn look(
        &self,
        window: &Window<'_>,
        from: From,
        content: &Content<'_>,
        spotted: &mut Spotted<'_>,
    ) -> Result<(), Unreadable> {
        if scan::is_plain(window.bytes) {
            return Ok(());
        }
        for (number, line) in window.lines() {
            if !scan::may_have_any(line) {
                continue;
            }
            let seen = scan::look(line, number == 1);
            if !seen.is_empty() && content.has_added(line)? {
                seen.iter().for_each(|seen| self.tell(seen, Some(number), from, spotted));
            }
        }
        Ok(())
    }

    fn look_at_object(&self, message: &[u8], names: &[Option<&[u8]>], spotted: &mut Spotted<'_>) {
        let names = names.iter().flatten().map(|name| (None, *name));
        let lines = (1..).zip(message.lines()).map(|(number, line)| (Some(number), line));
        for (number, line) in names.chain(lines).filter(|(_, line)| scan::may_have_any(line)) {
            scan::look(line, false).iter().for_each(|seen| self.tell(seen, number, From::Object, spotted));
        }
    }
}

impl Check for InvisibleText {
    fn looks_into_files(&self) -> bool {
        true
    }

    fn wants(&self, change: &Change, path: &Subject<'_>, who: Who<'_>) -> bool {
        change.brings_content() && self.paths.forbids(path, who)
    }

    fn content(&self, content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
        let is_binary = content.is_binary()?;
        let mut outcome = Ok(());
        content.windows(&mut |window| {
            let from = if is_binary || window.view == View::Stored { From::Bytes } else { From::File };
            if outcome.is_ok() {
                outcome = self.look(window, from, content, spotted);
            }
        })?;
        outcome
    }

    fn looks_into_objects(&self) -> bool {
        true
    }

    fn commit_object(&self, commit: &CommitText<'_>, _pusher: &Pusher<'_>, spotted: &mut Spotted<'_>) {
        self.look_at_object(commit.message(), &["author", "committer"].map(|name| commit.header(name)), spotted);
    }

    fn tag_object(&self, tag: &TagText<'_>, _pusher: &Pusher<'_>, spotted: &mut Spotted<'_>) {
        self.look_at_object(tag.message(), &[tag.header("tagger")], spotted);
    }

    fn patterns(&self) -> Option<&PatternList> {
        Some(&self.paths)
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::*;

    const ALL: &str = "kind = \"invisible-text\"";
    const BIDI: &str = "\u{202e}";
    const ZERO_WIDTH: &str = "pass\u{200b}word";

    fn effects(keys: &str, old: Option<&[u8]>, new: &[u8]) -> Vec<String> {
        let found = judge_files(&with_rule(keys), &[("a", old, Some(new))]);
        let place =
            |finding: &String| finding.split(' ').filter(|word| *word != "r").take(2).collect::<Vec<_>>().join(" ");
        found.iter().map(place).collect()
    }

    #[test]
    fn speaks_of_added_lines_with_the_effect_of_the_class() {
        let late = "x\n".repeat(3);
        let what = |classes: &str| format!("{ALL}\nwhat = [{classes}]");
        let table: [(&str, Option<&str>, String, &[&str]); 14] = [
            (ALL, None, format!("{late}{BIDI}"), &["refuse a:4"]),
            (ALL, None, format!("{late}{ZERO_WIDTH}"), &["warn a:4"]),
            (ALL, None, "\u{1b}[0m\np\u{430}y".to_owned(), &["warn a:1", "warn a:2"]),
            (ALL, None, "\u{feff}x".to_owned(), &[]),
            (ALL, None, "x\n\u{feff}x".to_owned(), &["warn a:2"]),
            (ALL, Some(BIDI), format!("x\n{BIDI}"), &[]),
            (ALL, Some(BIDI), format!("x{BIDI}"), &["refuse a:1"]),
            (&what("\"zero-width\""), None, format!("{BIDI}\n{ZERO_WIDTH}"), &["refuse a:2"]),
            (&what("\"bidi\""), None, format!("{BIDI}\n{ZERO_WIDTH}"), &["refuse a:1"]),
            (
                &what("\"control\", \"homoglyph\""),
                None,
                "\u{1b}[0m\np\u{430}y".to_owned(),
                &["refuse a:1", "refuse a:2"],
            ),
            (&what("\"tags\""), None, "x\u{e0041}".to_owned(), &["refuse a:1"]),
            (&what("\"variation\""), None, "x\u{e0101}".to_owned(), &["refuse a:1"]),
            (&what("\"filler\""), None, "x\u{3164}".to_owned(), &["refuse a:1"]),
            ("kind = \"invisible-text\"\nmatch = \"b\"", None, BIDI.to_owned(), &[]),
        ];
        for (keys, old, new, expected) in table {
            assert_eq!(effects(keys, old.map(str::as_bytes), new.as_bytes()), expected, "{keys} {new:?}");
        }
    }

    #[test]
    fn binary_files_are_looked_at_where_they_are_text() {
        let text = format!("\0\nread this {BIDI} as well as that\n");
        let table: [(&[u8], &[&str]); 5] = [
            (text.as_bytes(), &["refuse a:2"]),
            (b"\0\xff\xe2\x80\xae\xff", &[]),
            (b"\0\x1b\x07", &[]),
            (b"\xff\xfe\n\xe2\x80\xae and some text behind a false mark", &["refuse a:2", "warn a:1"]),
            (b"\xff\xfe\x2e\x20", &["refuse a:1"]),
        ];
        for (new, expected) in table {
            assert_eq!(effects(ALL, None, new), expected, "{}", String::from_utf8_lossy(new));
        }
    }

    #[test]
    fn messages_and_names_are_looked_at_too() {
        let commit = |name: &str, message: &str| {
            let raw = format!("tree 0\nauthor {name} <a@b.c> 0 +0000\ncommitter C <a@b.c> 0 +0000\n\n{message}");
            judge_examined(&with_rule(ALL), one(vec![]), &Memory::default(), raw.as_bytes())
        };
        assert_eq!(commit("A", "subject\n\nbody\n"), Vec::<String>::new());
        assert_eq!(commit("A", "subject\n\nb\u{1b}[2Jody"), ["refuse r:3 the control character U+001B"]);
        assert_eq!(
            commit("A", "p\u{430}y"),
            ["warn r:1 a Latin word with U+0430, which looks like the Latin letter a"]
        );
        assert_eq!(commit("A\u{3164}", "subject"), ["refuse r U+3164 is a letter without a shape"]);
    }

    #[test]
    fn bad_settings_are_named() {
        for (keys, problem) in [
            ("what = []", "an empty list"),
            ("what = [\"bidy\"]", "did you mean `bidi`?"),
            ("what = \"bidi\"", "an array"),
        ] {
            assert!(problems(&format!("{ALL}\n{keys}")).contains(problem), "{keys}");
        }
    }
}
