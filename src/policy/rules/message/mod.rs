//! `message`: what messages of commits and tags must be like.

mod read;
mod shape;
pub mod trailers;

pub use self::read::read;
use self::shape::Shape;
use crate::policy::findings::Fix;
use crate::policy::object_text::{CommitText, TagText, headers, is_obeyed};
use crate::policy::pusher::Pusher;
use crate::policy::rules::Check;
use crate::policy::spotted::Spotted;
use bstr::ByteSlice;
use regex::bytes::Regex;

pub const DOC: &str = r#"kind = "message"
Speaks of messages of added commits (and of annotated tags) that are not as they must be.
    require  = ["^(feat|fix|docs)(\\(.*\\))?: "]  # each is found somewhere in the message
    forbid   = ["(?i)do not merge"]             # none is found
    trailers = ["Signed-off-by", "Change-Id"]   # each is there, with a value
    subject_length_max = 72
    line_length_max    = 100    # of the lines below the subject; a trailer or a line of one word (a link) may be longer
    body_required      = true   # something between subject and trailers
    fixup   = false             # no fixup!, squash! and amend! commits; may come in, if not given
    merges  = false             # all above is not asked of merge commits, but for `forbid`; it is, if not given
    control = true              # no characters a terminal obeys; so too if not given
    utf8    = true              # valid UTF-8, and no `encoding` header that says otherwise; so too if not given
    scope   = ["commits"]       # or "tags", or both; commits, if not given
Patterns are regular expressions of the Rust crate regex, without look-around; ^ and $ are the ends of the whole
message, of a line with (?m). The pusher is not shown them: say what is asked for in the rule's `message` or `fix`.
Trailers are found as git finds them: in the last paragraph, which is not the subject. The subject is the first
paragraph on one line, as in `git log --format=%s`. control: control characters but for line feed and tab (a carriage
return before a line feed is let be), and those that turn the direction of text. All but `forbid` and control look at
the message up to the first NUL byte, as git does."#;

/// The admin's regular expressions see at most this much of a message.
const MATCHED_MAX: usize = 1 << 20;

#[derive(Debug)]
struct MessageRule {
    require: Vec<Regex>,
    forbid: Vec<Regex>,
    trailers: Vec<String>,
    subject_length_max: Option<usize>,
    line_length_max: Option<usize>,
    body_required: bool,
    fixup: bool,
    merges: bool,
    control: bool,
    utf8: bool,
    commits: bool,
    tags: bool,
}

impl Check for MessageRule {
    fn looks_into_objects(&self) -> bool {
        true
    }

    fn commit_object(&self, commit: &CommitText<'_>, _pusher: &Pusher<'_>, spotted: &mut Spotted<'_>) {
        if !self.commits {
            return;
        }
        self.bytes(commit.raw, commit.message(), spotted);
        if self.merges || commit.facts.parents.len() < 2 {
            self.form(commit.message(), spotted);
        }
    }

    fn tag_object(&self, tag: &TagText<'_>, _pusher: &Pusher<'_>, spotted: &mut Spotted<'_>) {
        if self.tags {
            self.bytes(tag.raw, tag.message(), spotted);
            self.form(tag.message(), spotted);
        }
    }
}

