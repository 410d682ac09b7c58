//! What a rule that looks into files is given: the new content of one changed entry, and what its parents had there.
//!
//! Everything is read when a rule first asks for it. Text in UTF-16 is shown as UTF-8, so that no encoding hides a line.

use crate::model::{Change, CommitFacts, ObjectId};
use crate::policy::pattern::{Subject, Who};
use crate::policy::pusher::Pusher;
use crate::secret;
use bstr::ByteSlice;
use std::cell::OnceCell;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::Arc;

/// An object could not be read; the push is then not judged at all.
#[derive(Debug)]
pub struct Unreadable(pub Box<dyn std::error::Error + Send + Sync>);

/// Where contents come from.
pub trait Blobs {
    /// A blob as a whole.
    fn read(&self, id: &ObjectId) -> Result<Arc<Vec<u8>>, Unreadable>;

    /// A blob from its beginning to its end, in pieces of any length.
    fn stream(&self, id: &ObjectId, piece: &mut dyn FnMut(&[u8])) -> Result<(), Unreadable>;

    /// What the secret scanner finds in a blob under a path, the first time or again.
    fn secrets(&self, id: &ObjectId, path: &[u8], bytes: &[u8]) -> Arc<Vec<secret::Hit>>;
}

/// A part of a large file, or a file as a whole.
#[derive(Debug)]
pub struct Window<'a> {
    pub bytes: &'a [u8],
    /// The line that the first byte is in, from 1.
    pub line: u32,
    /// What starts in here is to be told; what starts before was seen by the window before, after by the next.
    pub tell: Range<usize>,
}

/// Is told the number of a line, from 1, and its bytes.
pub type LookAtLine<'a> = dyn FnMut(u32, &[u8]) -> Result<(), Unreadable> + 'a;

/// Length of the windows a large file is looked at through, and how much two of them share.
pub const WINDOW_BYTES: usize = 4 * 1024 * 1024;
pub const OVERLAP_BYTES: usize = 64 * 1024;
/// Where git looks for a NUL to call a blob binary.
const BINARY_LOOK_BYTES: usize = 8000;

/// The content of one changed entry.
pub struct Content<'a> {
    pub commit: &'a CommitFacts,
    pub change: &'a Change,
    pub path: &'a Subject<'a>,
    pub who: Who<'a>,
    pub pusher: &'a Pusher<'a>,
    blobs: &'a dyn Blobs,
    whole_bytes_max: u64,
    new: OnceCell<Text>,
    olds: OnceCell<Vec<Option<Text>>>,
    added: OnceCell<Added>,
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
}

/// Which lines of the new content count as added.
#[derive(Debug)]
pub enum Added {
    /// The file is new here, binary or too large to be read as a whole.
    All,
    /// Those that no parent has in its file of this path.
    Except(KnownLines),
}

#[derive(Debug)]
pub struct KnownLines {
    /// Keyed at random: nobody can make a line that looks like a known one.
    keys: RandomState,
    hashes: HashSet<u64>,
}

impl Added {
    /// `line` with or without its end.
    #[must_use]
    pub fn has(&self, line: &[u8]) -> bool {
        match self {
            Self::All => true,
            Self::Except(known) => !known.hashes.contains(&known.keys.hash_one(without_end(line))),
        }
    }
}

fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

impl<'a> Content<'a> {
    pub fn new(
        blobs: &'a dyn Blobs,
        whole_bytes_max: u64,
        (commit, change, path): (&'a CommitFacts, &'a Change, &'a Subject<'a>),
        (who, pusher): (Who<'a>, &'a Pusher<'a>),
    ) -> Self {
        let (new, olds, added) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self { commit, change, path, who, pusher, blobs, whole_bytes_max, new, olds, added }
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
        let mut start = Vec::new();
        self.stream(&mut |piece| {
            let missing = BINARY_LOOK_BYTES.saturating_sub(start.len()).min(piece.len());
            start.extend_from_slice(piece.get(..missing).unwrap_or_default());
        })?;
        Ok(has_nul(&secret::to_utf8(&start)))
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
            olds.push(match old.filter(|old| old.is_blob() || old.is_symlink()) {
                // An old file may be of any size: it was there before there was a limit.
                Some(old) => Some(Text::new(self.blobs.read(&old.id)?)),
                None => None,
            });
        }
        Ok(self.olds.get_or_init(|| olds))
    }

