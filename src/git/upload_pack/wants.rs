//! What a client may ask for by object id.
//!
//! A want for a visible ref's tip passes at once. Any other (a partial clone that fetches what it left out, or a
//! guess) passes unless the object is reachable only from refs this principal may not see: other branches, and tips
//! that a push dropped. Those are listed by git when the first such want comes. A commit must also be reachable from
//! a visible tip. A tree or blob that no ref of the mirror reaches is not told apart from the others: to list all that
//! is visible would cost as much as the whole repository is large.

use crate::git::Objects;
use crate::git::command::GitCommand;
use crate::git::mirror::{Mirror, MirrorError, RefMap};
use crate::model::{Limits, ObjectId};
use crate::wire::pkt_line::{self, Packet, PacketError};
use bstr::ByteSlice;
use gix::objs::Kind;
use std::collections::HashSet;
use std::io::{self, Read, Write};
use std::process::ChildStdin;

/// Why a client is no longer listened to.
#[derive(Debug)]
pub(super) enum Stop {
    Input(io::Error),
    Malformed,
    /// The object asked for, as git would name it.
    NotVisible(ObjectId),
}

pub(super) struct Wants<'a> {
    mirror: &'a Mirror,
    visible: RefMap,
    tips: HashSet<ObjectId>,
    hidden: Option<Hidden>,
    limits: &'a Limits,
    /// Where the client says its history ends, in this request.
    shallow: Vec<ObjectId>,
    /// Whether this request asks for all history.
    is_unbounded: bool,
}

enum Hidden {
    /// Everything in the mirror may be seen.
    Nothing,
    Objects(HashSet<ObjectId>),
}

/// The most that git may list of hidden objects: about five million.
const LIST_BYTES_MAX: u64 = 200 * 1024 * 1024;
/// The most ends of history one request may name.
const SHALLOW_MAX: usize = 1_000_000;

impl<'a> Wants<'a> {
    pub fn new(mirror: &'a Mirror, visible: RefMap, limits: &'a Limits) -> Self {
        let tips = visible.values().copied().collect();
        Self { mirror, visible, tips, hidden: None, limits, shallow: Vec::new(), is_unbounded: false }
    }

    /// Copies requests to upload-pack, packet by packet, up to a want that is refused.
    pub fn copy(&mut self, input: &mut (dyn Read + Send), mut stdin: ChildStdin) -> Result<(), Stop> {
        let mut request = Vec::new();
        loop {
            let packet = match pkt_line::read(input) {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(()),
                Err(PacketError::Io(e)) => return Err(Stop::Input(e)),
                Err(PacketError::Truncated | PacketError::Length) => return Err(Stop::Malformed),
            };
            let ends = self.pass(packet, &mut request)?;
            if (ends || request.len() >= super::BUFFER_BYTES) && !send(&mut stdin, &mut request) {
                return Ok(());
            }
        }
    }

    /// Appends a packet to what goes on to upload-pack; `true` where a request ends.
    fn pass(&mut self, packet: Packet, request: &mut Vec<u8>) -> Result<bool, Stop> {
        // upload-pack acts on what it has read at any packet that is no line.
        if !matches!(packet, Packet::Data(_)) {
            self.check_shallow()?;
        }
        match packet {
            Packet::Flush => {
                self.is_unbounded = false;
                request.extend_from_slice(b"0000");
            }
            Packet::Delimiter => request.extend_from_slice(b"0001"),
            Packet::ResponseEnd => request.extend_from_slice(b"0002"),
            Packet::Data(line) => {
                self.check(&line)?;
                pkt_line::write(request, &line).map_err(|_| Stop::Malformed)?;
                // Protocol v0 and v1 end with this line and no flush.
                return Ok(line.trim_end() == b"done");
            }
        }
        Ok(request.ends_with(b"0000"))
    }

    fn check(&mut self, line: &[u8]) -> Result<(), Stop> {
        if let Some(hex) = line.strip_prefix(b"shallow ") {
            let id = hex.get(..40).and_then(|hex| ObjectId::from_hex(hex).ok()).ok_or(Stop::Malformed)?;
            self.shallow.push(id);
            return if self.shallow.len() > SHALLOW_MAX { Err(Stop::Malformed) } else { Ok(()) };
        }
        if let Some(depth) = line.strip_prefix(b"deepen ") {
            self.is_unbounded |= !is_bounded(depth);
            return Ok(());
        }
        if line.starts_with(b"want-ref ") {
            // Not offered; a ref's name would have to be checked instead.
            return Err(Stop::Malformed);
        }
        let Some(hex) = line.strip_prefix(b"want ") else { return Ok(()) };
        // git reads 40 digits and looks at nothing behind them.
        let id = hex.get(..40).and_then(|hex| ObjectId::from_hex(hex).ok()).ok_or(Stop::Malformed)?;
        if self.tips.contains(&id) { Ok(()) } else { self.check_reachable(id) }
    }

