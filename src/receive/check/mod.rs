//! Strict checks of single objects: all that `git fsck --strict` refuses, and a little more.
//!
//! gix parses less strictly (and must), so these read the bytes themselves, before anything else does.

pub mod cause;
mod commit;
mod gitattributes;
mod gitmodules;
mod ident;
mod names;
mod tag;
mod tree;

pub use cause::Cause;
pub use gitattributes::{SIZE_MAX as GITATTRIBUTES_SIZE_MAX, check as check_gitattributes};
pub use gitmodules::{SIZE_MAX as GITMODULES_SIZE_MAX, check as check_gitmodules};

use gix::objs::Kind;

/// A blob whose content git itself reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Special {
    Gitmodules,
    Gitattributes,
}

/// Takes what a check finds.
pub trait Report {
    fn problem(&mut self, cause: Cause, detail: String);
    /// An object that must exist and be of this kind.
    fn link(&mut self, id: [u8; 20], kind: Kind);
    /// An entry whose name makes git read it.
    fn special(&mut self, id: [u8; 20], special: Special);
}

/// Checks one object. Blobs have no form; those with a special name are checked when all trees are known.
pub fn check(kind: Kind, data: &[u8], report: &mut impl Report) {
    match kind {
        Kind::Blob => {}
        Kind::Tree => tree::check(data, report),
        Kind::Commit => commit::check(data, report),
        Kind::Tag => tag::check(data, report),
    }
}

/// Forty hex digits in lower or upper case, as git takes them.
fn parse_id(hex: &[u8]) -> Option<[u8; 20]> {
    let mut id = [0; 20];
    if hex.len() != 40 {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(hex.chunks_exact(2)) {
        let digit = |index: usize| pair.get(index).and_then(|b| char::from(*b).to_digit(16));
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(id)
}

/// The lines of a commit's or tag's header, one at a time.
struct Header<'a> {
    rest: &'a [u8],
}

impl<'a> Header<'a> {
    /// Whether the header is whole: no NUL in it, and a line feed at its end.
    fn new(data: &'a [u8]) -> Result<Self, Cause> {
        let end = data.windows(2).position(|pair| pair == b"\n\n").map_or(data.len(), |at| at + 1);
        let header = data.get(..end).unwrap_or(data);
        if header.contains(&0) {
            return Err(Cause::NulInHeader);
        }
        if !header.ends_with(b"\n") {
            return Err(Cause::UnterminatedHeader);
        }
        Ok(Self { rest: data })
    }

    /// The rest of the next line if it starts with `field` and a space.
    fn field(&mut self, field: &str) -> Option<&'a [u8]> {
        let value = self.rest.strip_prefix(field.as_bytes())?.strip_prefix(b" ")?;
        let end = value.iter().position(|byte| *byte == b'\n')?;
        self.rest = value.get(end + 1..)?;
        value.get(..end)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Eq)]
    pub struct Seen {
        pub causes: Vec<Cause>,
        pub links: Vec<([u8; 20], Kind)>,
        pub special: Vec<([u8; 20], Special)>,
    }

    impl Report for Seen {
        fn problem(&mut self, cause: Cause, _detail: String) {
            self.causes.push(cause);
        }
        fn link(&mut self, id: [u8; 20], kind: Kind) {
            self.links.push((id, kind));
        }
        fn special(&mut self, id: [u8; 20], special: Special) {
            self.special.push((id, special));
        }
    }

    pub fn run(kind: Kind, data: &[u8]) -> Seen {
        let mut seen = Seen::default();
        check(kind, data, &mut seen);
        seen
    }

    #[test]
    fn ids_are_forty_hex_digits() {
        assert!(parse_id(b"0123456789abcdefABCDEF0123456789abcdef01").is_some());
        for bad in [&b""[..], b"0123", b"g123456789abcdef0123456789abcdef01234567", &[b'0'; 41]] {
            assert!(parse_id(bad).is_none());
        }
    }

    #[test]
    fn no_cut_or_changed_object_panics() {
        let commit =
            b"tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nparent 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\
            author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\nm\n";
        let tag = b"object 4b825dc642cb6eb9a060e54bf8d69288fbee4904\ntype tree\ntag v1\ntagger A <a@b> 1 +0000\n\nm\n";
        let mut tree = b"100644 a\0".to_vec();
        tree.extend([1; 20]);
        for (kind, data) in [(Kind::Commit, &commit[..]), (Kind::Tag, tag), (Kind::Tree, &tree)] {
            assert_eq!(run(kind, data).causes, []);
            for end in 0..data.len() {
                run(kind, &data[..end]);
                for byte in [0, b'\n', b' ', b'<', 0xff] {
                    let mut changed = data.to_vec();
                    changed[end] = byte;
                    run(kind, &changed);
                }
            }
        }
    }
}
