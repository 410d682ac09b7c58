//! Level C: whether every move of a ref, from a trusted base to a commit, was decided by the gate.
//!
//! Walks back from decision to decision: each names where the ref was before and the leaf of the log by which the gate
//! knew it to be there. The decision of that leaf stands in the note of the commit the ref was at.

use crate::evidence::broken::Broken;
use crate::evidence::digest::Sha256Digest;
use crate::evidence::level_b::Position;
use crate::evidence::link::Link;
use crate::evidence::spelling::ResourceUri;
use crate::evidence::trust::Trust;
use crate::model::{ObjectId, RefName};

/// The most moves that are followed; `--since` makes a chain shorter.
pub const MOVES_MAX: usize = 10_000;

/// The chain that is to be proven, from its end.
#[derive(Debug, Clone, Copy)]
pub struct ChainQuestion<'a> {
    pub resource: &'a ResourceUri,
    pub ref_name: &'a RefName,
    /// The decision of the last move, and its place in the log: proven at level B.
    pub line: &'a [u8],
    pub index: u64,
    /// Where it may begin; `None`: where the ref was created.
    pub since: Option<ObjectId>,
    pub on_return: OnReturn,
    /// More moves than these are not followed; [`MOVES_MAX`] but in tests.
    pub moves_max: usize,
}

/// What a policy that was replaced and came back means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnReturn {
    /// Somebody may have brought old rules back unseen.
    Break,
    Allow,
}

/// What the walk reads. `E` is why something could not be read; that is no answer.
pub struct ChainSources<'a, E> {
    pub note: &'a dyn Fn(ObjectId) -> Result<NoteOf, E>,
    pub position: &'a PositionOf<'a, E>,
}

type PositionOf<'a, E> = dyn Fn(&[u8], u64) -> Result<Position, E> + 'a;

/// The note of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoteOf {
    Nothing,
    Note(Vec<u8>),
    TooLong,
}

/// An unbroken chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    pub base: Base,
    pub moves: usize,
    /// In the order in which they came into force.
    pub policies: Vec<Sha256Digest>,
    /// Of a policy that came back, where that is allowed.
    pub returned: Vec<Sha256Digest>,
}

/// Where a chain begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Base {
    /// With the ref itself, created through the gate.
    Created,
    Since(ObjectId),
}

/// Follows the chain to its base, or to where it is broken.
pub fn walk<E>(
    trust: &Trust,
    q: &ChainQuestion<'_>,
    sources: &ChainSources<'_, E>,
) -> Result<Result<Chain, Broken>, E> {
    let Some(mut link) = Link::read(trust, q.line, q.resource, q.ref_name) else {
        return Ok(Err(Broken::NoDecision(None)));
    };
    if let Some(broken) = later(trust, q, &link, sources)? {
        return Ok(Err(broken));
    }
    let (mut index, mut moves) = (q.index, 1);
    let mut policies = Policies::default();
    loop {
        if let Err(broken) = link.let_through().and_then(|()| policies.add(&link, q.on_return)) {
            return Ok(Err(broken));
        }
        let old = match next(q, &link) {
            Next::Base(base) => return Ok(Ok(policies.chain(base, moves))),
            Next::Broken(broken) => return Ok(Err(broken)),
            Next::From(old) => old,
        };
        let Some(before) = link.ref_index else { return Ok(Err(Broken::Unknown(old))) };
        if before >= index {
            return Ok(Err(Broken::WrongIndex(old, before)));
        }
        if moves >= q.moves_max {
            return Ok(Err(Broken::TooLong(q.moves_max)));
        }
        let found = match (sources.note)(old)? {
            NoteOf::Note(note) => previous(trust, q, &note, (old, before, &link), sources)?,
            NoteOf::Nothing => Err(Broken::NoNote(old)),
            NoteOf::TooLong => Err(Broken::NoteTooLong(old)),
        };
        match found {
            Ok(found) => link = found,
            Err(broken) => return Ok(Err(broken)),
        }
        (index, moves) = (before, moves + 1);
    }
}

