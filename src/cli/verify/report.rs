//! What was found at each level, and how far that goes.

use super::fetched::{Fetched, FetchedError};
use super::{Asked, Level};
use crate::evidence::{
    Broken, Chain, ChainQuestion, ChainSources, LogView, Logged, MOVES_MAX, NOTE_BYTES_MAX, NotLogged, NotProven,
    NotSigned, NoteOf, Proven, Question, verify, walk,
};
use crate::model::{ObjectId, RefName, RepoName};
use crate::tlog::Clock;
use std::time::Duration;

pub struct Report {
    pub asked: Level,
    pub repo: Option<RepoName>,
    pub resource: String,
    pub ref_name: RefName,
    pub commit: ObjectId,
    pub tree: ObjectId,
    pub statement: Result<Proven, NotProven>,
    /// `None`: the trust file does not say who may.
    pub notes_signed: Option<Result<String, NotSigned>>,
    pub log: LogFound,
    pub chain: ChainFound,
}

pub enum LogFound {
    /// There is no decision to look for.
    NotTried,
    /// The trust file does not say which log to believe.
    NotTrusted,
    NotFetched,
    Not(NotLogged),
    Logged(Logged),
}

pub enum ChainFound {
    NotTried,
    Broken(Broken),
    Whole(Chain),
}

/// The answer to what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Proven,
    NotProven,
    /// Something that proves it or not is not here.
    CannotCheck,
}

impl Report {
    /// The highest level that holds.
    pub fn reached(&self) -> Option<Level> {
        match (&self.statement, &self.log, &self.chain) {
            (Err(_), ..) => None,
            (Ok(_), LogFound::Logged(_), ChainFound::Whole(_)) => Some(Level::C),
            (Ok(_), LogFound::Logged(_), ChainFound::NotTried | ChainFound::Broken(_)) => Some(Level::B),
            (Ok(_), LogFound::NotTried | LogFound::NotTrusted | LogFound::NotFetched | LogFound::Not(_), _) => {
                Some(Level::A)
            }
        }
    }

    pub fn verdict(&self) -> Verdict {
        match (&self.statement, &self.log) {
            _ if self.reached() >= Some(self.asked) => Verdict::Proven,
            (Ok(_), LogFound::NotTrusted | LogFound::NotFetched) => Verdict::CannotCheck,
            (Ok(_), LogFound::Logged(_)) if matches!(self.chain, ChainFound::Broken(Broken::NoHashes(_))) => {
                Verdict::CannotCheck
            }
            _ => Verdict::NotProven,
        }
    }

    /// Code and words for why the level after the reached one does not hold; `None` if that was not tried.
    pub fn missing(&self) -> Option<(&'static str, String)> {
        match (&self.statement, &self.log, &self.chain) {
            (Err(why), ..) => Some((why.code(), why.to_string())),
            (_, LogFound::NotTrusted, _) => Some(("log-not-trusted", "the trust file has no [log]".to_owned())),
            (_, LogFound::NotFetched, _) => Some(("no-log", "the log was not fetched".to_owned())),
            (_, LogFound::Not(why), _) => Some((why.code(), why.to_string())),
            (_, _, ChainFound::Broken(why)) => Some((why.code(), why.to_string())),
            (_, LogFound::NotTried | LogFound::Logged(_), ChainFound::NotTried | ChainFound::Whole(_)) => None,
        }
    }
}

pub fn make(asked: &Asked, fetched: &Fetched, notes: ObjectId, log: Option<ObjectId>) -> Result<Report, FetchedError> {
    let statement = statement(asked, fetched, &notes)?;
    let may_sign = !asked.trust.allowed_signers.is_empty();
    let notes_signed = may_sign.then(|| fetched.notes_signer(&notes, &asked.trust)).transpose()?;
    let (log, chain) = match &statement {
        Ok(proven) => beyond(asked, fetched, proven, notes, log)?,
        Err(_) => (LogFound::NotTried, ChainFound::NotTried),
    };
    Ok(Report {
        asked: asked.level,
        repo: asked.repo.clone(),
        resource: asked.resource.to_string(),
        ref_name: asked.ref_name.clone(),
        commit: asked.commit,
        tree: asked.tree,
        statement,
        notes_signed,
        log,
        chain,
    })
}

fn statement(asked: &Asked, fetched: &Fetched, notes: &ObjectId) -> Result<Result<Proven, NotProven>, FetchedError> {
    let note = match fetched.note(notes, asked.commit)? {
        NoteOf::Nothing => return Ok(Err(NotProven::NoNote)),
        NoteOf::TooLong => return Ok(Err(NotProven::NoteTooLong(NOTE_BYTES_MAX))),
        NoteOf::Note(note) => note,
    };
    let question = Question {
        resource: &asked.resource,
        ref_name: &asked.ref_name,
        commit: asked.commit,
        tree: asked.tree,
        now: asked.now,
        // The gate's own word for the time is all there is at this level only.
        age_max: asked.age_max.filter(|_| asked.level == Level::A),
    };
    Ok(verify(&asked.trust, &note, &question))
}

/// Levels B and C.
fn beyond(
    asked: &Asked,
    fetched: &Fetched,
    proven: &Proven,
    notes: ObjectId,
    log: Option<ObjectId>,
) -> Result<(LogFound, ChainFound), FetchedError> {
    let Some(trust) = &asked.log_trust else { return Ok((LogFound::NotTrusted, ChainFound::NotTried)) };
    let Some(log) = log else { return Ok((LogFound::NotFetched, ChainFound::NotTried)) };
    let read = |path: &str| fetched.log_file(&log, path);
    let view = match LogView::open(trust, &read)? {
        Ok(view) => view,
        Err(why) => return Ok((LogFound::Not(why), ChainFound::NotTried)),
    };
    let age_max = asked.age_max.filter(|_| asked.level > Level::A);
    let now_s = u64::try_from(asked.now.as_second()).unwrap_or(0);
    let clock = Clock { now_s, age_max_s: age_max.as_ref().map(Duration::as_secs) };
    let logged = match view.prove(&proven.decision_line, clock)? {
        Ok(logged) => logged,
        Err(why) => return Ok((LogFound::Not(why), ChainFound::NotTried)),
    };
    let chain = match asked.level {
        Level::A | Level::B => ChainFound::NotTried,
        Level::C => chain(
            asked,
            proven,
            &logged,
            &ChainSources {
                note: &|about| fetched.note(&notes, about),
                position: &|line, index| view.position(line, index),
            },
        )?,
    };
    Ok((LogFound::Logged(logged), chain))
}

fn chain(
    asked: &Asked,
    proven: &Proven,
    logged: &Logged,
    sources: &ChainSources<'_, FetchedError>,
) -> Result<ChainFound, FetchedError> {
    let question = ChainQuestion {
        resource: &asked.resource,
        ref_name: &asked.ref_name,
        line: &proven.decision_line,
        index: logged.index,
        since: asked.since,
        on_return: asked.on_return,
        moves_max: MOVES_MAX,
    };
    Ok(match walk(&asked.trust, &question, sources)? {
        Ok(chain) => ChainFound::Whole(chain),
        Err(broken) => ChainFound::Broken(broken),
    })
}