    /// Which lines count as added.
    pub fn added(&self) -> Result<&Added, Unreadable> {
        if let Some(added) = self.added.get() {
            return Ok(added);
        }
        let is_whole = self.change.is_addition() || self.is_large() || self.is_binary()?;
        let added = if is_whole { Added::All } else { Added::Except(self.known_lines()?) };
        Ok(self.added.get_or_init(|| added))
    }

    fn known_lines(&self) -> Result<KnownLines, Unreadable> {
        let keys = RandomState::new();
        let texts = self.old_texts()?.iter().flatten();
        let lines = texts.flat_map(|text| text.bytes().lines_with_terminator());
        let hashes = lines.map(|line| keys.hash_one(without_end(line))).collect();
        Ok(KnownLines { keys, hashes })
    }

    /// The whole new content in one window, or a large one in several.
    pub fn windows(&self, look: &mut dyn FnMut(&Window<'_>)) -> Result<(), Unreadable> {
        if let Some(bytes) = self.text()? {
            look(&Window { bytes, line: 1, tell: 0..bytes.len().saturating_add(1) });
            return Ok(());
        }
        let mut sliding = Sliding { buffer: Vec::new(), line: 1, tell_from: 0 };
        self.stream(&mut |piece| sliding.take(piece, look))?;
        sliding.end(look);
        Ok(())
    }

    /// Calls `look` with the number and the bytes of each line, without its end. A line that is longer than what two
    /// windows share comes in parts, if the file is large.
    pub fn lines(&self, look: &mut LookAtLine<'_>) -> Result<(), Unreadable> {
        let mut outcome = Ok(());
        self.windows(&mut |window| {
            let mut start = 0;
            for (number, line) in (window.line..).zip(window.bytes.lines_with_terminator()) {
                // One that began in an earlier window was told by that one.
                if outcome.is_ok() && window.tell.contains(&start) {
                    outcome = look(number, without_end(line));
                }
                start += line.len();
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
    pub fn secrets(&self) -> Result<Option<Arc<Vec<secret::Hit>>>, Unreadable> {
        let (Some(entry), Some(raw)) = (self.change.new, self.raw()?) else { return Ok(None) };
        Ok(Some(self.blobs.secrets(&entry.id, &self.change.path, raw)))
    }

    fn stream(&self, piece: &mut dyn FnMut(&[u8])) -> Result<(), Unreadable> {
        match self.change.new {
            Some(entry) => self.blobs.stream(&entry.id, piece),
            None => Ok(()),
        }
    }
}

fn has_nul(bytes: &[u8]) -> bool {
    bytes.iter().take(BINARY_LOOK_BYTES).any(|byte| *byte == 0)
}

/// Makes windows of a stream.
struct Sliding {
    buffer: Vec<u8>,
    line: u32,
    tell_from: usize,
}

impl Sliding {
    fn take(&mut self, mut piece: &[u8], look: &mut dyn FnMut(&Window<'_>)) {
        while !piece.is_empty() {
            let room = WINDOW_BYTES.saturating_sub(self.buffer.len()).min(piece.len());
            let (now, later) = piece.split_at(room);
            self.buffer.extend_from_slice(now);
            piece = later;
            if self.buffer.len() < WINDOW_BYTES {
                continue;
            }
            // The second half of what two windows share is for the next one to tell.
            let tell_to = self.buffer.len() - OVERLAP_BYTES / 2;
            look(&Window { bytes: &self.buffer, line: self.line, tell: self.tell_from..tell_to });
            let cut = self.buffer.len() - OVERLAP_BYTES;
            let lines = self.buffer.get(..cut).map_or(0, |gone| memchr::memchr_iter(b'\n', gone).count());
            self.line = self.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
            self.buffer.drain(..cut);
            self.tell_from = tell_to - cut;
        }
    }

    fn end(&self, look: &mut dyn FnMut(&Window<'_>)) {
        let end = self.buffer.len().saturating_add(1);
        look(&Window { bytes: &self.buffer, line: self.line, tell: self.tell_from..end });
    }
}
