//! `help` and `whoami`.

use super::grammar::{For, VERBS};
use super::{Form, Scene, VerbError};
use crate::gate::Session;
use crate::model::{PrincipalKind, PrincipalName};
use serde_json::json;
use std::fmt::Write;

pub fn help(scene: &mut Scene<'_>, name: Option<&str>) -> Result<(), VerbError> {
    let is_human = scene.session.principal.kind == PrincipalKind::Human;
    let known = VERBS.iter().filter(|(_, whose, ..)| is_human || *whose == For::All);
    if scene.form == Form::Json {
        let verbs: Vec<_> =
            known.map(|(name, _, usage, what)| json!({"verb": name, "usage": usage, "what": what})).collect();
        return scene.print_json(&json!({ "verbs": verbs }));
    }
    let Some(name) = name else {
        let text = overview(&scene.session.principal.name, scene.gate.address(), is_human);
        return scene.print(&text);
    };
    let found = known.clone().find(|(verb, ..)| *verb == name);
    let (_, _, usage, what) = found.ok_or(VerbError::Client("there is no such verb; try: help"))?;
    let text = format!("{usage}\n\n{what}\n{}", more(name));
    scene.print(&text)
}

/// The text of `help`, and of a login without a command.
#[must_use]
pub fn overview(name: &PrincipalName, gate: &str, is_human: bool) -> String {
    let mut text = format!(
        "refgate: hello {name}; every push is judged here before it is forwarded.\n\n  \
         git clone ssh://HOST:PORT/REPO, then fetch and push as ever; there is no shell\n  \
         git push origin HEAD:refs/check/BRANCH   only try: the exit code tells\n  \
         git push origin HEAD:refs/for/BRANCH     ask for review\n  \
         git push -o wait=10m …                   wait for a human if it is held\n\n\
         {gate} VERB, --json for programs:\n"
    );
    for (_, _, usage, what) in VERBS.iter().filter(|(_, whose, ..)| is_human || *whose == For::All) {
        let _ = if usage.chars().count() > 20 {
            writeln!(text, "  {usage}\n  {:20}  {what}", "")
        } else {
            writeln!(text, "  {usage:20}  {what}")
        };
    }
    text
}

/// What one line does not say.
fn more(name: &str) -> &'static str {
    match name {
        "approve" => {
            "\nThe push is judged again, against the upstream and the policy of this moment,\n\
             and forwarded if nothing refuses it and enough people have approved. Nobody\n\
             approves a push of their own or, unless the rule says so, of an agent they\n\
             answer for.\n\n\
             An approval that proves itself later, without this gate:\n  \
             show PUSH --statement > a.json\n  \
             ssh-keygen -Y sign -f KEY -n approve@DOMAIN a.json\n  \
             cat a.json a.json.sig | ssh … approve PUSH --signed\n"
        }
        "reject" => {
            "\nThe reason is told to the pusher, on `status` and with its next push. It is\nthe last thing on the line.\n"
        }
        "events" => {
            "\nEach line has a `cursor`; start again after the last one that you have dealt\n\
             with, and nothing is missed. Without --follow it ends with what there is now.\n"
        }
        "freeze" => "\nPushes are refused, and held ones are not forwarded, until `thaw` or that time.\n",
        "undo" => "\n`restore` is a push of yours: judged by what you may do, recorded, exact-old.\n",
        "status" => {
            "\nwaiting: for a human. releasing: approved, on its way. forwarded: it is in the\n\
             upstream. rejected: a human said no. refused: it cannot go on any more. expired,\n\
             superseded, withdrawn, revoked: it is over. Never push a waiting one again.\n"
        }
        _ => "",
    }
}

pub fn who_am_i(scene: &mut Scene<'_>) -> Result<(), VerbError> {
    let session = scene.session;
    let (principal, key) = (&session.principal, &session.key_fingerprint);
    if scene.form == Form::Json {
        let sponsor = principal.sponsor.as_ref().map(|name| name.as_str());
        let (name, kind) = (principal.name.as_str(), principal.kind.as_str());
        return scene.print_json(&json!({"principal": name, "kind": kind, "sponsor": sponsor, "key": key}));
    }
    scene.print(&identity(session))
}

/// Who it is, on a line.
#[must_use]
pub fn identity(session: &Session) -> String {
    let (principal, key) = (&session.principal, &session.key_fingerprint);
    let sponsor = principal.sponsor.as_ref().map(|name| format!(", sponsored by {name}")).unwrap_or_default();
    format!("{} ({}{sponsor}), key {key}\n", principal.name, principal.kind.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_fits_80_columns() {
        let name = PrincipalName::parse("claude-1").expect("a name");
        let mut text = overview(&name, "ssh -p 2222 refgate@gate.example.com", true);
        VERBS.iter().for_each(|(verb, ..)| text.push_str(more(verb)));
        assert!(text.contains("grant add") && text.contains("ssh-keygen"));
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
