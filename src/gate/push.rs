//! One push, from the advertisement to the report: the story of ARCHITECTURE.md in its order.

use crate::forward::{self, Connection, Delivery};
use crate::gate::watch::{EndOnDrop, Watch};
use crate::gate::{ProtocolVersion, Session, Target, records};
use crate::git::{ObjectStore, Objects};
use crate::inspect;
use crate::model::{Finding, Limits, ObjectId, PushFacts, PushId, RefName, RefUpdate, Usage};
use crate::policy::{Approval, Case, Decision, Judgement, Policy};
use crate::receive::{self, Faults, Quarantine, Received, Reply, Verdict};
use crate::store::Store;
use crate::wire::command::{self, Request};
use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

/// What one push is judged with. The policy is the one of its beginning.
pub struct Push<'a> {
    pub id: PushId,
    pub target: &'a Target,
    pub session: &'a Session,
    pub policy: &'a Policy,
    pub store: &'a Store,
    pub limits: &'a Limits,
}

/// A push that ended without a decision and without a reply: before its commands were understood.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    #[error("the client went away: {0}")]
    Client(#[source] io::Error),
    #[error("{0}")]
    Commands(#[from] command::CommandError),
    #[error("the upstream cannot be reached")]
    Upstream(#[source] forward::ForwardError),
    #[error("the mirror cannot be brought up to date")]
    Mirror(#[source] crate::git::mirror::MirrorError),
    #[error("the objects cannot be read")]
    Read(#[from] crate::git::ReadError),
}

/// How long the upstream's refs, as read at the beginning, may be trusted without asking again.
const REFS_AGE_MAX: Duration = Duration::from_secs(10);

/// The upstream at one moment.
struct Snapshot {
    connection: Connection,
    refs: Vec<(RefName, ObjectId)>,
    taken: Instant,
}

/// Everything the client sent, checked as far as objects go.
struct Pushed {
    request: Request,
    options: usize,
    quarantine: Quarantine,
    received: Received,
    /// What the object checks found.
    findings: Vec<Finding>,
}

impl Push<'_> {
    /// Holds the whole conversation. `Ok` even if the push was refused: then the client was told.
    pub fn run(
        &self,
        version: ProtocolVersion,
        input: &mut (dyn Read + Send),
        output: &mut (dyn Write + Send),
    ) -> Result<(), PushError> {
        let snapshot = self.snapshot()?;
        let visible = snapshot.refs.iter().filter(|(name, _)| self.may_read(name)).map(|(name, id)| (name, id));
        receive::advertise(output, version == ProtocolVersion::V1, visible).map_err(PushError::Client)?;
        let request = command::read_request(input, self.limits.ref_updates_max)?;
        if request.updates.is_empty() {
            return Ok(());
        }
        let watch = Watch::default();
        let reply = Reply::new(output, request.capabilities.clone(), &request.updates);
        std::thread::scope(|scope| {
            scope.spawn(|| watch.run(&reply));
            let _end = EndOnDrop(&watch);
            self.take_in(snapshot, request, input, &reply, &watch)
        })
    }

    fn may_read(&self, name: &RefName) -> bool {
        self.policy.may_read(&self.session.principal, &self.target.name, name)
    }

    /// Asks the upstream for its refs and brings the mirror in step.
    fn snapshot(&self) -> Result<Snapshot, PushError> {
        let connection = Connection::open(&self.target.upstream, self.limits).map_err(PushError::Upstream)?;
        let refs = connection.refs().to_vec();
        self.target.sync(&refs, self.limits).map_err(PushError::Mirror)?;
        Ok(Snapshot { connection, refs, taken: Instant::now() })
    }

    fn take_in(
        &self,
        snapshot: Snapshot,
        request: Request,
        input: &mut (dyn Read + Send),
        reply: &Reply<'_>,
        watch: &Watch,
    ) -> Result<(), PushError> {
        watch.stage("receiving objects", self.limits.receive_time_max);
        match self.receive(request.clone(), input, watch) {
            Ok(pushed) => self.judge(snapshot, pushed, reply, watch),
            Err(fault) => {
                self.abort(&request.updates, fault, reply);
                Ok(())
            }
        }
    }

    /// Push options and the pack, into the quarantine.
    fn receive(&self, request: Request, input: &mut (dyn Read + Send), watch: &Watch) -> Result<Pushed, Faults> {
        let options = if request.capabilities.push_options {
            let limits = self.limits;
            command::read_push_options(input, limits.push_options_max, limits.push_option_bytes_max)?.len()
        } else {
            0
        };
        let mut quarantine = Quarantine::create(&self.target.incoming)?;
        let received = if request.updates.iter().any(|update| update.new.is_some()) {
            let progress = |p: receive::Progress| watch.tell(p.to_string());
            receive::unpack(input, &mut quarantine, &self.target.base, self.limits, &progress, &watch.stop)?
        } else {
            Received::default()
        };
        let findings = received.problems.iter().map(receive::ObjectProblem::finding).collect();
        Ok(Pushed { request, options, quarantine, received, findings })
    }

    fn judge(
        &self,
        mut snapshot: Snapshot,
        mut pushed: Pushed,
        reply: &Reply<'_>,
        watch: &Watch,
    ) -> Result<(), PushError> {
        watch.stage("judging", self.limits.judge_time_max);
        if snapshot.taken.elapsed() > REFS_AGE_MAX {
            snapshot = self.snapshot()?;
        }
        let new = pushed.quarantine.store()?;
        let (facts, judgement) = match self.judgement(&snapshot, &mut pushed, &new, watch) {
            Ok(judged) => judged,
            Err(fault) => {
                self.abort(&pushed.request.updates, fault, reply);
                return Ok(());
            }
        };
        let decision = records::decision(self, &pushed.request, &pushed.received, pushed.options, &facts, &judgement);
        if let Err(error) = self.store.decided(&decision) {
            tracing::error!(push.id = %self.id, %error, "the decision cannot be recorded; the push is refused");
            self.abort(&pushed.request.updates, Faults::Internal, reply);
            return Ok(());
        }
        match &judgement.decision {
            Decision::Accept(approval) => self.forward(approval, snapshot, pushed, &judgement, reply, watch),
            Decision::Hold => self.answer(Verdict::Held, &pushed.request.updates, &judgement, reply),
            Decision::Refuse => self.answer(Verdict::Refused, &pushed.request.updates, &judgement, reply),
        }
        Ok(())
    }

    /// What the push changes, and what the policy says of it.
    fn judgement(
        &self,
        snapshot: &Snapshot,
        pushed: &mut Pushed,
        new: &ObjectStore,
        watch: &Watch,
    ) -> Result<(PushFacts, Judgement), Faults> {
        let objects = Objects::new(Some(new), &self.target.base);
        let usage = self.store.usage(&self.session.principal.name, &self.target.name, jiff::Timestamp::now())?;
        let updates = receive::against_upstream(&pushed.request.updates, &snapshot.refs, &mut pushed.findings, |name| self.may_read(name));
        receive::check_tips(&updates, &objects, &mut pushed.findings)?;
        if !pushed.findings.is_empty() {
            // Objects that are malformed or not there cannot be walked; what is known so far is the answer.
            let facts = PushFacts { pack_bytes: pushed.received.pack_bytes, ..PushFacts::default() };
            let judgement = self.decide(&facts, &pushed.findings, &usage);
            return Ok((facts, judgement));
        }
        let trusted = self.target.trusted(self.policy, &snapshot.refs);
        let classes = self.classes(&updates);
        let request = inspect::Request {
            updates: &updates,
            classes: &classes,
            upstream: &snapshot.refs,
            trusted: &trusted,
            needs: self.policy.needs(&self.target.name),
        };
        let mut facts = inspect::inspect(&objects, &request, self.limits, &watch.stop)?;
        facts.pack_bytes = pushed.received.pack_bytes;
        let judgement = self.decide(&facts, &pushed.findings, &usage);
        Ok((facts, judgement))
    }

    fn decide(&self, facts: &PushFacts, findings: &[Finding], usage: &Usage) -> Judgement {
        self.policy.judge(&Case {
            principal: &self.session.principal,
            repo: &self.target.name,
            facts,
            findings,
            usage,
            now: jiff::Timestamp::now(),
            findings_max: self.limits.findings_max,
        })
    }

    /// Numbers the scopes of the ref updates: equal numbers are judged together.
    fn classes(&self, updates: &[RefUpdate]) -> Vec<usize> {
        let mut scopes = Vec::new();
        let class = |update: &RefUpdate| {
            let scope = self.policy.scope(&self.session.principal, &self.target.name, &update.name);
            scopes.iter().position(|known| *known == scope).unwrap_or_else(|| {
                scopes.push(scope);
                scopes.len() - 1
            })
        };
        updates.iter().map(class).collect()
    }

    fn forward(
        &self,
        approval: &Approval,
        snapshot: Snapshot,
        pushed: Pushed,
        judgement: &Judgement,
        reply: &Reply<'_>,
        watch: &Watch,
    ) {
        watch.stage("forwarding to the upstream", self.limits.forward_time_max);
        let parcel = forward::Parcel {
            approval,
            pack: pushed.quarantine.pack_path(),
            new_objects: pushed.quarantine.objects_dir(),
            base_objects: self.target.objects_dir(),
        };
        let mut relay = |text: &[u8]| self.target.relay(reply, text);
        let delivery = forward::deliver(snapshot.connection, &self.target.upstream, &parcel, self.limits, &mut relay);
        if let Err(error) = self.store.settled(&records::outcome(self.id, &delivery)) {
            // The decision stands in the record without an outcome: it is settled against the upstream at the next start.
            tracing::error!(push.id = %self.id, %error, "the outcome cannot be recorded");
        }
        if delivery.landed() {
            self.target.keep(pushed.quarantine, approval.updates());
        }
        self.answer_delivery(&delivery, &pushed.request.updates, judgement, reply);
    }
}
