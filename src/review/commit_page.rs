//! The page of one commit: header, message, and its diff with the findings at their places.

use super::canvas::Role;
use super::highlight::{self, Inside};
use super::languages::{Language, language};
use super::page::{Flag, Page, Row, wrap};
use crate::diff::{Body, CommitDiff, FileDiff, Hunk, Line, LineKind};
use crate::model::{Direction, Effect, Finding};
use bstr::{BString, ByteSlice};

pub(super) fn page(findings: &[Finding], diff: CommitDiff, columns: u16) -> Page {
    let mut builder = Builder { page: Page::default(), findings: &[], columns };
    let own: Vec<(usize, &Finding)> =
        findings.iter().enumerate().filter(|(_, finding)| finding.place.commit == Some(diff.id)).collect();
    builder.findings = &own;
    builder.header(&diff);
    for (number, file) in diff.files.iter().enumerate() {
        builder.file(number, file, &diff);
    }
    if diff.more_files > 0 {
        builder.note(&format!("{} more changed files are not shown", diff.more_files));
    }
    let mut page = builder.page;
    page.diff = Some(diff);
    page
}

struct Builder<'a> {
    page: Page,
    /// Those of this commit, with their places among all.
    findings: &'a [(usize, &'a Finding)],
    columns: u16,
}

impl Builder<'_> {
    fn header(&mut self, diff: &CommitDiff) {
        let dropped =
            if diff.direction == Direction::Dropped { "  dropped: shown is what taking it out changes" } else { "" };
        self.page.text(format!("commit {}{dropped}", diff.id), Role::Commit);
        if diff.parents.len() > 1 {
            let parents: Vec<String> =
                diff.parents.iter().map(|id| id.to_hex_with_len(super::overview::ID_LENGTH).to_string()).collect();
            self.page.text(format!("Merge: {}", parents.join(" ")), Role::Plain);
        }
        let header = &diff.header;
        self.labelled("Author: ", &header.author);
        if header.committer != header.author {
            self.labelled("Commit: ", &header.committer);
        }
        if let Some(time) = header.author_time {
            self.page.text(format!("Date:   {}", time.strftime("%Y-%m-%d %H:%M:%S +0000")), Role::Plain);
        }
        self.page.text("", Role::Plain);
        for line in header.message.bytes.lines() {
            self.labelled("    ", line);
        }
        if header.message.cut > 0 {
            self.note(&format!("{} more bytes of the message are not shown", header.message.cut));
        }
        self.findings_where(|finding| finding.place.path.is_none());
        self.page.text("", Role::Plain);
    }

    /// What the reviewer says of the diff, below the files' names.
    fn note(&mut self, text: &str) {
        self.page.text(format!("  {text}"), Role::Meta);
    }

    fn labelled(&mut self, label: &str, bytes: &[u8]) {
        let mut text = BString::from(label);
        text.extend_from_slice(bytes);
        self.page.text(text, Role::Plain);
    }

    fn findings_where(&mut self, is_here: impl Fn(&Finding) -> bool) {
        let room = usize::from(self.columns).saturating_sub(4);
        for (number, finding) in self.findings.iter().filter(|(_, finding)| is_here(finding)) {
            let text = format!("{} {}: {}", finding.effect.as_str(), finding.rule, finding.message);
            let flag = (*number, finding.effect);
            self.page.rows.extend(wrap(&text, room).into_iter().map(|text| Row::Finding { flag, text }));
        }
    }

    /// The strongest finding that is here; they come strongest first.
    fn flag(&self, is_here: impl Fn(&Finding) -> bool) -> Flag {
        self.findings.iter().find(|(_, finding)| is_here(finding)).map(|(number, finding)| (*number, finding.effect))
    }

    fn file(&mut self, number: usize, file: &FileDiff, diff: &CommitDiff) {
        let is_here = |finding: &Finding| finding.place.path.as_ref() == Some(&file.path);
        let flag = self.flag(is_here);
        self.page.rows.push(Row::File { file: number, flag });
        // Findings whose line the diff does not show are told of here.
        self.findings_where(|finding| {
            is_here(finding) && finding.place.line.is_none_or(|line| !shows_line(&file.body, line))
        });
        if diff.parents.len() > 1 && diff.direction == Direction::Added {
            self.note(&format!("compared with parent {}", file.parent + 1));
        }
        for line in file.mode_lines().into_iter().filter(|line| !line.ends_with("file mode 100644")) {
            self.note(&line);
        }
        if let Some(note) = file.body.note() {
            self.note(&note);
        }
        if let Body::Hunks { hunks, left_out, .. } = &file.body {
            for (at, hunk) in hunks.iter().enumerate() {
                self.hunk((number, at), file, hunk);
            }
            self.left_out(*left_out);
        }
        self.page.text("", Role::Plain);
    }

    fn left_out(&mut self, lines: u64) {
        if lines > 0 {
            self.note(&format!("{lines} lines of the diff are not shown"));
        }
    }

    fn hunk(&mut self, (number, at): (usize, usize), file: &FileDiff, hunk: &Hunk) {
        self.left_out(hunk.left_out);
        let is_at = |finding: &Finding, line: u32| {
            finding.place.line == Some(line) && finding.place.path.as_ref() == Some(&file.path)
        };
        let new_lines = hunk.new_start..hunk.new_start.saturating_add(hunk.new_count);
        let is_here = |finding: &Finding| {
            finding.place.path.as_ref() == Some(&file.path)
                && finding.place.line.is_some_and(|line| new_lines.contains(&line))
        };
        let flag = self.flag(is_here);
        let rules: Vec<&str> = self
            .findings
            .iter()
            .filter(|(_, finding)| is_here(finding))
            .map(|(_, finding)| finding.rule.as_str())
            .collect();
        let has_findings = !rules.is_empty();
        self.page.rows.push(Row::Hunk { file: number, hunk: at, flag, rule: unique(&rules) });
        let mut colors = Colors { language: language(&file.path), old: Inside::Code, new: Inside::Code };
        for (line_at, line) in hunk.lines.iter().enumerate() {
            let mut flag = None;
            if let Some(new) = line.new.filter(|_| has_findings) {
                self.findings_where(|finding| is_at(finding, new));
                flag = self.flag(|finding| is_at(finding, new));
            }
            let inside = colors.next(line);
            self.page.rows.push(Row::Line { file: number, hunk: at, line: line_at, flag, inside });
        }
    }
}

