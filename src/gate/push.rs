//! One push, from the advertisement to the report: the story of ARCHITECTURE.md in its order.

use crate::forward::{Connection, ForwardError, Outcome, RefOutcome, Source};
use crate::gate::answer::retry_after;
use crate::gate::asked::{self, Asked};
use crate::gate::ended::End;
use crate::gate::fault::Fault;
use crate::gate::judge::{Judged, Push};
use crate::gate::notes::Notes;
use crate::gate::target::Base;
use crate::gate::watch::{EndOnDrop, Watch};
use crate::gate::{ProtocolVersion, notebook};
use crate::git::{ObjectStore, Objects};
use crate::model::{ObjectId, Purpose, RefName, RefUpdate};
use crate::observe::Stage;
use crate::policy::{Approval, Checked, Decision, Hearing, PushCert};
use crate::receive::{self, Quarantine, Receipt, Received, Reply, Verdict};
use crate::record::PushCertEntry;
use crate::store::Stated;
use crate::wire::advertisement;
use crate::wire::command::{self, Bounds, CommandError, Request};
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
pub(super) struct Snapshot<'a> {
    pub connection: Connection<'a>,
    pub refs: Vec<(RefName, ObjectId)>,
    taken: Instant,
}

/// Everything the client sent, checked as far as objects go.
pub(super) struct Pushed {
    pub request: Request,
    pub asked: Asked,
    pub options: Vec<BString>,
    /// Of a signed push, what its certificate is worth.
    pub push_cert: Option<PushCertEntry>,
    /// How long the client wants to wait for a human.
    pub wait: Option<Duration>,
    pub quarantine: Quarantine,
    pub received: Received,
    /// What the push may build on.
    pub base: ObjectStore,
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
        // A mirroring client takes away what it is told of and does not have.
        let is_shown = |name: &RefName| self.may_read(name) && !notebook::is_for_evidence(&self.target.publish, name);
        let visible = snapshot.refs.iter().filter(|(name, _)| is_shown(name)).map(|(name, id)| (name, id));
        let version_1 = version == ProtocolVersion::V1;
        let capabilities = self.capabilities(&snapshot.connection);
        advertisement::encode(output, version_1, visible, &capabilities).map_err(Unheard::Client)?;
        tracing::debug!(stage = "refs", micros = self.begun.elapsed().as_micros(), "advertised");
        let mut request = Request::default();
        let bounds = Bounds {
            updates_max: self.limits.ref_updates_max,
            certificate_bytes_max: self.certificates.map(|_| self.limits.push_cert_bytes_max),
        };
        if let Err(error) = command::read_request(input, bounds, &mut request) {
            return self.misunderstood(error, &request, output);
        }
        if request.updates.is_empty() {
            return Ok(());
        }
        let watch = Watch::default();
        let reply = Reply::new(output, request.capabilities.clone(), &request.updates);
        std::thread::scope(|scope| {
            scope.spawn(|| watch.run(Some(&reply)));
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
        if let Some(nonce) = self.nonce_capability() {
            list.push(' ');
            list.push_str(&nonce);
        }
        list
    }

    /// Asks the upstream for its refs and brings the mirror in step.
    pub(super) fn snapshot(&self) -> Result<Snapshot<'_>, Fault> {
        let failed = |error: ForwardError| Fault::Upstream(error.into());
        let contact = self.contact();
        let known = contact.map(|contact| contact.known_tips()).transpose()?.flatten();
        let connection = Connection::open(&self.target.upstream, self.limits, self.lock).map_err(failed)?;
        let refs = connection.refs().to_vec();
        self.target.sync(&refs, self.limits)?;
        if let Some(contact) = contact {
            contact.look_outside(known.as_deref(), &refs)?;
        }
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
        let commands = request.updates.clone();
        let failed = |fault| (fault, commands.clone());
        let asked =
            Asked::new(&request, &snapshot.refs, &|name| self.may_read(name)).map_err(|error| failed(error.into()))?;
        let purpose = asked.purpose;
        let checked = request.certificate.as_ref().map(|certificate| self.check_push_cert(certificate));
        let push_cert = checked.as_ref().map_or(PushCert::Missing, Checked::heard);
        let this = Push { hearing: Hearing { purpose, push_cert, ..self.hearing }, ..*self };
        let mut pushed = this.receive(request, asked, input, watch).map_err(failed)?;
        // Before the decision that names it is recorded, and not for a push that came to none.
        if let (Some(certificate), Some(checked)) = (&pushed.request.certificate, &checked) {
            let kept = this.keep_push_cert(certificate.text(), checked);
            pushed.push_cert = kept.map_err(|error| failed(Fault::Certificate(error)))?;
        }
        this.decide_on(snapshot, pushed, reply, watch).map_err(failed)
    }

    /// The same for a push that the gate has made itself. An error means that nothing came of it.
    pub(super) fn take_made(
        &self,
        snapshot: Snapshot<'_>,
        request: Request,
        quarantine: Quarantine,
        reply: &Reply<'_>,
    ) -> Result<(), Fault> {
        let asked = Asked::new(&request, &snapshot.refs, &|name| self.may_read(name))?;
        let base = self.target.objects().clone();
        let (options, received) = (Vec::new(), Received::default());
        let push_cert = None;
        let pushed = Pushed { request, asked, options, push_cert, wait: None, quarantine, received, base };
        self.decide_on(snapshot, pushed, reply, &Watch::default())
    }

