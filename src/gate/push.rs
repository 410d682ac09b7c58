//! One push, from the advertisement to the report: the story of ARCHITECTURE.md in its order.

use crate::forward::{Connection, ForwardError, Outcome, RefOutcome, Rejection, Source};
use crate::gate::answer::retry_after;
use crate::gate::fault::Fault;
use crate::gate::judge::{Judged, Push};
use crate::gate::target::Base;
use crate::gate::watch::{EndOnDrop, Watch};
use crate::gate::{Keeper, ProtocolVersion, records};
use crate::git::{ObjectStore, Objects};
use crate::model::{ObjectId, RefName, RefUpdate, UpdateKind};
use crate::observe::Stage;
use crate::policy::{Approval, Decision};
use crate::receive::{self, Quarantine, Received, Reply, Verdict};
use crate::wire::advertisement;
use crate::wire::command::{self, CommandError, Request};
use crate::wire::pkt_line;
use bstr::BString;
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::time::{Duration, Instant};

/// What refgate's receive-pack can do (gitprotocol-capabilities).
const CAPABILITIES: &str = concat!(
    "report-status report-status-v2 side-band-64k quiet ofs-delta object-format=sha1 agent=refgate/",
    env!("CARGO_PKG_VERSION")
);

/// What it can do too, unless it serves one repository in the place of git and that one's settings say otherwise.
const CAPABILITIES_TO_ASK: [&str; 3] = ["delete-refs", "atomic", "push-options"];

const INPUT_BUFFER_BYTES: usize = 128 * 1024;

/// How long the upstream's refs, as read at the beginning, are taken as read.
const REFS_AGE_MAX: Duration = Duration::from_secs(10);

/// A conversation that ended before its commands were understood. There is no push yet, so nothing is recorded.
#[derive(Debug, thiserror::Error)]
enum Unheard {
    #[error("the client went away: {0}")]
    Client(#[source] io::Error),
    #[error(transparent)]
    Commands(CommandError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The upstream at one moment, and the connection the push will go over.
struct Snapshot<'a> {
    connection: Connection<'a>,
    refs: Vec<(RefName, ObjectId)>,
    taken: Instant,
}

/// Everything the client sent, checked as far as objects go.
struct Pushed {
    request: Request,
    options: Vec<BString>,
    quarantine: Quarantine,
    received: Received,
    /// What the push may build on.
    base: ObjectStore,
}

impl Push<'_> {
    /// Serves one receive-pack conversation. Returns the exit status for the client.
    pub fn serve(
        &self,
        version: ProtocolVersion,
        input: &mut (dyn Read + Send),
        output: &mut (dyn Write + Send),
    ) -> u32 {
        // What is read ahead and not part of this conversation is nobody's: the connection ends with it.
        let input = &mut BufReader::with_capacity(INPUT_BUFFER_BYTES, input);
        let span = tracing::info_span!("push", push.id = %self.id, repo = %self.target.name, principal = %self.session.principal.name);
        let _entered = span.enter();
        let Err(error) = self.converse(version, input, output) else { return 0 };
        tracing::warn!(%error, "a push ended before its commands were understood");
        let reason = match &error {
            Unheard::Client(_) => return 128,
            Unheard::Commands(error) => error.to_string(),
            Unheard::Fault(fault) => fault.finding().message,
        };
        // If the client is gone there is nobody to tell.
        let line = format!("ERR refgate: {reason} (push {})\n", self.id);
        let _ = pkt_line::write(output, line.as_bytes()).and_then(|()| output.flush());
        128
    }

    fn converse(
        &self,
        version: ProtocolVersion,
        input: &mut dyn BufRead,
        output: &mut (dyn Write + Send),
    ) -> Result<(), Unheard> {
        let snapshot = self.snapshot()?;
        let visible = snapshot.refs.iter().filter(|(name, _)| self.may_read(name)).map(|(name, id)| (name, id));
        let version_1 = version == ProtocolVersion::V1;
        let capabilities = self.capabilities(&snapshot.connection);
        advertisement::encode(output, version_1, visible, &capabilities).map_err(Unheard::Client)?;
        tracing::debug!(stage = "refs", micros = self.begun.elapsed().as_micros(), "advertised");
        let mut request = Request::default();
        if let Err(error) = command::read_request(input, self.limits.ref_updates_max, &mut request) {
            return self.misunderstood(error, &request, output);
        }
        if request.updates.is_empty() {
            return Ok(());
        }
        let watch = Watch::default();
        let reply = Reply::new(output, request.capabilities.clone(), &request.updates);
        std::thread::scope(|scope| {
            scope.spawn(|| watch.run(&reply));
            let _end = EndOnDrop(&watch);
            if let Err((fault, updates)) = self.take_in(snapshot, request, input, &reply, &watch) {
                self.abort(&updates, &fault, &reply);
            }
        });
        Ok(())
    }

    /// A client that has said what it takes is answered like any other; one that has not reads an error packet.
    fn misunderstood(
        &self,
        error: CommandError,
        request: &Request,
        output: &mut (dyn Write + Send),
    ) -> Result<(), Unheard> {
        let takes = &request.capabilities;
        if !(takes.side_band_64k || takes.report_status || takes.report_status_v2) {
            return Err(Unheard::Commands(error));
        }
        let reply = Reply::new(output, takes.clone(), &request.updates);
        self.abort(&request.updates, &error.into(), &reply);
        Ok(())
    }

    fn capabilities(&self, upstream: &Connection<'_>) -> String {
        let mut list = CAPABILITIES.to_owned();
        let own = matches!(self.target.base, Base::Own { .. });
        for name in CAPABILITIES_TO_ASK.into_iter().filter(|name| !own || upstream.can(name)) {
            list.push(' ');
            list.push_str(name);
        }
        list
    }

    /// Asks the upstream for its refs and brings the mirror in step.
    fn snapshot(&self) -> Result<Snapshot<'_>, Fault> {
        let failed = |error: ForwardError| Fault::Upstream(error.into());
        let connection = Connection::open(&self.target.upstream, self.limits, self.lock).map_err(failed)?;
        let refs = connection.refs().to_vec();
        self.target.sync(&refs, self.limits)?;
        Ok(Snapshot { connection, refs, taken: Instant::now() })
    }

