//! What is stated of a push: one decision for each of its refs, from what the stages found.

use crate::config::{Config, PolicySource};
use crate::evidence::{
    Actor, ApprovalDigest, Decision, DecisionId, Evaluation, Gate as GateIs, History, Identity, Outcome, Paths,
    PolicyMode, PolicyUsed, Previous, PushCert, RuleResult, Sha256Digest, Subject, UpdatedRef,
};
use crate::gate::changes::Changes;
use crate::gate::judge::Push;
use crate::git::{Objects, tree};
use crate::model::{Effect, ObjectId, PushFacts, RefUpdate, UpdateFacts, UpdateKind};
use crate::policy::{Judgement, Policy};
use crate::record::PushCertEntry;
use crate::store::Notary;
use bstr::BString;
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, OnceLock};

/// How the gate is called in statements, and what signs them.
pub struct Attest {
    pub identity: Identity,
    pub notary: Notary,
    policy_uri: String,
    /// SHA-256 of this program, as soon as it is known.
    build: Arc<OnceLock<Sha256Digest>>,
}

/// What there is to state, beside the push itself.
pub(super) struct Stating<'a> {
    pub outcome: Outcome,
    pub updates: &'a [RefUpdate],
    pub facts: &'a PushFacts,
    pub judgement: &'a Judgement,
    pub objects: &'a Objects,
    pub approvals: Vec<ApprovalDigest>,
    /// What the client calls itself.
    pub client: &'a [u8],
    pub push_cert: Option<&'a PushCertEntry>,
    pub time: Timestamp,
}

/// Bytes of paths in all statements of a push together: a statement has to fit a leaf of the log.
const PATHS_BYTES_MAX: usize = 12 * 1024;
/// Rules that a statement names; findings beyond are in the record.
const RULES_MAX: usize = 150;

impl Attest {
    pub fn new(config: &Config, identity: Identity, notary: Notary) -> io::Result<Self> {
        let policy_uri = match &config.policy {
            PolicySource::File(_) => format!("https://{}/policy", config.domain),
            PolicySource::Pushed(pushed) => {
                let resource = config.repos.get(&pushed.repo).map_or("", |repo| repo.resource.as_str());
                format!("{resource}@{}#{}", pushed.ref_name, pushed.file)
            }
        };
        let build = Arc::new(OnceLock::new());
        let found = Arc::clone(&build);
        std::thread::Builder::new().name("build".to_owned()).spawn(move || {
            // Statements of the first moments do without.
            if let Ok(program) = std::fs::read("/proc/self/exe") {
                let _ = found.set(Sha256Digest::of(&program));
            }
        })?;
        Ok(Self { identity, notary, policy_uri, build })
    }

    pub fn gate(&self) -> GateIs {
        GateIs {
            domain: self.identity.domain().to_owned(),
            verifier_id: self.identity.verifier_id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            build: self.build.get().copied(),
        }
    }

    pub fn policy(&self, policy: &Policy, observes: bool) -> PolicyUsed {
        PolicyUsed {
            uri: self.policy_uri.clone(),
            // The digest is ours, and 64 hex digits.
            digest: Sha256Digest::parse(policy.digest()).unwrap_or(Sha256Digest::ZERO),
            commit: None,
            mode: if observes { PolicyMode::Monitor } else { PolicyMode::Enforce },
        }
    }
}

impl Push<'_> {
    /// The statements of a decision, in the order of its updates; none where the gate makes none.
    pub(super) fn state(&self, stating: &Stating<'_>) -> Vec<Decision> {
        let (Some(attest), Some(resource)) = (self.attest, &self.target.resource) else { return Vec::new() };
        let Judgement { findings, .. } = stating.judgement;
        let rules = self.policy.rule_ids(&self.target.name).into_iter();
        let passed = rules.filter(|rule| !findings.iter().any(|finding| finding.rule == *rule));
        let found = findings.iter().map(|one| (one.rule.as_str(), one.effect, one.place.path.as_ref()));
        let evaluations = evaluations(found, passed);
        let principal = &self.session.principal;
        let since = SignedDuration::try_from(self.begun.elapsed()).unwrap_or_default();
        let received = stating.time.checked_sub(since).unwrap_or(stating.time);
        let found: HashMap<_, _> = stating.facts.updates.iter().map(|facts| (&facts.update.name, facts)).collect();
        let mut changes = Changes::new(stating.objects, stating.facts);
        let one = |update: &RefUpdate| {
            let facts = found.get(&update.name).copied().filter(|facts| facts.update == *update);
            let subject = subject(stating.objects, update, facts)?;
            let forwards = matches!(stating.outcome, Outcome::Accepted | Outcome::Approved | Outcome::Held);
            let changeset = facts.filter(|_| forwards).and_then(|facts| {
                let changeset = changes.of_update(facts, self.limits);
                changeset.inspect_err(|error| tracing::warn!(%error, "a changeset has no digest")).ok().flatten()
            });
            Some(Decision {
                gate: attest.gate(),
                id: DecisionId::generate(),
                push: self.id,
                outcome: stating.outcome,
                resource: resource.clone(),
                subject,
                update: UpdatedRef { old: update.old, new: update.new, history: history(facts) },
                actor: Some(Actor {
                    name: principal.name.clone(),
                    kind: principal.kind,
                    key_fingerprint: self.session.key_fingerprint.clone(),
                    on_behalf_of: principal.sponsor.clone(),
                }),
                push_cert: stating.push_cert.and_then(cert),
                client_claims: claims(stating.client),
                policy: attest.policy(self.policy, self.policy.observes(&self.target.name)),
                evaluations: evaluations.clone(),
                changeset,
                approvals: stating.approvals.clone(),
                // Where it goes on from is known where it is written.
                previous: Previous { ref_index: None, repo_seq: 0 },
                record: None,
                received,
                decided: stating.time,
            })
        };
        stating.updates.iter().filter_map(one).collect()
    }
}

