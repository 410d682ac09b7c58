//! allowed_signers, the file of `ssh-keygen -Y verify` (ssh-keygen(1)), read more strictly than OpenSSH does.
//!
//! What depends on the machine that reads it is refused: times must be UTC. Certificate authorities are refused too;
//! nothing here would check their certificates.

use crate::evidence::spelling::Seconds;
use jiff::Timestamp;
use jiff::civil::DateTime;
use ssh_key::PublicKey;
use std::fmt;

/// One line: who may sign with a key, for what, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct AllowedSigner {
    /// Patterns of names, with `*`, `?` and `!`, as they stand.
    pub principals: Vec<String>,
    /// Empty: for everything.
    pub namespaces: Vec<String>,
    pub valid_after: Option<Timestamp>,
    pub valid_before: Option<Timestamp>,
    pub key: PublicKey,
}

/// What is wrong with a line, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {flaw}")]
pub struct AllowedSignersError {
    pub line: usize,
    pub flaw: Flaw,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("too long")]
    TooLong,
    #[error("a line has principals, options if any, a key type and a key")]
    Parts,
    #[error("a quote is not closed")]
    Quote,
    #[error("an empty or odd name of a principal or namespace")]
    Name,
    #[error("an option that is not known, or stands twice")]
    Option,
    #[error("cert-authority is not supported")]
    Authority,
    #[error("a time is written YYYYMMDDZ or YYYYMMDDHHMM[SS]Z, in UTC")]
    Time,
    #[error("valid-before is not after valid-after")]
    Span,
    #[error("not a public key")]
    Key,
}

/// The most bytes of a line and the most lines.
const LINE_BYTES_MAX: usize = 16 * 1024;
const LINES_MAX: usize = 1000;

/// Reads a whole file; blank lines and comments are passed over.
pub fn parse_allowed_signers(text: &str) -> Result<Vec<AllowedSigner>, AllowedSignersError> {
    let mut signers = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let at = |flaw| AllowedSignersError { line: index + 1, flaw };
        if index >= LINES_MAX || line.len() > LINE_BYTES_MAX {
            return Err(at(Flaw::TooLong));
        }
        let line = line.trim_matches([' ', '\t', '\r']);
        if !line.is_empty() && !line.starts_with('#') {
            signers.push(parse_line(line).map_err(at)?);
        }
    }
    Ok(signers)
}

fn parse_line(line: &str) -> Result<AllowedSigner, Flaw> {
    let (principals, rest) = word(line)?;
    if rest.is_empty() {
        return Err(Flaw::Parts);
    }
    let mut signer = AllowedSigner {
        principals: names(&unquote(principals)?)?,
        namespaces: Vec::new(),
        valid_after: None,
        valid_before: None,
        // Until the real one is read.
        key: ssh_key::public::KeyData::Ed25519(ssh_key::public::Ed25519PublicKey([0; 32])).into(),
    };
    let (first, after) = word(rest)?;
    let key = if is_key_type(first) {
        rest
    } else {
        options(first, &mut signer)?;
        after
    };
    // The comment of the line is no part of the key.
    signer.key = PublicKey::from_openssh(key).map_err(|_| if key.is_empty() { Flaw::Parts } else { Flaw::Key })?;
    signer.key.set_comment("");
    let is_backward = signer.valid_after.zip(signer.valid_before).is_some_and(|(after, before)| after >= before);
    if is_backward { Err(Flaw::Span) } else { Ok(signer) }
}

fn is_key_type(word: &str) -> bool {
    word.parse::<ssh_key::Algorithm>().is_ok()
}

/// Splits at the first space outside quotes.
fn word(text: &str) -> Result<(&str, &str), Flaw> {
    let mut in_quotes = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => in_quotes = !in_quotes,
            ' ' | '\t' if !in_quotes => {
                let (word, rest) = text.split_at(at);
                return Ok((word, rest.trim_start_matches([' ', '\t'])));
            }
            _ => {}
        }
    }
    if in_quotes { Err(Flaw::Quote) } else { Ok((text, "")) }
}

/// A value in quotes or none; a quote within is nothing we would write or guess at.
fn unquote(text: &str) -> Result<String, Flaw> {
    let inner = match text.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"').ok_or(Flaw::Quote)?,
        None => text,
    };
    if inner.contains(['"', '\\']) { Err(Flaw::Quote) } else { Ok(inner.to_owned()) }
}

fn names(list: &str) -> Result<Vec<String>, Flaw> {
    let name = |name: &str| {
        // A name that begins a comment, or ends a string of the trust file, could not be written again.
        let is_plain = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\'');
        let is_plain = is_plain && !name.is_empty() && !name.starts_with('#');
        if is_plain { Ok(name.to_owned()) } else { Err(Flaw::Name) }
    };
    list.split(',').map(name).collect()
}

