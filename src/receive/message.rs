//! What the pusher reads: a dozen lines for a person, and last one JSON line with stable keys for a program.
//!
//! Everything that came from the client is escaped here. Paths of the server, raw words of the upstream and rules'
//! patterns never get here.

use crate::model::{Effect, Escaped, Finding, PushId, RefUpdate, RepoName};
use serde::Serialize;
use std::fmt::Write;

/// How a push ended, as its pusher is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Accepted,
    /// It waits for a human.
    Held,
    /// A human said no.
    Rejected,
    /// A human would have to say yes, and nobody can be asked here.
    NotHeld,
    /// Only tried: it would be accepted.
    Passed,
    /// Only tried: it would be held.
    WouldHold,
    Refused,
    /// The policy accepted it; the upstream did not take it.
    NotTaken,
    /// The policy accepted it; whether the upstream took it is not known yet.
    Unclear,
}

impl Verdict {
    fn title(self) -> &'static str {
        match self {
            Self::Accepted => "ACCEPTED",
            Self::Held => "HELD",
            Self::Rejected => "REJECTED",
            Self::Passed => "PASSED",
            Self::WouldHold => "WOULD BE HELD",
            Self::NotHeld | Self::Refused => "REFUSED",
            Self::NotTaken => "NOT TAKEN BY THE UPSTREAM",
            Self::Unclear => "UNCLEAR",
        }
    }

    fn consequence(self) -> &'static str {
        match self {
            Self::Accepted => "forwarded to the upstream",
            Self::Held => "waits for a human",
            Self::Passed | Self::WouldHold => "only tried",
            Self::Rejected | Self::NotHeld | Self::Refused => "nothing was sent upstream",
            Self::NotTaken => "nothing was changed upstream",
            Self::Unclear => "the connection to the upstream broke; fetch to see what it holds",
        }
    }

    fn decision(self) -> &'static str {
        match self {
            Self::Accepted | Self::NotTaken | Self::Unclear | Self::Passed => "accept",
            Self::Held | Self::Rejected | Self::NotHeld | Self::WouldHold => "hold",
            Self::Refused => "refuse",
        }
    }

    fn outcome(self) -> &'static str {
        match self {
            Self::Accepted => "forwarded",
            Self::Held => "held",
            Self::Rejected => "rejected",
            Self::Passed | Self::WouldHold => "checked",
            Self::NotHeld | Self::Refused => "not-sent",
            Self::NotTaken => "not-taken",
            Self::Unclear => "unknown",
        }
    }
}

/// When pushing again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Nothing to do.
    No,
    /// After the findings are fixed.
    AfterFix,
    /// After `git fetch` and a rebase or merge.
    AfterFetch,
    /// The same push, later.
    Later,
}

impl Retry {
    fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::AfterFix => "after-fix",
            Self::AfterFetch => "after-fetch",
            Self::Later => "later",
        }
    }
}

/// A signed promise: these decisions are in the log, at these places. Who is shown a log without them has proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Receipt {
    pub decisions: Vec<LoggedAs>,
    /// The log's signed checkpoint that covers them (C2SP tlog-checkpoint).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggedAs {
    /// `decisionId` of its statement.
    pub decision: String,
    #[serde(rename = "ref")]
    pub ref_name: String,
    pub index: u64,
}

/// One message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    pub verdict: Verdict,
    pub retry: Retry,
    pub push: PushId,
    pub repo: &'a RepoName,
    pub updates: &'a [RefUpdate],
    pub findings: &'a [Finding],
    /// Findings that are not in the list.
    pub more_findings: usize,
    /// How a held push stands.
    pub hold: Option<&'a Standing>,
    /// What became of earlier held pushes; one line each, safe to show.
    pub notes: &'a [String],
    /// Where the decision is in the log.
    pub receipt: Option<&'a Receipt>,
    /// How the gate's verbs are called: `ssh -p 2222 git@gate`, or [`GATE_UNKNOWN`].
    pub gate: &'a str,
}

/// How its verbs are called where the gate does not know its own address (`public_address`).
pub const GATE_UNKNOWN: &str = "ssh GATE";

