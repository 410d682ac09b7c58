//! What a rule that looks into files is given: the new content of one changed entry, and what its parents had there.
//!
//! Everything is read when a rule first asks for it. Text in UTF-16 is shown as UTF-8, so that no encoding hides a line.
//! A file larger than `content_bytes_max` is never in memory as a whole, neither as it is now nor as it was.

use crate::model::{Change, CommitFacts, Entry, ObjectId};
pub use crate::policy::added::Added;
use crate::policy::added::{KnownLines, Remember};
use crate::policy::pattern::{Subject, Who};
use crate::policy::pusher::Pusher;
use crate::policy::window::Windows;
pub use crate::policy::window::{View, Window};
use crate::secret::{self, FingerprintKey};
use std::cell::OnceCell;
use std::sync::Arc;

/// An object could not be read; the push is then not judged at all.
#[derive(Debug)]
pub struct Unreadable(pub Box<dyn std::error::Error + Send + Sync>);

/// Where contents come from.
pub trait Blobs {
    /// A blob as a whole.
    fn read(&self, id: &ObjectId) -> Result<Arc<Vec<u8>>, Unreadable>;

    /// How long a blob is, without reading it.
    fn size(&self, id: &ObjectId) -> Result<u64, Unreadable>;

    /// A blob from its beginning to its end, in pieces of any length.
    fn stream(&self, id: &ObjectId, piece: &mut dyn FnMut(&[u8])) -> Result<(), Unreadable>;

    /// What the secret scanner finds in a blob under a path, the first time or again.
    fn secrets(&self, id: &ObjectId, path: &[u8], bytes: &[u8]) -> Arc<Vec<secret::Found>>;
}

/// Is told the number of a line, from 1, and its bytes.
pub type LookAtLine<'a> = dyn FnMut(u32, &[u8]) -> Result<(), Unreadable> + 'a;

/// Where git looks for a NUL to call a blob binary.
const BINARY_LOOK_BYTES: usize = 8000;
/// How much of a large file's beginning and end is kept: every magic number lies within.
pub const END_BYTES: usize = 128 * 1024;

/// The content of one changed entry.
pub struct Content<'a> {
    pub commit: &'a CommitFacts,
    pub change: &'a Change,
    pub path: &'a Subject<'a>,
    pub who: Who<'a>,
    pub pusher: &'a Pusher<'a>,
    /// For names of secrets that tell nothing about them.
    pub key: Option<&'a FingerprintKey>,
    blobs: &'a dyn Blobs,
    whole_bytes_max: u64,
    new: OnceCell<Text>,
    large: OnceCell<LargeEnds>,
    olds: OnceCell<Vec<Option<Text>>>,
    added: OnceCell<Added>,
    joined: OnceCell<Added>,
}

/// What is kept of a large file.
#[derive(Default)]
struct LargeEnds {
    head: Vec<u8>,
    tail: Vec<u8>,
    first_nul: Option<u64>,
}

/// Beginning and end of a file as it is stored. One of at most `END_BYTES`, or one that is not large, is both.
#[derive(Debug, Clone, Copy)]
pub struct Ends<'c> {
    pub head: &'c [u8],
    pub tail: &'c [u8],
    pub first_nul: Option<u64>,
}

/// A blob, and the same as UTF-8 if it was in another encoding.
struct Text {
    raw: Arc<Vec<u8>>,
    utf8: Option<Vec<u8>>,
}

impl Text {
    fn new(raw: Arc<Vec<u8>>) -> Self {
        let utf8 = match secret::to_utf8(&raw) {
            std::borrow::Cow::Borrowed(_) => None,
            std::borrow::Cow::Owned(text) => Some(text),
        };
        Self { raw, utf8 }
    }

    fn bytes(&self) -> &[u8] {
        self.utf8.as_deref().unwrap_or(&self.raw)
    }

