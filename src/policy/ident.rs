//! Who wrote something and when, as commits, tags and trailers say it: `Name <address> seconds zone`.
//!
//! Stricter than git, which reads something out of nearly every line: what two readers could read in two ways is
//! nothing here.

use crate::model::is_invisible;
use crate::policy::object_text::is_obeyed;
use bstr::ByteSlice;

/// The value of an `author`, `committer` or `tagger` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ident<'a> {
    pub who: Address<'a>,
    /// Since 1970.
    pub seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address<'a> {
    /// May be empty, and need not be UTF-8.
    pub name: &'a [u8],
    pub email: &'a str,
}

impl<'a> Ident<'a> {
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (address, date) = value.split_at_checked(value.find_byte(b'>')?.checked_add(1)?)?;
        let (seconds, zone) = date.strip_prefix(b" ")?.split_once_str(b" ")?;
        let is_zone = zone.len() == 5 && matches!(zone.first(), Some(b'+' | b'-'));
        if !is_zone || !zone.iter().skip(1).all(u8::is_ascii_digit) || !seconds.iter().all(u8::is_ascii_digit) {
            return None;
        }
        Some(Self { who: Address::parse(address)?, seconds: seconds.to_str().ok()?.parse().ok()? })
    }
}

impl<'a> Address<'a> {
    /// `Name <address>`, and nothing after it.
    #[must_use]
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (name, email) = text.strip_suffix(b">")?.split_once_str(b"<")?;
        let email = email.to_str().ok()?;
        let is_bad = |c: char| c.is_whitespace() || c.is_control() || is_invisible(c) || c == '<' || c == '>';
        let name = name.strip_suffix(b" ")?.trim();
        let is_name = !name.contains(&b'>') && !name.chars().any(|c| is_obeyed(c) || c == '\t');
        (is_name && !email.is_empty() && !email.chars().any(is_bad)).then_some(Self { name, email })
    }

    /// The part after the one `@`; none if the address is no plain one.
    #[must_use]
    pub fn domain(&self) -> Option<&'a str> {
        let (local, domain) = self.email.split_once('@')?;
        (!local.is_empty() && !domain.is_empty() && !domain.contains('@')).then_some(domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, address, seconds.
    type Read = Option<(&'static str, &'static str, u64)>;

    #[test]
    fn only_plain_lines_say_who() {
        let table: [(&[u8], Read); 22] = [
            (b"Dana <dana@acme.dev> 1700000000 +0100", Some(("Dana", "dana@acme.dev", 1_700_000_000))),
            (
                b"Dana de la X <1+dana@users.noreply.github.com> 1 -0000",
                Some(("Dana de la X", "1+dana@users.noreply.github.com", 1)),
            ),
            (b" <dana@acme.dev> 1 +0000", Some(("", "dana@acme.dev", 1))),
            (b"<dana@acme.dev> 1 +0000", None),
            (b"Dana<dana@acme.dev> 1 +0000", None),
            (b"Dana dana@acme.dev> 1 +0000", None),
            (b"Dana <dana@acme.dev 1 +0000", None),
            (b"Dana <dana@acme.dev>x> 1 +0000", None),
            (b"Dana <<dana@acme.dev> 1 +0000", None),
            (b"Dana <x@y> <dana@acme.dev> 1 +0000", None),
            (b"Dana > <dana@acme.dev> 1 +0000", None),
            (b"Dana <> 1 +0000", None),
            (b"Dana < dana@acme.dev> 1 +0000", None),
            (b"Dana <dana@acme.dev> 1", None),
            (b"Dana <dana@acme.dev> 1 0000", None),
            (b"Dana <dana@acme.dev> 99999999999999999999 +0000", None),
            (b"Dana <dana@acme.dev> -1 +0000", None),
            (b"Dana <dana@acme.dev>  1 +0000", None),
            (b"Dana <d\xffna@acme.dev> 1 +0000", None),
            ("Dana <d\u{200b}ana@acme.dev> 1 +0000".as_bytes(), None),
            (b"\x1b[31mDana <dana@acme.dev> 1 +0000", None),
            (b"", None),
        ];
        for (value, expected) in table {
            let found = Ident::parse(value);
            let found = found.map(|ident| (ident.who.name.to_str().expect("UTF-8"), ident.who.email, ident.seconds));
            assert_eq!(found, expected, "{:?}", value.as_bstr());
        }
        let latin = Ident::parse(b"Ren\xe9 <r@acme.dev> 1 +0000").expect("an ident");
        assert_eq!(latin.who.name, b"Ren\xe9");
    }

    #[test]
    fn a_domain_is_behind_the_one_at() {
        let domain = |text: &'static str| Address::parse(text.as_bytes()).expect("an address").domain();
        assert_eq!(domain("A <a@acme.dev>"), Some("acme.dev"));
        for none in ["A <a@b@acme.dev>", "A <acme.dev>", "A <@acme.dev>", "A <a@>"] {
            assert_eq!(domain(none), None, "{none}");
        }
    }
}
