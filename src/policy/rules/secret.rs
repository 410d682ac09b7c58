//! `secret`: no token, key or password comes in.

use crate::model::{Change, Effect};
use crate::policy::content::{Added, Content, Unreadable, View, Window};
use crate::policy::findings::Fix;
use crate::policy::object_text::{CommitText, TagText};
use crate::policy::pattern::{Subject, Who};
use crate::policy::pattern_list::{PatternList, one_or_more};
use crate::policy::pusher::Pusher;
use crate::policy::rules::{Check, EFFECTS, read_match};
use crate::policy::spotted::Spotted;
use crate::secret::{self, Certainty, FingerprintKey, Found};
use crate::strict::{Problem, Table, suggest};
use bstr::ByteSlice;
use std::collections::{BTreeSet, HashSet};
use std::ops::Range;

pub const DOC: &str = r#"kind = "secret"
Speaks of tokens, keys and passwords in added lines, in commit and tag messages and in names of new files. Base64, hex,
percent and other escapes, UTF-16, invisible characters and literals in parts hide nothing. Nothing in the pushed files
switches it off: no comment, no settings file, no path.
    possible    = "warn"                  # for what only looks like one; or hold, refuse, ignore
    allow       = ["fp1-0123…"]           # single values, by the fingerprint that the message shows
    allow_rules = ["generic-password"]    # rules of the scanner that are not to speak here
    match       = ["**"]                  # all paths, if not given; messages always count
certain: a checksum or inner structure is right. likely: it has the provider's format. possible: the checksum is wrong, or
only its name says what it is. The secret is never shown, stored or logged. `refgate scan` looks through a tree in the
same way; [SCAN.md](SCAN.md) says what is found."#;

#[derive(Debug)]
struct Secret {
    paths: PatternList,
    possible: Possible,
    allow: HashSet<String>,
    allow_rules: BTreeSet<String>,
}

/// What follows from something that is only possible.
#[derive(Debug, Clone, Copy)]
enum Possible {
    Ignore,
    Effect(Effect),
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let paths = read_match(table, problems);
    let words = EFFECTS.map(|(word, effect)| (word, Possible::Effect(effect)));
    let [warn, hold, refuse] = words;
    let possible = table.get("possible");
    let possible = possible.and_then(|v| v.one_of(&[warn, hold, refuse, ("ignore", Possible::Ignore)], problems));
    let mut allow = HashSet::new();
    for (text, span) in table.get("allow").and_then(|v| one_or_more(v, problems)).unwrap_or_default() {
        let hex = text.strip_prefix("fp1-").filter(|hex| hex.len() == 32);
        if hex.is_some_and(|hex| hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))) {
            allow.insert(text.to_owned());
        } else {
            let help =
                "the message of the finding shows it: fp1- and 32 hex digits. A secret itself does not belong here";
            problems.push(Problem::new(span, "not a fingerprint").help(help));
        }
    }
    let known: Vec<&str> = secret::scanner().rules().iter().map(|rule| rule.id.as_str()).collect();
    let mut allow_rules = BTreeSet::new();
    for (id, span) in table.get("allow_rules").and_then(|v| one_or_more(v, problems)).unwrap_or_default() {
        if !known.contains(&id) {
            let problem = Problem::new(span, format!("the scanner has no rule `{}`", id.escape_debug()));
            problems.push(problem.help(suggest(id, &known)));
        }
        allow_rules.insert(id.to_owned());
    }
    let possible = possible.unwrap_or(Possible::Effect(Effect::Warn));
    Some(Box::new(Secret { paths: paths?, possible, allow, allow_rules }))
}

impl Secret {
    fn tell(&self, found: &Found, line: Option<u32>, spotted: &mut Spotted<'_>) {
        let Found { rule, certainty, encoding, fingerprint, .. } = found;
        let is_allowed = fingerprint.as_ref().is_some_and(|fingerprint| self.allow.contains(fingerprint));
        if is_allowed || self.allow_rules.contains(&rule.id) {
            return;
        }
        let hidden = encoding.map(|encoding| format!(", in {encoding}")).unwrap_or_default();
        let print = fingerprint.as_ref().map(|print| format!(", {print}")).unwrap_or_default();
        let message = format!("{} ({}{hidden}) [{}{print}]", rule.title(), certainty.word(), rule.id);
        let fix = Fix::Edit("take it out, read it from the environment, and revoke it if it ever worked".to_owned());
        match (certainty, self.possible) {
            (Certainty::Possible, Possible::Ignore) => {}
            (Certainty::Possible, Possible::Effect(effect)) => spotted.add_at_most(effect, line, message, fix),
            (Certainty::Likely | Certainty::Certain, _) => spotted.add(line, message, fix),
        }
    }