    /// Of a commit that is shown no more only a client that wants all history is told: others go on as they were.
    fn check_shallow(&mut self) -> Result<(), Stop> {
        let shallow = std::mem::take(&mut self.shallow);
        if !self.is_unbounded {
            return Ok(());
        }
        let objects = Objects::new(None, self.mirror.store());
        let is_other = |id: &ObjectId| !self.tips.contains(id);
        let mut there = Vec::new();
        for id in shallow.into_iter().filter(is_other) {
            match objects.header(&id) {
                Ok(None) => {}
                Ok(Some((Kind::Commit, _))) => there.push(id),
                Ok(Some((Kind::Tree | Kind::Blob | Kind::Tag, _))) | Err(_) => return Err(Stop::NotVisible(id)),
            }
        }
        let Some(first) = there.first().copied() else { return Ok(()) };
        match self.rev_list(&there, &["-n", "1"]) {
            Ok(output) if output.is_empty() => Ok(()),
            Ok(_) | Err(_) => Err(Stop::NotVisible(first)),
        }
    }

    fn check_reachable(&mut self, id: ObjectId) -> Result<(), Stop> {
        if self.hidden.is_none() {
            let hidden = self.list_hidden().map_err(|e| {
                tracing::warn!(error = %e, "cannot list hidden objects");
                Stop::NotVisible(id)
            })?;
            self.hidden = Some(hidden);
        }
        match &self.hidden {
            Some(Hidden::Nothing) => self.check_commit(id),
            Some(Hidden::Objects(objects)) if !objects.contains(&id) => self.check_commit(id),
            Some(Hidden::Objects(_)) | None => Err(Stop::NotVisible(id)),
        }
    }

    /// A commit must be reachable from a visible tip: the upstream may have dropped it without our help.
    fn check_commit(&self, id: ObjectId) -> Result<(), Stop> {
        let objects = Objects::new(None, self.mirror.store());
        match objects.header(&id) {
            Ok(Some((Kind::Commit, _))) => {}
            // git says of what is not there that it is not.
            Ok(Some((Kind::Tree | Kind::Blob | Kind::Tag, _)) | None) => return Ok(()),
            Err(_) => return Err(Stop::NotVisible(id)),
        }
        match self.rev_list(&[id], &["-n", "1"]) {
            Ok(output) if output.is_empty() => Ok(()),
            Ok(_) | Err(_) => Err(Stop::NotVisible(id)),
        }
    }

    /// What git lists as reachable from `from` and from no visible tip.
    fn rev_list(&self, from: &[ObjectId], args: &[&str]) -> Result<Vec<u8>, MirrorError> {
        let mut command = GitCommand::git("rev-list").map_err(MirrorError::Maintain)?;
        command.git_dir(self.mirror.dir()).args(args).arg("--stdin");
        let mut input = Vec::new();
        from.iter().for_each(|id| input.extend_from_slice(format!("{id}\n").as_bytes()));
        self.tips.iter().for_each(|id| input.extend_from_slice(format!("^{id}\n").as_bytes()));
        command.run(&input, self.limits.idle_time_max, LIST_BYTES_MAX).map_err(MirrorError::Maintain)
    }

    fn list_hidden(&self) -> Result<Hidden, MirrorError> {
        let refs = self.mirror.refs();
        let hidden = refs.iter().filter(|(name, _)| !self.visible.contains_key(*name)).map(|(_, id)| *id);
        let mut tips: HashSet<ObjectId> = hidden.chain(self.mirror.undo_refs()?.into_values()).collect();
        tips.retain(|id| !self.tips.contains(id));
        if tips.is_empty() {
            return Ok(Hidden::Nothing);
        }
        let from: Vec<ObjectId> = tips.iter().copied().collect();
        let list = self.rev_list(&from, &["--objects", "--no-object-names"])?;
        let ids = list.split(|b| *b == b'\n').filter_map(|hex| ObjectId::from_hex(hex).ok());
        Ok(Hidden::Objects(ids.chain(tips).collect()))
    }
}

/// Whether git surely takes it for a number of commits, and not for its word for all history, 0x7fffffff: it reads
/// any base, and cuts what is too large.
fn is_bounded(depth: &[u8]) -> bool {
    let depth = depth.trim_end();
    (1..=9).contains(&depth.len()) && depth.iter().all(u8::is_ascii_digit)
}

/// `false` if upload-pack has ended: its status tells why.
fn send(stdin: &mut ChildStdin, request: &mut Vec<u8>) -> bool {
    let sent = stdin.write_all(request).and_then(|()| stdin.flush()).is_ok();
    request.clear();
    sent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_small_number_is_a_bound() {
        for (depth, expected) in [("1", true), ("999999999\n", true), ("2147483647", false), ("0x7fffffff", false)] {
            assert_eq!(is_bounded(depth.as_bytes()), expected, "{depth}");
        }
        for depth in ["", " 1", "+1", "-1", "017777777777", "6442450943"] {
            assert!(!is_bounded(depth.as_bytes()), "{depth}");
        }
    }
}
