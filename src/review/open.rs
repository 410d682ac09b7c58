//! A push that is looked at, page by page.

use super::desk::Held;
use super::page::{Page, Row, Target, Way};
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

/// There is no finding that way.
pub struct NoMore;

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

    /// The next finding on the page, or the commit that has the next one. `Err`: there is none.
    pub fn seek_finding(&mut self, way: Way, height: usize) -> Result<Option<Ask>, NoMore> {
        let count = self.page.rows.len();
        if let Some(row) = self.page.next_finding(self.pane.cursor, way) {
            self.pane.stand_on(row, count, height);
            return Ok(None);
        }
        let commits = &self.held.commits;
        let has_finding = |commit: &usize| {
            let id = commits.get(*commit).map(|commit| commit.id);
            self.held.findings.iter().any(|finding| id.is_some() && finding.place.commit == id)
        };
        let (commit, place) = match way {
            Way::Forward => {
                let from = self.commit.map_or(0, |commit| commit + 1);
                ((from..commits.len()).find(has_finding), Place::FirstFinding)
            }
            Way::Backward => ((0..self.commit.unwrap_or(0)).rev().find(has_finding), Place::LastFinding),
        };
        commit.and_then(|commit| self.to_commit(commit, place)).map(Some).ok_or(NoMore)
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