fn unique(rules: &[&str]) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for rule in rules {
        if !seen.contains(rule) {
            seen.push(rule);
        }
    }
    seen.join(" ")
}

fn shows_line(body: &Body, line: u32) -> bool {
    let Body::Hunks { hunks, .. } = body else { return false };
    hunks.iter().any(|hunk| (hunk.new_start..hunk.new_start.saturating_add(hunk.new_count)).contains(&line))
}

/// Where the lines of both sides begin.
struct Colors {
    language: Option<&'static Language>,
    old: Inside,
    new: Inside,
}

impl Colors {
    fn next(&mut self, line: &Line) -> Inside {
        let Some(language) = self.language else { return Inside::Code };
        let read = |start| highlight::line(language, start, &line.text.bytes, &mut |_, _| ());
        match line.kind {
            LineKind::Removed => {
                let start = self.old;
                self.old = read(start);
                start
            }
            LineKind::Added => {
                let start = self.new;
                self.new = read(start);
                start
            }
            LineKind::Context => {
                let start = self.new;
                self.new = read(start);
                self.old = self.new;
                start
            }
        }
    }
}

/// One letter for the gutter.
pub(super) fn letter(effect: Effect) -> &'static str {
    match effect {
        Effect::Warn => "W",
        Effect::Hold => "H",
        Effect::Refuse => "R",
    }
}