    fn windows(&self, look: &mut dyn FnMut(&Window<'_>)) {
        look(&Window::whole(self.bytes(), View::Text));
        if self.utf8.is_some() {
            look(&Window::whole(&self.raw, View::Stored));
        }
    }
}

impl<'a> Content<'a> {
    pub fn new(
        blobs: &'a dyn Blobs,
        whole_bytes_max: u64,
        (commit, change, path): (&'a CommitFacts, &'a Change, &'a Subject<'a>),
        (who, pusher): (Who<'a>, &'a Pusher<'a>),
        key: Option<&'a FingerprintKey>,
    ) -> Self {
        let (new, large, olds, added, joined) = Default::default();
        Self { commit, change, path, who, pusher, key, blobs, whole_bytes_max, new, large, olds, added, joined }
    }

    /// Whether the new content is too large to be read as a whole (`content_bytes_max`).
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.change.size.is_none_or(|size| size > self.whole_bytes_max) && !self.change.is_deletion()
    }

    fn new_text(&self) -> Result<Option<&Text>, Unreadable> {
        if self.is_large() {
            return Ok(None);
        }
        if let Some(text) = self.new.get() {
            return Ok(Some(text));
        }
        let raw = match self.change.new {
            Some(entry) => self.blobs.read(&entry.id)?,
            None => Arc::default(),
        };
        Ok(Some(self.new.get_or_init(|| Text::new(raw))))
    }

    /// The new content as it is stored; nothing of a deleted file; `None` if it is large.
    pub fn raw(&self) -> Result<Option<&[u8]>, Unreadable> {
        Ok(self.new_text()?.map(|text| text.raw.as_slice()))
    }

    /// The new content, UTF-16 as UTF-8.
    pub fn text(&self) -> Result<Option<&[u8]>, Unreadable> {
        Ok(self.new_text()?.map(Text::bytes))
    }

    /// Whether git would call it binary; a large file is judged by its beginning, and UTF-16 is text.
    pub fn is_binary(&self) -> Result<bool, Unreadable> {
        if let Some(text) = self.text()? {
            return Ok(has_nul(text));
        }
        let head = self.ends()?.head;
        Ok(has_nul(&secret::to_utf8(head.get(..2 * BINARY_LOOK_BYTES).unwrap_or(head))))
    }

    /// Whether the new content is well-formed UTF-16, and nothing that only starts with its mark.
    pub fn is_utf16(&self) -> Result<bool, Unreadable> {
        if let Some(text) = self.new_text()? {
            return Ok(text.utf8.as_deref().is_some_and(is_clean));
        }
        let (mut is_decoded, mut is_text) = (false, true);
        self.windows(&mut |window| match window.view {
            View::Text => is_text = is_text && is_clean(window.bytes),
            View::Stored => is_decoded = true,
        })?;
        Ok(is_decoded && is_text)
    }

    /// Beginning and end of the new content as it is stored.
    pub fn ends(&self) -> Result<Ends<'_>, Unreadable> {
        if let Some(raw) = self.raw()? {
            let first_nul = memchr::memchr(0, raw).map(|at| at as u64);
            return Ok(Ends { head: raw, tail: raw, first_nul });
        }
        if self.large.get().is_none() {
            let mut ends = LargeEnds::default();
            let mut length = 0;
            self.stream(&mut |piece| {
                ends.take(piece, length);
                length += piece.len() as u64;
            })?;
            ends.tail.drain(..ends.tail.len().saturating_sub(END_BYTES));
            // Nobody else can have set it meanwhile.
            let _ = self.large.set(ends);
        }
        let LargeEnds { head, tail, first_nul } = self.large.get_or_init(LargeEnds::default);
        Ok(Ends { head, tail, first_nul: *first_nul })
    }

    /// What the first parent has at this path, as UTF-8: `None` if it has no file there, or a large one.
    pub fn old_text(&self) -> Result<Option<&[u8]>, Unreadable> {
        Ok(self.old_texts()?.first().and_then(Option::as_ref).map(Text::bytes))
    }

    /// What each parent has at this path, as UTF-8; `None` where it has no file. For rules that compare a merge with all.
    pub fn parent_texts(&self) -> Result<Vec<Option<&[u8]>>, Unreadable> {
        Ok(self.old_texts()?.iter().map(|old| old.as_ref().map(Text::bytes)).collect())
    }

