//! A push that is looked at, page by page.

use super::desk::Held;
use super::page::{Page, Row, Target};
use super::pane::{Move, Pane};
use super::state::{Ask, Place};
use std::collections::HashSet;

/// A push that is looked at.
#[derive(Debug)]
pub struct Open {
    pub held: Held,
    /// `None`: the overview.
    pub commit: Option<usize>,
    pub page: Page,
    pub pane: Pane,
    /// Where the overview was left.
    pub overview: Pane,
    /// Commits whose page was shown.
    pub seen: HashSet<usize>,
}

impl Open {
    fn to_commit(&self, commit: usize, place: Place) -> Option<Ask> {
        let push = self.held.waiting.push;
        (commit < self.held.commits.len()).then_some(Ask::Commit { push, commit, place })
    }

    pub fn next(&self, place: Place) -> Option<Ask> {
        self.to_commit(self.commit.map_or(0, |commit| commit + 1), place)
    }

    pub fn previous(&self, place: Place) -> Option<Ask> {
        self.to_commit(self.commit?.checked_sub(1)?, place)
    }

    /// Goes where the row leads, or a row down.
    pub fn enter(&mut self, height: usize) -> Option<Ask> {
        let count = self.page.rows.len();
        let Some(Row::Text { target: Some(target), .. }) = self.page.rows.get(self.pane.cursor) else {
            self.pane.go(Move::Down, count, height);
            return None;
        };
        match *target {
            Target::Commit(commit) => self.to_commit(commit, Place::Start),
            Target::Finding(finding) => {
                let commit = self.held.findings.get(finding)?.place.commit?;
                let commit = self.held.commits.iter().position(|listed| listed.id == commit)?;
                self.to_commit(commit, Place::Finding(finding))
            }
        }
    }
}
