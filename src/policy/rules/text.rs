//! `text`: what must not come in, and what must be there, by regular expressions.

use crate::model::{Change, is_invisible};
use crate::policy::content::{Content, Unreadable, View, Window};
use crate::policy::findings::Fix;
use crate::policy::pattern::{Subject, Who};
use crate::policy::pattern_list::{PatternList, one_or_more};
use crate::policy::rules::{Check, read_match};
use crate::policy::spotted::Spotted;
use crate::strict::{Problem, Table, Value};
use bstr::ByteSlice;
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

pub const DOC: &str = r#"kind = "text"
Speaks of added lines that match one of some regular expressions, and of files in which none of some others matches.
    forbid       = ['(?i)\bdo not merge\b', 'https?://10\.']
    require      = ['SPDX-License-Identifier: (MIT|Apache-2\.0)']
    require_in   = "new-files"     # or "every-change"
    within_lines = 10              # where to look for what is required; in the whole file, if not given
    whole_file   = false           # true: what is forbidden may go over several lines, with `(?s)` and `\n`
    match        = ["src/**"]      # all paths, if not given
At least one of `forbid` and `require`. The expressions are those of Rust's regex crate: no look-around and no
back-references, time linear in the text. `^` and `$` stand for the ends of a line. One that matches nothing at all
(as `a*` does) is an error.
forbid: each line is matched alone, once as it is and once without invisible characters, so that none of them hides a
word. UTF-16 is read as text, and binary files are looked into too. With `whole_file`, a match counts if one of its
lines is added, or stands beside another one for the first time; in a file larger than the limit `content_bytes_max` a match may then be at most 32 KiB long.
require: each expression of the list must match somewhere. With "new-files" also in changed files, if it matched
before: the text may not be taken out. Empty files and symlinks need nothing.
The finding shows neither the expression nor the line: say in `message` and `fix` what the rule is for."#;

/// Bounds of one compiled expression and of its cache.
const COMPILED_BYTES_MAX: usize = 1024 * 1024;
const DFA_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Lines told of in one file; the push does not pass with one already.
const FOUND_MAX: usize = 1000;
/// Matches over several lines looked at in one window; more are spoken of without a look at what is added.
const MATCHES_MAX: usize = 200;