    /// What each parent has at this path.
    fn old_texts(&self) -> Result<&[Option<Text>], Unreadable> {
        if let Some(olds) = self.olds.get() {
            return Ok(olds);
        }
        let mut olds = Vec::with_capacity(self.change.old.len());
        for old in &self.change.old {
            olds.push(match self.file(*old) {
                Some(old) if self.blobs.size(&old.id)? <= self.whole_bytes_max => {
                    Some(Text::new(self.blobs.read(&old.id)?))
                }
                Some(_) | None => None,
            });
        }
        Ok(self.olds.get_or_init(|| olds))
    }

    /// Which lines count as added.
    pub fn added(&self) -> Result<&Added, Unreadable> {
        if let Some(added) = self.added.get() {
            return Ok(added);
        }
        let is_whole = self.change.is_addition() || self.is_binary()?;
        let known = if is_whole { None } else { self.known(Remember::Lines)? };
        Ok(self.added.get_or_init(|| known.map_or(Added::All, Added::Except)))
    }

    /// Whether any of some lines in a row counts as added, or they were not all in a row before: what stood between
    /// them may be gone, which adds no line.
    pub fn has_added_any(&self, lines: &[&[u8]]) -> Result<bool, Unreadable> {
        let added = self.added()?;
        if lines.iter().any(|line| added.has(line)) {
            return Ok(true);
        }
        if lines.len() < 2 {
            return Ok(false);
        }
        if self.joined.get().is_none() {
            let known = self.known(Remember::Pairs)?;
            // Nobody else can have set it meanwhile.
            let _ = self.joined.set(known.map_or(Added::All, Added::Except));
        }
        let joined = self.joined.get_or_init(|| Added::All);
        Ok(lines.iter().zip(lines.iter().skip(1)).any(|(first, second)| joined.has_pair(first, second)))
    }

    /// Whether no parent has a file here with anything in it: it may have had a submodule, or an empty file.
    pub fn is_first(&self) -> Result<bool, Unreadable> {
        for old in self.change.old.iter().filter_map(|old| self.file(*old)) {
            if self.blobs.size(&old.id)? > 0 {
                return Ok(false);
            }
        }
        Ok(self.change.new.is_some())
    }

    /// The lines of all parents; `None` if they are too many.
    fn known(&self, what: Remember) -> Result<Option<KnownLines>, Unreadable> {
        let mut known = KnownLines::new(what);
        for (old, text) in self.change.old.iter().zip(self.old_texts()?) {
            match (text, self.file(*old)) {
                (Some(text), _) => text.windows(&mut |window| known.remember(window)),
                (None, Some(old)) => self.large_windows(&old.id, &mut |window| known.remember(window))?,
                (None, None) => {}
            }
        }
        Ok(Some(known).filter(|known| !known.is_full()))
    }

