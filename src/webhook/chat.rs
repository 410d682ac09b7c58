//! Events as messages for people, in the forms that Slack and Teams take. Pure.
//!
//! What was pushed is hostile: it must not mention a channel, make a link or look like another line. So both messages
//! are plain text. Slack is told not to read any markup, and the three characters it reads all the same are escaped. In
//! Teams' card only the elements that know no Markdown hold text.

use crate::events::Event;
use crate::model::{Escaped, EventKind, ObjectId};
use serde_json::{Value, json};

/// Of the refs and rules, the first ones are told, each cut at so many characters.
const LISTED_MAX: usize = 5;
const CHARACTERS_MAX: usize = 200;

/// For an incoming webhook: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>.
pub fn slack(event: &Event, gate: &str) -> String {
    let mut text = headline(event);
    for (label, value) in facts(event) {
        text += &format!("\n{label}: {value}");
    }
    if let Some(command) = command(event, gate) {
        text += &format!("\n{command}");
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let message = json!({
        "text": text, "mrkdwn": false, "link_names": false, "unfurl_links": false, "unfurl_media": false,
    });
    message.to_string()
}

/// For a Workflows webhook: an Adaptive Card in the attachment of a message.
pub fn teams(event: &Event, gate: &str) -> String {
    let run = |text: &str| json!({ "type": "TextRun", "text": text });
    let block = |runs: Vec<Value>| json!({ "type": "RichTextBlock", "inlines": runs });
    let mut title = run(&headline(event));
    title["weight"] = "Bolder".into();
    let mut body = vec![block(vec![title])];
    for (label, value) in facts(event) {
        let mut label = run(&format!("{label}: "));
        label["isSubtle"] = true.into();
        body.push(block(vec![label, run(&value)]));
    }
    if let Some(command) = command(event, gate) {
        let mut command = run(&command);
        command["fontType"] = "Monospace".into();
        body.push(block(vec![command]));
    }
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "body": body,
    });
    let attachment = json!({
        "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card,
    });
    json!({ "type": "message", "attachments": [attachment] }).to_string()
}

fn headline(event: &Event) -> String {
    let what = match event.kind {
        EventKind::PushAccepted => "push accepted",
        EventKind::PushHeld => "push held: it waits for a human",
        EventKind::PushRefused => "push refused",
        EventKind::PushChecked => "push checked",
        EventKind::PushForwarded => "push forwarded to the upstream",
        EventKind::PushNotTaken => "push not taken by the upstream",
        EventKind::PushUnknown => "push with an unknown outcome",
        EventKind::PushAborted => "push aborted",
        EventKind::HoldApproved => "held push approved",
        EventKind::HoldRejected => "held push rejected",
        EventKind::HoldWithdrawn => "held push withdrawn",
        EventKind::HoldSuperseded => "held push superseded",
        EventKind::HoldExpired => "held push expired",
        EventKind::HoldRevoked => "held push revoked with its pusher",
        EventKind::HoldReleased => "held push released",
        EventKind::HoldRefused => "held push refused after approval",
        EventKind::RepoFrozen => "repository frozen",
        EventKind::RepoThawed => "repository thawed",
        EventKind::RepoMoved => "refs moved at the upstream without the gate",
        EventKind::PrincipalRevoked => "principal revoked",
        EventKind::PrincipalReinstated => "principal reinstated",
        EventKind::PolicyChanged => "policy changed",
        EventKind::PolicyEdited => "policy edited",
        EventKind::PolicyRefused => "policy refused; the old one stays",
        EventKind::GateStarted => "gate started",
        EventKind::GateStopped => "gate stopped",
    };
    match (&event.principal, &event.repo) {
        (Some(who), Some(repo)) => format!("refgate: {what} ({who} to {repo})"),
        (Some(about), None) => format!("refgate: {what} ({about})"),
        (None, Some(repo)) => format!("refgate: {what} ({repo})"),
        (None, None) => format!("refgate: {what}"),
    }
}

/// Labels and values, in the order of a message.
fn facts(event: &Event) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    for update in event.refs.iter().take(LISTED_MAX) {
        let short = |id: Option<ObjectId>| id.map_or("nothing".to_owned(), |id| id.to_hex_with_len(10).to_string());
        let values = format!("{} to {}", short(update.old), short(update.new));
        facts.push(("ref", format!("{}  {values}", cut(&Escaped(update.name.short()).to_string()))));
    }
    let more = event.more_refs + event.refs.len().saturating_sub(LISTED_MAX);
    if more > 0 {
        facts.push(("ref", format!("and {more} more")));
    }
    let mut rules: Vec<&str> = Vec::new();
    for rule in &event.rules {
        if !rules.contains(&rule.id.as_str()) {
            rules.push(&rule.id);
        }
    }
    let more = rules.len().saturating_sub(LISTED_MAX);
    rules.truncate(LISTED_MAX);
    let and_more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let approved_by: Vec<&str> = event.approved_by.iter().take(LISTED_MAX).map(|name| name.as_str()).collect();
    let shown = |value: &Option<String>| value.clone().unwrap_or_default();
    for (label, value) in [
        ("rules", cut(&rules.join(", ")) + &and_more),
        ("decision", event.decision.unwrap_or_default().to_owned()),
        ("by", shown(&event.by.as_ref().map(ToString::to_string))),
        ("approved by", approved_by.join(", ")),
        ("cause", cut(&event.cause)),
        ("reason", cut(&event.reason)),
        ("until", shown(&event.until.map(|until| until.to_string()))),
        ("replaced by", shown(&event.replaced_by.map(|push| push.to_string()))),
        ("push", shown(&event.push.map(|push| push.to_string()))),
    ] {
        if !value.is_empty() {
            facts.push((label, value));
        }
    }
    facts
}