impl MessageRule {
    /// What must not be anywhere in it.
    fn bytes(&self, raw: &[u8], message: &[u8], spotted: &mut Spotted<'_>) {
        let reword = |what: &str| Fix::Amend(format!("git commit --amend to {what}"));
        if self.utf8 {
            let is_utf8 = |value: &[u8]| value.eq_ignore_ascii_case(b"utf-8") || value.eq_ignore_ascii_case(b"utf8");
            if !headers(raw, "encoding").all(is_utf8) {
                let fix = Fix::Amend("git config --unset i18n.commitEncoding; git commit --amend".to_owned());
                spotted.add(None, "the message is in another encoding than UTF-8", fix);
            }
            if let Err(error) = message.to_str() {
                let line = line_of(message, error.valid_up_to());
                spotted.add(line, "the message is not valid UTF-8", reword("write it in UTF-8"));
            }
        }
        if let Some(at) = self.control.then(|| control(message)).flatten() {
            let what = "the message has a character that a terminal obeys instead of showing it";
            spotted.add(line_of(message, at), what, reword("take it out"));
        }
        // What cannot be looked through is not let pass unseen.
        if !self.forbid.is_empty() && message.len() > MATCHED_MAX {
            spotted.add(None, "the message is too long to be looked through", reword("make it shorter"));
        }
        let matched = message.get(..MATCHED_MAX).unwrap_or(message);
        for found in self.forbid.iter().filter_map(|regex| regex.find(matched)) {
            let what = "the message has words the policy does not allow in it";
            spotted.add(line_of(message, found.start()), what, reword("say that line in other words"));
        }
    }

    /// What it must be like.
    fn form(&self, message: &[u8], spotted: &mut Spotted<'_>) {
        let message = message.split(|b| *b == 0).next().unwrap_or_default();
        let mut wrong = |line: Option<usize>, what: String, fix: String| {
            spotted.add(line.and_then(|line| u32::try_from(line).ok()), what, Fix::Amend(fix));
        };
        let reword = |what: &str| format!("git commit --amend to {what}");
        let shape = Shape::of(message);
        let matched = message.get(..MATCHED_MAX).unwrap_or(message);
        if !self.require.iter().all(|regex| regex.is_match(matched)) {
            let what = "the message is not of the form the policy asks for".to_owned();
            wrong(None, what, reword("write it as the project's guidelines say"));
        }
        for token in &self.trailers {
            if !trailers::trailers(message).any(|trailer| trailer.is(token) && !trailer.value.is_empty()) {
                let fix = match token.eq_ignore_ascii_case("signed-off-by") {
                    true => "git commit --amend --no-edit --signoff".to_owned(),
                    false => format!("git commit --amend --no-edit --trailer '{token}: …'"),
                };
                wrong(None, format!("the message has no `{token}` trailer in its last paragraph"), fix);
            }
        }
        if let Some(max) = self.subject_length_max.filter(|max| shape.subject_length > *max) {
            let what = format!("the subject has {} characters; at most {max}", shape.subject_length);
            wrong(Some(shape.first_line), what, reword("shorten the first line, with an empty line after it"));
        }
        if let Some((line, length, max)) = self.line_length_max.and_then(|max| shape.too_long(max)) {
            let what = format!("a line of the message has {length} characters; at most {max}");
            wrong(Some(line), what, reword("wrap it"));
        }
        if self.body_required && !shape.has_body {
            let what = "the message is only a subject".to_owned();
            wrong(None, what, reword("say why below it, after an empty line"));
        }
        if !self.fixup && shape.is_fixup {
            let what = "the commit is meant to be squashed into another one".to_owned();
            wrong(None, what, "git rebase -i --autosquash with the commit it belongs to".to_owned());
        }
    }
}

/// Where the first character is that a terminal obeys.
fn control(message: &[u8]) -> Option<usize> {
    message.char_indices().find_map(|(start, end, c)| {
        let is_line_end = c == '\r' && message.get(end) == Some(&b'\n');
        (is_obeyed(c) && !is_line_end).then_some(start)
    })
}

fn line_of(message: &[u8], at: usize) -> Option<u32> {
    let before = message.get(..at)?;
    u32::try_from(memchr::memchr_iter(b'\n', before).count().saturating_add(1)).ok()
}

#[cfg(test)]
mod tests {
    use crate::model::TagFacts;
    use crate::policy::testing::*;