    /// The whole new content in one window, or a large one in several. UTF-16 comes once more as it is stored.
    pub fn windows(&self, look: &mut dyn FnMut(&Window<'_>)) -> Result<(), Unreadable> {
        match (self.new_text()?, self.change.new) {
            (Some(text), _) => text.windows(look),
            (None, Some(entry)) => self.large_windows(&entry.id, look)?,
            (None, None) => {}
        }
        Ok(())
    }

    fn large_windows(&self, id: &ObjectId, look: &mut dyn FnMut(&Window<'_>)) -> Result<(), Unreadable> {
        let mut windows = Windows::new(View::Text, look);
        self.blobs.stream(id, &mut |piece| windows.take(piece))?;
        if windows.end() {
            let mut windows = Windows::new(View::Stored, look);
            self.blobs.stream(id, &mut |piece| windows.take(piece))?;
            windows.end();
        }
        Ok(())
    }

    /// Calls `look` with the number and the bytes of each line, without its end. Lines end with LF or CR LF. A line
    /// that is longer than what two windows share comes in parts, if the file is large.
    pub fn lines(&self, look: &mut LookAtLine<'_>) -> Result<(), Unreadable> {
        let mut outcome = Ok(());
        self.windows(&mut |window| {
            for (number, line) in window.lines() {
                if outcome.is_ok() {
                    outcome = look(number, line);
                }
            }
        })?;
        outcome
    }

    /// The same for added lines only.
    pub fn added_lines(&self, look: &mut dyn FnMut(u32, &[u8])) -> Result<(), Unreadable> {
        let added = self.added()?;
        self.lines(&mut |number, line| {
            if added.has(line) {
                look(number, line);
            }
            Ok(())
        })
    }

    /// Whether a line of the new content counts as added.
    pub fn has_added(&self, line: &[u8]) -> Result<bool, Unreadable> {
        Ok(self.added()?.has(line))
    }

    /// What the secret scanner finds in the new content as a whole; `None` if it is large.
    pub fn secrets(&self) -> Result<Option<Arc<Vec<secret::Found>>>, Unreadable> {
        let (Some(entry), Some(raw)) = (self.change.new, self.raw()?) else { return Ok(None) };
        Ok(Some(self.blobs.secrets(&entry.id, &self.change.path, raw)))
    }

    /// An old entry, if it has a content of its own and of the same kind: where a link leads was no file's text.
    fn file(&self, old: Option<Entry>) -> Option<Entry> {
        let is_same = |old: &Entry| self.change.new.is_none_or(|new| new.is_symlink() == old.is_symlink());
        old.filter(|old| (old.is_blob() || old.is_symlink()) && is_same(old))
    }

    fn stream(&self, piece: &mut dyn FnMut(&[u8])) -> Result<(), Unreadable> {
        match self.change.new {
            Some(entry) => self.blobs.stream(&entry.id, piece),
            None => Ok(()),
        }
    }
}

impl LargeEnds {
    /// Takes in a piece that comes after `before` bytes.
    fn take(&mut self, piece: &[u8], before: u64) {
        let missing = END_BYTES.saturating_sub(self.head.len()).min(piece.len());
        self.head.extend_from_slice(piece.get(..missing).unwrap_or_default());
        if self.first_nul.is_none() {
            self.first_nul = memchr::memchr(0, piece).map(|at| before + at as u64);
        }
        self.tail.extend_from_slice(piece.get(piece.len().saturating_sub(END_BYTES)..).unwrap_or_default());
        if self.tail.len() > 2 * END_BYTES {
            self.tail.drain(..self.tail.len() - END_BYTES);
        }
    }
}

/// Whether decoded text has nothing but text. The borders of windows may cut characters in two.
fn is_clean(text: &[u8]) -> bool {
    let is_text = |c: char| c != '\u{FFFD}' && (!c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{C}'));
    text.utf8_chunks().all(|chunk| chunk.valid().chars().all(is_text))
}

fn has_nul(bytes: &[u8]) -> bool {
    bytes.iter().take(BINARY_LOOK_BYTES).any(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::policy::testing::*;

    const MAX: u64 = 1000;

    /// Calls `look` with the content of a file that is `new` now and was `olds` in the parents.
    fn with_content<T>(olds: &[&[u8]], new: &[u8], look: impl FnOnce(&Content<'_>) -> T) -> T {
        let mut memory = Memory::default();
        let mut file = |bytes: &[u8]| Some(Entry { mode: FILE, id: memory.add(bytes) });
        let old = olds.iter().map(|bytes| file(bytes)).collect();
        let change = Change { old, new: file(new), size: Some(new.len() as u64), ..change("a") };
        let policy: Policy = policy(OPEN);
        let principal = principal(&policy, "claude-1");
        let pusher = Pusher::new(&principal, &policy.people);
        let (commit, path) = (commit(9, vec![]), Subject::name(b"a"));
        look(&Content::new(&memory, MAX, (&commit, &change, &path), (Who::Anyone, &pusher), None))
    }

    fn added(olds: &[&[u8]], new: &[u8]) -> Vec<(u32, String)> {
        with_content(olds, new, |content| {
            let mut found = Vec::new();
            let look = &mut |at, line: &[u8]| found.push((at, String::from_utf8_lossy(line).into_owned()));
            content.added_lines(look).expect("readable");
            found
        })
    }

    fn utf16(text: &str) -> Vec<u8> {
        [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
    }

    /// What the parents have, what there is now, and the lines that count as added.
    type Case<'a> = (&'a [&'a [u8]], &'a [u8], &'a [(u32, &'a str)]);

    #[test]
    fn added_is_what_no_parent_has() {
        let table: [Case<'_>; 9] = [
            (&[], b"a\nb", &[(1, "a"), (2, "b")]),
            (&[b"a\nb\n"], b"a\nx\nb", &[(2, "x")]),
            (&[b"a\r\nb\r\n"], b"a\nb\n", &[]),
            (&[b"a\nb\n"], b"a\rb\n", &[(1, "a\rb")]),
            (&[b"b\na\n"], b"a\nb\n", &[]),
            (&[b"a\n", b"b\n"], b"a\nb\nc\n", &[(3, "c")]),
            (&[b"a\n"], b"a\0\n", &[(1, "a\0")]),
            (&[b"a\n"], b"a \n", &[(1, "a ")]),
            (&[b"a"], b"", &[]),
        ];
        for (olds, new, expected) in table {
            let found = added(olds, new);
            assert!(found.iter().map(|(at, line)| (*at, line.as_str())).eq(expected.iter().copied()), "{found:?}");
        }
    }

    #[test]
    fn old_lines_are_known_in_another_encoding_and_in_large_files() {
        let old: String = (0..500).map(|at| format!("line {at}\n")).collect();
        assert!(old.len() as u64 > MAX, "it is large");
        let new = old.replace("line 77\n", "other\n");
        assert_eq!(added(&[old.as_bytes()], new.as_bytes()), [(78, "other".to_owned())]);
        assert_eq!(added(&[old.as_bytes()], b"line 3\nmore\n"), [(2, "more".to_owned())]);
        assert_eq!(added(&[b"line 3\n"], b"line 3\nmore\n"), [(2, "more".to_owned())]);
        assert_eq!(added(&[&utf16(&old)], new.as_bytes()), [(78, "other".to_owned())]);
        let texts: Vec<_> = added(&[old.as_bytes()], &utf16("line 3\nmore\n"));
        assert!(texts.contains(&(2, "more".to_owned())) && !texts.contains(&(1, "line 3".to_owned())));
        assert_eq!(added(&[&utf16(&old)], &utf16(&old)), []);
    }

    #[test]
    fn what_follows_a_false_byte_order_mark_is_seen() {
        for length in [1, 2000] {
            let text = format!("\nrun this\n{}", "x\n".repeat(length));
            let new = [&[0xff, 0xfe], text.as_bytes()].concat();
            assert!(added(&[], &new).contains(&(2, "run this".to_owned())), "{length}");
        }
    }

    #[test]
    fn the_ends_of_a_file_whatever_its_size() {
        for length in [1000, 200_000, 500_001] {
            let mut bytes: Vec<u8> = (0..length).map(|at: usize| (at % 251) as u8 | 1).collect();
            bytes[999] = 0;
            with_content(&[], &bytes, |content| {
                let ends = content.ends().expect("readable");
                assert!(bytes.starts_with(ends.head) && bytes.ends_with(ends.tail));
                let least = bytes.len().min(END_BYTES);
                assert!(ends.head.len() >= least && ends.tail.len() >= least);
                assert_eq!(ends.first_nul, Some(999));
                assert!(content.is_binary().expect("readable"));
                assert_eq!(content.text().expect("readable").is_none(), length > 1000);
            });
        }
    }

    #[test]
    fn utf_16_is_not_binary_and_a_nul_after_the_start_neither() {
        let late = [b"a".repeat(8000), b"\0".to_vec()].concat();
        let early = [b"a".repeat(7999), b"\0".to_vec()].concat();
        for (bytes, binary) in
            [(utf16("text\n"), false), (utf16(&"text\n".repeat(500)), false), (late, false), (early, true)]
        {
            assert_eq!(with_content(&[], &bytes, |content| content.is_binary().expect("readable")), binary);
        }
    }
}