/// How to look at the push.
fn command(event: &Event, gate: &str) -> Option<String> {
    event.push.map(|push| format!("{gate} show {push}"))
}

fn cut(text: &str) -> String {
    if text.chars().count() <= CHARACTERS_MAX {
        return text.to_owned();
    }
    text.chars().take(CHARACTERS_MAX).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{EventRef, EventRule};
    use crate::model::{PrincipalName, PushId, RefName, RepoName};
    use crate::record::{EventEntry, Record};

    const PUSH: &str = "01JD7Q2ZZZZZZZZZZZZZZZZZZZ";

    fn event(name: &str, reason: &str) -> Event {
        let note = EventEntry::new("start", "2026-05-01T12:00:00Z".parse().expect("a time"));
        let mut event = Event::of(1, &Record::Event(note)).expect("an event");
        let principal = |name| PrincipalName::parse(name).expect("a name");
        event.kind = EventKind::HoldRejected;
        event.push = Some(PushId::parse(PUSH).expect("an id"));
        event.repo = Some(RepoName::parse("app").expect("a name"));
        event.principal = Some(principal("claude-1"));
        event.by = Some(principal("dana"));
        let name = RefName::parse(name.as_bytes()).expect("a ref");
        let new = ObjectId::from_hex("b".repeat(40).as_bytes()).ok();
        event.refs = vec![EventRef { name, old: None, new, kind: None, result: None }];
        event.rules = vec![EventRule { id: "ci-files".to_owned(), at: None }];
        event.reason = reason.to_owned();
        event
    }

    fn text_of_slack(event: &Event, gate: &str) -> String {
        let message: Value = serde_json::from_str(&slack(event, gate)).expect("JSON");
        assert_eq!((&message["mrkdwn"], &message["link_names"]), (&false.into(), &false.into()));
        message["text"].as_str().expect("text").to_owned()
    }

    /// All texts of the card, a line for each block.
    fn text_of_teams(event: &Event, gate: &str) -> String {
        let message: Value = serde_json::from_str(&teams(event, gate)).expect("JSON");
        assert_eq!(message["type"], "message");
        let attachment = &message["attachments"][0];
        assert_eq!(attachment["contentType"], "application/vnd.microsoft.card.adaptive");
        let blocks = attachment["content"]["body"].as_array().expect("blocks");
        let line = |block: &Value| {
            assert_eq!(block["type"], "RichTextBlock", "the one that knows no Markdown");
            let runs = block["inlines"].as_array().expect("runs");
            runs.iter().map(|run| run["text"].as_str().expect("text")).collect::<String>()
        };
        blocks.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_message_says_what_who_where_and_how_to_look_at_it() {
        let event = event("refs/heads/agent/x", "not now");
        let expected = format!(
            "refgate: held push rejected (claude-1 to app)\nref: agent/x  nothing to bbbbbbbbbb\nrules: ci-files\n\
             by: dana\nreason: not now\npush: {PUSH}\nssh -p 2222 refgate@gate.example.com show {PUSH}"
        );
        let gate = "ssh -p 2222 refgate@gate.example.com";
        assert_eq!(text_of_slack(&event, gate), expected);
        assert_eq!(text_of_teams(&event, gate), expected);
    }

    #[test]
    fn what_was_pushed_cannot_mention_link_or_begin_a_line() {
        let event = event("refs/heads/<!channel>&`@here`\u{202e}", "<https://evil|x> *b* [l](https://evil)");
        let slack = text_of_slack(&event, "ssh GATE");
        assert!(slack.contains("ref: &lt;!channel&gt;&amp;`@here`\\u{202e}  "), "{slack}");
        assert!(slack.contains("reason: &lt;https://evil|x&gt;"), "{slack}");
        assert!(!slack.contains(['<', '>', '\u{202e}']));
        assert!(text_of_teams(&event, "ssh GATE").contains("ref: <!channel>&`@here`\\u{202e}  "));
    }

    #[test]
    fn long_texts_and_lists_are_cut() {
        let mut event = event("refs/heads/x", "");
        for (length, shown) in [(200, "x".repeat(200)), (201, "x".repeat(200) + "…")] {
            event.reason = "x".repeat(length);
            assert!(text_of_slack(&event, "ssh GATE").contains(&format!("reason: {shown}\n")));
        }
        let one = event.refs[0].clone();
        for (count, more) in [(5, false), (6, true)] {
            event.refs = vec![one.clone(); count];
            event.rules = (0..count).map(|i| EventRule { id: format!("r{i}"), at: None }).collect();
            let text = text_of_slack(&event, "ssh GATE");
            assert_eq!(text.contains("ref: and 1 more"), more, "{text}");
            assert_eq!(text.contains("rules: r0, r1, r2, r3, r4 and 1 more"), more, "{text}");
        }
    }
}