    /// A part of a large file. What is stored as UTF-16 was told of as text already; but behind the mark of it, or
    /// after a few lines of it, there may be anything.
    fn look(&self, window: &Window<'_>, content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
        let mut touched = Touched::default();
        for hit in secret::scanner().scan(Some(&content.change.path), window.bytes) {
            let is_told = window.view == View::Stored && hit.encoding == Some(secret::UTF_16);
            let is_here = window.tell.contains(&hit.span.start) && !is_told;
            if is_here && touched.is_added(content, window.bytes, &hit.span)? {
                let line = window.line.saturating_add(hit.line).saturating_sub(1);
                self.tell(&Found::new(hit, content.key), Some(line), spotted);
            }
        }
        Ok(())
    }

    /// A commit or tag object: all of it was written for this push.
    fn object(&self, raw: &[u8], key: Option<&FingerprintKey>, spotted: &mut Spotted<'_>) {
        let headers = raw.find(b"\n\n").map_or(0, |end| raw.get(..end + 2).unwrap_or_default().lines().count());
        for hit in secret::scanner().scan(None, raw) {
            let found = Found::new(hit, key);
            let line = usize::try_from(found.line).unwrap_or(usize::MAX).checked_sub(headers);
            self.tell(&found, line.and_then(|line| u32::try_from(line).ok()).filter(|line| *line > 0), spotted);
        }
    }
}

/// Whether the lines that hits touch were added. Thousands of hits may be in one line of many megabytes, so the last
/// answer is kept.
#[derive(Default)]
struct Touched {
    lines: Range<usize>,
    is_one: bool,
    is_added: bool,
}

impl Touched {
    fn is_added(&mut self, content: &Content<'_>, bytes: &[u8], span: &Range<usize>) -> Result<bool, Unreadable> {
        if matches!(content.added()?, Added::All) {
            return Ok(true);
        }
        if self.is_one && self.lines.contains(&span.start) && span.end <= self.lines.end {
            return Ok(self.is_added);
        }
        let before = bytes.get(..span.start).unwrap_or(bytes);
        let start = before.rfind_byte(b'\n').map_or(0, |at| at + 1);
        let last = span.end.max(start + 1) - 1;
        let end = bytes.get(last..).and_then(|rest| rest.find_byte(b'\n')).map_or(bytes.len(), |at| last + at + 1);
        if self.lines == (start..end) {
            return Ok(self.is_added);
        }
        let lines: Vec<&[u8]> = bytes.get(start..end).unwrap_or_default().lines_with_terminator().collect();
        let is_added = content.has_added_any(&lines)?;
        *self = Self { lines: start..end, is_one: lines.len() == 1, is_added };
        Ok(is_added)
    }
}

impl Check for Secret {
    fn looks_into_files(&self) -> bool {
        true
    }

    fn looks_into_objects(&self) -> bool {
        true
    }

    fn wants(&self, change: &Change, path: &Subject<'_>, who: Who<'_>) -> bool {
        change.brings_content() && self.paths.forbids(path, who)
    }

    fn content(&self, content: &Content<'_>, spotted: &mut Spotted<'_>) -> Result<(), Unreadable> {
        if content.is_first()?
            && let Some(hit) = secret::scanner().scan_name(&content.change.path)
        {
            self.tell(&Found::new(hit, None), None, spotted);
        }
        if let (Some(all), Some(bytes)) = (content.secrets()?, content.raw()?) {
            let mut touched = Touched::default();
            for found in all.iter() {
                if touched.is_added(content, bytes, &found.span)? {
                    self.tell(found, Some(found.line), spotted);
                }
            }
            return Ok(());
        }
        let mut outcome = Ok(());
        content.windows(&mut |window| {
            if outcome.is_ok() {
                outcome = self.look(window, content, spotted);
            }
        })?;
        outcome
    }

    fn commit_object(&self, commit: &CommitText<'_>, _pusher: &Pusher<'_>, spotted: &mut Spotted<'_>) {
        self.object(commit.raw, commit.key, spotted);
    }

    fn tag_object(&self, tag: &TagText<'_>, _pusher: &Pusher<'_>, spotted: &mut Spotted<'_>) {
        self.object(tag.raw, tag.key, spotted);
    }

