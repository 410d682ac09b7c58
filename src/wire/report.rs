//! report-status and report-status-v2 (gitprotocol-pack, "Report Status").

use crate::model::{ObjectId, RefName};
use crate::wire::object_id;
use crate::wire::pkt_line::{self, Packet, PacketError};
use bstr::{BString, ByteSlice};
use std::io::{self, Read, Write};

/// What report-status-v2 can add to an "ok".
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    pub ref_name: Option<RefName>,
    /// `Some(None)` is the null object id.
    pub old: Option<Option<ObjectId>>,
    pub new: Option<Option<ObjectId>>,
    pub forced_update: bool,
}

/// What became of one ref update. An "ok" may come with several sets of options (proc-receive).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    Ok(Vec<Options>),
    /// The reason is one line.
    Rejected(BString),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// `Err` holds the reason after `unpack `.
    pub unpack: Result<(), BString>,
    pub refs: Vec<(RefName, Status)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    #[error(transparent)]
    Packet(#[from] PacketError),
    #[error("the report is malformed")]
    Malformed,
}

/// Writes a report with its flush packet. Reasons are cut to one line that fits a packet.
pub fn encode(output: &mut (impl Write + ?Sized), version: Version, report: &Report) -> io::Result<()> {
    match &report.unpack {
        Ok(()) => pkt_line::write(output, b"unpack ok\n")?,
        // Whatever the reason says, it is none.
        Err(reason) if one_line(reason) == b"ok" => pkt_line::write(output, b"unpack failed\n")?,
        Err(reason) => write_line(output, &[b"unpack ", one_line(reason)])?,
    }
    for (name, status) in &report.refs {
        match status {
            Status::Rejected(reason) => write_line(output, &[b"ng ", name.as_bstr(), b" ", one_line(reason)])?,
            Status::Ok(options) => {
                write_line(output, &[b"ok ", name.as_bstr()])?;
                if version == Version::V2 {
                    encode_options(output, name, options)?;
                }
            }
        }
    }
    pkt_line::write_flush(output)
}

fn encode_options(output: &mut (impl Write + ?Sized), name: &RefName, sets: &[Options]) -> io::Result<()> {
    for (index, set) in sets.iter().enumerate() {
        if index > 0 {
            write_line(output, &[b"ok ", name.as_bstr()])?;
        }
        if let Some(ref_name) = &set.ref_name {
            write_line(output, &[b"option refname ", ref_name.as_bstr()])?;
        }
        if let Some(old) = set.old {
            write_line(output, &[b"option old-oid ", object_id::encode(old).as_bytes()])?;
        }
        if let Some(new) = set.new {
            write_line(output, &[b"option new-oid ", object_id::encode(new).as_bytes()])?;
        }
        if set.forced_update {
            write_line(output, &[b"option forced-update"])?;
        }
    }
    Ok(())
}

fn write_line(output: &mut (impl Write + ?Sized), parts: &[&[u8]]) -> io::Result<()> {
    let mut line = parts.concat();
    line.push(b'\n');
    pkt_line::write(output, &line)
}

const REASON_LENGTH_MAX: usize = 4000;

fn one_line(reason: &[u8]) -> &[u8] {
    let line = reason.lines().next().unwrap_or(b"refused");
    line.get(..REASON_LENGTH_MAX).unwrap_or(line)
}

/// Reads a report up to its flush packet or the end of the bytes.
pub fn parse(mut input: impl Read) -> Result<Report, ReportError> {
    let mut lines = Vec::new();
    while let Some(Packet::Data(line)) = pkt_line::read(&mut input)? {
        lines.push(line);
    }
    let mut lines = lines.iter().map(|line| line.strip_suffix(b"\n").unwrap_or(line));
    let unpack = lines.next().and_then(|line| line.strip_prefix(b"unpack ")).ok_or(ReportError::Malformed)?;
    let unpack = if unpack == b"ok" { Ok(()) } else { Err(unpack.into()) };
    let mut refs: Vec<(RefName, Status)> = Vec::new();
    for line in lines {
        parse_line(line, &mut refs).ok_or(ReportError::Malformed)?;
    }
    Ok(Report { unpack, refs })
}