#[derive(Debug)]
struct Text {
    forbid: Option<Forbid>,
    require: Vec<Regex>,
    require_in: RequireIn,
    within_lines: Option<usize>,
    paths: PatternList,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequireIn {
    NewFiles,
    EveryChange,
}

#[derive(Debug)]
struct Forbid {
    set: RegexSet,
    /// Whether no match in a line goes away when the whole text is looked at.
    is_local: bool,
    /// Each alone, to find matches over several lines.
    over_lines: Vec<Regex>,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let before = problems.len();
    let paths = read_match(table, problems);
    let (forbid, require) = (table.get("forbid"), table.get("require"));
    if forbid.is_none() && require.is_none() {
        problems.push(Problem::new(table.span.clone(), "this rule has `forbid`, `require`, or both"));
    }
    let whole_file = table.get("whole_file");
    let require_in = table.get("require_in");
    let within = table.get("within_lines");
    for (value, of, key) in
        [(whole_file, forbid, "forbid"), (require_in, require, "require"), (within, require, "require")]
    {
        if let (Some(value), None) = (value, of) {
            problems.push(Problem::new(value.span(), format!("this means nothing without `{key}`")));
        }
    }
    let whole_file = whole_file.and_then(|v| v.boolean(problems)).unwrap_or(false);
    let words = [("new-files", RequireIn::NewFiles), ("every-change", RequireIn::EveryChange)];
    let require_in = require_in.and_then(|v| v.one_of(&words, problems)).unwrap_or(RequireIn::NewFiles);
    let within_lines = within.and_then(|v| read_lines(v, problems));
    let forbid = forbid.and_then(|v| Forbid::read(v, whole_file, problems));
    let require = require.map(|v| regexes(v, problems)).unwrap_or_default();
    let require = require.into_iter().map(|(_, regex)| regex).collect();
    let text = Text { forbid, require, require_in, within_lines, paths: paths? };
    (problems.len() == before).then(|| Box::new(text) as Box<dyn Check>)
}

fn read_lines(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<usize> {
    let number = value.unsigned(problems)?;
    if number == 0 {
        problems.push(Problem::new(value.span(), "nothing can be within no lines"));
    }
    usize::try_from(number).ok()
}

/// The expressions that are right; the others become problems.
fn regexes<'t>(value: Value<'t, '_>, problems: &mut Vec<Problem>) -> Vec<(&'t str, Regex)> {
    let mut good = Vec::new();
    for (text, span) in one_or_more(value, problems).unwrap_or_default() {
        let built = RegexBuilder::new(text)
            .multi_line(true)
            .crlf(true)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(DFA_BYTES_MAX)
            .build();
        match built {
            Ok(regex) if matches_nothing(&regex) => {
                let problem = Problem::new(span, "this expression matches no text at all, and so everywhere");
                problems.push(problem.help("write what must at least be there: `a+` for `a*`"));
            }
            Ok(regex) => good.push((text, regex)),
            Err(error) => problems.push(Problem::new(span, "not a regular expression").help(cause(&error))),
        }
    }
    good
}

/// Whether an empty piece of text is enough for a match.
fn matches_nothing(regex: &Regex) -> bool {
    [&b""[..], b"a", b" a ", b"a b"].iter().any(|text| regex.find_iter(text).any(|found| found.is_empty()))
}

fn cause(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(_) => "it is too large: shorten it, or lower the numbers in {}".to_owned(),
        // The last line says what is wrong; those before draw it.
        error => {
            let text = error.to_string();
            text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    }
}

impl Forbid {
    fn read(value: Value<'_, '_>, whole_file: bool, problems: &mut Vec<Problem>) -> Option<Self> {
        let (texts, alone): (Vec<&str>, Vec<Regex>) = regexes(value, problems).into_iter().unzip();
        let set = RegexSetBuilder::new(&texts)
            .multi_line(true)
            .crlf(true)
            .size_limit(COMPILED_BYTES_MAX.saturating_mul(texts.len().max(1)))
            .dfa_size_limit(DFA_BYTES_MAX)
            .build();
        let Ok(set) = set else {
            problems.push(Problem::new(value.span(), "these expressions are too large together"));
            return None;
        };
        let is_local = texts.iter().all(|text| is_local(text));
        Some(Self { set, is_local, over_lines: if whole_file { alone } else { Vec::new() } })
    }

    fn look(&self, window: &Window<'_>, content: &Content<'_>, found: &mut Vec<u32>) -> Result<(), Unreadable> {
        let visible = visible(window.bytes);
        let shown = [Some(window.bytes), visible.as_deref()];
        let mut shown = shown.into_iter().flatten();
        let is_over_lines = !self.over_lines.is_empty();
        if (self.is_local || is_over_lines) && !shown.clone().any(|text| self.set.is_match(text)) {
            return Ok(());
        }
        if is_over_lines {
            return shown.try_for_each(|text| self.look_over_lines(window, text, content, found));
        }
        for (number, line) in window.lines() {
            let is_match = self.set.is_match(line)
                || visible.is_some() && self::visible(line).is_some_and(|line| self.set.is_match(&line));
            if is_match && content.has_added(line)? {
                found.push(number);
            }
            if found.len() >= FOUND_MAX {
                break;
            }
        }
        Ok(())
    }

