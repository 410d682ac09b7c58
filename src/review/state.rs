//! What the reviewer shows, and what a key makes of it. Pure: what has to be done outside is asked for.

use super::commit_page;
use super::desk::{Held, MayDecide, Waiting};
use super::input::{Input, Typed};
use super::keys::Key;
use super::open::{NoMore, Open};
use super::overview;
use super::page::{Way, search};
use super::pane::{Move, Pane};
use crate::diff::CommitDiff;
use crate::model::PushId;
use jiff::Timestamp;
use std::collections::HashSet;

/// What a key asks the desk for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    Queue,
    Open(PushId),
    Commit { push: PushId, commit: usize, place: Place },
    Approve(PushId),
    Reject(PushId, String),
    Quit,
}

/// Where in a commit's page to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Start,
    LastFile,
    Finding(usize),
    FirstFinding,
    LastFinding,
}

/// What takes the keys until it is done.
#[derive(Debug, PartialEq, Eq)]
pub enum Dialog {
    Help,
    Approve,
    Reject(Input),
    Search(Input),
}

/// The last line, until the next key.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    Told(String),
    Failed(String),
}

#[derive(Debug)]
pub struct State {
    /// Columns and rows of the window.
    pub size: (u16, u16),
    pub now: Timestamp,
    pub queue: Vec<Waiting>,
    pub list: Pane,
    pub push: Option<Open>,
    pub dialog: Option<Dialog>,
    pub message: Option<Message>,
    pattern: String,
}

/// A smaller window shows too little of what is asked.
const DECIDE_COLUMNS_MIN: u16 = 30;
const DECIDE_ROWS_MIN: u16 = 5;

impl State {
    #[must_use]
    pub fn new(size: (u16, u16), now: Timestamp) -> Self {
        let (queue, list, pattern) = (Vec::new(), Pane::default(), String::new());
        Self { size, now, queue, list, push: None, dialog: None, message: None, pattern }
    }

    /// Rows between the title and the last line.
    #[must_use]
    pub fn height(&self) -> usize {
        usize::from(self.size.1).saturating_sub(if self.size.1 > 2 { 2 } else { 1 })
    }

    pub fn resize(&mut self, size: (u16, u16)) {
        let is_narrower = size.0 != self.size.0;
        self.size = size;
        let height = self.height();
        self.list.fit(self.queue.len(), height);
        let Some(open) = &mut self.push else { return };
        if is_narrower {
            // Findings are broken into other lines.
            open.page = match (open.commit, open.page.diff.take()) {
                (Some(_), Some(diff)) => commit_page::page(&open.held.findings, diff, size.0),
                _ => overview::page(&open.held, self.now, size.0),
            };
        }
        open.pane.fit(open.page.rows.len(), height);
    }

    pub fn show_queue(&mut self, queue: Vec<Waiting>) {
        let push = self.queue.get(self.list.cursor).map(|waiting| waiting.push);
        let cursor = push.and_then(|push| queue.iter().position(|waiting| waiting.push == push));
        self.list.cursor = cursor.unwrap_or(self.list.cursor);
        self.queue = queue;
        let height = self.height();
        self.list.fit(self.queue.len(), height);
    }

    pub fn show_push(&mut self, held: Held) {
        let page = overview::page(&held, self.now, self.size.0);
        let (pane, overview, seen) = (Pane::default(), Pane::default(), HashSet::new());
        self.push = Some(Open { held, commit: None, page, pane, overview, seen });
    }