fn parse_line(line: &[u8], refs: &mut Vec<(RefName, Status)>) -> Option<()> {
    let (word, rest) = line.split_once_str(" ")?;
    match word {
        b"ok" => {
            let name = RefName::parse(rest).ok()?;
            match refs.last_mut() {
                // A second "ok" for the same ref starts its next set of options.
                Some((last, Status::Ok(sets))) if *last == name => sets.push(Options::default()),
                _ => refs.push((name, Status::Ok(Vec::new()))),
            }
        }
        b"ng" => {
            let (name, reason) = rest.split_once_str(" ").unwrap_or((rest, b"refused"));
            refs.push((RefName::parse(name).ok()?, Status::Rejected(reason.into())));
        }
        b"option" => {
            let Some((_, Status::Ok(sets))) = refs.last_mut() else { return None };
            if sets.is_empty() {
                sets.push(Options::default());
            }
            parse_option(rest, sets.last_mut()?)?;
        }
        _ => return None,
    }
    Some(())
}

fn parse_option(option: &[u8], set: &mut Options) -> Option<()> {
    let (key, value) = option.split_once_str(" ").unwrap_or((option, b""));
    match key {
        b"refname" => set.ref_name = Some(RefName::parse(value).ok()?),
        b"old-oid" => set.old = Some(object_id::parse(value)?),
        b"new-oid" => set.new = Some(object_id::parse(value)?),
        b"forced-update" => set.forced_update = true,
        // Unknown options are for later versions of the protocol.
        _ => {}
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RefName {
        RefName::parse(text.as_bytes()).expect("valid")
    }

    #[test]
    fn what_is_written_is_read_again() {
        let id = ObjectId::from_hex("a".repeat(40).as_bytes()).ok();
        let set = Options { ref_name: Some(name("refs/heads/z")), old: Some(None), new: Some(id), forced_update: true };
        let report = Report {
            unpack: Ok(()),
            refs: vec![
                (name("refs/heads/a"), Status::Ok(Vec::new())),
                (name("refs/heads/b"), Status::Rejected("fetch first".into())),
                (name("refs/for/c"), Status::Ok(vec![set.clone(), Options { forced_update: false, ..set }])),
            ],
        };
        let mut bytes = Vec::new();
        encode(&mut bytes, Version::V2, &report).expect("write");
        assert_eq!(parse(&bytes[..]).expect("read"), report);
    }

    #[test]
    fn version_1_has_no_options_and_reasons_are_one_line() {
        let set = Options { forced_update: true, ..Options::default() };
        let refs = vec![
            (name("refs/heads/a"), Status::Ok(vec![set])),
            (name("refs/heads/b"), Status::Rejected("one\nok refs/heads/b".into())),
        ];
        let mut bytes = Vec::new();
        encode(&mut bytes, Version::V1, &Report { unpack: Err("bad pack".into()), refs }).expect("write");
        let text = bytes.to_str_lossy();
        assert_eq!(text, "0014unpack bad pack\n0014ok refs/heads/a\n0018ng refs/heads/b one\n0000");
    }

    #[test]
    fn a_failure_is_never_written_as_ok() {
        let mut bytes = Vec::new();
        encode(&mut bytes, Version::V2, &Report { unpack: Err("ok\nmore".into()), refs: Vec::new() }).expect("write");
        assert!(parse(&bytes[..]).expect("read").unpack.is_err());
    }

    #[test]
    fn refuses_what_is_malformed() {
        for bad in
            ["", "ok refs/heads/a", "unpack ok\nfoo", "unpack ok\nok HEAD", "unpack ok\noption refname refs/heads/a"]
        {
            let mut bytes = Vec::new();
            bad.lines().for_each(|line| pkt_line::write(&mut bytes, line.as_bytes()).expect("fits"));
            assert!(parse(&bytes[..]).is_err(), "{bad:?}");
        }
    }
}