    /// Matches in `text`: the window's, or the same without what is invisible, with as many lines.
    fn look_over_lines(
        &self,
        window: &Window<'_>,
        text: &[u8],
        content: &Content<'_>,
        found: &mut Vec<u32>,
    ) -> Result<(), Unreadable> {
        let lines: Vec<&[u8]> = window.bytes.lines_with_terminator().collect();
        for regex in &self.over_lines {
            let (mut seen_to, mut line) = (0, 0);
            for (count, place) in regex.find_iter(text).enumerate() {
                line += newlines(text, seen_to, place.start());
                seen_to = place.start();
                // The windows' borders are those of the text as it is.
                let is_told = text.len() != window.bytes.len() || window.tell.contains(&place.start());
                let last = line + newlines(text, place.start(), place.end());
                if !is_told {
                    continue;
                }
                let touched = lines.get(line..=last.min(lines.len().saturating_sub(1))).unwrap_or_default();
                if count >= MATCHES_MAX || content.has_added_any(touched)? {
                    found.push(window.line.saturating_add(u32::try_from(line).unwrap_or(u32::MAX)));
                }
                if count >= MATCHES_MAX {
                    break;
                }
            }
        }
        Ok(())
    }
}

fn newlines(text: &[u8], from: usize, to: usize) -> usize {
    text.get(from..to).map_or(0, |part| memchr::memchr_iter(b'\n', part).count())
}

/// Whether an expression matches in a text wherever it matches in one of its lines. `\A` and `\z` do not, nor does
/// `^` without the flag `m`.
fn is_local(text: &str) -> bool {
    let takes_m = |group: &str| {
        let flags = group.split(|c: char| c != '-' && !c.is_ascii_alphabetic()).next().unwrap_or_default();
        flags.split_once('-').is_some_and(|(_, off)| off.contains('m'))
    };
    !text.contains("\\A") && !text.contains("\\z") && !text.split("(?").skip(1).any(takes_m)
}

/// The text without invisible characters; `None` if there are none.
fn visible(text: &[u8]) -> Option<Vec<u8>> {
    if text.is_ascii() {
        return None;
    }
    let hides = |c: char| !c.is_ascii() && is_invisible(c);
    if !text.utf8_chunks().any(|chunk| chunk.valid().contains(hides)) {
        return None;
    }
    let mut visible = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        chunk.valid().split(hides).for_each(|part| visible.extend_from_slice(part.as_bytes()));
        visible.extend_from_slice(chunk.invalid());
    }
    Some(visible)
}

impl Text {
    /// The part of a text in which the required has to be.
    fn head<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
        let last = self.within_lines.map(|lines| lines.saturating_sub(1));
        let end = last.and_then(|last| memchr::memchr_iter(b'\n', text).nth(last));
        end.and_then(|end| text.get(..end)).unwrap_or(text)
    }

    fn look_for_required(&self, content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
        let change = content.change;
        let is_file = change.new.is_some_and(|new| new.is_blob()) && change.size != Some(0);
        if self.require.is_empty() || !is_file {
            return Ok(());
        }
        let mut missing: Vec<&Regex> = self.require.iter().collect();
        content.windows(&mut |window| {
            let is_head = window.line == 1 && window.tell.start == 0;
            if window.view == View::Text && (is_head || self.within_lines.is_none()) {
                missing.retain(|regex| !regex.is_match(self.head(window.bytes)));
            }
        })?;
        let is_everywhere = self.require_in == RequireIn::EveryChange || content.is_first()?;
        if !is_everywhere && !missing.is_empty() {
            // A file that was large does not tell what it had.
            let olds = content.parent_texts()?;
            missing.retain(|regex| olds.iter().flatten().any(|old| regex.is_match(self.head(old))));
        }
        if missing.is_empty() {
            return Ok(());
        }
        let place = match self.within_lines {
            None => String::new(),
            Some(1) => " in the first line".to_owned(),
            Some(lines) => format!(" in the first {lines} lines"),
        };
        let (message, put) = if is_everywhere { ("is missing", "in") } else { ("was taken out", "back") };
        let fix = Fix::Edit(format!("put the required text {put}{place}"));
        spotted.add(None, format!("text that this rule requires{place} {message}"), fix);
        Ok(())
    }
}

impl Check for Text {
    fn looks_into_files(&self) -> bool {
        true
    }

    fn wants(&self, change: &Change, path: &Subject<'_>, who: Who<'_>) -> bool {
        change.brings_content() && self.paths.forbids(path, who)
    }

    fn content(&self, content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
        if let Some(forbid) = &self.forbid {
            let mut found = Vec::new();
            let mut outcome = Ok(());
            content.windows(&mut |window| {
                if outcome.is_ok() && found.len() < FOUND_MAX {
                    outcome = forbid.look(window, content, &mut found);
                }
            })?;
            outcome?;
            found.sort_unstable();
            found.dedup();
            for line in found {
                let fix = Fix::Edit("take out what the rule forbids there".to_owned());
                spotted.add(Some(line), "text that this rule forbids", fix);
            }
        }
        self.look_for_required(content, spotted)
    }

