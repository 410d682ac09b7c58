//! The report as one JSON object. A stable format: keys may come, none goes or changes its meaning.

use super::report::{ChainFound, LogFound, Report, Verdict};
use super::{Cannot, VerifyArgs, fetch};
use crate::evidence::{Base, Broken, Chain, Logged, Minimum, Proven, Seconds, Sha256Digest};
use serde_json::{Value, json};

const VERSION: u64 = 1;

pub fn cannot(args: &VerifyArgs, why: &Cannot) -> Value {
    let fetch = match why {
        Cannot::Notes { rev } => command(rev),
        Cannot::TrustRead { .. } | Cannot::Trust(_) | Cannot::Usage(_) | Cannot::Commit(_) | Cannot::Read(_) => None,
    };
    json!({
        "version": VERSION,
        "verdict": "cannot-check",
        "asked": args.level.as_str(),
        "reached": null,
        "reason": why.code(),
        "message": why.to_string(),
        "fetch": fetch,
    })
}

pub fn report(args: &VerifyArgs, report: &Report) -> Value {
    let verdict = match report.verdict() {
        Verdict::Proven => "proven",
        Verdict::NotProven => "not-proven",
        Verdict::CannotCheck => "cannot-check",
    };
    let (reason, message) = report.missing().map_or((None, None), |(code, why)| (Some(code), Some(why)));
    let fetch = matches!(report.log, LogFound::NotFetched).then(|| command(&args.log)).flatten();
    json!({
        "version": VERSION,
        "verdict": verdict,
        "asked": report.asked.as_str(),
        "reached": report.reached().map(super::Level::as_str),
        "reason": reason,
        "message": message,
        "fetch": fetch,
        "repo": report.repo.as_ref().map(ToString::to_string),
        "resource_uri": report.resource,
        "ref": report.ref_name.to_string(),
        "commit": report.commit.to_string(),
        "tree": report.tree.to_string(),
        "statement": report.statement.as_ref().ok().map(statement),
        "notes_signed": report.notes_signed.as_ref().map(Result::is_ok),
        "notes_keyid": report.notes_signed.as_ref().and_then(|signed| signed.as_ref().ok()),
        "log": match &report.log {
            LogFound::Logged(logged) => Some(log(logged)),
            LogFound::NotTried | LogFound::NotTrusted | LogFound::NotFetched | LogFound::Not(_) => None,
        },
        "chain": match &report.chain {
            ChainFound::NotTried => None,
            ChainFound::Broken(broken) => Some(break_of(broken)),
            ChainFound::Whole(found) => Some(chain(found)),
        },
    })
}

fn command(rev: &str) -> Option<String> {
    Some(fetch(rev, "")).filter(|command| !command.is_empty())
}

fn statement(proven: &Proven) -> Value {
    json!({
        "verifier_id": proven.verifier_id,
        "keyid": proven.keyid,
        "levels": proven.levels,
        "time": Seconds::floor(proven.time).to_string(),
        "decision_id": proven.decision_id,
        "push_id": proven.push_id,
        "outcome": proven.outcome,
        "actor": proven.actor.as_ref().map(|(id, kind)| json!({ "id": id, "kind": kind })),
        "approvers": proven.approvers,
        "policy_sha256": proven.policy.to_string(),
        "decision_sha256": Sha256Digest::of(&proven.decision_line).to_string(),
        "previous_index": proven.previous_index,
    })
}

fn log(logged: &Logged) -> Value {
    let seen = logged.cosigned.iter().map(|(name, time)| json!({ "witness": name, "time_s": time }));
    json!({
        "origin": logged.origin,
        "index": logged.index,
        "size": logged.size,
        "root": logged.root.to_string(),
        "cosigned": seen.collect::<Vec<Value>>(),
        "minimum": match logged.minimum {
            Minimum::Unset => "unset",
            Minimum::Same => "same",
            Minimum::Extended => "extended",
            Minimum::Unchecked => "unchecked",
        },
    })
}

fn chain(chain: &Chain) -> Value {
    let digests = |list: &[Sha256Digest]| list.iter().map(ToString::to_string).collect::<Vec<String>>();
    let since = match chain.base {
        Base::Created => None,
        Base::Since(commit) => Some(commit.to_string()),
    };
    json!({
        "moves": chain.moves,
        "since": since,
        "policies": digests(&chain.policies),
        "returned_policies": digests(&chain.returned),
        // There is no chain without.
        "order_checked": true,
    })
}

fn break_of(broken: &Broken) -> Value {
    json!({ "broken_at": broken.commit().map(|commit| commit.to_string()), "reason": broken.code() })
}
