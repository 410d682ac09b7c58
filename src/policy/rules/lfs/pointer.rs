//! Git LFS pointer files (git-lfs docs/spec.md, "The Pointer").

use std::fmt;

/// Pointers are shorter than this.
const POINTER_BYTES_LIMIT: usize = 1024;
const VERSION: &str = "https://git-lfs.github.com/spec/v1";
/// How `version` lines began in any release: the last two are older names of git-lfs.
const OWNERS: [&[u8]; 3] = [b"git-lfs", b"hawser", b"git-media"];

/// What is wrong with a pointer, and in which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    pub line: Option<u32>,
    what: &'static str,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

/// Whether git lfs might take the bytes for a pointer, or did so once: more does than is right.
#[must_use]
pub fn looks_like_one(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let first = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let first = first.get(..200).unwrap_or(first);
    let value = first.strip_prefix(b"version").filter(|rest| rest.first().is_some_and(u8::is_ascii_whitespace));
    value.is_some_and(|value| OWNERS.iter().any(|owner| memchr::memmem::find(value, owner).is_some()))
}

/// The size that a right pointer states.
pub fn parse(bytes: &[u8]) -> Result<u64, Flaw> {
    let flaw = |line, what| Flaw { line, what };
    if bytes.is_empty() {
        return Ok(0);
    }
    if bytes.len() >= POINTER_BYTES_LIMIT {
        return Err(flaw(None, "it has 1024 bytes or more"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| flaw(None, "it is not UTF-8"))?;
    let text = text.strip_suffix('\n').ok_or(flaw(None, "its last line does not end"))?;
    let (mut oid, mut size, mut last_key) = (false, None, "");
    for (number, line) in (1..).zip(text.split('\n')) {
        let at = |what| flaw(Some(number), what);
        let (key, value) = line.split_once(' ').ok_or(at("this line is no key and value"))?;
        if value.is_empty() || value.starts_with(' ') || value.contains(char::is_control) {
            return Err(at("between key and value is one space, and nothing after it"));
        }
        if number == 1 {
            if (key, value) != ("version", VERSION) {
                return Err(at("the first line is not `version https://git-lfs.github.com/spec/v1`"));
            }
            continue;
        }
        if key <= last_key {
            return Err(at("the keys are not in their order, or one is there twice"));
        }
        last_key = key;
        match key {
            "oid" if is_digest(value) => oid = true,
            "oid" => return Err(at("`oid` is not sha256: and 64 digits 0-9 a-f")),
            "size" => size = Some(decimal(value).ok_or(at("`size` is no decimal number"))?),
            key if is_extension(key) && is_digest(value) => {}
            _ => return Err(at("this line does not belong into a pointer")),
        }
    }
    match (oid, size) {
        (true, Some(size)) => Ok(size),
        (false, _) => Err(flaw(None, "it has no `oid`")),
        (true, None) => Err(flaw(None, "it has no `size`")),
    }
}

fn is_digest(value: &str) -> bool {
    let digits = value.strip_prefix("sha256:").unwrap_or_default();
    digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A number as git lfs writes it: it holds it as a signed one.
fn decimal(value: &str) -> Option<u64> {
    let is_plain = value.bytes().all(|byte| byte.is_ascii_digit()) && (value == "0" || !value.starts_with('0'));
    let size: i64 = is_plain.then(|| value.parse().ok())??;
    u64::try_from(size).ok()
}

/// `ext-0-name` (git-lfs docs/extensions.md).
fn is_extension(key: &str) -> bool {
    let rest = key.strip_prefix("ext-").and_then(|rest| rest.split_once('-'));
    rest.is_some_and(|(order, name)| {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        order.len() == 1 && order.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() && name.chars().all(is_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid() -> String {
        format!("oid sha256:{}", "0f".repeat(32))
    }

    #[test]
    fn right_pointers_have_a_size() {
        let version = format!("version {VERSION}");
        let oid = oid();
        let extension = oid.replace("oid", "ext-0-foo");
        for (text, size) in [
            (format!("{version}\n{oid}\nsize 12345\n"), 12345),
            (format!("{version}\n{oid}\nsize 0\n"), 0),
            (format!("{version}\n{oid}\nsize {}\n", i64::MAX), i64::MAX.unsigned_abs()),
            (format!("{version}\n{extension}\n{}\n{oid}\nsize 1\n", oid.replace("oid", "ext-1-bar_x")), 1),
            (String::new(), 0),
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(size), "{text}");
            assert!(looks_like_one(text.as_bytes()) || text.is_empty());
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let version = format!("version {VERSION}");
        let (oid, size) = (oid(), "size 1");
        let long = oid.replace("oid", &format!("ext-0-{}", "x".repeat(900)));
        let table = [
            (format!("{version}\n{oid}\n{size}"), None, "last line"),
            (format!("{version}\r\n{oid}\r\n{size}\r\n"), Some(1), "one space"),
            (format!("{version}\n{oid}\n{size}\n\n"), Some(4), "no key and value"),
            (format!("{version}\n{size}\n{oid}\n"), Some(3), "order"),
            (format!("{version}\n{oid}\n{oid}\n{size}\n"), Some(3), "twice"),
            (format!("{version}\n{oid}\n{size}\nzip 1\n"), Some(4), "does not belong"),
            (format!("{version}\next-0-a x\n{oid}\n{size}\n"), Some(2), "does not belong"),
            (format!("{version}\next-00-a x\n{oid}\n{size}\n"), Some(2), "does not belong"),
            (format!("{version}\n{oid}0\n{size}\n"), Some(2), "64 digits"),
            (
                format!("{version}\n{}\n{size}\n", oid.to_uppercase().replace("OID SHA", "oid sha")),
                Some(2),
                "64 digits",
            ),
            (format!("{version}\n{}\n{size}\n", oid.replace("sha256", "sha512")), Some(2), "64 digits"),
            (format!("{version}\n{oid}\nsize -1\n"), Some(3), "decimal"),
            (format!("{version}\n{oid}\nsize +1\n"), Some(3), "decimal"),
            (format!("{version}\n{oid}\nsize 01\n"), Some(3), "decimal"),
            (format!("{version}\n{oid}\nsize 9223372036854775808\n"), Some(3), "decimal"),
            (format!("{version}\n{oid}\nsize  1\n"), Some(3), "one space"),
            (format!("{version}\n{oid}\nsize 1 \n"), Some(3), "decimal"),
            (format!("{version}\n{size}\n"), None, "no `oid`"),
            (format!("{version}\n{oid}\n"), None, "no `size`"),
            (format!("{oid}\n{size}\n{version}\n"), Some(1), "first line"),
            (format!("version https://hawser.github.com/spec/v1\n{oid}\n{size}\n"), Some(1), "first line"),
            (format!(" {version}\n{oid}\n{size}\n"), Some(1), "first line"),
            (format!("{version}\n{long}\n{oid}\n{size}\n"), None, "1024 bytes"),
            ("plain text\n".to_owned(), Some(1), "first line"),
        ];
        for (text, line, what) in table {
            let flaw = parse(text.as_bytes()).expect_err(&text);
            assert!(flaw.line == line && flaw.what.contains(what), "{text}: {flaw:?}");
        }
        assert_eq!(parse(&[version.as_bytes(), b"\n\xff 1\n"].concat()).expect_err("a flaw").what, "it is not UTF-8");
    }

    #[test]
    fn more_looks_like_a_pointer_than_is_one() {
        let table: [(&[u8], bool); 9] = [
            (b"version https://git-lfs.github.com/spec/v1", true),
            (b"\n\n version https://git-lfs.github.com/spec/v2\nrest", true),
            (b"\xef\xbb\xbfversion https://hawser.github.com/spec/v1\r\n", true),
            (b"version\thttp://git-media.io/v/2\n", true),
            (b"version 1.0\nsee git-lfs\n", false),
            (b"# git-lfs\nversion https://git-lfs.github.com/spec/v1\n", false),
            (b"versions git-lfs\n", false),
            (b"", false),
            (b"\0\0\0", false),
        ];
        for (bytes, looks) in table {
            assert_eq!(looks_like_one(bytes), looks, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