    pub fn show_commit(&mut self, commit: usize, diff: CommitDiff, place: Place) {
        let (columns, height) = (self.size.0, self.height());
        let Some(open) = &mut self.push else { return };
        if open.commit.is_none() {
            open.overview = open.pane;
        }
        open.page = commit_page::page(&open.held.findings, diff, columns);
        (open.commit, open.pane) = (Some(commit), Pane::default());
        open.seen.insert(commit);
        let count = open.page.rows.len();
        match place {
            Place::Start => {}
            Place::LastFile => open.pane.begin_at(open.page.previous_file(count).unwrap_or(0), count, height),
            Place::FirstFinding => {
                let row = open.page.next_finding(0, Way::Forward);
                open.pane.stand_on(row.unwrap_or(0), count, height);
            }
            Place::LastFinding => {
                let row = open.page.next_finding(count, Way::Backward);
                open.pane.stand_on(row.unwrap_or(0), count, height);
            }
            Place::Finding(finding) => open.pane.stand_on(open.page.finding(finding).unwrap_or(0), count, height),
        }
    }

    /// Whether the queue is looked at and nothing else: what happens meanwhile is to be shown.
    #[must_use]
    pub fn is_at_queue(&self) -> bool {
        self.push.is_none() && self.dialog.is_none()
    }

    /// The push was decided: back to the queue, which is to be read anew.
    pub fn decided(&mut self, told: String) {
        (self.push, self.message) = (None, Some(Message::Told(told)));
    }

    pub fn failed(&mut self, why: String) {
        self.message = Some(Message::Failed(why));
    }

    /// Told while the desk is at work.
    pub fn busy(&mut self, text: &str) {
        self.message = Some(Message::Told(text.to_owned()));
    }

    fn tell(&mut self, text: &str) -> Option<Ask> {
        self.message = Some(Message::Told(text.to_owned()));
        None
    }

    pub fn key(&mut self, key: &Key) -> Option<Ask> {
        self.message = None;
        match self.dialog.take() {
            None => self.plain_key(key),
            Some(Dialog::Help) => None,
            Some(Dialog::Approve) => match (key, &self.push) {
                (Key::Char('y' | 'Y'), Some(open)) => Some(Ask::Approve(open.held.waiting.push)),
                _ => self.tell("not approved"),
            },
            Some(Dialog::Reject(input)) => self.reject_key(input, key),
            Some(Dialog::Search(mut input)) => match input.key(key) {
                Typed::More => {
                    self.dialog = Some(Dialog::Search(input));
                    None
                }
                Typed::Cancelled => None,
                Typed::Done(pattern) => {
                    if !pattern.is_empty() {
                        self.pattern = pattern;
                    }
                    self.search(Way::Forward)
                }
            },
        }
    }

    fn reject_key(&mut self, mut input: Input, key: &Key) -> Option<Ask> {
        match (input.key(key), &self.push) {
            (Typed::Done(reason), Some(open)) if !reason.is_empty() => {
                Some(Ask::Reject(open.held.waiting.push, reason))
            }
            (Typed::More, Some(_)) => {
                self.dialog = Some(Dialog::Reject(input));
                None
            }
            (Typed::Done(_), _) => self.tell("not rejected: it takes a reason"),
            (Typed::Cancelled | Typed::More, _) => self.tell("not rejected"),
        }
    }

    fn plain_key(&mut self, key: &Key) -> Option<Ask> {
        match key {
            Key::Control('c') => return Some(Ask::Quit),
            Key::Char('?') => self.dialog = Some(Dialog::Help),
            Key::Char('/') => self.dialog = Some(Dialog::Search(Input::default())),
            Key::Char('n') => return self.search(Way::Forward),
            Key::Char('N') => return self.search(Way::Backward),
            Key::Char('q') | Key::Escape => return self.back(),
            Key::Char('R') => {
                return Some(self.push.as_ref().map_or(Ask::Queue, |open| Ask::Open(open.held.waiting.push)));
            }
            Key::Char('a') => return self.decide(Dialog::Approve),
            Key::Char('r') => return self.decide(Dialog::Reject(Input::default())),
            _ if self.push.is_some() => return self.page_key(key),
            Key::Enter => return self.queue.get(self.list.cursor).map(|waiting| Ask::Open(waiting.push)),
            _ => {
                let (count, height) = (self.queue.len(), self.height());
                if let Some(way) = Move::of(key) {
                    self.list.go(way, count, height);
                }
            }
        }
        None
    }

