//! A push that the gate makes itself in somebody's name. It goes the way of every push: judged by what that person may
//! do, recorded, forwarded with exact old values, held if a rule says so.

use crate::gate::desk::DeskError;
use crate::gate::fault::Fault;
use crate::gate::under_way::UnderWay;
use crate::gate::{Gate, Session};
use crate::model::{ObjectId, PushId, RefName, RefUpdate, RepoName};
use crate::receive::{Quarantine, Reply};
use crate::wire::command::{Capabilities, Request};
use crate::wire::report::{self, Report, Status};
use crate::wire::sideband;
use bstr::ByteSlice;

/// How such a push ended.
#[derive(Debug)]
pub struct Made {
    pub push: PushId,
    /// What a client would have read.
    pub text: String,
    pub report: Report,
}

impl Made {
    /// Whether the upstream took all of it.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        let ok = |(_, status): &(RefName, Status)| matches!(status, Status::Ok(_));
        self.report.unpack.is_ok() && !self.report.refs.is_empty() && self.report.refs.iter().all(ok)
    }
}

/// The most bytes of a report: one of a push with as many refs as a person has patience for.
const REPORT_BYTES_MAX: usize = 1 << 20;

impl Gate {
    /// Pushes what `make` puts into the quarantine, from what the upstream holds now.
    pub(super) fn push_as(
        &self,
        session: &Session,
        repo: &RepoName,
        make: impl FnOnce(&[(RefName, ObjectId)], &mut Quarantine) -> Result<Vec<RefUpdate>, DeskError>,
    ) -> Result<Made, DeskError> {
        let target = self.targets.get(repo).ok_or(DeskError::NoRepo)?;
        let id = PushId::generate();
        let under_way = UnderWay::begin(&target.locks(), id).map_err(Fault::Held)?;
        let policy = self.policy();
        let push = self.push(id, (target, &under_way), session, &policy);
        let snapshot = push.snapshot()?;
        let mut quarantine = Quarantine::create(&target.incoming).map_err(Fault::from)?;
        let updates = make(&snapshot.refs, &mut quarantine)?;
        let capabilities = Capabilities {
            report_status_v2: true,
            side_band_64k: true,
            agent: "refgate".into(),
            ..Capabilities::default()
        };
        let request = Request { updates, capabilities: capabilities.clone(), ..Request::default() };
        let mut output = Vec::new();
        let reply = Reply::new(&mut output, capabilities, &request.updates);
        push.take_made(snapshot, request, quarantine, &reply)?;
        drop(reply);
        self.upkeep.ask(repo);
        let mut text = Vec::new();
        let internal = |error: Box<dyn std::error::Error + Send + Sync>| DeskError::Internal(error);
        let report =
            sideband::read_to_end(&mut &output[..], REPORT_BYTES_MAX, |_, bytes| text.extend_from_slice(bytes));
        let report = report.map_err(|error| internal(error.into()))?;
        let report = report::parse(&report[..]).map_err(|error| internal(error.into()))?;
        Ok(Made { push: id, text: text.to_str_lossy().into_owned(), report })
    }
}