    fn patterns(&self) -> Option<&PatternList> {
        Some(&self.paths)
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::testing::*;

    const NONE: [u32; 0] = [];

    /// What was there, what is there now, and the lines spoken of.
    type Case<'a> = (Option<&'a [u8]>, &'a [u8], &'a [u32]);
    /// Keys, what was there, what is there now, and whether it passes.
    type Required<'a> = (&'a str, Option<&'a [u8]>, &'a [u8], bool);

    fn rule(keys: &str) -> String {
        with_rule(&format!("kind = \"text\"\n{keys}"))
    }

    /// The lines spoken of in file `a`; 0 for the file as a whole.
    fn lines(keys: &str, old: Option<&[u8]>, new: &[u8]) -> Vec<u32> {
        let found = judge_files(&rule(keys), &[("a", old, Some(new))]);
        let line = |finding: &String| {
            let place = finding.strip_prefix("refuse r a").expect("a place").split(' ').next().unwrap_or_default();
            place.strip_prefix(':').map_or(0, |line| line.parse().expect("a line"))
        };
        found.iter().map(line).collect()
    }

    fn utf16(text: &str) -> Vec<u8> {
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect()
    }

    #[test]
    fn forbids_added_lines() {
        let keys = "forbid = ['^TODO', '(?i)do not merge', 'x(y|z)$']";
        let table: [Case<'_>; 16] = [
            (None, b"a\nTODO\nb TODO\n", &[2]),
            (None, b"a\r\nTODO\r\nxy\r\n", &[2, 3]),
            (None, b"a\rTODO\rxz\r", &[1]),
            (None, b"a\rb\nTODO", &[2]),
            (None, b"please Do Not\nmerge, do not Merge", &[2]),
            (Some(b"TODO\n"), b"a\nTODO\n", &[]),
            (Some(b"TODO\n"), b"a\nTODO\nTODO 2", &[3]),
            (Some(b"TODO\r\n"), b"TODO\n", &[]),
            (None, b"xyz xyx", &[]),
            (None, b"\0\0\nTODO\n\xff", &[2]),
            (None, "TO\u{200b}DO\n".as_bytes(), &[1]),
            (None, "\u{feff}T\u{ad}ODO".as_bytes(), &[1]),
            (None, "gr\u{fc}n TO\u{fc}\u{200b}DO\nx\u{e0041}y\u{202e}".as_bytes(), &[2]),
            (None, &["b\u{200b}\nxy\u{200b}\n".as_bytes(), b"\xff"].concat(), &[2]),
            (None, &utf16("a\r\nTODO\r\n"), &[2]),
            (None, b"\xff\xfe\nTODO now\n", &[2]),
        ];
        for (old, new, expected) in table {
            assert_eq!(lines(keys, old, new), expected, "{:?}", String::from_utf8_lossy(new));
        }
    }

    #[test]
    fn a_line_is_matched_alone() {
        for (keys, found) in [
            (r"forbid = ['\Ab']", vec![2]),
            (r"forbid = ['a\z']", vec![1]),
            (r"forbid = ['(?-m)^b']", vec![2]),
            (r"forbid = ['(?i-m:a$)']", vec![1]),
            (r"forbid = ['a\nb']", vec![]),
            (r"forbid = ['(?s)a.b']", vec![]),
            (r"forbid = ['a[^c]b']", vec![]),
            (r"forbid = ['a\s*$']", vec![1]),
        ] {
            assert_eq!(lines(keys, None, b"xa\nbx\n"), found, "{keys}");
        }
    }

    #[test]
    fn a_match_over_several_lines_counts_if_one_of_them_is_added() {
        let keys = "whole_file = true\nforbid = ['(?s)begin.{0,9}?end', 'one\\ntwo']";
        let table: [Case<'_>; 10] = [
            (None, b"x\nbegin\nend\nbegin end", &[2, 4]),
            (Some(b"begin\n0123456789\nend\n"), b"begin\nend\n", &[1]),
            (Some(b"end\nbegin\n"), b"begin\r\nend\n", &[1]),
            (Some(b"begin\nend\n"), b"begin\nend\nmore", &[]),
            (Some(b"begin\nend\n"), b"begin\nnew\nend\n", &[1]),
            (Some(b"begin\nend\n"), b"begin\nend\nbegin\n\n\nend\n", &[3]),
            (None, b"begin 0123456789 end", &[]),
            (None, b"one\ntwo", &[1]),
            (None, "\n\nbe\u{200b}gin\ne\u{200b}nd".as_bytes(), &[3]),
            (Some("be\u{200b}gin\nend".as_bytes()), "be\u{200b}gin\nend\n".as_bytes(), &[]),
        ];
        for (old, new, expected) in table {
            assert_eq!(lines(keys, old, new), expected, "{:?}", String::from_utf8_lossy(new));
        }
        let many = b"begin\nend\n".repeat(300);
        assert_eq!(lines(keys, Some(&many), &many[..many.len() - 1]).len(), 1, "too many to look at");
    }

    #[test]
    fn large_files_are_looked_through() {
        let before = "0123456789abcde\n".repeat(4 * 1024 * 1024 / 16 - 2);
        let text = format!("{before}begin\nend\n{}", before.replace('0', "1"));
        let line = u32::try_from(before.len() / 16 + 1).expect("a line");
        assert_eq!(lines("forbid = ['^begin$']", None, text.as_bytes()), [line]);
        let over = "whole_file = true\nforbid = ['begin\\nend']";
        assert_eq!(lines(over, None, text.as_bytes()), [line]);
        let old = text.replace("begin", "other");
        assert_eq!(lines(over, Some(old.as_bytes()), text.as_bytes()), [line]);
        assert_eq!(lines(over, Some(text.as_bytes()), text.as_bytes()), NONE);
        let endless = format!("{}begin", "0123456789abcdef".repeat(512 * 1024));
        assert_eq!(lines("forbid = ['begin$']", None, endless.as_bytes()), [1]);
        assert_eq!(lines(r"require = ['end\n1']", None, text.as_bytes()), NONE);
        assert_eq!(lines("require = ['end$']\nwithin_lines = 10", None, text.as_bytes()), [0]);
    }

    #[test]
    fn requires_text_in_new_files_and_that_it_stays() {
        let new = "require = ['^// SPDX', 'MIT']\nwithin_lines = 2";
        let every = "require_in = \"every-change\"\nrequire = ['SPDX']";
        let table: [Required<'_>; 15] = [
            (new, None, b"// SPDX MIT\n", true),
            (new, None, b"#!\n// SPDX\tMIT", true),
            (new, None, "\u{feff}// SPDX MIT\n".as_bytes(), true),
            (new, None, &utf16("// SPDX MIT\n"), true),
            (new, None, b"#!\n\n// SPDX MIT", false),
            (new, None, b"// SPDX Apache\n\nMIT", false),
            (new, None, b"", true),
            (new, Some(b"old\n"), b"old\nnew\n", true),
            (new, Some(b"// SPDX MIT\n"), b"// SPDX MIT\nmore", true),
            (new, Some(b"// SPDX MIT\n"), b"// MIT\n", false),
            (new, Some(b"MIT\n"), b"\nMIT\n", true),
            (every, Some(b"old\n"), b"old\nnew\n", false),
            (every, Some(b"old\n"), b"a\nb\nc\nSPDX\n", true),
            (every, None, b"x", false),
            (every, Some(b"SPDX"), b"", true),
        ];
        for (keys, old, text, passes) in table {
            let expected: &[u32] = if passes { &[] } else { &[0] };
            assert_eq!(lines(keys, old, text), expected, "{keys} {:?}", String::from_utf8_lossy(text));
        }
        let found = judge_files(&rule(new), &[("a", Some(b"// SPDX MIT\n"), Some(b"x"))]);
        assert_eq!(found, ["refuse r a text that this rule requires in the first 2 lines was taken out"]);
    }

    #[test]
    fn bad_settings_are_named() {
        let large = format!("forbid = ['{}']", r"\w{50}{50}");
        for (keys, problem) in [
            ("", "has `forbid`, `require`, or both"),
            ("forbid = []", "an empty list"),
            ("forbid = ['a', '(b']", "unclosed group"),
            ("forbid = ['a', '(b']", "^^^^"),
            ("forbid = ['a*']", "matches no text at all"),
            ("require = ['^']", "matches no text at all"),
            (r"forbid = ['\b']", "matches no text at all"),
            (r"forbid = ['(?=a)']", "look-around"),
            (large.as_str(), "too large"),
            ("forbid = 'a'\nwithin_lines = 3", "nothing without `require`"),
            ("forbid = 'a'\nrequire_in = \"new-files\"", "nothing without `require`"),
            ("require = 'a'\nwhole_file = true", "nothing without `forbid`"),
            ("require = 'a'\nwithin_lines = 0", "within no lines"),
            ("require = 'a'\nrequire_in = \"all\"", "not possible here"),
        ] {
            let found = problems(&format!("kind = \"text\"\n{keys}"));
            assert!(found.contains(problem), "{keys}: {found}");
        }
    }
}
