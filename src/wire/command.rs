//! What a pushing client sends before the pack (gitprotocol-pack, "Reference Update Request and Packfile Transfer").

use crate::model::{InvalidRefName, RefName, RefUpdate, exact_size};
use crate::wire::certificate::{self, Certificate, CertificateFlaw};
use crate::wire::object_id;
use crate::wire::pkt_line::{self, Packet, PacketError};
use bstr::{BString, ByteSlice};
use std::io::{Read, Write};

/// What the client asked for with the capabilities on its first command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub report_status: bool,
    pub report_status_v2: bool,
    pub side_band_64k: bool,
    pub quiet: bool,
    pub atomic: bool,
    pub push_options: bool,
    /// The client's `agent=…`, as it came.
    pub agent: BString,
}

/// The commands of one push.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    pub updates: Vec<RefUpdate>,
    pub capabilities: Capabilities,
    /// How many `shallow` lines the client sent; its boundary itself is of no use here.
    pub shallow: usize,
    /// What a signed push came with: then the updates are those that it names.
    pub certificate: Option<Certificate>,
}

/// How much is read of commands.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    pub updates_max: usize,
    /// None where no nonce was given: no certificate is taken.
    pub certificate_bytes_max: Option<usize>,
}

/// Why the commands were not understood. Nothing of the push has been read beyond the command at fault.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error(transparent)]
    Packet(#[from] PacketError),
    #[error("the connection ended before the commands did")]
    Ended,
    #[error("a command is `old new ref` with 40 hex digits each for old and new")]
    Malformed,
    #[error("the ref name is refused: {0}")]
    RefName(#[from] InvalidRefName),
    #[error("the ref {0} is named twice in one push")]
    Twice(RefName),
    #[error("old and new are both the null object id for {0}")]
    Nothing(RefName),
    #[error("the client's object format is not sha1")]
    ObjectFormat,
    #[error("signed pushes are not supported; push without --signed")]
    PushCertificate,
    #[error("the push certificate is malformed: {0}")]
    Certificate(#[from] CertificateFlaw),
    #[error("the push certificate is longer than {} (push_cert_bytes_max)", exact_size(*.0 as u64))]
    CertificateTooLong(usize),
    #[error("a signed push has one certificate and no command beside it")]
    BesideCertificate,
    #[error("the push options are not those of the push certificate")]
    OtherOptions,
    #[error("more than {0} ref updates in one push (ref_updates_max)")]
    TooManyUpdates(usize),
    #[error("more than {0} push options (push_options_max)")]
    TooManyOptions(usize),
    #[error("a push option is longer than {0} bytes (push_option_bytes_max)")]
    OptionTooLong(usize),
}

/// Reads the commands up to the flush packet; no updates at all means the client had nothing to say. On an error,
/// `request` holds what had been read: its capabilities say how the client can be told.
pub fn read_request(
    input: &mut (impl Read + ?Sized),
    bounds: Bounds,
    request: &mut Request,
) -> Result<(), CommandError> {
    let mut first = true;
    loop {
        let line = match pkt_line::read(input)? {
            // A client that has nothing to say says so with a flush packet.
            None => return Err(CommandError::Ended),
            Some(Packet::Flush) => break,
            Some(Packet::Data(line)) => line,
            Some(Packet::Delimiter | Packet::ResponseEnd) => return Err(CommandError::Malformed),
        };
        if let Some(boundary) = line.strip_prefix(b"shallow ") {
            object_id::parse(boundary.trim_end()).ok_or(CommandError::Malformed)?;
            request.shallow += 1;
            if request.shallow > bounds.updates_max.max(10_000) {
                return Err(CommandError::Malformed);
            }
            continue;
        }
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        let (line, capabilities) = line.split_once_str("\0").unwrap_or((line, b""));
        if std::mem::take(&mut first) {
            request.capabilities = parse_capabilities(capabilities)?;
        }
        let is_certificate = line == certificate::CAPABILITY.as_bytes();
        match (is_certificate, bounds.certificate_bytes_max) {
            _ if request.certificate.is_some() || is_certificate && !request.updates.is_empty() => {
                return Err(CommandError::BesideCertificate);
            }
            (false, _) => request.add(line, bounds.updates_max)?,
            (true, None) => return Err(CommandError::PushCertificate),
            (true, Some(bytes_max)) => {
                let certificate = certificate::read(input, bytes_max)?;
                certificate.commands().try_for_each(|line| request.add(line, bounds.updates_max))?;
                request.certificate = Some(certificate);
            }
        }
    }
    refuse_twins(&request.updates)
}

impl Request {
    fn add(&mut self, line: &[u8], updates_max: usize) -> Result<(), CommandError> {
        if self.updates.len() >= updates_max {
            return Err(CommandError::TooManyUpdates(updates_max));
        }
        self.updates.push(parse_update(line)?);
        Ok(())
    }

    /// A certificate names the push options too; git sends them once more beside it.
    pub fn check_options(&self, options: &[BString]) -> Result<(), CommandError> {
        match &self.certificate {
            Some(certificate) if certificate.push_options != options => Err(CommandError::OtherOptions),
            Some(_) | None => Ok(()),
        }
    }
}

fn parse_capabilities(list: &[u8]) -> Result<Capabilities, CommandError> {
    let mut capabilities = Capabilities::default();
    for word in list.fields() {
        let (name, value) = word.split_once_str("=").unwrap_or((word, b""));
        match name {
            b"report-status" => capabilities.report_status = true,
            b"report-status-v2" => capabilities.report_status_v2 = true,
            b"side-band-64k" => capabilities.side_band_64k = true,
            b"quiet" => capabilities.quiet = true,
            b"atomic" => capabilities.atomic = true,
            b"push-options" => capabilities.push_options = true,
            b"agent" => capabilities.agent = value.into(),
            b"object-format" if value != b"sha1" => return Err(CommandError::ObjectFormat),
            // delete-refs, ofs-delta, session-id need no answer; what is not known is ignored, as git does.
            _ => {}
        }
    }
    Ok(capabilities)
}

/// One line `old new ref`; a pre-receive hook reads the same form.
pub fn parse_update(line: &[u8]) -> Result<RefUpdate, CommandError> {
    let mut words = line.splitn_str(3, " ");
    let mut next = || words.next().ok_or(CommandError::Malformed);
    let old = object_id::parse(next()?).ok_or(CommandError::Malformed)?;
    let new = object_id::parse(next()?).ok_or(CommandError::Malformed)?;
    let name = RefName::parse(next()?)?;
    if old.is_none() && new.is_none() {
        return Err(CommandError::Nothing(name));
    }
    Ok(RefUpdate { name, old, new })
}

fn refuse_twins(updates: &[RefUpdate]) -> Result<(), CommandError> {
    let mut names: Vec<&RefName> = updates.iter().map(|u| &u.name).collect();
    names.sort();
    match names.windows(2).find(|pair| pair.first() == pair.last()) {
        Some(pair) => pair.first().map_or(Ok(()), |name| Err(CommandError::Twice((*name).clone()))),
        None => Ok(()),
    }
}

/// Reads the push options that follow the commands when the client asked for the capability.
pub fn read_push_options(
    input: &mut (impl Read + ?Sized),
    options_max: usize,
    option_bytes_max: usize,
) -> Result<Vec<BString>, CommandError> {
    let mut options = Vec::new();
    loop {
        match pkt_line::read(input)?.ok_or(CommandError::Ended)? {
            Packet::Flush => return Ok(options),
            Packet::Data(line) => {
                let option = line.strip_suffix(b"\n").unwrap_or(&line);
                if options.len() >= options_max {
                    return Err(CommandError::TooManyOptions(options_max));
                }
                if option.len() > option_bytes_max {
                    return Err(CommandError::OptionTooLong(option_bytes_max));
                }
                options.push(option.into());
            }
            Packet::Delimiter | Packet::ResponseEnd => return Err(CommandError::Malformed),
        }
    }
}

/// Writes commands as a client does, with its capabilities on the first, and the flush packet.
pub fn write_updates(
    output: &mut (impl Write + ?Sized),
    updates: &[RefUpdate],
    capabilities: &str,
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    for (index, update) in updates.iter().enumerate() {
        let mut line = format!("{} {} ", object_id::encode(update.old), object_id::encode(update.new)).into_bytes();
        line.extend_from_slice(update.name.as_bstr());
        if index == 0 {
            line.push(0);
            line.push(b' ');
            line.extend_from_slice(capabilities.as_bytes());
        }
        pkt_line::write(&mut buffer, &line)?;
    }
    pkt_line::write_flush(&mut buffer)?;
    output.write_all(&buffer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    const ZERO: &str = "0000000000000000000000000000000000000000";

    fn packets(lines: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        lines.iter().for_each(|line| pkt_line::write(&mut bytes, line.as_bytes()).expect("fits"));
        pkt_line::write_flush(&mut bytes).expect("fits");
        bytes
    }

    fn read(lines: &[&str]) -> Result<Request, CommandError> {
        read_bytes(&packets(lines))
    }

    fn read_bytes(mut bytes: &[u8]) -> Result<Request, CommandError> {
        let mut request = Request::default();
        let bounds = Bounds { updates_max: 2, certificate_bytes_max: Some(1000) };
        read_request(&mut bytes, bounds, &mut request).map(|()| request)
    }

    #[test]
    fn reads_what_git_sends() {
        let first =
            format!("{ZERO} {A} refs/heads/x\0 report-status-v2 side-band-64k object-format=sha1 agent=git/2.47.3");
        let second = format!("{A} {ZERO} refs/heads/y\n");
        let request = read(&[&format!("shallow {B}"), &first, &second]).expect("well formed");
        assert_eq!(request.shallow, 1);
        assert!(request.capabilities.report_status_v2 && request.capabilities.side_band_64k);
        assert!(!request.capabilities.atomic);
        assert_eq!(request.capabilities.agent, "git/2.47.3");
        let [create, delete] = &request.updates[..] else { panic!("two updates") };
        assert!(create.old.is_none() && create.new.is_some() && create.name.as_bstr() == "refs/heads/x");
        assert!(delete.old.is_some() && delete.new.is_none() && delete.name.as_bstr() == "refs/heads/y");
        assert!(read(&[]).expect("empty").updates.is_empty());
        assert!(matches!(read_bytes(b""), Err(CommandError::Ended)));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let updates =
            read(&[&format!("{ZERO} {A} refs/heads/x"), &format!("{A} {B} refs/tags/y")]).expect("fine").updates;
        let mut bytes = Vec::new();
        write_updates(&mut bytes, &updates, "report-status atomic").expect("write");
        let request = read_bytes(&bytes).expect("read");
        assert_eq!(request.updates, updates);
        assert!(request.capabilities.atomic && request.capabilities.report_status);
    }

    #[test]
    fn refuses_what_is_malformed() {
        let bad = [
            format!("{A} refs/heads/x"),
            format!("{A} {B}"),
            format!("{A}  {B} refs/heads/x"),
            format!("{} {B} refs/heads/x", &A[1..]),
            format!("{} {B} refs/heads/x", A.to_uppercase()),
            format!("{A} {B} refs/heads/../x"),
            format!("{A} {B} HEAD"),
            format!("{ZERO} {ZERO} refs/heads/x"),
            format!("{A} {B} refs/heads/x\0object-format=sha256"),
            "shallow 1234".to_owned(),
            String::new(),
        ];
        for line in bad {
            assert!(read(&[&line]).is_err(), "{line:?}");
        }
        let twice = format!("{A} {B} refs/heads/x");
        assert!(matches!(read(&[&twice, &twice]), Err(CommandError::Twice(_))));
        let open_end = packets(&[&twice]);
        assert!(read_bytes(&open_end[..open_end.len() - 4]).is_err());
    }

    const HEADERS: [&str; 5] =
        ["push-cert\0report-status", "certificate version 0.1\n", "pusher x\n", "push-option a\n", "\n"];

    fn signed(commands: &[&str], after: &[&str]) -> Vec<u8> {
        let commands: Vec<String> = commands.iter().map(|command| format!("{command}\n")).collect();
        let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
        packets(&[&HEADERS, &commands[..], &["-----BEGIN SSH SIGNATURE-----\n", "push-cert-end\n"], after].concat())
    }

    #[test]
    fn the_commands_of_a_signed_push_are_those_of_its_certificate() {
        let (one, two) = (format!("{ZERO} {A} refs/heads/x"), format!("{A} {B} refs/heads/y"));
        let request = read_bytes(&signed(&[&one, &two], &[])).expect("well formed");
        assert_eq!(request.updates, read(&[&one, &two]).expect("fine").updates);
        assert!(request.capabilities.report_status);
        let certificate = request.certificate.as_ref().expect("a certificate");
        assert!(certificate.signed().ends_with(b"refs/heads/y\n") && certificate.signature().starts_with(b"-----"));
        assert!(request.check_options(&["a".into()]).is_ok());
        for other in [&[][..], &["b".into()], &["a".into(), "a".into()]] {
            assert!(matches!(request.check_options(other), Err(CommandError::OtherOptions)), "{other:?}");
        }
        assert!(read(&[&one]).expect("fine").check_options(&["b".into()]).is_ok());
    }

    #[test]
    fn a_certificate_stands_alone() {
        let (one, two) = (format!("{ZERO} {A} refs/heads/x"), format!("{A} {B} refs/heads/y"));
        let beside = |bytes: &[u8]| matches!(read_bytes(bytes), Err(CommandError::BesideCertificate));
        assert!(beside(&signed(&[&one], &[&two])));
        assert!(beside(&signed(&[&one], &HEADERS)));
        let open_end = packets(&[&two]);
        assert!(beside(&[&open_end[..open_end.len() - 4], &signed(&[&one], &[])].concat()));
        let three = format!("{A} {B} refs/heads/z");
        let many = read_bytes(&signed(&[&one, &two, &three], &[]));
        assert!(matches!(many, Err(CommandError::TooManyUpdates(2))), "{many:?}");
        assert!(matches!(read_bytes(&signed(&[&one, &one], &[])), Err(CommandError::Twice(_))));
        assert!(matches!(read_bytes(&signed(&["x"], &[])), Err(CommandError::Malformed)));
        let (mut request, bounds) = (Request::default(), Bounds { updates_max: 2, certificate_bytes_max: None });
        let unasked = read_request(&mut &signed(&[&one], &[])[..], bounds, &mut request);
        assert!(matches!(unasked, Err(CommandError::PushCertificate)), "{unasked:?}");
    }

    #[test]
    fn numbers_and_sizes_are_limited() {
        let update = |n: usize| format!("{A} {B} refs/heads/x{n}");
        assert_eq!(read(&[&update(1), &update(2)]).expect("two").updates.len(), 2);
        assert!(matches!(read(&[&update(1), &update(2), &update(3)]), Err(CommandError::TooManyUpdates(2))));
        let options = |list: &[&str]| read_push_options(&mut &packets(list)[..], 2, 3);
        assert_eq!(options(&["abc", "d"]).expect("fits"), ["abc", "d"]);
        assert!(matches!(options(&["a", "b", "c"]), Err(CommandError::TooManyOptions(2))));
        assert!(matches!(options(&["abcd"]), Err(CommandError::OptionTooLong(3))));
    }
}
