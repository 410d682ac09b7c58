//! `.gitmodules`: what a recursive clone would act on (CVE-2018-11235, 2018-17456, 2020-11008, 2025-48384).

use super::Cause;
use crate::model::Escaped;
use bstr::{BStr, ByteSlice};

/// No repository comes near this; git has no limit of its own below core.bigFileThreshold.
pub const SIZE_MAX: u64 = 1024 * 1024;

/// Everything wrong with a blob that some new tree calls `.gitmodules`.
#[must_use]
pub fn check(data: &[u8]) -> Vec<(Cause, String)> {
    let text = data.strip_prefix(b"\xef\xbb\xbf").unwrap_or(data);
    if let Some(at) = control_character(text) {
        return vec![(Cause::GitmodulesParse, format!("a control character at byte {at}"))];
    }
    let metadata = gix::config::file::Metadata::default();
    let Ok(file) = gix::config::File::from_bytes_no_includes(text, metadata, Default::default()) else {
        return vec![(Cause::GitmodulesParse, String::new())];
    };
    let mut found = Vec::new();
    for section in file.sections() {
        let header = section.header();
        if !header.name().eq_ignore_ascii_case(b"submodule") {
            continue;
        }
        let Some(name) = header.subsection_name() else { continue };
        let mut add = |cause, value: &BStr| {
            let shown = value.get(..100).unwrap_or(value);
            found.push((cause, Escaped(shown).to_string()));
        };
        if !is_name_safe(name) {
            add(Cause::GitmodulesName, name);
        }
        for key in section.value_names() {
            for value in section.values(&key) {
                if let Some(cause) = check_value(key.as_bytes(), &value) {
                    add(cause, value.as_bstr());
                }
            }
        }
    }
    found.dedup();
    found
}

/// Where a byte stands that no honest file has: a control character other than the line's end or a tab.
fn control_character(text: &[u8]) -> Option<usize> {
    let is_bad = |(at, byte): (usize, &u8)| match byte {
        b'\n' | b'\t' => false,
        b'\r' => text.get(at + 1) != Some(&b'\n'),
        byte => byte.is_ascii_control(),
    };
    text.iter().enumerate().position(is_bad)
}

/// Not empty, no `..` between separators of any system, no control character.
fn is_name_safe(name: &[u8]) -> bool {
    let is_separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    !name.is_empty() && !name.split(is_separator).any(|part| part == b"..") && !name.iter().any(u8::is_ascii_control)
}

fn check_value(key: &[u8], value: &[u8]) -> Option<Cause> {
    let has_control = value.iter().any(u8::is_ascii_control);
    let is_option = value.starts_with(b"-");
    if key.eq_ignore_ascii_case(b"url") {
        (has_control || is_option || !is_url_safe(value)).then_some(Cause::GitmodulesUrl)
    } else if key.eq_ignore_ascii_case(b"path") {
        (has_control || is_option).then_some(Cause::GitmodulesPath)
    } else if key.eq_ignore_ascii_case(b"update") {
        (has_control || value.starts_with(b"!")).then_some(Cause::GitmodulesUpdate)
    } else {
        has_control.then_some(Cause::GitmodulesParse)
    }
}

fn is_url_safe(url: &[u8]) -> bool {
    if is_relative(url) || url.starts_with(b"git://") {
        return !decoded_has_control(url) && !escapes_its_root(url);
    }
    if let Some((helper, rest)) = transport_helper(url) {
        // `ext::` runs a command; the others git clones by itself are curl's.
        return matches!(helper, b"http" | b"https" | b"ftp" | b"ftps") && is_curl_url_safe(rest);
    }
    let is_curl = [&b"http://"[..], b"https://", b"ftp://", b"ftps://"].iter().any(|scheme| url.starts_with(scheme));
    !is_curl || is_curl_url_safe(url)
}

/// `name::address`, as git splits it (gitremote-helpers).
fn transport_helper(url: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = url.find(b"::")?;
    let (helper, rest) = (url.get(..at)?, url.get(at + 2..)?);
    helper.iter().all(u8::is_ascii_alphanumeric).then_some((helper, rest))
}

fn is_relative(url: &[u8]) -> bool {
    matches!(url, [b'.', b'/' | b'\\', ..] | [b'.', b'.', b'/' | b'\\', ..])
}

