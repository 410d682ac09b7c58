//! From objects in quarantine to a judgement: the same for a push over SSH, for a drop-in and for a hook.

use crate::examine::SecretCache;
use crate::gate::held::HeldPacks;
use crate::gate::proposal::Proposed;
use crate::gate::{Attest, Certificates, Keeper, Session, Target, fault::Fault, notebook};
use crate::git::{ObjectStore, Objects};
use crate::model::{Effect, Finding, Limits, ObjectId, Place, PushFacts, PushId, RefName, RefUpdate, Usage};
use crate::observe::{Metrics, Stage};
use crate::policy::{Hearing, Judgement, Policy};
use crate::receive::Received;
use crate::store::{Store, Turn};
use crate::trial::{Scene, Trial};
use bstr::ByteSlice;
use jiff::Timestamp;
use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// One push on its way, and what it is judged with. The policy is the one of its beginning.
#[derive(Clone, Copy)]
pub struct Push<'a> {
    pub id: PushId,
    pub target: &'a Target,
    pub session: &'a Session,
    pub policy: &'a Policy,
    pub store: &'a Store,
    pub limits: &'a Limits,
    pub metrics: &'a Metrics,
    pub secrets: &'a SecretCache,
    /// Where a pushed policy goes; none if this is no gate with a policy of its own.
    pub keeper: Option<&'a Keeper>,
    pub begun: Instant,
    /// Shared with the processes that may move the upstream's refs for this push.
    pub lock: Option<&'a File>,
    /// Where a push is held; none if this is no gate that people can be asked at.
    pub holds: Option<&'a HeldPacks>,
    /// For signed pushes; none if it takes no certificate.
    pub certificates: Option<&'a Certificates>,
    /// How the gate's verbs are called.
    pub gate: &'a str,
    pub hearing: Hearing<'a>,
    pub occasion: Occasion,
    /// By whom it is stated what was decided; none if nothing is.
    pub attest: Option<&'a Attest>,
}

/// When a push is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// As it comes in.
    Push,
    /// As a held push is approved: what it used of a quota was counted when it came.
    Release,
}

/// What came of a push's judgement.
pub struct Judged {
    pub facts: PushFacts,
    pub judgement: Judgement,
    /// Held until the decision is in the store, where a quota counts.
    pub turn: Option<Turn>,
    pub proposed: Proposed,
}

/// The refs of the upstream at one moment.
pub type Refs = [(RefName, ObjectId)];

