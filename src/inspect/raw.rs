//! Commits, tags and trees, parsed from raw bytes by hand: only what the walks need, and nothing that is written
//! down is normalised. `receive` has checked strictly what a push brings; what the upstream always had may be odd,
//! so a date that makes no sense counts as the beginning of time, and only what would hide entries is an error.

use crate::git::ReadError;
use crate::model::{Entry, ObjectId, TagFacts};
use bstr::{BStr, ByteSlice};
use std::rc::Rc;

/// The longest subject kept, in bytes.
const SUBJECT_BYTES_MAX: usize = 80;

/// A commit's headers, as they are needed for walking.
pub(super) struct RawCommit {
    pub tree: ObjectId,
    pub parents: Vec<ObjectId>,
    /// Committer date, seconds.
    pub time_s: i64,
}

pub(super) fn parse_commit(id: &ObjectId, data: &[u8]) -> Result<RawCommit, ReadError> {
    let malformed = || ReadError::Malformed(*id);
    let mut lines = data.split_str("\n").peekable();
    let tree = lines.next().and_then(|line| header_id(line, b"tree ")).ok_or_else(malformed)?;
    let mut parents = Vec::with_capacity(2);
    // As git reads it: the parents stand right after the tree.
    while let Some(line) = lines.next_if(|line| line.starts_with(b"parent ")) {
        parents.push(header_id(line, b"parent ").ok_or_else(malformed)?);
    }
    let committer = lines.take_while(|line| !line.is_empty()).find(|line| line.starts_with(b"committer "));
    Ok(RawCommit { tree, parents, time_s: committer.and_then(date).unwrap_or(0) })
}

/// The first line of a commit's message that is not blank, cut to a few bytes.
pub(super) fn subject(commit: &[u8]) -> &BStr {
    let message = message(commit).trim_start_with(|c| c == '\n');
    let line = message.lines().next().unwrap_or_default();
    line.get(..SUBJECT_BYTES_MAX).unwrap_or(line).as_bstr()
}

/// An annotated tag, and the object it names.
pub(super) fn parse_tag(id: &ObjectId, data: &[u8]) -> Result<(ObjectId, TagFacts), ReadError> {
    let malformed = || ReadError::Malformed(*id);
    let target = data.split_str("\n").next().and_then(|line| header_id(line, b"object ")).ok_or_else(malformed)?;
    let headers = || data.split_str("\n").take_while(|line| !line.is_empty());
    let name = headers().find_map(|line| line.strip_prefix(b"tag ")).unwrap_or_default();
    let facts = TagFacts {
        id: *id,
        name: name.into(),
        message: message(data).into(),
        has_tagger: headers().any(|line| line.starts_with(b"tagger ")),
        raw: data.into(),
        sightings: Vec::new(),
    };
    Ok((target, facts))
}

fn message(object: &[u8]) -> &[u8] {
    object.find(b"\n\n").and_then(|at| object.get(at + 2..)).unwrap_or_default()
}

fn header_id(line: &[u8], key: &[u8]) -> Option<ObjectId> {
    ObjectId::from_hex(line.strip_prefix(key)?).ok()
}

fn date(committer: &[u8]) -> Option<i64> {
    let after_email = committer.get(committer.rfind_byte(b'>')? + 1..)?;
    let seconds = after_email.fields().next()?;
    seconds.to_str().ok()?.parse().ok()
}

/// One tree's entries in the order in which they are stored, one at a time.
#[derive(Clone)]
pub(super) struct TreeCursor {
    tree: Option<(ObjectId, Rc<Vec<u8>>)>,
    name: std::ops::Range<usize>,
    entry: Option<Entry>,
}

impl TreeCursor {
    /// A tree without entries: what an absent directory looks like.
    pub fn empty() -> Self {
        Self { tree: None, name: 0..0, entry: None }
    }

    /// Stands on the first entry.
    pub fn new(id: ObjectId, data: Rc<Vec<u8>>) -> Result<Self, ReadError> {
        let mut cursor = Self { tree: Some((id, data)), name: 0..0, entry: None };
        cursor.read_at(0)?;
        Ok(cursor)
    }

    /// Back to the first entry.
    pub fn rewound(&self) -> Result<Self, ReadError> {
        let mut cursor = self.clone();
        cursor.read_at(0)?;
        Ok(cursor)
    }

    /// The entry it stands on; `None` at the end.
    pub fn entry(&self) -> Option<(&[u8], Entry)> {
        let (_, data) = self.tree.as_ref()?;
        Some((data.get(self.name.clone())?, self.entry?))
    }