/// What each rule had to say, from its findings; then those that found nothing.
pub(super) fn evaluations<'a>(
    findings: impl Iterator<Item = (&'a str, Effect, Option<&'a BString>)>,
    passed: impl Iterator<Item = &'a str>,
) -> Vec<Evaluation> {
    let mut found: BTreeMap<&str, (RuleResult, Vec<BString>)> = BTreeMap::new();
    for (rule, effect, path) in findings {
        let (result, paths) = found.entry(rule).or_insert((RuleResult::Pass, Vec::new()));
        let this = result_of(effect);
        if this as u8 > *result as u8 {
            *result = this;
        }
        paths.extend(path.cloned());
    }
    let mut room = PATHS_BYTES_MAX;
    let mut evaluations: Vec<Evaluation> = Vec::new();
    for (rule, (result, mut paths)) in found {
        paths.sort();
        paths.dedup();
        let (listed, blob) = Paths::new(paths.clone());
        let bytes: usize = paths.iter().map(|path| path.len() * 2 + 3).sum();
        let paths = match blob {
            None if bytes <= room => {
                room -= bytes;
                listed
            }
            None => Paths::named(&paths),
            Some(_) => listed,
        };
        evaluations.push(Evaluation { rule: rule.to_owned(), result, paths, evidence: None });
    }
    evaluations.extend(passed.map(|rule| Evaluation {
        rule: rule.to_owned(),
        result: RuleResult::Pass,
        paths: Paths::Listed(Vec::new()),
        evidence: None,
    }));
    evaluations.truncate(RULES_MAX);
    evaluations
}

pub(super) fn cert(entry: &PushCertEntry) -> Option<PushCert> {
    let (status, nonce_status) = (entry.status.as_str().to_owned(), entry.nonce_status.as_str().to_owned());
    Some(PushCert { digest: Sha256Digest::parse(&entry.sha256)?, status, nonce_status })
}

fn result_of(effect: Effect) -> RuleResult {
    match effect {
        Effect::Warn => RuleResult::Warn,
        Effect::Hold => RuleResult::Hold,
        Effect::Refuse => RuleResult::Refuse,
    }
}

fn history(facts: Option<&UpdateFacts>) -> History {
    match facts.map(|facts| facts.kind) {
        Some(UpdateKind::Rewind) => History::Rewound,
        Some(UpdateKind::Create | UpdateKind::Update | UpdateKind::Delete) | None => History::Kept,
    }
}

fn claims(client: &[u8]) -> BTreeMap<String, bstr::BString> {
    let agent =
        (!client.is_empty()).then(|| ("agent".to_owned(), client.iter().copied().take(200).collect::<Vec<_>>().into()));
    agent.into_iter().collect()
}

/// The revision that a ref update is about. What was refused before its objects could be read is named as it came.
pub(super) fn subject(objects: &Objects, update: &RefUpdate, facts: Option<&UpdateFacts>) -> Option<Subject> {
    let (commit, tag) = match facts {
        Some(UpdateFacts { commit: Some(commit), tags, .. }) => (*commit, tags.first().map(|tag| tag.id)),
        Some(_) | None => peeled(objects, update.new.or(update.old)?),
    };
    Some(Subject { commit, tree: tree::of(objects, &commit).ok(), tag, ref_name: update.name.clone() })
}

/// The commit that an object stands for, and the tag that it is.
pub(super) fn peeled(objects: &Objects, id: ObjectId) -> (ObjectId, Option<ObjectId>) {
    match tree::peel(objects, &id) {
        Ok(Some(commit)) if commit != id => (commit, Some(id)),
        Ok(_) | Err(_) => (id, None),
    }
}