impl Push<'_> {
    #[must_use]
    pub fn may_read(&self, name: &RefName) -> bool {
        self.policy.may_read(&self.session.principal, &self.target.name, name, Timestamp::now())
    }

    /// What the push changes, and what the policy says of it. Where a quota counts, the turn is to be held until the
    /// decision is in the store.
    pub fn judge(
        &self,
        updates: &[RefUpdate],
        refs: &Refs,
        (new, readable): (Option<&ObjectStore>, &ObjectStore),
        received: &Received,
        stop: &AtomicBool,
    ) -> Result<Judged, Fault> {
        let objects = Objects::new(new, self.target.objects());
        let mut findings = received.findings();
        let owners = self.target.owners(self.policy, refs, self.limits)?;
        let trial = self.trial(Hearing { owners: owners.as_owners(), ..self.hearing });
        self.against_upstream(updates, refs, &mut findings);
        self.check_tips(updates, &Objects::new(new, readable), &mut findings)?;
        let mut facts = PushFacts::default();
        // Objects that are malformed or missing cannot be walked: what is known so far is the answer.
        if findings.is_empty() {
            let trusted = self.target.trusted(self.policy, refs, self.limits)?;
            let scene = Scene { refs, trusted: &trusted };
            let begun = Instant::now();
            facts = trial.inspect(&objects, updates, scene, stop)?;
            self.metrics.stage(Stage::Inspect, begun.elapsed());
            let begun = Instant::now();
            trial.examine(&objects, updates, &mut facts, stop)?;
            self.metrics.stage(Stage::Examine, begun.elapsed());
        }
        let mut proposed = Proposed::default();
        if findings.is_empty() {
            proposed = self.propose(&objects, updates, stop)?;
            findings.append(&mut proposed.findings);
        }
        facts.pack_bytes = received.pack_bytes;
        let (principal, repo, now) = (&self.session.principal, &self.target.name, Timestamp::now());
        let has_quota = self.occasion == Occasion::Push && self.policy.has_quota(principal, repo, now);
        let turn = has_quota.then(|| self.store.turn(&principal.name)).transpose()?;
        // Counted after the wait for the turn, and only where it counts.
        let usage = match has_quota {
            true => self.store.usage(&principal.name, repo, Timestamp::now())?,
            false => Usage::default(),
        };
        let begun = Instant::now();
        let judgement = trial.judge(&facts, &findings, &usage, Timestamp::now());
        self.metrics.stage(Stage::Judge, begun.elapsed());
        Ok(Judged { facts, judgement, turn, proposed })
    }

    fn trial<'t>(&'t self, hearing: Hearing<'t>) -> Trial<'t> {
        Trial {
            policy: self.policy,
            principal: &self.session.principal,
            repo: &self.target.name,
            limits: self.limits,
            secrets: self.secrets,
            hearing,
        }
    }

    /// Holds each old value against what the upstream has now. What moved is a finding; a ref this principal may not
    /// see is not told of: the upstream's compare-and-swap refuses such an update.
    fn against_upstream(&self, updates: &[RefUpdate], refs: &Refs, findings: &mut Vec<Finding>) {
        let held: HashMap<&RefName, ObjectId> = refs.iter().map(|(name, id)| (name, *id)).collect();
        for update in updates {
            let now = held.get(&update.name).copied();
            if notebook::is_for_evidence(&self.target.publish, &update.name) {
                findings.push(for_evidence(&update.name));
            }
            if self.target.is_symbolic(&update.name) {
                findings.push(symbolic(&update.name));
            }
            if now != update.old && (now.is_none() || self.may_read(&update.name)) {
                findings.push(moved(&update.name));
            }
        }
    }

    /// Every new value must be an object that came in or was here.
    fn check_tips(&self, updates: &[RefUpdate], objects: &Objects, findings: &mut Vec<Finding>) -> Result<(), Fault> {
        for update in updates {
            let Some(new) = update.new else { continue };
            if objects.header(&new)?.is_none() {
                findings.push(Finding {
                    rule: "object.missing".to_owned(),
                    effect: Effect::Refuse,
                    would: None,
                    place: Place { ref_name: Some(update.name.clone()), commit: Some(new), ..Place::default() },
                    message: "the pack does not hold this object, and the server has none either".to_owned(),
                    fix: "git fetch origin && git push again; in a shallow clone: git fetch --unshallow".to_owned(),
                });
            }
        }
        Ok(())
    }
}

fn for_evidence(name: &RefName) -> Finding {
    Finding {
        rule: "ref.evidence".to_owned(),
        effect: Effect::Refuse,
        would: None,
        place: Place { ref_name: Some(name.clone()), ..Place::default() },
        message: "this ref is the gate's own: it holds the evidence of what was accepted".to_owned(),
        fix: "push to a ref of another name".to_owned(),
    }
}

fn symbolic(name: &RefName) -> Finding {
    Finding {
        rule: "ref.symbolic".to_owned(),
        effect: Effect::Refuse,
        would: None,
        place: Place { ref_name: Some(name.clone()), ..Place::default() },
        message: "the upstream's ref stands for another one, which a push to it would move".to_owned(),
        fix: "push to the other ref itself, or to a ref of another name".to_owned(),
    }
}

/// The rule's name in the finding for a ref that is not what the client thinks it is.
pub const MOVED: &str = "ref.moved";

#[must_use]
pub fn moved(name: &RefName) -> Finding {
    let branch = name.short().to_str_lossy();
    let safe = branch.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let fix =
        if safe { format!("git fetch origin && git rebase origin/{branch}") } else { "git fetch origin".to_owned() };
    Finding {
        rule: MOVED.to_owned(),
        effect: Effect::Refuse,
        would: None,
        place: Place { ref_name: Some(name.clone()), ..Place::default() },
        message: "fetch first: the upstream's ref is not what this push expects".to_owned(),
        fix,
    }
}