    pub fn advance(&mut self) -> Result<(), ReadError> {
        match &self.tree {
            // After the name: one NUL and the object id.
            Some((id, _)) => self.read_at(self.name.end + 1 + id.as_bytes().len()),
            None => Ok(()),
        }
    }

    fn read_at(&mut self, start: usize) -> Result<(), ReadError> {
        let Some((id, data)) = &self.tree else { return Ok(()) };
        if start >= data.len() {
            self.entry = None;
            return Ok(());
        }
        let (name, entry) = parse_entry(data, start, id.as_bytes().len()).ok_or(ReadError::Malformed(*id))?;
        self.name = name;
        self.entry = Some(entry);
        Ok(())
    }
}

/// `<mode in octal> SP <name> NUL <object id>`
fn parse_entry(data: &[u8], start: usize, id_length: usize) -> Option<(std::ops::Range<usize>, Entry)> {
    let mut mode = 0u32;
    let mut at = start;
    loop {
        match *data.get(at)? {
            b' ' if at > start => break,
            digit @ b'0'..=b'7' => mode = mode.checked_mul(8)?.checked_add(u32::from(digit - b'0'))?,
            _ => return None,
        }
        at += 1;
    }
    let name_start = at + 1;
    let name_end = name_start + data.get(name_start..)?.find_byte(0)?;
    let id = ObjectId::try_from(data.get(name_end + 1..name_end + 1 + id_length)?).ok()?;
    (name_end > name_start).then_some((name_start..name_end, Entry { mode, id }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ObjectId {
        ObjectId::try_from(&[byte; 20][..]).unwrap()
    }

    #[test]
    fn commits_are_read_with_odd_dates() {
        let hex = id(0x11).to_string();
        let table = [
            ("committer A <a@b> 1700000000 +0100\n", 1_700_000_000),
            ("committer A > <a@b> -5 +0100\n", -5),
            ("committer A <a@b> 99999999999999999999999 +0100\n", 0),
            ("committer A <a@b>\n", 0),
            ("", 0),
        ];
        for (line, time_s) in table {
            let text = format!("tree {hex}\nparent {hex}\nparent {hex}\nauthor A <a@b> 1 +0000\n{line}\nparent x\n");
            let commit = parse_commit(&id(1), text.as_bytes()).unwrap();
            assert_eq!((commit.tree, commit.parents.len(), commit.time_s), (id(0x11), 2, time_s), "{line}");
        }
        for bad in ["", "tree zz\n", &format!("parent {hex}\n"), &format!("tree {hex}\nparent 12\n")] {
            assert!(parse_commit(&id(1), bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_subject_is_one_short_line() {
        let long = "x".repeat(81);
        for (message, expected) in [("a\nb", "a"), ("\n\na\r\nb", "a"), ("", ""), (&long, &long[..80])] {
            assert_eq!(subject(format!("tree x\n\n{message}").as_bytes()), expected);
        }
        assert_eq!(subject(b"no message"), "");
    }

    #[test]
    fn tags_are_read() {
        let text = format!("object {}\ntype commit\ntag v1\ntagger A <a@b> 1 +0000\n\nHello\n\ntag x\n", id(3));
        let (target, facts) = parse_tag(&id(1), text.as_bytes()).unwrap();
        assert_eq!((target, facts.name, facts.has_tagger), (id(3), "v1".into(), true));
        assert_eq!(facts.message, "Hello\n\ntag x\n");
        assert!(parse_tag(&id(1), b"type commit\n").is_err());
    }

    #[test]
    fn trees_are_read_raw_or_not_at_all() {
        let entry = |head: &[u8]| [head, b"\0", &[7; 20]].concat();
        let data = [entry(b"100664 a b\n\xff"), entry(b"40000 d")].concat();
        let mut cursor = TreeCursor::new(id(1), Rc::new(data)).unwrap();
        assert_eq!(cursor.entry(), Some((&b"a b\n\xff"[..], Entry { mode: 0o100664, id: id(7) })));
        cursor.advance().unwrap();
        assert_eq!(cursor.entry(), Some((&b"d"[..], Entry { mode: 0o40000, id: id(7) })));
        cursor.advance().unwrap();
        assert_eq!(cursor.entry(), None);
        let cut = [b"100644 a\0".as_slice(), &[7; 19]].concat();
        for bad in [&cut, &entry(b"100648 a"), &entry(b" a"), &entry(b"100644 "), &entry(b"7777777777777 a")] {
            assert!(TreeCursor::new(id(1), Rc::new(bad.clone())).is_err(), "{bad:?}");
        }
    }
}