    fn judge_raw(keys: &str, headers: &str, message: &[u8], parents: usize) -> Vec<String> {
        let mut facts = one(vec![change("a")]);
        facts.commits[0].parents = (0..parents).map(|n| id(u8::try_from(n + 1).expect("few"))).collect();
        facts.commits[0].changes[0].old = vec![None; parents];
        let head = format!("tree {}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n{headers}\n", id(7));
        let raw = [head.as_bytes(), message].concat();
        let text = with_rule(&format!("kind = \"message\"\n{keys}"));
        let found = judge_examined(&text, facts, &Memory::default(), &raw);
        found.iter().map(|f| f.strip_prefix("refuse r").expect("the rule").trim().to_owned()).collect()
    }

    fn judge(keys: &str, message: &str) -> Vec<String> {
        judge_raw(keys, "", message.as_bytes(), 1)
    }

    #[test]
    fn patterns_trailers_and_lengths() {
        let form = "the message is not of the form the policy asks for";
        let trailer = "the message has no `Change-Id` trailer in its last paragraph";
        let long = format!("s\n\nhttps://{}\nword {}\n\nKey: {}\n", "x".repeat(90), "y".repeat(20), "z z".repeat(30));
        let table: [(&str, &str, &[&str]); 24] = [
            ("require = '^(feat|fix): '", "fix: a\n", &[]),
            ("require = '^(feat|fix): '", "a fix: a\n", &[form]),
            ("require = ['^fix', 'B']", "fix\n\nB\n", &[]),
            ("require = ['^fix', 'B']", "fix\n\nb\n", &[form]),
            (
                "require = 'ok'",
                "no\n\0ok\n",
                &[form, "2 the message has a character that a terminal obeys instead of showing it"],
            ),
            ("forbid = '(?i)wip'", "done\n", &[]),
            (
                "forbid = '(?i)wip'",
                "done\n\nthis is WiP\n",
                &["3 the message has words the policy does not allow in it"],
            ),
            (
                "forbid = ['a', 'b']\ncontrol = false",
                "\0ab",
                &["1 the message has words the policy does not allow in it"],
            ),
            ("trailers = 'Change-Id'", "s\n\nchange-id: 1\n", &[]),
            ("trailers = 'Change-Id'", "s\n\nChange-Id: \n", &[trailer]),
            ("trailers = 'Change-Id'", "s\n\nChange-Id: 1\n\nmore\n", &[trailer]),
            ("trailers = 'Change-Id'", "Change-Id: 1\n", &[trailer]),
            ("subject_length_max = 5", "12345\n\n1234567\n", &[]),
            ("subject_length_max = 5", "grüße\n", &[]),
            ("subject_length_max = 5", "\n123456\n", &["2 the subject has 6 characters; at most 5"]),
            ("subject_length_max = 5", "123\n456\n", &["1 the subject has 7 characters; at most 5"]),
            ("line_length_max = 20", &long, &["4 a line of the message has 25 characters; at most 20"]),
            ("line_length_max = 25", &long, &[]),
            ("body_required = true", "s\n\nKey: v\n", &["the message is only a subject"]),
            ("body_required = true", "s\nt\n", &["the message is only a subject"]),
            ("body_required = true", "s\n\nwhy\n\nKey: v\n", &[]),
            ("fixup = false", "fixup! x\n", &["the commit is meant to be squashed into another one"]),
            ("fixup = false", "amend! x\n", &["the commit is meant to be squashed into another one"]),
            ("fixup = false", "about fixup! x\n", &[]),
        ];
        for (keys, message, expected) in table {
            let expected: Vec<String> = expected.iter().map(|e| (*e).to_owned()).collect();
            let mut found: Vec<String> =
                judge(keys, message).iter().map(|f| f.trim_start_matches(':').to_owned()).collect();
            found.sort_by_key(|f| f.starts_with(|c: char| c.is_ascii_digit()));
            assert_eq!(found, expected, "{keys} {message:?}");
        }
    }