/// Whether a relative URL, once its `../` are taken off the parent's, would go on with the parent's host.
fn escapes_its_root(url: &[u8]) -> bool {
    let mut rest = url;
    let mut is_up = false;
    loop {
        rest = match rest {
            [b'.', b'.', b'/' | b'\\', tail @ ..] => {
                is_up = true;
                tail
            }
            [b'.', b'/' | b'\\', tail @ ..] => tail,
            _ => return is_up && matches!(rest.first(), Some(b':' | b'/')),
        };
    }
}

/// Whether curl, and the credential helper after it, see one host in this URL and no line's end.
fn is_curl_url_safe(url: &[u8]) -> bool {
    let Some(at) = url.find(b"://") else { return false };
    let rest = url.get(at + 3..).unwrap_or_default();
    let authority = rest.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next().unwrap_or_default();
    let host = authority.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
    let (host, port) = match host.rfind_byte(b':') {
        Some(colon) if !host.ends_with(b"]") => (host.get(..colon).unwrap_or_default(), host.get(colon + 1..)),
        _ => (host, None),
    };
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'[' | b']' | b':');
    let port = port.unwrap_or_default();
    let is_port = port.is_empty() || port.to_str().is_ok_and(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    !host.is_empty() && host.iter().all(is_host) && is_port && !decoded_has_control(url) && has_whole_escapes(url)
}

/// Every `%` is followed by two hex digits.
fn has_whole_escapes(url: &[u8]) -> bool {
    url.split(|byte| *byte == b'%').skip(1).all(|part| percent_digits(part).is_some())
}

fn decoded_has_control(url: &[u8]) -> bool {
    url.split(|byte| *byte == b'%').skip(1).filter_map(percent_digits).any(|byte| byte.is_ascii_control())
}

fn percent_digits(text: &[u8]) -> Option<u8> {
    let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn causes(text: &str) -> Vec<Cause> {
        check(text.as_bytes()).into_iter().map(|(cause, _)| cause).collect()
    }

    #[test]
    fn honest_files_pass() {
        for text in [
            "",
            "[submodule \"a/b\"]\n\tpath = a/b\n\turl = https://user@example.com:8443/a.git\n\tbranch = main\n",
            "[submodule \"a\"]\r\n\tpath = a\r\n\turl = ../a.git\r\n",
            "[submodule \"a\"]\n\tpath = a\n\turl = git@example.com:a/b.git\n\tupdate = rebase\n\tshallow = true\n",
            "\u{feff}[submodule \"..a\"]\n\tpath = \"a b\"\n\turl = ssh://git@example.com/a\n; comment\n[other]\n\tx = -y\n",
            "[submodule \"a\"]\n\tpath = a\n\turl = /srv/git/a.git\n\tignore\n",
        ] {
            assert_eq!(causes(text), [], "{text}");
        }
    }

    #[test]
    fn names_must_stay_below_modules() {
        for name in ["..", "../x", "x/..", "a/../b", "a\\\\..\\\\b", ""] {
            assert_eq!(causes(&format!("[submodule \"{name}\"]\n\tpath = x\n")), [Cause::GitmodulesName], "{name}");
        }
    }

    #[test]
    fn values_must_not_act() {
        let table = [
            ("url = -u./x", Cause::GitmodulesUrl),
            ("url = ext::sh -c x", Cause::GitmodulesUrl),
            ("url = ../x%0ahost=y", Cause::GitmodulesUrl),
            ("url = ../../..//x", Cause::GitmodulesUrl),
            ("url = ..\\\\../:x", Cause::GitmodulesUrl),
            ("url = https://example.com/%0ahost=y", Cause::GitmodulesUrl),
            ("url = https:///x", Cause::GitmodulesUrl),
            ("url = http::///x", Cause::GitmodulesUrl),
            ("url = https://example.com:x/y", Cause::GitmodulesUrl),
            ("url = https://example.com/%zz", Cause::GitmodulesUrl),
            ("url = git://example.com/x%0a", Cause::GitmodulesUrl),
            ("url = \"a\\nb\"", Cause::GitmodulesUrl),
            ("URL = -x", Cause::GitmodulesUrl),
            ("path = -x", Cause::GitmodulesPath),
            ("path = \"a\\n\"", Cause::GitmodulesPath),
            ("update = !sh", Cause::GitmodulesUpdate),
        ];
        for (line, cause) in table {
            assert_eq!(causes(&format!("[submodule \"a\"]\n\t{line}\n")), [cause], "{line}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in
            ["[submodule", "[submodule \"a\"]\n\tpath = \"x\n", "x\0", "[submodule \"a\"]\n\tpath = a\rb\n", "\u{7f}"]
        {
            assert_eq!(causes(text), [Cause::GitmodulesParse], "{text:?}");
        }
    }
}