    /// From the commands to the report. An error means that there was no decision.
    fn take_in(
        &self,
        snapshot: Snapshot<'_>,
        request: Request,
        input: &mut dyn BufRead,
        reply: &Reply<'_>,
        watch: &Watch,
    ) -> Result<(), (Fault, Vec<RefUpdate>)> {
        let updates = request.updates.clone();
        let judged = self.receive(request, input, watch).and_then(|pushed| self.decide_on(snapshot, pushed, watch));
        let (snapshot, pushed, judged) = judged.map_err(|fault| (fault, updates))?;
        let judgement = &judged.judgement;
        match &judgement.decision {
            Decision::Accept(approval) => self.forward(approval, snapshot, pushed, &judged, reply, watch),
            Decision::Hold => {
                self.answer(Verdict::Held, retry_after(judgement), &pushed.request.updates, judgement, reply)
            }
            Decision::Refuse => {
                // If the client is gone there is nobody to tell.
                let _ = reply.say(&judged.proposed.errors);
                self.answer(Verdict::Refused, retry_after(judgement), &pushed.request.updates, judgement, reply)
            }
        }
        Ok(())
    }

    /// Push options and the pack, into the quarantine.
    fn receive(&self, request: Request, input: &mut dyn BufRead, watch: &Watch) -> Result<Pushed, Fault> {
        watch.stage("receiving objects", self.limits.receive_time_max);
        let mut options = Vec::new();
        if request.capabilities.push_options {
            let limits = self.limits;
            options = command::read_push_options(input, limits.push_options_max, limits.push_option_bytes_max)?;
        }
        let begun = Instant::now();
        let mut quarantine = Quarantine::create(&self.target.incoming)?;
        let mut received = Received::default();
        let base = self.target.readable_objects(&|name| self.may_read(name), self.limits)?;
        if request.updates.iter().any(|update| update.new.is_some()) {
            let progress = |progress: receive::Progress| watch.tell(progress.to_string());
            received = receive::unpack(input, &mut quarantine, &base, self.limits, &progress, &watch.stop)?;
        }
        self.metrics.stage(Stage::Receive, begun.elapsed());
        Ok(Pushed { request, options, quarantine, received, base })
    }