/// The ref may have come to the commit a second time, past the gate: then its note says so. What was decided after what
/// tells their count for the repository: clocks do not, and the tag's object need not be here.
fn later<E>(
    trust: &Trust,
    q: &ChainQuestion<'_>,
    first: &Link,
    sources: &ChainSources<'_, E>,
) -> Result<Option<Broken>, E> {
    let Some(commit) = first.commit.or(first.new) else { return Ok(None) };
    let NoteOf::Note(note) = (sources.note)(commit)? else { return Ok(None) };
    let of_commit = links(trust, q, &note).map(|(_, link)| link).filter(|link| link.new == first.new);
    let newest = of_commit.filter(|link| link.repo_seq > first.repo_seq).max_by_key(|link| link.repo_seq);
    Ok(newest.and_then(|link| link.let_through().err()))
}

/// The decisions on the ref in a note, each with its line.
fn links<'a>(trust: &Trust, q: &ChainQuestion<'_>, note: &'a [u8]) -> impl Iterator<Item = (&'a [u8], Link)> {
    let lines = note.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.filter_map(|line| Some((line, Link::read(trust, line, q.resource, q.ref_name)?)))
}

enum Next {
    Base(Base),
    From(ObjectId),
    Broken(Broken),
}

fn next(q: &ChainQuestion<'_>, link: &Link) -> Next {
    let is_base = |id: Option<ObjectId>| id.is_some() && id == q.since;
    match (link.old, q.since) {
        (_, Some(since)) if is_base(link.new) || is_base(link.commit) => Next::Base(Base::Since(since)),
        (old, Some(since)) if is_base(old) => Next::Base(Base::Since(since)),
        (None, Some(since)) => Next::Broken(Broken::OtherBase(since)),
        (None, None) => Next::Base(Base::Created),
        (Some(old), _) => Next::From(old),
    }
}

/// The decision by which the ref came to `old`, of those in its note: the one at the leaf that is named. Without the log's
/// hashes nobody can tell: the leaf may be a move past the gate, of which the note says nothing.
fn previous<E>(
    trust: &Trust,
    q: &ChainQuestion<'_>,
    note: &[u8],
    (old, index, after): (ObjectId, u64, &Link),
    sources: &ChainSources<'_, E>,
) -> Result<Result<Link, Broken>, E> {
    let came_here = |link: &Link| link.new == Some(old) && link.repo_seq < after.repo_seq;
    let mut candidates: Vec<(&[u8], Link)> = links(trust, q, note).filter(|(_, link)| came_here(link)).collect();
    candidates.sort_by_key(|(_, link)| std::cmp::Reverse(link.repo_seq));
    if candidates.is_empty() {
        return Ok(Err(Broken::NoDecision(Some(old))));
    }
    for (line, link) in candidates {
        match (sources.position)(line, index)? {
            Position::Holds => return Ok(Ok(link)),
            Position::Differs => {}
            Position::Unknown => return Ok(Err(Broken::NoHashes(old))),
        }
    }
    Ok(Err(Broken::WrongIndex(old, index)))
}

/// The policies of a chain as it is walked, newest first, each with the oldest commit of its time.
#[derive(Default)]
struct Policies {
    runs: Vec<(Sha256Digest, Option<ObjectId>)>,
    returned: Vec<Sha256Digest>,
}

impl Policies {
    fn add(&mut self, link: &Link, on_return: OnReturn) -> Result<(), Broken> {
        if let Some((_, commit)) = self.runs.last_mut().filter(|(digest, _)| *digest == link.policy) {
            *commit = link.new;
            return Ok(());
        }
        let later = self.runs.iter().rfind(|(digest, _)| *digest == link.policy);
        match (later, on_return) {
            (Some((digest, commit)), OnReturn::Break) => return Err(Broken::PolicyReturned(*digest, *commit)),
            (Some((digest, _)), OnReturn::Allow) if !self.returned.contains(digest) => self.returned.push(*digest),
            (Some(_), OnReturn::Allow) | (None, _) => {}
        }
        self.runs.push((link.policy, link.new));
        Ok(())
    }