    #[test]
    fn control_characters_and_encodings_are_spoken_of_by_default() {
        let rule = "require = ''";
        let obeyed = ":1 the message has a character that a terminal obeys instead of showing it";
        let other = "the message is in another encoding than UTF-8";
        let invalid = ":2 the message is not valid UTF-8";
        let table: [(&str, &[u8], &[&str]); 14] = [
            ("", b"plain\ttext\r\n\r\nmore\r\n", &[]),
            ("", "emoji \u{1f468}\u{200d}\u{1f4bb} \u{2764}\u{fe0f}\n".as_bytes(), &[]),
            ("", b"\x1b[2Jred\n", &[obeyed]),
            ("", b"a\rb\n", &[obeyed]),
            ("", b"a\x07\n", &[obeyed]),
            ("", b"a\x7f\n", &[obeyed]),
            ("", b"a\0b\n", &[obeyed]),
            ("", "a\u{9b}31m\n".as_bytes(), &[obeyed]),
            ("", "a\u{202e}b\n".as_bytes(), &[obeyed]),
            ("", b"a\nb\xff\n", &[invalid]),
            ("encoding ISO-8859-1\n", b"a\n", &[other]),
            ("encoding UTF-8\n", b"a\n", &[]),
            ("encoding utf-8\nencoding UTF-7\n", b"a\n", &[other]),
            ("encoding ISO-8859-1\n", b"a\nb\xff\n", &[other, invalid]),
        ];
        for (headers, message, expected) in table {
            assert_eq!(judge_raw(rule, headers, message, 1), expected, "{headers} {message:?}");
        }
        assert!(judge_raw("control = false\nutf8 = false\nrequire = ''", "encoding x\n", b"\x1b\xff\n", 1).is_empty());
    }

    #[test]
    fn merges_and_tags_are_looked_at_if_they_are_to_be() {
        assert_eq!(judge_raw("require = 'x'", "", b"Merge\n", 2).len(), 1);
        assert!(judge_raw("require = 'x'\nmerges = false", "", b"Merge\n", 2).is_empty());
        assert_eq!(judge_raw("forbid = 'e'\nmerges = false", "", b"Merge\n", 2).len(), 1);
        assert_eq!(judge_raw("require = 'x'\nmerges = false", "", b"Not a merge\n", 1).len(), 1);
        let tag = |keys: &str| {
            let mut facts = one(vec![change("a")]);
            let raw = format!("object {}\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\nbad\n", id(9));
            facts.updates[0].tags.push(TagFacts {
                id: id(30),
                name: "v1".into(),
                message: "bad\n".into(),
                has_tagger: true,
                raw: raw.into(),
                sightings: Vec::new(),
            });
            let text = with_rule(&format!("kind = \"message\"\nforbid = 'bad'\n{keys}"));
            let found = judge_examined(&text, facts, &Memory::default(), b"");
            found.iter().filter(|f| f.starts_with("refuse r ") || f.starts_with("refuse r:")).count()
        };
        assert_eq!((tag(""), tag("scope = 'tags'"), tag("scope = ['commits', 'tags']")), (0, 1, 1));
    }

    #[test]
    fn a_hostile_message_costs_no_more_than_its_length() {
        let long = "a ".repeat(2_000_000);
        let keys =
            "forbid = '(a|a )*b'\nrequire = '(.*)*'\nline_length_max = 10\ntrailers = 'X'\nsubject_length_max = 9";
        assert_eq!(judge(keys, &long).len(), 3);
        assert_eq!(judge(keys, &format!("s\n\n{}", "a b c d e f g\n".repeat(300_000))).len(), 4);
    }

    #[test]
    fn the_fix_is_a_command() {
        let text = with_rule("kind = \"message\"\ntrailers = [\"Signed-off-by\", \"Change-Id\"]");
        let raw = b"tree x\n\ns\n";
        assert_eq!(
            examined_fixes(&text, one(vec![change("a")]), &Memory::default(), raw),
            [
                "git commit --amend --no-edit --signoff, push again",
                "git commit --amend --no-edit --trailer 'Change-Id: …', push again"
            ]
        );
    }
}