    /// Judges, and makes the decision durable: from here on the push is in the record, whatever happens.
    fn decide_on<'s>(
        &'s self,
        mut snapshot: Snapshot<'s>,
        pushed: Pushed,
        watch: &Watch,
    ) -> Result<(Snapshot<'s>, Pushed, Judged), Fault> {
        watch.stage("judging", self.limits.judge_time_max);
        if snapshot.taken.elapsed() > REFS_AGE_MAX {
            snapshot = self.snapshot()?;
        }
        let new = pushed.quarantine.store()?;
        let updates = &pushed.request.updates;
        let mut judged =
            self.judge(updates, &snapshot.refs, (Some(&new), &pushed.base), &pushed.received, &watch.stop)?;
        let Judged { facts, judgement, .. } = &judged;
        let entry = records::decision(self, &pushed.request, &pushed.received, pushed.options.len(), facts, judgement);
        let begun = Instant::now();
        self.store.decided(&entry)?;
        self.metrics.stage(Stage::Record, begun.elapsed());
        self.metrics.decided(entry.decision, self.begun.elapsed());
        judgement.findings.iter().for_each(|finding| self.metrics.finding(&finding.rule));
        tracing::info!(
            decision = judgement.decision.as_str(),
            findings = judgement.findings.len(),
            commits = facts.commits.len(),
            pack.bytes = facts.pack_bytes,
            time_ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            "decided"
        );
        drop(judged.turn.take());
        Ok((snapshot, pushed, judged))
    }

    fn forward(
        &self,
        approval: &Approval,
        snapshot: Snapshot<'_>,
        pushed: Pushed,
        judged: &Judged,
        reply: &Reply<'_>,
        watch: &Watch,
    ) {
        watch.stage("forwarding to the upstream", self.limits.forward_time_max);
        let objects_dir = self.target.objects_dir();
        // What was judged is what the refs reach. git itself packs more when it leaves out a ref of its own accord.
        let has_strays = self.has_strays(&pushed);
        let source = Source {
            git_dir: self.target.git_dir(),
            objects_dir: &objects_dir,
            objects: self.target.objects(),
            quarantine: Some(pushed.quarantine.objects_dir()),
            pack: pushed.quarantine.pack_path().filter(|_| !has_strays),
        };
        // Push options go on only to the very repository the client meant; another upstream's are not for agents to set.
        let options = if matches!(self.target.base, Base::Own { .. }) { &pushed.options[..] } else { &[] };
        let _turn = self.keeper.filter(|_| judged.proposed.proposal.is_some()).map(Keeper::turn);
        let mut relay = |text: &[u8]| self.target.relay(reply, text);
        let begun = Instant::now();
        let outcomes = match snapshot.connection.push(approval, source, options, &mut relay) {
            Ok(outcomes) => outcomes,
            Err(error) => {
                tracing::warn!(%error, "the push could not be sent to the upstream");
                not_sent(approval.updates(), &error)
            }
        };
        self.metrics.stage(Stage::Forward, begun.elapsed());
        let entry = records::outcome(self, approval.updates(), &outcomes);
        entry.refs.iter().for_each(|outcome| self.metrics.outcome(outcome.result));
        if let Err(error) = self.store.settled(&entry) {
            // The decision stands without an outcome: it is settled against the upstream at the next start.
            tracing::error!(%error, "the outcome cannot be recorded");
        }
        self.adopt(&outcomes, &judged.proposed);
        self.answer_outcomes(&outcomes, &pushed.request.updates, &judged.judgement, reply);
        if outcomes.iter().any(|o| matches!(o.outcome, Outcome::Ok(_))) {
            let kinds: Vec<(RefUpdate, UpdateKind)> =
                judged.facts.updates.iter().map(|u| (u.update.clone(), u.kind)).collect();
            self.target.keep(Some(pushed.quarantine).filter(|_| !has_strays), &kinds);
        }
    }

    /// Whether the pack brought objects that none of the refs reaches: nobody has judged them, and they go nowhere.
    fn has_strays(&self, pushed: &Pushed) -> bool {
        let tips: HashSet<ObjectId> = pushed.request.updates.iter().filter_map(|update| update.new).collect();
        let mut others = pushed.received.roots.iter().filter(|id| !tips.contains(*id)).peekable();
        if others.peek().is_none() {
            return false;
        }
        let objects = Objects::new(None, self.target.objects());
        others.any(|id| !objects.in_base(id))
    }
}

fn not_sent(updates: &[RefUpdate], error: &ForwardError) -> Vec<RefOutcome> {
    let outcome = Outcome::Rejected { class: Rejection::Refused, reason: error.to_string() };
    updates.iter().map(|update| RefOutcome { name: update.name.clone(), outcome: outcome.clone() }).collect()
}
