//! `refgate replay INDEX`: judges a recorded push again, by the policy that was in force and on the upstream as it was,
//! and says whether the decision comes out the same.
//!
//! What the upstream held then is read from the log: where each ref was brought before this leaf. Rules that count
//! (quotas) and what was refused before there was anything to judge (broken objects, a ref that had moved) are not tried.

use super::{DONE, ReplayArgs, cannot, load, negative, print};
use crate::config::Config;
use crate::examine::SecretCache;
use crate::gate::fingerprint_key;
use crate::git::local::Repository;
use crate::git::{ObjectStore, Objects};
use crate::model::{Effect, ObjectId, PrincipalName, PushId, RefName, RefUpdate, RepoName};
use crate::policy::{Hearing, PatternList, Policy, PushCert, Subject, Who};
use crate::record::{DecisionEntry, FindingEntry, Record, Verdict};
use crate::store::Store;
use crate::trial::{Scene, Trial};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

/// Rules by what each had to say.
type Said = BTreeMap<String, Effect>;

/// A decision of the record, of a push as it came or as it was released.
struct Recorded {
    push: PushId,
    entry: DecisionEntry,
    policy: String,
    time: Timestamp,
    verdict: Verdict,
    said: Said,
    is_release: bool,
    approvers: Vec<PrincipalName>,
}

pub fn run(config: &Path, args: &ReplayArgs) -> ExitCode {
    let config = match load(config) {
        Ok(config) => config,
        Err(code) => return code,
    };
    match replay(&config, args) {
        Ok(code) => code,
        Err(error) => cannot(format!("leaf {} cannot be replayed: {error}", args.index)),
    }
}

fn replay(config: &Config, args: &ReplayArgs) -> Result<ExitCode, super::Failure> {
    let store = Store::open_read_only(&config.data)?;
    let recorded = recorded(&store, args.index)?;
    let entry = &recorded.entry;
    let path = config.data.join("policies").join(format!("{}.toml", recorded.policy));
    let text = std::fs::read_to_string(&path).map_err(|_| format!("policy {} is not kept", recorded.policy))?;
    let policy = Policy::parse(&path.display().to_string(), &text).map_err(|problems| problems.to_string())?;
    if policy.digest() != recorded.policy {
        return Err("the policy that is kept was changed".into());
    }
    let principal = policy.principal(&entry.principal).ok_or("its policy does not know the pusher")?;
    let mirror = config.data.join("mirrors").join(format!("{}.git", entry.repo));
    let new = ObjectStore::open(&config.data.join("held").join(recorded.push.to_string())).ok();
    let objects = Objects::new(new.as_ref(), &ObjectStore::open(&mirror.join("objects"))?);
    let updates: Vec<RefUpdate> = entry.updates.iter().map(|update| update.to_update()).collect();
    for new in updates.iter().filter_map(|update| update.new) {
        objects.header(&new)?.ok_or_else(|| format!("{new} is not kept: what was refused is gone with its objects"))?;
    }
    let refs = store.refs_at(&entry.repo, args.index)?;
    let trusted = trusted(config, &policy, (&entry.repo, &mirror), &refs)?;
    let secrets = SecretCache::new(Some(fingerprint_key::load_or_create(&config.data)?));
    let push_cert = match entry.push_cert.as_ref().is_some_and(|cert| cert.counts()) {
        true => PushCert::Counts,
        false => PushCert::Missing,
    };
    let approvers = &recorded.approvers;
    let hearing = Hearing { purpose: entry.purpose, approvers, push_cert, ..Hearing::default() };
    let (repo, limits) = (&entry.repo, &config.limits);
    let trial = Trial { policy: &policy, principal, repo, limits, secrets: &secrets, hearing };
    let scene = Scene { refs: &refs, trusted: &trusted };
    let (_, judgement) = trial.hold(&objects, &updates, scene, recorded.time, &AtomicBool::new(false))?;
    let again = said(judgement.findings.iter().map(FindingEntry::from));
    let verdict = Verdict::from(&judgement.decision);
    // Who owns a path is not in the record: who had to approve a release is not asked again.
    let is_same = again == recorded.said && (verdict == recorded.verdict || recorded.is_release);
    Ok(answer(args, &recorded, (verdict, &again), is_same))
}