    fn patterns(&self) -> Option<&PatternList> {
        Some(&self.paths)
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;
    use crate::policy::testing::*;

    const RULE: &str = "kind = \"secret\"";

    /// A token of GitHub's form, right in its checksum or not; put together here, so that no scanner finds it in this file.
    fn token(right: bool) -> String {
        const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let body: String = (0..30u8).map(|i| char::from(DIGITS[usize::from(i) * 37 % 61])).collect();
        let mut crc = crc32fast::hash(body.as_bytes()) ^ u32::from(!right);
        let mut check = Vec::new();
        for _ in 0..6 {
            check.insert(0, DIGITS[(crc % 62) as usize]);
            crc /= 62;
        }
        format!("gh{}_{body}{}", 'p', String::from_utf8(check).expect("ASCII"))
    }

    fn found(rule: &str, old: Option<&str>, new: &str) -> Vec<String> {
        let all = judge_files(&with_rule(rule), &[("src/a.py", old.map(str::as_bytes), Some(new.as_bytes()))]);
        all.into_iter().map(|finding| finding.split('[').next().unwrap_or_default().trim_end().to_owned()).collect()
    }

    #[test]
    fn speaks_of_added_lines_by_certainty() {
        let (right, wrong) = (token(true), token(false));
        let line = |token: &str| format!("x = 1\nkey = \"{token}\"\n");
        let certain = ["refuse r src/a.py:2 a GitHub personal access token (certain)"];
        let nothing: [&str; 0] = [];
        assert_eq!(found(RULE, None, &line(&right)), certain);
        // Nothing is added: what stood between the halves is gone.
        let (first, second) = right.split_at(20);
        let halves = |between: &str| format!("x = 1\nkey = \"{first}\" +{between}\n  \"{second}\"\n");
        let before = halves("\n  \"-\" +");
        let joined = found(RULE, Some(&before), &halves(""));
        assert!(joined.len() == 1 && joined[0].starts_with("refuse r src/a.py:2 a GitHub"), "{joined:?}");
        assert_eq!(found(RULE, Some(&halves("")), &format!("{}more\n", halves(""))), nothing);
        assert_eq!(found(RULE, Some("x = 1\n"), &line(&right)), certain);
        assert_eq!(found(RULE, Some(&line(&right)), &format!("{}more\n", line(&right))), nothing);
        let possible = found(RULE, None, &line(&wrong));
        assert!(
            possible.len() == 1 && possible[0].starts_with("warn r ") && possible[0].contains("(possible"),
            "{possible:?}"
        );
        assert_eq!(found(&format!("{RULE}\npossible = \"ignore\""), None, &line(&wrong)), nothing);
        assert_eq!(found(&format!("{RULE}\nmatch = [\"**\", \"!src/a.py\"]"), None, &line(&right)), nothing);
    }

    #[test]
    fn looks_into_large_files_and_messages() {
        let token = token(true);
        let large = format!("{}\nkey = {token}\n{}", "x = 1\n".repeat(900_000), "y = 2\n".repeat(300_000));
        let all = found(RULE, None, &large);
        assert_eq!(all, ["refuse r src/a.py:900002 a GitHub personal access token (certain)"]);
        for mark in ["\u{feff}", "\u{feff}0"] {
            // Not UTF-16 at all, for whoever does not look at the mark.
            let marked = [b"\xff\xfe", mark.as_bytes(), large.as_bytes()].concat();
            let all = judge_files(&with_rule(RULE), &[("src/a.py", None, Some(&marked))]);
            assert!(all.iter().any(|found| found.contains("src/a.py:900002 a GitHub")), "{all:?}");
        }
        let who = "A <a@example.com> 1 +0000";
        let raw = format!("tree {}\nauthor {who}\ncommitter {who}\n\nwork\n\nuse {token}\n", "0".repeat(40));
        let all = judge_examined(&with_rule(RULE), one(vec![]), &Memory::default(), raw.as_bytes());
        assert!(all.len() == 1 && all[0].starts_with("refuse r:3 a GitHub"), "{all:?}");
        assert!(!all[0].contains(&token));
    }

    #[test]
    fn an_allowed_value_or_rule_does_not_speak() {
        let line = format!("key = {}\n", token(true));
        let all = judge_files(&with_rule(RULE), &[("a", None, Some(line.as_bytes()))]);
        let (_, print) = all[0].split_once(", fp1-").expect("a fingerprint");
        let allow = format!("{RULE}\nallow = [\"fp1-{}\"]", print.trim_end_matches(']'));
        assert!(judge_files(&with_rule(&allow), &[("a", None, Some(line.as_bytes()))]).is_empty());
        let (_, id) = all[0].rsplit_once('[').expect("an id");
        let id = id.split(',').next().expect("an id");
        let allow = format!("{RULE}\nallow_rules = [\"{id}\"]");
        assert!(judge_files(&with_rule(&allow), &[("a", None, Some(line.as_bytes()))]).is_empty());
        for (bad, said) in
            [("allow = [\"fp1-12\"]", "not a fingerprint"), ("allow_rules = [\"nothing\"]", "no rule `nothing`")]
        {
            let error = Policy::parse("p", &with_rule(&format!("{RULE}\n{bad}"))).expect_err(bad).to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
