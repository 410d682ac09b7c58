//! `refgate scan`: looks for secrets in files, or in what a range of commits brought.

mod files;
mod range;
mod report;

use super::{DONE, ScanArgs, cannot, complain, negative};
use crate::model::Escaped;
use crate::secret::{Certainty, FingerprintKey, Hit, Rule};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Something found, without the secret itself.
struct Finding {
    rule: &'static Rule,
    certainty: Certainty,
    place: Place,
    line: u32,
    /// In the file's or message's bytes.
    start: u64,
    end: u64,
    encoding: Option<&'static str>,
    fingerprint: Option<String>,
}

/// What it was found in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Of the file; none for a message.
    path: Option<Vec<u8>>,
    /// The commit or tag that brought it; none for a file on disk.
    object: Option<String>,
}

/// What is asked for, beside where.
struct Wanted {
    certainty: Certainty,
    key: Option<FingerprintKey>,
    threads: usize,
}

/// What was looked at.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Looked {
    texts: u64,
    bytes: u64,
    /// Files that could not be read.
    failures: u64,
}

pub fn run(args: &ScanArgs) -> ExitCode {
    let result = wanted(args).and_then(|wanted| scan(args, &wanted));
    let (mut findings, looked) = match result {
        Ok(found) => found,
        Err(why) => return cannot(why),
    };
    findings.sort_by(|a, b| {
        (&a.place, a.start, b.certainty, &a.rule.id).cmp(&(&b.place, b.start, a.certainty, &b.rule.id))
    });
    match (args.sarif, args.json) {
        (true, _) => report::sarif(&findings),
        (false, true) => report::json(&findings),
        (false, false) => report::human(&findings, looked),
    }
    match (looked.failures, findings.is_empty()) {
        (1.., _) => ExitCode::from(2),
        (0, true) => DONE,
        (0, false) => negative(),
    }
}

fn wanted(args: &ScanArgs) -> Result<Wanted, String> {
    let certainty = Certainty::parse(&args.certainty).ok_or("--certainty: possible, likely or certain")?;
    let threads = match args.threads {
        Some(0) => return Err("--threads: at least 1".to_owned()),
        Some(threads) => threads,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let key = args.key.as_deref().map(read_key).transpose()?;
    Ok(Wanted { certainty, key, threads })
}

/// 32 bytes, as they are or as 64 hex digits.
fn read_key(path: &Path) -> Result<FingerprintKey, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("--key {}: {why}", path.display());
    let bytes = std::fs::read(path).map_err(|error| wrong(&error))?;
    let key = <[u8; 32]>::try_from(&bytes[..]).ok().or_else(|| from_hex(bytes.trim_ascii()));
    key.map(FingerprintKey::new).ok_or_else(|| wrong(&"a key is 32 bytes, or 64 hex digits"))
}

fn from_hex(digits: &[u8]) -> Option<[u8; 32]> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?);
    let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
    <[u8; 32]>::try_from(bytes?).ok()
}

fn scan(args: &ScanArgs, wanted: &Wanted) -> Result<(Vec<Finding>, Looked), String> {
    let mut paths: Vec<PathBuf> = args.targets.iter().map(PathBuf::from).collect();
    let mut range = args.range.clone();
    if let (None, [only]) = (&range, &args.targets[..]) {
        // A range is no file's name, unless there is such a file.
        if only.contains("..") && !only.contains('/') && !Path::new(only).exists() && only != ".." {
            (range, paths) = (Some(only.clone()), Vec::new());
        }
    }
    match range {
        Some(_) if !paths.is_empty() => Err("either files or a range".to_owned()),
        Some(range) => range::scan(&range, wanted),
        None if paths.is_empty() => Ok(files::scan(&[PathBuf::from(".")], wanted)),
        None => Ok(files::scan(&paths, wanted)),
    }
}

impl Wanted {
    /// A hit at this place as what is shown of it, if it is sure enough; `offset` and `lines` lie before its text.
    fn finding(&self, hit: &Hit, place: &Place, offset: u64, lines: u32) -> Option<Finding> {
        (hit.certainty >= self.certainty).then(|| Finding {
            rule: hit.rule,
            certainty: hit.certainty,
            place: place.clone(),
            line: hit.line.saturating_add(lines),
            start: offset + hit.span.start as u64,
            end: offset + hit.span.end as u64,
            encoding: hit.encoding,
            fingerprint: self
                .key
                .as_ref()
                .filter(|_| !hit.secret.bytes().is_empty())
                .map(|key| key.fingerprint(hit.secret.bytes())),
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let short = |id: &String| id.chars().take(10).collect::<String>();
        match (&self.path, &self.object) {
            (Some(path), None) => write!(f, "{}", Escaped(path)),
            (Some(path), Some(object)) => write!(f, "{}:{}", short(object), Escaped(path)),
            (None, Some(object)) => write!(f, "{}", short(object)),
            (None, None) => Ok(()),
        }
    }
}

/// Says that a file could not be read; the others are looked at all the same.
fn unreadable(path: &Path, error: &std::io::Error) {
    use std::os::unix::ffi::OsStrExt;
    complain(&format!("refgate: {}: {error}\n", Escaped(path.as_os_str().as_bytes())));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_32_bytes_or_their_hex() {
        let hex = "00".repeat(31) + "fF";
        assert_eq!(from_hex(hex.as_bytes()).map(|key| key[31]), Some(255));
        for wrong in ["", "00", &hex[1..], &(hex.clone() + "00"), &hex.replace('f', "g")] {
            assert_eq!(from_hex(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn places_are_shown_escaped() {
        let place = |path: Option<&str>, object: Option<&str>| Place {
            path: path.map(|path| path.as_bytes().to_vec()),
            object: object.map(str::to_owned),
        };
        for (place, expected) in [
            (place(Some("a\x1b[0m"), None), "a\\x1b[0m"),
            (place(Some("a"), Some("0123456789abcdef")), "0123456789:a"),
            (place(None, Some("0123456789abcdef")), "0123456789"),
        ] {
            assert_eq!(place.to_string(), expected);
        }
    }
}