/// How a held push stands, as its pusher is told. All texts are safe to show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Standing {
    pub state: &'static str,
    /// What is missing: `1 of owners`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// To the second, as in the record.
    pub expires: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Held pushes whose place this one took.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<String>,
}

/// Findings shown in full, with their fix; the others are in the JSON line.
const SHOWN_MAX: usize = 4;
/// What is needed stands on a line of its own from here on.
const NEEDS_COLUMNS: usize = 34;
/// Bytes of findings in the JSON line; past that they are counted only.
const JSON_BYTES_MAX: usize = 48 * 1024;

impl Message<'_> {
    /// The whole text, every line ended.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        let _ = self.write_lines(&mut text);
        text.push_str("refgate-json: ");
        text.push_str(&self.json());
        text.push('\n');
        text
    }

    fn write_lines(&self, text: &mut String) -> std::fmt::Result {
        let refs = self.refs();
        writeln!(text, "refgate: {}  {refs} → {}   ({})", self.verdict.title(), self.repo, self.verdict.consequence())?;
        for (index, finding) in self.findings.iter().take(SHOWN_MAX).enumerate() {
            let mark = match (finding.would, finding.effect) {
                (Some(would), _) => &format!(" (observed: would {})", would.as_str()),
                (None, Effect::Warn) => " (warning)",
                // Alone it would be held: a human may let it through, so removing it is not the only way.
                (None, Effect::Hold) if self.verdict == Verdict::Refused => " (needs a human)",
                (None, Effect::Hold | Effect::Refuse) => "",
            };
            writeln!(text, "  {}. {}{mark}  {}{}", index + 1, finding.rule, finding.place.shown(), finding.message)?;
            let same = self.findings.iter().take(index).position(|earlier| earlier.fix == finding.fix);
            // There is nothing to fix where a human is to look.
            let is_held = self.verdict == Verdict::Held && finding.effect == Effect::Hold;
            match same {
                _ if finding.fix.is_empty() || is_held => {}
                Some(earlier) => writeln!(text, "     fix: as for {}", earlier + 1)?,
                None => writeln!(text, "     fix: {}", finding.fix)?,
            }
        }
        let hidden = self.findings.len().saturating_sub(SHOWN_MAX) + self.more_findings;
        if hidden > 0 {
            writeln!(text, "  and {hidden} more: see the last line")?;
        }
        if self.verdict == Verdict::NotHeld {
            writeln!(
                text,
                "  a human would have to approve this, and none can be asked here: push to the gate itself"
            )?;
        }
        if let Some(hold) = self.hold {
            self.write_standing(text, hold)?;
        }
        for note in self.notes {
            writeln!(text, "  since then: {note}")?;
        }
        match self.verdict {
            Verdict::Accepted => Ok(()),
            Verdict::Held => self.write_status(text, "; do not push it again"),
            Verdict::Rejected => self.write_status(text, ""),
            _ => writeln!(text, "  push {}", self.push),
        }
    }

    /// The push, and the command that tells how it stands.
    fn write_status(&self, text: &mut String, more: &str) -> std::fmt::Result {
        let (push, gate) = (self.push, self.gate);
        let where_it_is = if gate == GATE_UNKNOWN { "  (GATE: the remote's host)" } else { "" };
        writeln!(text, "  push {push}{more}")?;
        writeln!(text, "  {gate} status {push}{where_it_is}")
    }

    fn write_standing(&self, text: &mut String, hold: &Standing) -> std::fmt::Result {
        if self.verdict == Verdict::Rejected {
            let by = hold.by.as_deref().unwrap_or("a human");
            writeln!(text, "  rejected by {by}: {}", hold.reason)?;
            writeln!(text, "  fix: change it as {by} asks, and push the new commit")?;
            return Ok(());
        }
        let needs = hold.needs.join(", and ");
        match needs.chars().count() {
            0 => {}
            1..NEEDS_COLUMNS => writeln!(text, "  needs {needs}; expires {}", hold.expires)?,
            _ => write!(text, "  needs {needs}\n  expires {}\n", hold.expires)?,
        }
        for push in &hold.replaces {
            writeln!(text, "  it takes the place of your held push {push}")?;
        }
        Ok(())
    }

    fn refs(&self) -> String {
        match self.updates {
            [] => "no ref".to_owned(),
            [one] => Escaped(one.name.short()).to_string(),
            [first, rest @ ..] => format!("{} and {} more", Escaped(first.name.short()), rest.len()),
        }
    }

    fn json(&self) -> String {
        let mut room = JSON_BYTES_MAX;
        let findings: Vec<JsonFinding> = self
            .findings
            .iter()
            .map(JsonFinding::new)
            .take_while(|finding| {
                let length = serde_json::to_string(finding).map_or(usize::MAX, |text| text.len());
                let fits = length <= room;
                room = room.saturating_sub(length);
                fits
            })
            .collect();
        let more = self.findings.len() - findings.len() + self.more_findings;
        let line = JsonLine {
            decision: self.verdict.decision(),
            outcome: self.verdict.outcome(),
            push: self.push.to_string(),
            repo: self.repo.as_str(),
            retry: self.retry.as_str(),
            findings,
            more_findings: more,
            hold: self.hold,
            log: self.receipt,
        };
        serde_json::to_string(&line).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct JsonLine<'a> {
    decision: &'a str,
    outcome: &'a str,
    push: String,
    repo: &'a str,
    retry: &'a str,
    findings: Vec<JsonFinding<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    more_findings: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<&'a Standing>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<&'a Receipt>,
}

