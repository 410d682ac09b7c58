//! A signed object cut into what was signed and the signature, exactly as git does it (commit.c, tag.c,
//! gpg-interface.c); and stricter: what git would read past is a flaw.

use crate::policy::rules::signature::armor::is_begin;
use crate::policy::rules::signature::flaw::Flaw;
use bstr::ByteSlice;

/// A signed object in two parts.
#[derive(Debug, PartialEq, Eq)]
pub struct Cut {
    /// What the signature is over.
    pub payload: Vec<u8>,
    /// Armored.
    pub signature: Vec<u8>,
}

/// The signature of a commit is its `gpgsig` header.
pub fn commit(raw: &[u8]) -> Result<Cut, Flaw> {
    let (payload, signature) = without_headers(raw)?;
    Ok(Cut { payload, signature: signature.ok_or(Flaw::Missing)? })
}

/// The signature of a tag is the end of its message.
pub fn tag(raw: &[u8]) -> Result<Cut, Flaw> {
    let (mut payload, header) = without_headers(raw)?;
    if header.is_some() {
        return Err(Flaw::Malformed("a tag has its signature at the end, not in a `gpgsig` header"));
    }
    // git takes the last line that could begin one: what stands before it is signed text.
    let (mut at, mut begin) = (0_usize, None);
    for line in payload.lines_with_terminator() {
        if is_begin(line) {
            begin = Some(at);
        }
        at = at.saturating_add(line.len());
    }
    let signature = payload.split_off(begin.ok_or(Flaw::Missing)?);
    Ok(Cut { payload, signature })
}

/// Which header a line belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Header {
    Signed,
    Signature,
    /// `gpgsig-sha256`: the signature of the same commit under its other name.
    OtherSignature,
}

/// The object without its signature headers, and the value of `gpgsig`.
fn without_headers(raw: &[u8]) -> Result<(Vec<u8>, Option<Vec<u8>>), Flaw> {
    let mut payload = Vec::with_capacity(raw.len());
    let mut signature: Option<Vec<u8>> = None;
    let mut header = Header::Signed;
    let mut at = 0_usize;
    for line in raw.lines_with_terminator() {
        if line == b"\n" {
            break;
        }
        at = at.saturating_add(line.len());
        let mut text = line.strip_prefix(b" ").unwrap_or(line);
        if !line.starts_with(b" ") {
            header = Header::Signed;
            if let Some(value) = line.strip_prefix(b"gpgsig ") {
                if signature.is_some() {
                    return Err(Flaw::Several);
                }
                signature = Some(Vec::new());
                (header, text) = (Header::Signature, value);
            } else if line.starts_with(b"gpgsig-sha256 ") {
                header = Header::OtherSignature;
            } else if line.starts_with(b"gpgsig") {
                return Err(Flaw::Malformed("it has an unknown signature header"));
            }
        }
        match (header, &mut signature) {
            (Header::Signature, Some(signature)) => signature.extend_from_slice(text),
            (Header::Signature | Header::OtherSignature, _) => {}
            (Header::Signed, _) => payload.extend_from_slice(line),
        }
    }
    payload.extend_from_slice(raw.get(at..).unwrap_or_default());
    Ok((payload, signature))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_signed_without_its_signature_headers() {
        let cut = |raw: &str| commit(raw.as_bytes()).map(|c| (text(&c.payload), text(&c.signature)));
        let text_of = |a: &str, b: &str| Ok((a.to_owned(), b.to_owned()));
        assert_eq!(
            cut("tree t\ngpgsig one\n two\n \n three\nx y\n\nm\n"),
            text_of("tree t\nx y\n\nm\n", "one\ntwo\n\nthree\n")
        );
        assert_eq!(
            cut("tree t\ngpgsig-sha256 a\n b\ngpgsig one\n\ngpgsig x\n"),
            text_of("tree t\n\ngpgsig x\n", "one\n")
        );
        let merged = "tree t\nmergetag object o\n gpgsig x\n -----BEGIN\ngpgsig one\n\nm";
        assert_eq!(cut(merged), text_of("tree t\nmergetag object o\n gpgsig x\n -----BEGIN\n\nm", "one\n"));
        assert_eq!(cut("tree t\n\ngpgsig one\n"), Err(Flaw::Missing));
        assert_eq!(cut("tree t\n gpgsig one\n\nm"), Err(Flaw::Missing));
        assert_eq!(cut("tree t\ngpgsig-sha256 one\n\nm"), Err(Flaw::Missing));
        assert_eq!(cut("tree t\ngpgsig one\ngpgsig two\n\nm"), Err(Flaw::Several));
        assert_eq!(cut("tree t\ngpgsig one\nx y\ngpgsig two\n\nm"), Err(Flaw::Several));
        for odd in ["gpgsig\n", "gpgsig-sha1 x\n", "gpgsigx y\n"] {
            assert!(matches!(cut(&format!("tree t\n{odd}gpgsig one\n\nm")), Err(Flaw::Malformed(_))), "{odd}");
        }
        assert_eq!(cut(""), Err(Flaw::Missing));
    }

    #[test]
    fn a_tag_is_signed_at_its_end() {
        let cut = |raw: &str| tag(raw.as_bytes()).map(|c| (text(&c.payload), text(&c.signature)));
        let begin = "-----BEGIN SSH SIGNATURE-----\n";
        assert_eq!(cut("object o\n\nm\n"), Err(Flaw::Missing));
        assert_eq!(cut(&format!("object o\n\nm\n{begin}x\n")), Ok(("object o\n\nm\n".into(), format!("{begin}x\n"))));
        let twice = format!("object o\ngpgsig-sha256 a\n b\n\nm\n{begin}x\n{begin}y\n");
        assert_eq!(cut(&twice), Ok((format!("object o\n\nm\n{begin}x\n"), format!("{begin}y\n"))));
        assert!(matches!(cut(&format!("object o\ngpgsig x\n\nm\n{begin}")), Err(Flaw::Malformed(_))));
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_owned()).expect("UTF-8")
    }
}