fn options(list: &str, signer: &mut AllowedSigner) -> Result<(), Flaw> {
    for option in split_commas(list) {
        let (name, value) = option.split_once('=').ok_or_else(|| {
            if option.eq_ignore_ascii_case("cert-authority") { Flaw::Authority } else { Flaw::Option }
        })?;
        let value = unquote(value)?;
        match name.to_ascii_lowercase().as_str() {
            "namespaces" if signer.namespaces.is_empty() => signer.namespaces = names(&value)?,
            "valid-after" if signer.valid_after.is_none() => signer.valid_after = Some(time(&value)?),
            "valid-before" if signer.valid_before.is_none() => signer.valid_before = Some(time(&value)?),
            _ => return Err(Flaw::Option),
        }
    }
    Ok(())
}

fn split_commas(list: &str) -> Vec<&str> {
    let mut in_quotes = false;
    let comma = |c| {
        in_quotes ^= c == '"';
        c == ',' && !in_quotes
    };
    list.split(comma).collect()
}

fn time(text: &str) -> Result<Timestamp, Flaw> {
    let digits = text.strip_suffix(['Z', 'z']).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let digits = digits.ok_or(Flaw::Time)?;
    let full = match digits.len() {
        8 => format!("{digits}000000"),
        12 => format!("{digits}00"),
        14 => digits.to_owned(),
        _ => return Err(Flaw::Time),
    };
    let civil = DateTime::strptime("%Y%m%d%H%M%S", &full).map_err(|_| Flaw::Time)?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).map(|zoned| zoned.timestamp()).map_err(|_| Flaw::Time)
}

/// The line that reads back as this. A signer without times suits every OpenSSH; with times, 9.1 and later.
impl fmt::Display for AllowedSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut options = Vec::new();
        if !self.namespaces.is_empty() {
            options.push(format!("namespaces=\"{}\"", self.namespaces.join(",")));
        }
        for (name, time) in [("valid-after", self.valid_after), ("valid-before", self.valid_before)] {
            let time = time.map(|time| Seconds::floor(time).timestamp().strftime("%Y%m%d%H%M%SZ").to_string());
            options.extend(time.map(|time| format!("{name}=\"{time}\"")));
        }
        let options = if options.is_empty() { String::new() } else { format!("{} ", options.join(",")) };
        let key = self.key.to_openssh().map_err(|_| fmt::Error)?;
        write!(f, "{} {options}{key}", self.principals.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::testing;

    fn key() -> String {
        testing::key(1).public().to_openssh()
    }

    #[test]
    fn lines_read_back() {
        let key = key();
        let text = format!(
            "# comment\n\n  a@x,*@y {key} a comment\r\n\"b\" namespaces=\"git,file\" {key}\n\
             c valid-after=20260102Z,NAMESPACES=\"git\",valid-before=\"202601020304Z\"\t {key}\n"
        );
        let signers = parse_allowed_signers(&text).expect("it is right");
        let lines: Vec<String> = signers.iter().map(ToString::to_string).collect();
        let expected = [
            format!("a@x,*@y {key}"),
            format!("b namespaces=\"git,file\" {key}"),
            format!("c namespaces=\"git\",valid-after=\"20260102000000Z\",valid-before=\"20260102030400Z\" {key}"),
        ];
        assert_eq!(lines, expected);
        assert_eq!(parse_allowed_signers(&lines.join("\n")), Ok(signers));
    }

    #[test]
    fn what_is_doubtful_is_refused_with_its_line() {
        let key = key();
        let table = [
            ("a".to_owned(), Flaw::Parts),
            ("a namespaces=\"git\"".to_owned(), Flaw::Parts),
            ("a ssh-ed25519".to_owned(), Flaw::Key),
            ("a ssh-ed25519 AAAA".to_owned(), Flaw::Key),
            (format!("a,,b {key}"), Flaw::Name),
            (format!("\"a b\" {key}"), Flaw::Name),
            (format!("\"#a\" {key}"), Flaw::Name),
            (format!("a' {key}"), Flaw::Name),
            (format!("\"a {key}"), Flaw::Quote),
            (format!("a namespaces=\"git {key}"), Flaw::Quote),
            (format!("a namespaces=\"\" {key}"), Flaw::Name),
            (format!("a cert-authority {key}"), Flaw::Authority),
            (format!("a no-touch-required {key}"), Flaw::Option),
            (format!("a namespaces=\"git\",namespaces=\"x\" {key}"), Flaw::Option),
            (format!("a valid-after=20260102 {key}"), Flaw::Time),
            (format!("a valid-after=20261302Z {key}"), Flaw::Time),
            (format!("a valid-after=2026010203Z {key}"), Flaw::Time),
            (format!("a valid-after=20260102Z,valid-before=20260102Z {key}"), Flaw::Span),
            (format!("{} {key}", "a".repeat(LINE_BYTES_MAX)), Flaw::TooLong),
        ];
        for (line, flaw) in table {
            let found = parse_allowed_signers(&format!("# first\n{line}\n"));
            assert_eq!(found, Err(AllowedSignersError { line: 2, flaw }), "{}", &line[..line.len().min(100)]);
        }
        let many = |n: usize| parse_allowed_signers(&"#\n".repeat(n));
        assert!(many(1000).is_ok());
        assert_eq!(many(1001), Err(AllowedSignersError { line: 1001, flaw: Flaw::TooLong }));
    }
}
