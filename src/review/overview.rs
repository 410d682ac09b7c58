//! The first page of a push: who, what for, the findings, the commits.

use super::canvas::Role;
use super::desk::{Commit, Held, Waiting};
use super::page::{Page, Row, Target, wrap};
use crate::model::{Direction, Effect, Finding, UpdateFacts, UpdateKind};
use bstr::BString;
use jiff::Timestamp;

/// Object ids are shown so long.
pub(super) const ID_LENGTH: usize = 10;

pub(super) fn page(held: &Held, now: Timestamp, columns: u16) -> Page {
    let mut page = Page::default();
    let Waiting { push, repo, principal, sponsor, since, expires, missing, bytes, .. } = &held.waiting;
    let sponsor = sponsor.as_ref().map(|sponsor| format!(", sponsored by {sponsor}")).unwrap_or_default();
    page.text(format!("push   {push}"), Role::Strong);
    page.text(format!("from   {principal}{sponsor}"), Role::Plain);
    page.text(format!("to     {repo}, {}", size(*bytes)), Role::Plain);
    let until = expires.strftime("%Y-%m-%d %H:%M");
    page.text(format!("waits  {}, until {until} UTC, for {missing}", age(*since, now)), Role::Plain);
    for update in &held.updates {
        update_row(&mut page, update);
    }
    page.text("", Role::Plain);
    findings(&mut page, held, columns);
    page.text("", Role::Plain);
    commits(&mut page, &held.commits);
    page
}

fn update_row(page: &mut Page, update: &UpdateFacts) {
    let id = |id: &crate::model::ObjectId| id.to_hex_with_len(ID_LENGTH).to_string();
    let change = match (&update.update.old, &update.update.new) {
        (Some(old), Some(new)) => format!("{}..{}", id(old), id(new)),
        (None, Some(new)) => format!("at {}", id(new)),
        (Some(old), None) => format!("was {}", id(old)),
        (None, None) => String::new(),
    };
    let mut text = BString::from(format!("{:<7}", update.kind.as_str()));
    text.extend_from_slice(update.update.name.short());
    text.extend_from_slice(format!("  {change}").as_bytes());
    let role = match update.kind {
        UpdateKind::Create | UpdateKind::Update => Role::Plain,
        UpdateKind::Rewind | UpdateKind::Delete => Role::Removed,
    };
    page.text(text, role);
    for tag in &update.tags {
        let mut text = BString::from("       tag ");
        text.extend_from_slice(&tag.name);
        text.extend_from_slice(b": ");
        text.extend_from_slice(tag.message.split(|byte| *byte == b'\n').next().unwrap_or_default());
        page.text(text, Role::Plain);
    }
}

fn findings(page: &mut Page, held: &Held, columns: u16) {
    let count = held.findings.len();
    let title = match count + held.more_findings {
        0 => "no findings: it asks for review".to_owned(),
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    page.text(title, Role::Strong);
    for (number, finding) in held.findings.iter().enumerate() {
        let target = Some(Target::Finding(number));
        for (at, text) in finding_lines(finding, columns).into_iter().enumerate() {
            let role = if at == 0 { effect_role(finding.effect) } else { Role::Plain };
            page.rows.push(Row::Text { text: text.into(), role, target });
        }
    }
    if held.more_findings > 0 {
        page.text(format!("and {} more", held.more_findings), Role::Meta);
    }
}

/// `hold ci-files  .github/x.yml:3  in 1f3c9ab…`, then the message. The fix is for the pusher: here it would take the
/// room of the commits.
fn finding_lines(finding: &Finding, columns: u16) -> Vec<String> {
    let would = finding.would.map(|would| format!(" (only observed: would {})", would.as_str())).unwrap_or_default();
    let (effect, place) = (finding.effect.as_str(), finding.place.shown());
    let mut lines = vec![format!("{effect:<7}{}{would}  {}", finding.rule, place.trim_end())];
    let room = usize::from(columns).saturating_sub(10);
    lines.extend(wrap(&finding.message, room).into_iter().map(|line| format!("       {line}")));
    lines
}

fn commits(page: &mut Page, commits: &[Commit]) {
    let count = |direction| commits.iter().filter(|commit| commit.direction == direction).count();
    let plural = |count: usize| if count == 1 { "1 commit".to_owned() } else { format!("{count} commits") };
    let title = match (count(Direction::Added), count(Direction::Dropped)) {
        (0, 0) => "no commits".to_owned(),
        (added, 0) => format!("adds {}", plural(added)),
        (0, dropped) => format!("drops {}", plural(dropped)),
        (added, dropped) => format!("adds {}, drops {}", plural(added), plural(dropped)),
    };
    page.text(title, Role::Strong);
    for (number, commit) in commits.iter().enumerate() {
        let (sign, role) = match commit.direction {
            Direction::Added => ("add", Role::Plain),
            Direction::Dropped => ("drop", Role::Removed),
        };
        let files = if commit.files == 1 { "1 file".to_owned() } else { format!("{} files", commit.files) };
        let merge = if commit.parents > 1 { "merge, " } else { "" };
        let mut text = BString::from(format!("{sign:<7}{}  ", commit.id.to_hex_with_len(ID_LENGTH)));
        text.extend_from_slice(&commit.subject);
        text.extend_from_slice(format!("  ({merge}{files})").as_bytes());
        page.rows.push(Row::Text { text, role, target: Some(Target::Commit(number)) });
    }
}

pub(super) fn effect_role(effect: Effect) -> Role {
    match effect {
        Effect::Warn => Role::Warn,
        Effect::Hold => Role::Hold,
        Effect::Refuse => Role::Refuse,
    }
}

/// How long something has been so: `5m`, `3h`, `2d`.
pub(super) fn age(since: Timestamp, now: Timestamp) -> String {
    let minutes = now.as_second().saturating_sub(since.as_second()).max(0) / 60;
    match minutes {
        0..120 => format!("{minutes}m"),
        120..2880 => format!("{}h", minutes / 60),
        _ => format!("{}d", minutes / 1440),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_240 => format!("{bytes} bytes"),
        10_240..10_485_760 => format!("{} KiB", bytes / 1024),
        _ => format!("{} MiB", bytes / 1_048_576),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes_are_short() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        for (second, text) in [(0, "0m"), (-5, "0m"), (7199, "119m"), (7200, "2h"), (172_799, "47h"), (172_800, "2d")] {
            assert_eq!(age(at(1000), at(1000 + second)), text);
        }
        for (bytes, text) in [(10_239, "10239 bytes"), (10_240, "10 KiB"), (10_485_760, "10 MiB")] {
            assert_eq!(size(bytes), text);
        }
    }
}