    /// Push options and the pack, into the quarantine.
    fn receive(&self, request: Request, asked: Asked, input: &mut dyn BufRead, watch: &Watch) -> Result<Pushed, Fault> {
        watch.stage("receiving objects", self.limits.receive_time_max);
        let mut options = Vec::new();
        if request.capabilities.push_options {
            let limits = self.limits;
            options = command::read_push_options(input, limits.push_options_max, limits.push_option_bytes_max)?;
        }
        request.check_options(&options)?;
        let wait = asked::wait(&options, self.limits)?;
        let begun = Instant::now();
        let mut quarantine = Quarantine::create(&self.target.incoming)?;
        let mut received = Received::default();
        let base = self.target.readable_objects(&|name| self.may_read(name), self.limits)?;
        if request.updates.iter().any(|update| update.new.is_some()) {
            let progress = |progress: receive::Progress| watch.tell(progress.to_string());
            received = receive::unpack(input, &mut quarantine, &base, self.limits, &progress, &watch.stop)?;
        }
        self.metrics.stage(Stage::Receive, begun.elapsed());
        Ok(Pushed { request, asked, options, push_cert: None, wait, quarantine, received, base })
    }

    /// Judges, makes the decision durable, and does what follows from it. An error means that there was no decision.
    fn decide_on<'s>(
        &'s self,
        mut snapshot: Snapshot<'s>,
        pushed: Pushed,
        reply: &Reply<'_>,
        watch: &Watch,
    ) -> Result<(), Fault> {
        watch.stage("judging", self.limits.judge_time_max);
        if snapshot.taken.elapsed() > REFS_AGE_MAX {
            snapshot = self.snapshot()?;
        }
        let new = pushed.quarantine.store()?;
        let updates = &pushed.asked.updates;
        let mut judged =
            self.judge(updates, &snapshot.refs, (Some(&new), &pushed.base), &pushed.received, &watch.stop)?;
        if let Decision::Hold = judged.judgement.decision
            && let Some(holds) = self.holds.filter(|_| pushed.asked.purpose != Purpose::Check)
        {
            // Whatever comes of it, the upstream is done with for now.
            drop(snapshot);
            return self.hold(holds, pushed, judged, reply);
        }
        let entry = self.entry(&pushed, &judged);
        let mut notes = self.notes()?;
        let decisions = self.decisions(&pushed, &judged, &entry)?;
        let written = self.record(&entry, decisions, Vec::new(), notes.pushes())?;
        notes.receipt = Receipt::of(&written);
        drop(judged.turn.take());
        match (&judged.judgement.decision, pushed.asked.purpose) {
            (Decision::Accept(_), Purpose::Review | Purpose::Check) => {
                self.answer_passed(&pushed, &judged.judgement, &notes, reply);
            }
            (Decision::Accept(approval), Purpose::Push) => {
                watch.stage("forwarding to the upstream", self.limits.forward_time_max);
                self.forward(approval, snapshot, pushed, &judged, (&written.stated, &notes), reply);
            }
            (Decision::Hold, purpose) => {
                let verdict = if purpose == Purpose::Check { Verdict::WouldHold } else { Verdict::NotHeld };
                self.answer(verdict, retry_after(&judged.judgement), updates, &judged.judgement, &notes, reply);
            }
            (Decision::Refuse, _) => {
                // If the client is gone there is nobody to tell.
                let _ = reply.say(&judged.proposed.errors);
                self.answer(
                    Verdict::Refused,
                    retry_after(&judged.judgement),
                    updates,
                    &judged.judgement,
                    &notes,
                    reply,
                );
            }
        }
        Ok(())
    }

    fn forward(
        &self,
        approval: &Approval,
        snapshot: Snapshot<'_>,
        pushed: Pushed,
        judged: &Judged,
        (stated, notes): (&[Stated], &Notes),
        reply: &Reply<'_>,
    ) {
        let objects_dir = self.target.objects_dir();
        // What was judged is what the refs reach. git itself packs more when it leaves out a ref of its own accord.
        let has_strays = self.has_strays(&pushed);
        let source = Source {
            git_dir: self.target.git_dir(),
            objects_dir: &objects_dir,
            objects: self.target.objects(),
            quarantine: Some(pushed.quarantine.objects_dir()),
            pack: pushed.quarantine.pack_path().filter(|_| !has_strays),
            own: None,
        };
        // Push options go on only to the very repository the client meant; another upstream's are not for agents to set.
        let options = if matches!(self.target.base, Base::Own { .. }) { &pushed.options[..] } else { &[] };
        let mut relay = |text: &[u8]| self.target.relay(reply, text);
        let sent = self.send((approval, stated), snapshot, source, options, &judged.proposed, &mut relay);
        self.supersede(approval, &sent);
        self.answer_outcomes(&sent, &pushed.request.updates, &judged.judgement, notes, reply);
        self.target.keep_sent(&sent, &judged.facts, Some(pushed.quarantine).filter(|_| !has_strays));
    }

    /// Ends held pushes of the same principal to refs that have moved for this one. One that stays for want of a working
    /// store is refused at its approval: the upstream has moved.
    fn supersede(&self, approval: &Approval, sent: &[RefOutcome]) {
        let has_moved = |update: &&RefUpdate| {
            sent.iter().any(|outcome| outcome.name == update.name && matches!(outcome.outcome, Outcome::Ok(_)))
        };
        let refs: Vec<&RefName> = approval.updates().iter().filter(has_moved).map(|update| &update.name).collect();
        let ends = self.replaced(&refs).unwrap_or_else(|error| {
            tracing::error!(%error, "held pushes to the same refs cannot be read");
            Vec::new()
        });
        for End { step, decisions } in ends {
            let push = step.push;
            match self.store.stepped(step, decisions) {
                Ok(_) => self.holds.iter().for_each(|packs| packs.remove(push)),
                Err(error) => tracing::warn!(push.id = %push, %error, "a held push is not superseded"),
            }
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