/// The decision that a leaf states.
fn recorded(store: &Store, index: u64) -> Result<Recorded, super::Failure> {
    let leaf = store.leaves(index, 1)?.into_iter().find(|leaf| leaf.index == index).ok_or("there is no such leaf")?;
    let stored = store.after(leaf.seq - 1, 1)?.into_iter().find(|stored| stored.seq == leaf.seq);
    match stored.map(|stored| stored.record).ok_or("its record is gone")? {
        Record::Decision(entry) => Ok(Recorded {
            push: entry.push,
            policy: entry.policy.clone(),
            time: entry.time,
            verdict: entry.decision,
            said: said(entry.findings.iter().cloned()),
            is_release: false,
            approvers: Vec::new(),
            entry,
        }),
        Record::Release(release) => {
            let decision = store.find(release.push)?.into_iter().find_map(|stored| match stored.record {
                Record::Decision(entry) => Some(entry),
                _ => None,
            });
            Ok(Recorded {
                push: release.push,
                policy: release.policy,
                time: release.time,
                verdict: release.decision,
                said: said(release.findings.into_iter()),
                is_release: true,
                approvers: release.approvals.into_iter().map(|approval| approval.by).collect(),
                entry: decision.ok_or("the push's first decision is gone")?,
            })
        }
        Record::Hold(_) => Err("it is the end of a held push, which nothing was judged for".into()),
        _ => Err("it is no decision".into()),
    }
}

/// What is tried again: what rules said of what the push changes.
fn said(findings: impl Iterator<Item = FindingEntry>) -> Said {
    let mut said = Said::new();
    for finding in findings {
        let of_the_moment = ["quota.", "ref.moved", "ref.symbolic", "object.", "hold.", "push.", "policy."];
        if of_the_moment.iter().any(|start| finding.rule.starts_with(start)) {
            continue;
        }
        let effect = said.entry(finding.rule).or_insert(finding.effect);
        *effect = (*effect).max(finding.effect);
    }
    said
}

/// By the same rule as on the gate.
fn trusted(
    config: &Config,
    policy: &Policy,
    (repo, mirror): (&RepoName, &Path),
    refs: &[(RefName, ObjectId)],
) -> Result<Vec<ObjectId>, super::Failure> {
    let patterns = config.repos.get(repo).and_then(|repo| repo.trusted.as_ref());
    let patterns = patterns.map(|list| PatternList::of_refs(list)).transpose()?;
    let head = Repository::open(mirror)?.branch()?;
    let is_default = |name: &RefName| head.as_ref() == Some(name);
    let is_trusted = |name: &RefName| match &patterns {
        Some(patterns) => patterns.allows(&Subject::name(name.as_bstr()), Who::Anyone),
        None => is_default(name) || !policy.agent_may_write(repo, name),
    };
    let mut tips: Vec<_> = refs.iter().filter(|(name, _)| is_trusted(name)).collect();
    tips.sort_by_key(|(name, _)| !is_default(name));
    Ok(tips.into_iter().map(|(_, id)| *id).collect())
}

fn answer(args: &ReplayArgs, recorded: &Recorded, (verdict, again): (Verdict, &Said), is_same: bool) -> ExitCode {
    let words = |said: &Said| -> BTreeMap<String, &'static str> {
        said.iter().map(|(rule, effect)| (rule.clone(), effect.as_str())).collect()
    };
    if args.json {
        let line = serde_json::json!({
            "index": args.index, "push": recorded.push.to_string(), "policy": recorded.policy, "reproduced": is_same,
            "decision": recorded.verdict.as_str(), "again": verdict.as_str(),
            "rules": words(&recorded.said), "rules_again": words(again),
        });
        print(&format!("{line}\n"));
    } else {
        let (word, push) = (if is_same { "reproduced" } else { "NOT reproduced" }, recorded.push);
        print(&format!("{word}: leaf {}, push {push}, {}\n", args.index, recorded.verdict.as_str()));
        if !is_same {
            print(&format!("  recorded: {} {:?}\n", recorded.verdict.as_str(), words(&recorded.said)));
            print(&format!("  again:    {} {:?}\n", verdict.as_str(), words(again)));
        }
    }
    if is_same { DONE } else { negative() }
}
