//! The brief for a person: aligned, at most 80 columns wide, no more than is needed.

use super::{Brief, GrantBrief, RuleBrief, few};
use crate::model::{Purpose, exact_size};
use crate::policy::settings::Review;
use std::fmt::Write;

const COLUMNS: usize = 80;
/// Patterns of a rule that are shown; the JSON has them all.
const PATTERNS_MAX: usize = 4;
/// Kinds of which the patterns say it all.
const NAMES: [&str; 2] = ["path", "ref-name"];
/// Columns of `refuse  ID  KIND  `, with ids of up to so many.
const ID_COLUMNS_MAX: usize = 22;

impl Brief {
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!("{} in {}\n", self.principal, self.repo);
        for grant in &self.grants {
            grant.write(&mut text);
        }
        if self.grants.is_empty() {
            text.push_str("\nyou may look at what is held here, and approve what you are asked for\n");
        }
        if !self.rules.is_empty() {
            text.push_str("\nwhat is looked at in your pushes\n");
        }
        let widest = |length: fn(&RuleBrief) -> usize| self.rules.iter().map(length).max().unwrap_or_default();
        let widths = (widest(|rule| rule.id.len()).min(ID_COLUMNS_MAX), widest(|rule| rule.kind.len()));
        for rule in &self.rules {
            rule.write(widths, &mut text);
        }
        let check = Purpose::Check.prefix().unwrap_or_default();
        let review = Purpose::Review.prefix().unwrap_or_default();
        let _ = writeln!(text, "\nto try a push      git push origin HEAD:{check}BRANCH");
        if self.review == Review::Branches || self.grants.iter().any(|grant| !grant.review.is_empty()) {
            let _ = writeln!(text, "to ask for review  git push origin HEAD:{review}BRANCH");
        }
        let limits = &self.limits;
        let (pack, file) = (exact_size(limits.pack_bytes_max), exact_size(limits.object_bytes_max));
        let (refs, commits) = (limits.ref_updates_max, limits.commits_max);
        let most = format!("{pack} a push, {file} a file, {refs} refs, {commits} commits");
        wrap(&mut text, "at most            ", 19, &split(&most));
        text
    }
}

impl GrantBrief {
    fn write(&self, text: &mut String) {
        let allow: Vec<&str> = self.allow.iter().map(|kind| kind.as_str()).collect();
        let allow = if allow.is_empty() { "fetch".to_owned() } else { allow.join(", ") };
        let until = self.until.map(|until| format!(", until {until}")).unwrap_or_default();
        let _ = writeln!(text, "\nyou may {allow}{until}");
        let nothing = ["nothing".to_owned()];
        let write = if self.write.is_empty() { &nothing[..] } else { &self.write };
        let quota = [self.pushes.as_ref().map(|rate| format!("{rate} pushes")), self.bytes.clone()];
        let quota = quota.into_iter().flatten().collect::<Vec<_>>().join(", ");
        let quota = split(&quota);
        let brings = !self.allow.is_empty();
        let signed = ["git push --signed"].map(str::to_owned);
        let lines: [(&str, &[String], bool); 6] = [
            ("refs", &self.refs, brings && !self.refs.is_empty()),
            ("review", &self.review, !self.review.is_empty()),
            ("write", write, brings),
            ("read", &self.read, true),
            ("quota", &quota, !quota.is_empty()),
            ("only", &signed, self.signed && brings),
        ];
        for (name, words, _) in lines.into_iter().filter(|(.., is_shown)| *is_shown) {
            wrap(text, &format!("  {name:<8}"), 10, words);
        }
    }
}

impl RuleBrief {
    fn write(&self, (id_columns, kind_columns): (usize, usize), text: &mut String) {
        let then = self.effect().as_str();
        let head = format!("  {then:<6}  {:<id_columns$}  {:<kind_columns$}  ", self.id, self.kind);
        let indent = 2 + 6 + 2 + id_columns + 2 + kind_columns + 2;
        let mut words = few(&self.about, PATTERNS_MAX);
        let settings: Vec<String> = self.settings.iter().map(|(key, value)| format!("{key} {value}")).collect();
        words.extend(split(&settings.join(", ")));
        if settings.is_empty() && !NAMES.contains(&self.kind) {
            // What it looks for is not told; the admin may have said it in words.
            words.extend(self.message.iter().flat_map(|message| split(&format!("\"{message}\""))));
        }
        if !self.refs.is_empty() {
            words.push("on".to_owned());
            words.extend(few(&self.refs, PATTERNS_MAX));
        }
        if self.observes {
            words.push(format!("(observed: would {})", self.then.as_str()));
        }
        wrap(text, head.as_str(), indent, &words);
        if !self.approvers.is_empty() && !self.observes {
            let approved = format!("approved by {} of {}", self.approvals, self.approvers.join(" or "));
            wrap(text, &" ".repeat(indent), indent, &split(&approved));
        }
    }
}

fn split(text: &str) -> Vec<String> {
    text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Writes words after a head, on as many lines as they need; those after the first start at `indent`.
fn wrap(text: &mut String, head: &str, indent: usize, words: &[String]) {
    let mut line = head.to_owned();
    let mut is_fresh = true;
    for word in words {
        let gap = usize::from(!is_fresh);
        if line.chars().count() + gap + word.chars().count() > COLUMNS && line.chars().count() > indent {
            let _ = writeln!(text, "{}", line.trim_end());
            line = " ".repeat(indent);
            is_fresh = true;
        }
        if !is_fresh {
            line.push(' ');
        }
        line.push_str(word);
        is_fresh = false;
    }
    let _ = writeln!(text, "{}", line.trim_end());
}