    fn back(&mut self) -> Option<Ask> {
        let (now, columns, height) = (self.now, self.size.0, self.height());
        match &mut self.push {
            None => Some(Ask::Quit),
            Some(open) if open.commit.is_some() => {
                open.commit = None;
                open.page = overview::page(&open.held, now, columns);
                open.pane = open.overview;
                open.pane.fit(open.page.rows.len(), height);
                None
            }
            Some(_) => {
                self.push = None;
                Some(Ask::Queue)
            }
        }
    }

    fn decide(&mut self, dialog: Dialog) -> Option<Ask> {
        let (columns, rows) = self.size;
        let Some(open) = &self.push else { return self.tell("Enter opens the push first") };
        if open.held.waiting.verdict == MayDecide::OnlyLook {
            let text = format!("not yours to decide: it waits for {}", open.held.waiting.missing);
            return self.tell(&text);
        }
        if columns < DECIDE_COLUMNS_MIN || rows < DECIDE_ROWS_MIN {
            return self.tell("the window is too small to decide");
        }
        self.dialog = Some(dialog);
        None
    }

    fn page_key(&mut self, key: &Key) -> Option<Ask> {
        let height = self.height();
        let open = self.push.as_mut()?;
        let count = open.page.rows.len();
        match key {
            Key::Char(']') => match open.commit.and(open.page.next_file(open.pane.cursor)) {
                Some(row) => open.pane.begin_at(row, count, height),
                None => return open.next(Place::Start),
            },
            Key::Char('[') => match open.commit.and(open.page.previous_file(open.pane.cursor)) {
                Some(row) => open.pane.begin_at(row, count, height),
                None => return open.previous(Place::LastFile),
            },
            Key::Tab => return self.seek_finding(Way::Forward),
            Key::BackTab => return self.seek_finding(Way::Backward),
            Key::Char('}') => return open.next(Place::Start),
            Key::Char('{') => return open.previous(Place::Start),
            Key::Enter => return open.enter(height),
            _ => match Move::of(key)? {
                // As a book is read: after the last page of a commit comes the next commit.
                Move::PageDown if open.pane.top + height >= count => return open.next(Place::Start),
                way => open.pane.go(way, count, height),
            },
        }
        None
    }

    fn seek_finding(&mut self, way: Way) -> Option<Ask> {
        let height = self.height();
        match self.push.as_mut()?.seek_finding(way, height) {
            Ok(ask) => ask,
            Err(NoMore) => self.tell(match way {
                Way::Forward => "no finding after this",
                Way::Backward => "no finding before this",
            }),
        }
    }

    fn search(&mut self, way: Way) -> Option<Ask> {
        let height = self.height();
        if self.pattern.is_empty() {
            return self.tell("/ searches");
        }
        let found = match &mut self.push {
            Some(open) => {
                let found = open.page.search(&self.pattern, open.pane.cursor, way);
                if let Some(row) = found {
                    open.pane.stand_on(row, open.page.rows.len(), height);
                }
                found
            }
            None => {
                let rows: Vec<String> = self.queue.iter().map(searchable).collect();
                let rows: Vec<&[u8]> = rows.iter().map(String::as_bytes).collect();
                let found = search(&rows, &self.pattern, self.list.cursor, way);
                if let Some(row) = found {
                    self.list.stand_on(row, rows.len(), height);
                }
                found
            }
        };
        match found {
            Some(_) => None,
            None => self.tell("not found on this page"),
        }
    }
}

fn searchable(waiting: &Waiting) -> String {
    let Waiting { push, repo, principal, refs, first_rule, missing, .. } = waiting;
    format!("{push} {repo} {principal} {} {first_rule} {missing}", refs.join(" "))
}