fn is_zero(n: &usize) -> bool {
    *n == 0
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    rule: &'a str,
    effect: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    would: Option<&'a str>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    ref_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    message: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    fix: &'a str,
}

impl<'a> JsonFinding<'a> {
    fn new(finding: &'a Finding) -> Self {
        Self {
            rule: &finding.rule,
            effect: finding.effect.as_str(),
            would: finding.would.map(Effect::as_str),
            ref_name: finding.place.ref_name.as_ref().map(ToString::to_string),
            commit: finding.place.commit.map(|id| id.to_string()),
            path: finding.place.path.as_ref().map(|path| Escaped(path).to_string()),
            line: finding.place.line,
            message: &finding.message,
            fix: &finding.fix,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Place, RefName};

    fn finding(n: usize) -> Finding {
        Finding {
            rule: format!("rule-{n}"),
            effect: Effect::Refuse,
            would: None,
            place: Place { path: Some("a\nb\x1b[31m".into()), line: Some(3), ..Place::default() },
            message: "is not yours".to_owned(),
            fix: "git restore".to_owned(),
        }
    }

    fn render(findings: &[Finding]) -> String {
        let name = RefName::parse(b"refs/heads/agent/x").expect("valid");
        let updates = [RefUpdate { name, old: None, new: None }];
        let repo = RepoName::parse("app").expect("valid");
        let push = PushId::parse("01ARZ3NDEKTSV4RRFFQ69G5FAV").expect("valid");
        let message = Message {
            verdict: Verdict::Refused,
            retry: Retry::AfterFix,
            push,
            repo: &repo,
            updates: &updates,
            findings,
            more_findings: 0,
            hold: None,
            notes: &[],
            receipt: None,
            gate: GATE_UNKNOWN,
        };
        message.render()
    }

    /// A held push as its pusher is told, by a gate that is called like this.
    fn render_held(gate: &str, needs: &[&str]) -> String {
        let name = RefName::parse(b"refs/heads/agent/claude-1/login").expect("valid");
        let updates = [RefUpdate { name, old: None, new: None }];
        let repo = RepoName::parse("app").expect("valid");
        let standing = Standing {
            state: "waiting",
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            expires: "2026-12-06T15:46:40Z".to_owned(),
            by: None,
            reason: String::new(),
            replaces: vec!["01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()],
        };
        let message = Message {
            verdict: Verdict::Held,
            retry: Retry::No,
            push: PushId::parse("01ARZ3NDEKTSV4RRFFQ69G5FAW").expect("valid"),
            repo: &repo,
            updates: &updates,
            findings: &[Finding { effect: Effect::Hold, ..finding(1) }],
            more_findings: 0,
            hold: Some(&standing),
            notes: &[],
            receipt: None,
            gate,
        };
        message.render()
    }

    #[test]
    fn a_held_push_is_told_with_the_command_that_follows_it() {
        let text = render_held("ssh -p 2222 refgate@gate.example.com", &["1 of owners"]);
        let expected = [
            "refgate: HELD  agent/claude-1/login → app   (waits for a human)",
            "  1. rule-1  a\\nb\\x1b[31m:3  is not yours",
            "  needs 1 of owners; expires 2026-12-06T15:46:40Z",
            "  it takes the place of your held push 01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "  push 01ARZ3NDEKTSV4RRFFQ69G5FAW; do not push it again",
            "  ssh -p 2222 refgate@gate.example.com status 01ARZ3NDEKTSV4RRFFQ69G5FAW",
        ];
        let (shown, json) = text.split_once("\nrefgate-json: ").expect("a JSON line");
        assert_eq!(shown, expected.join("\n"));
        assert!(json.contains(r#""retry":"no""#) && json.contains(r#""hold":{"state":"waiting""#), "{json}");
        let unknown = render_held(GATE_UNKNOWN, &["1 of owners", "1 of the humans who push here"]);
        assert!(
            unknown.contains("  needs 1 of owners, and 1 of the humans who push here\n  expires 2026"),
            "{unknown}"
        );
        assert!(unknown.contains("  ssh GATE status 01ARZ3NDEKTSV4RRFFQ69G5FAW  (GATE: the remote's host)\n"));
        for line in shown.lines().chain(unknown.lines().filter(|line| !line.starts_with("refgate-json"))) {
            assert!("remote: ".len() + line.chars().count() <= 80, "{line}");
        }
    }

    #[test]
    fn of_a_refused_push_it_is_told_what_only_needs_a_human() {
        let text = render(&[finding(1), Finding { effect: Effect::Hold, ..finding(2) }]);
        assert!(text.contains("\n  1. rule-1  a") && text.contains("\n  2. rule-2 (needs a human)  a"), "{text}");
    }

    #[test]
    fn a_person_and_a_program_can_read_it() {
        let text = render(&[finding(1)]);
        let expected = [
            "refgate: REFUSED  agent/x → app   (nothing was sent upstream)",
            "  1. rule-1  a\\nb\\x1b[31m:3  is not yours",
            "     fix: git restore",
            "  push 01ARZ3NDEKTSV4RRFFQ69G5FAV",
            r#"refgate-json: {"decision":"refuse","outcome":"not-sent","push":"01ARZ3NDEKTSV4RRFFQ69G5FAV","repo":"app","retry":"after-fix","findings":[{"rule":"rule-1","effect":"refuse","path":"a\\nb\\x1b[31m","line":3,"message":"is not yours","fix":"git restore"}]}"#,
            "",
        ];
        assert_eq!(text, expected.join("\n"));
    }

    #[test]
    fn what_a_rule_would_have_done_is_told() {
        let text = render(&[Finding { effect: Effect::Warn, would: Some(Effect::Refuse), ..finding(1) }]);
        assert!(text.contains("  1. rule-1 (observed: would refuse)  a"), "{text}");
        assert!(text.contains(r#""rule":"rule-1","effect":"warn","would":"refuse","path""#), "{text}");
        assert!(render(&[Finding { effect: Effect::Warn, ..finding(1) }]).contains("rule-1 (warning)"));
    }

    #[test]
    fn many_findings_fit_a_screen() {
        let findings: Vec<_> = (0..2000).map(finding).collect();
        let text = render(&findings);
        assert!(text.lines().count() <= 12, "{text}");
        assert!(text.contains("and 1996 more"));
        assert_eq!(text.matches("fix: as for 1").count(), 3, "what was said is not said again");
        let json = text.lines().last().and_then(|l| l.strip_prefix("refgate-json: ")).expect("a JSON line");
        let value: serde_json::Value = serde_json::from_str(json).expect("JSON");
        let told = value["findings"].as_array().map_or(0, Vec::len);
        assert_eq!(value["more_findings"], 2000 - told);
        assert!(json.len() < 60_000);
    }
}
