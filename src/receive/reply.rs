//! The server's side of the conversation after the commands: progress and messages, then one report.

use crate::model::{RefName, RefUpdate};
use crate::wire::command::Capabilities;
use crate::wire::pkt_line;
use crate::wire::report::{self, Report, Status, Version};
use crate::wire::sideband::{self, Band};
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The answer that is owed to the client. Dropped without a report it says no to everything.
pub struct Reply<'a> {
    output: Mutex<&'a mut (dyn Write + Send)>,
    capabilities: Capabilities,
    refs: Vec<RefName>,
    sent: Mutex<bool>,
}

impl<'a> Reply<'a> {
    pub fn new(output: &'a mut (dyn Write + Send), capabilities: Capabilities, updates: &[RefUpdate]) -> Self {
        let refs = updates.iter().map(|update| update.name.clone()).collect();
        Self { output: Mutex::new(output), capabilities, refs, sent: Mutex::new(false) }
    }

    fn output(&self) -> MutexGuard<'_, &'a mut (dyn Write + Send)> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows text to the person or agent who pushes, each line behind `remote: `. Clients without a side-band see
    /// only the report's reasons.
    pub fn say(&self, text: &str) -> io::Result<()> {
        self.relay(text.as_bytes())
    }

    /// The same for bytes that another receive-pack already meant for the client.
    pub fn relay(&self, text: &[u8]) -> io::Result<()> {
        if !self.capabilities.side_band_64k {
            return Ok(());
        }
        let mut output = self.output();
        sideband::write(&mut **output, Band::Progress, text)?;
        output.flush()
    }

    /// Progress is for those who did not ask for quiet.
    pub fn progress(&self, text: &str) -> io::Result<()> {
        if self.capabilities.quiet { Ok(()) } else { self.say(text) }
    }

    /// An empty packet on the data band: tells clients and proxies that work goes on.
    pub fn keep_alive(&self) -> io::Result<()> {
        if !self.capabilities.side_band_64k {
            return Ok(());
        }
        let mut output = self.output();
        pkt_line::write(&mut **output, &[Band::Data as u8])?;
        output.flush()
    }

    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.capabilities.quiet
    }

    /// Ends the conversation. The second report of one push is an error of ours and is not sent.
    pub fn report(&self, report: &Report) -> io::Result<()> {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *sent, true) {
            return Err(io::Error::other("the report was sent already"));
        }
        let mut bytes = Vec::new();
        if self.capabilities.report_status_v2 {
            report::encode(&mut bytes, Version::V2, report)?;
        } else if self.capabilities.report_status {
            report::encode(&mut bytes, Version::V1, report)?;
        }
        let mut output = self.output();
        if self.capabilities.side_band_64k {
            sideband::write(&mut **output, Band::Data, &bytes)?;
            pkt_line::write_flush(&mut **output)?;
        } else {
            output.write_all(&bytes)?;
        }
        output.flush()
    }

    /// Says no to every ref. `unpack` is the reason when the pack itself was at fault.
    pub fn refuse(&self, unpack: Option<&str>, reason: &str) -> io::Result<()> {
        let rejected = |name: &RefName| (name.clone(), Status::Rejected(reason.into()));
        let unpack = unpack.map_or(Ok(()), |reason| Err(reason.into()));
        self.report(&Report { unpack, refs: self.refs.iter().map(rejected).collect() })
    }
}

impl Drop for Reply<'_> {
    fn drop(&mut self) {
        if !*self.sent.get_mut().unwrap_or_else(PoisonError::into_inner) {
            // The client may be gone; then nobody is left to be told.
            let _ = self.refuse(None, "refgate: internal error, nothing was accepted");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_that_is_dropped_says_no() {
        let name = RefName::parse(b"refs/heads/x").expect("valid");
        let updates = [RefUpdate { name, old: None, new: None }];
        let capabilities = Capabilities { report_status: true, ..Capabilities::default() };
        let mut bytes = Vec::new();
        drop(Reply::new(&mut bytes, capabilities, &updates));
        let report = report::parse(&bytes[..]).expect("a report");
        assert!(matches!(report.refs[..], [(_, Status::Rejected(_))]));
    }

    #[test]
    fn only_one_report_is_sent() {
        let mut bytes = Vec::new();
        let reply = Reply::new(&mut bytes, Capabilities { report_status: true, ..Capabilities::default() }, &[]);
        let report = Report { unpack: Ok(()), refs: Vec::new() };
        assert!(reply.report(&report).is_ok());
        assert!(reply.report(&report).is_err());
    }
}