    fn chain(self, base: Base, moves: usize) -> Chain {
        let policies = self.runs.into_iter().rev().map(|(digest, _)| digest).collect();
        Chain { base, moves, policies, returned: self.returned }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::decision::{Decision, Previous, UpdatedRef};
    use crate::evidence::testing;
    use std::collections::HashMap;
    use std::convert::Infallible;

    fn at(number: u64) -> ObjectId {
        ObjectId::from_hex(format!("{number:040x}").as_bytes()).expect("hex")
    }

    /// So many moves of main, at every other leaf of the log: the last line, and the notes.
    fn moves(count: u64) -> (Vec<u8>, HashMap<ObjectId, Vec<u8>>) {
        let template = testing::decision();
        let decision = |number: u64| Decision {
            update: UpdatedRef {
                old: number.checked_sub(1).map(at),
                new: Some(at(number)),
                history: crate::evidence::History::Kept,
            },
            previous: Previous { ref_index: number.checked_sub(1).map(|before| 2 * before), repo_seq: number + 1 },
            ..template.clone()
        };
        let line = |number| decision(number).sign(&testing::key(1)).expect("a line").to_string().into_bytes();
        (line(count - 1), (0..count).map(|number| (at(number), line(number))).collect())
    }

    fn ask(
        count: u64,
        (moves_max, position): (usize, Position),
        change: impl FnOnce(&mut HashMap<ObjectId, Vec<u8>>),
    ) -> Result<Chain, Broken> {
        let (line, mut notes) = moves(count);
        change(&mut notes);
        let trust = testing::trust(&[1]);
        let question = ChainQuestion {
            resource: trust.resource(None).expect("one"),
            ref_name: &testing::ref_name("refs/heads/main"),
            line: &line,
            index: 2 * (count - 1),
            since: None,
            on_return: OnReturn::Break,
            moves_max,
        };
        let note = |id: ObjectId| Ok::<_, Infallible>(notes.get(&id).cloned().map_or(NoteOf::Nothing, NoteOf::Note));
        let position = |_: &[u8], _: u64| Ok::<_, Infallible>(position);
        let Ok(answer) = walk(&trust, &question, &ChainSources { note: &note, position: &position });
        answer
    }

    #[test]
    fn a_chain_is_followed_up_to_its_limit() {
        let chain = ask(3, (3, Position::Holds), |_| {}).expect("whole");
        assert_eq!((chain.moves, chain.base), (3, Base::Created));
        assert_eq!(ask(4, (3, Position::Holds), |_| {}), Err(Broken::TooLong(3)));
    }

    #[test]
    fn without_the_hashes_of_the_log_there_is_no_chain() {
        assert_eq!(ask(3, (3, Position::Unknown), |_| {}), Err(Broken::NoHashes(at(1))));
        assert_eq!(ask(3, (3, Position::Differs), |_| {}), Err(Broken::WrongIndex(at(1), 2)));
        assert_eq!(ask(1, (3, Position::Unknown), |_| {}).map(|chain| chain.moves), Ok(1), "its end is proven");
    }

    #[test]
    fn no_byte_of_a_chain_can_be_changed() {
        let (_, notes) = moves(2);
        let length = notes[&at(0)].len();
        for byte in 0..length {
            let broken =
                ask(2, (9, Position::Holds), |notes| notes.get_mut(&at(0)).expect("a note")[byte] ^= 1 << (byte % 7));
            assert_eq!(broken, Err(Broken::NoDecision(Some(at(0)))), "byte {byte}");
            let cut = ask(2, (9, Position::Holds), |notes| notes.get_mut(&at(0)).expect("a note").truncate(byte));
            assert_eq!(cut, Err(Broken::NoDecision(Some(at(0)))), "cut at {byte}");
        }
    }
}
