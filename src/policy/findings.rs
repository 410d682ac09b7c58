//! Collects findings: one for a rule and a path however many commits it is in, the strongest kept, the rest counted.

pub use crate::model::Fix;
use crate::model::{
    Change, CommitFacts, Direction, Effect, Escaped, Finding, ObjectId, Place, RefName, Sighting, UpdateFacts,
};
use crate::policy::hearing::{self, Held};
use crate::policy::pattern::Subject;
use crate::policy::settings::Mode;
pub use crate::policy::voice::Voice;
use bstr::{BString, ByteSlice};
use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// A change as rules look at it.
#[derive(Debug)]
pub struct ChangeView<'a> {
    pub commit: &'a CommitFacts,
    pub change: &'a Change,
    pub path: Subject<'a>,
    /// Whether a ref of this push ends at the commit, so that amending is enough.
    pub is_tip: bool,
}

/// All findings of one push so far.
#[derive(Debug)]
pub struct Findings {
    max: usize,
    /// By effect, weakest first; at most `max` of each.
    stored: [Vec<Stored>; 3],
    index: HashMap<Key, usize>,
    /// Keys of what is only counted. A collision makes the count one too small, no finding weaker.
    counted: HashSet<u64>,
    strongest: Option<Effect>,
    /// Every rule that holds and every path it holds, also of what is only counted.
    pub held: Held,
    /// First parent of the oldest commit, but for the tip, that has to be rewritten; commits come newest first. Every
    /// command rewrites from there on: a later start would no longer be in the history after the first command.
    oldest_base: Option<ObjectId>,
}

/// What counts as the same finding again. A finding of an earlier stage is only the same if all of it is.
type Key = (String, (Effect, Option<Effect>), Option<RefName>, Option<BString>, Option<Whole>);
type Whole = (String, Option<ObjectId>, Option<u32>);

#[derive(Debug)]
struct Stored {
    finding: Finding,
    undo: Option<Undo>,
    /// Further commits with the same finding.
    others: usize,
    last_commit: Option<ObjectId>,
}

/// What is needed to say how a change is taken out.
#[derive(Debug, Clone)]
struct Undo {
    path: BString,
    direction: Direction,
    commit: ObjectId,
    parents: Vec<ObjectId>,
    /// First parent of the commit.
    base: Option<ObjectId>,
    origin: Origin,
    is_tip: bool,
    /// What to do to the commit instead of taking the whole change out.
    edit: Option<String>,
}

/// What taking a change out leaves at its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// Nothing: no parent had a file there.
    New,
    /// What the parent has.
    Known,
}

/// How the added commits lie: what a command can be that rewrites them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One ref update, and no merge.
    Line,
    /// Several ref updates, or merges.
    Branched,
}

impl Findings {
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            max,
            stored: Default::default(),
            index: HashMap::new(),
            counted: HashSet::new(),
            strongest: None,
            held: Held::new(),
            oldest_base: None,
        }
    }

    #[must_use]
    pub fn strongest(&self) -> Option<Effect> {
        self.strongest
    }

    /// Takes in a finding that is complete.
    pub fn add(&mut self, finding: Finding) {
        let commit = finding.place.commit;
        let whole = Some((finding.message.clone(), commit, finding.place.line));
        self.store(finding, whole, commit, None);
    }

    /// About a changed entry.
    pub fn change(&mut self, voice: Voice<'_>, view: &ChangeView<'_>, message: String, fix: Fix) {
        let (commit, change) = (view.commit, view.change);
        let mut message = voice.message.map_or(message, str::to_owned);
        if commit.direction == Direction::Dropped {
            message.push_str("; dropped by this rewind");
        }
        let place = Place { commit: Some(commit.id), path: Some(change.path.clone()), ..Place::default() };
        let undo = self.undo(voice, view, &fix);
        let finding = finding(voice, place, message, fix);
        self.store(finding, None, Some(commit.id), undo);
    }

    /// What a rule saw in the content of a changed entry.
    pub fn change_sighting(&mut self, voice: Voice<'_>, view: &ChangeView<'_>, sighting: &Sighting) {
        let voice = voice.instead(sighting.effect);
        let (commit, path) = (view.commit.id, Some(view.change.path.clone()));
        let message = voice.message.map_or_else(|| sighting.message.clone(), str::to_owned);
        let whole = Some((message.clone(), None, sighting.line));
        let place = Place { commit: Some(commit), path, line: sighting.line, ..Place::default() };
        let undo = self.undo(voice, view, &sighting.fix);
        self.store(finding(voice, place, message, sighting.fix.clone()), whole, Some(commit), undo);
    }

    /// What a rule saw in a commit object.
    pub fn commit_sighting(&mut self, voice: Voice<'_>, commit: &CommitFacts, is_tip: bool, sighting: &Sighting) {
        let voice = voice.instead(sighting.effect);
        let place = Place { commit: Some(commit.id), line: sighting.line, ..Place::default() };
        let message = voice.message.map_or_else(|| sighting.message.clone(), str::to_owned);
        let whole = Some((message.clone(), None, None));
        let undo = matches!((&sighting.fix, voice.fix), (Fix::Edit(_) | Fix::Amend(_), None)).then(|| Undo {
            path: BString::default(),
            direction: commit.direction,
            commit: commit.id,
            parents: commit.parents.clone(),
            base: commit.parents.first().copied(),
            origin: Origin::Known,
            is_tip,
            edit: edit(&sighting.fix),
        });
        self.store(finding(voice, place, message, sighting.fix.clone()), whole, Some(commit.id), undo);
    }

    /// What a rule saw in a tag object that the ref update leads to.
    pub fn tag_sighting(&mut self, voice: Voice<'_>, update: &UpdateFacts, sighting: &Sighting) {
        let voice = voice.instead(sighting.effect);
        let message = voice.message.map_or_else(|| sighting.message.clone(), str::to_owned);
        let place = Place { ref_name: Some(update.update.name.clone()), line: sighting.line, ..Place::default() };
        let fix = match &sighting.fix {
            Fix::Edit(what) | Fix::Amend(what) => Fix::Text(format!("make the tag again with git tag -f: {what}")),
            other => other.clone(),
        };
        let whole = Some((message.clone(), None, sighting.line));
        self.store(finding(voice, place, message, fix), whole, None, None);
    }

    fn undo(&mut self, voice: Voice<'_>, view: &ChangeView<'_>, fix: &Fix) -> Option<Undo> {
        let (commit, change) = (view.commit, view.change);
        if voice.fix.is_some() || !matches!(fix, Fix::Undo | Fix::Edit(_) | Fix::Amend(_)) {
            return None;
        }
        if commit.direction == Direction::Added && !view.is_tip {
            self.oldest_base = commit.parents.first().copied();
        }
        Some(Undo {
            path: change.path.clone(),
            direction: commit.direction,
            commit: commit.id,
            parents: commit.parents.clone(),
            base: commit.parents.first().copied(),
            origin: if change.is_addition() { Origin::New } else { Origin::Known },
            is_tip: view.is_tip,
            edit: edit(fix),
        })
    }

    /// About a commit as a whole.
    pub fn commit(&mut self, voice: Voice<'_>, commit: &CommitFacts, message: String, fix: Fix) {
        let place = Place { commit: Some(commit.id), ..Place::default() };
        let message = voice.message.map_or(message, str::to_owned);
        self.store(finding(voice, place, message, fix), None, Some(commit.id), None);
    }

    /// About a ref update.
    pub fn update(&mut self, voice: Voice<'_>, update: &UpdateFacts, message: String, fix: Fix) {
        let place = Place { ref_name: Some(update.update.name.clone()), ..Place::default() };
        let message = voice.message.map_or(message, str::to_owned);
        self.store(finding(voice, place, message, fix), None, None, None);
    }

    /// About the push as a whole.
    pub fn push(&mut self, voice: Voice<'_>, message: String, fix: Fix) {
        let message = voice.message.map_or(message, str::to_owned);
        self.store(finding(voice, Place::default(), message, fix), None, None, None);
    }

    fn store(&mut self, finding: Finding, whole: Option<Whole>, commit: Option<ObjectId>, undo: Option<Undo>) {
        self.strongest = self.strongest.max(Some(finding.effect));
        hearing::note(&mut self.held, &finding);
        let place = &finding.place;
        let effect = (finding.effect, finding.would);
        let key: Key = (finding.rule.clone(), effect, place.ref_name.clone(), place.path.clone(), whole);
        let list = &mut self.stored[finding.effect as usize];
        if let Some(stored) = self.index.get(&key).and_then(|i| list.get_mut(*i)) {
            if stored.last_commit != commit {
                stored.others += 1;
                stored.last_commit = commit;
                // Commits come newest first: where it began is what is named.
                stored.finding.place.commit = commit;
                if let (Some(first), Some(oldest)) = (&mut stored.undo, undo) {
                    *first = oldest;
                }
            }
            return;
        }
        if list.len() >= self.max {
            let mut hasher = DefaultHasher::new();
            key.hash(&mut hasher);
            self.counted.insert(hasher.finish());
            return;
        }
        self.index.insert(key, list.len());
        list.push(Stored { finding, undo, others: 0, last_commit: commit });
    }

    /// The findings, strongest first, and how many more there are.
    #[must_use]
    pub fn finish(self, shape: Shape, uncounted: usize) -> (Vec<Finding>, usize) {
        let total = self.index.len() + self.counted.len();
        let [mut warn, hold, refuse] = self.stored;
        // What would have been strong is told of before what is weak anyway.
        warn.sort_by_key(|stored| Reverse(stored.finding.would));
        let all = refuse.into_iter().chain(hold).chain(warn).take(self.max);
        let findings: Vec<Finding> = all.map(|stored| stored.finish(shape, self.oldest_base)).collect();
        let more = total - findings.len() + uncounted;
        (findings, more)
    }
}

fn edit(fix: &Fix) -> Option<String> {
    match fix {
        Fix::Edit(what) => Some(format!("{what}; git commit -a --amend")),
        Fix::Amend(command) => Some(command.clone()),
        Fix::Text(_) | Fix::Undo | Fix::Ask => None,
    }
}

fn finding(voice: Voice<'_>, place: Place, message: String, fix: Fix) -> Finding {
    let fix = match (voice.fix, fix) {
        (Some(own), _) => own.to_owned(),
        (None, Fix::Text(text)) => text,
        (None, Fix::Undo | Fix::Edit(_) | Fix::Amend(_)) => String::new(),
        (None, Fix::Ask) => "ask the people who run this gate".to_owned(),
    };
    // The one place where observing makes a warning of everything.
    let (effect, would) = match voice.mode {
        Mode::Enforce => (voice.effect, None),
        Mode::Observe => (Effect::Warn, Some(voice.effect)),
    };
    Finding { rule: voice.id.to_owned(), effect, would, place, message, fix }
}

impl Stored {
    fn finish(self, shape: Shape, oldest_base: Option<ObjectId>) -> Finding {
        let mut finding = self.finding;
        match self.others {
            0 => {}
            1 => finding.message.push_str(" (and in 1 other commit)"),
            n => finding.message.push_str(&format!(" (and in {n} other commits)")),
        }
        if let Some(undo) = self.undo {
            finding.fix = undo.command(self.others, shape, oldest_base);
        }
        finding
    }
}

/// A commit that nothing is left of is kept: without this git would not amend it.
const AMEND: &str = "git commit --amend --allow-empty --no-edit";

impl Undo {
    /// What to run in a shell, or to do by hand where no one command does it.
    fn command(&self, others: usize, shape: Shape, oldest_base: Option<ObjectId>) -> String {
        if self.direction == Direction::Dropped {
            return format!("keep {}: git pull --rebase, then push again without --force", short(&self.commit));
        }
        if let Some(edit) = &self.edit {
            return self.rewrite(edit, others);
        }
        let amend = self.amend();
        if self.is_tip && others == 0 {
            return amend.unwrap_or_else(|| format!("take the change out and {AMEND}"));
        }
        let onto = |base: Option<ObjectId>| base.as_ref().map_or_else(|| "--root".to_owned(), short);
        match (shape, &amend) {
            (Shape::Line, Some(amend)) => {
                let command = format!("git rebase -X theirs -x {} {}", quoted(amend), onto(oldest_base));
                match (self.origin, shell_word(&self.path, Word::Pathspec)) {
                    (Origin::New, Some(path)) if others > 0 => {
                        format!(
                            "{command} # where it stops: git rm -f -- {path} && git -c core.editor=true rebase --continue"
                        )
                    }
                    _ => command,
                }
            }
            (Shape::Line | Shape::Branched, _) => {
                let edit = if others == 0 { short(&self.commit) } else { "each commit that touches it".to_owned() };
                let amend = amend.unwrap_or_else(|| format!("take the change out and {AMEND}"));
                let base = onto(self.base);
                format!("git rebase -i --rebase-merges {base}, edit {edit}: {amend}; git rebase --continue, push again")
            }
        }
    }

    /// How the commits are rewritten when only a person or an agent can say what becomes of the file.
    fn rewrite(&self, edit: &str, others: usize) -> String {
        if self.is_tip && others == 0 {
            return format!("{edit}, push again");
        }
        let base = self.base.as_ref().map_or_else(|| "--root".to_owned(), short);
        let which = if others == 0 { short(&self.commit) } else { "each commit that has it".to_owned() };
        let merges = if self.parents.len() > 1 { "--rebase-merges " } else { "" };
        format!(
            "a later commit does not take it out of history: git rebase -i {merges}{base}, edit {which}: {edit}; \
             git rebase --continue, push again"
        )
    }

    /// The command at the commit itself. Running it again changes nothing.
    fn amend(&self) -> Option<String> {
        if let [first, second] = self.parents.as_slice() {
            return Some(format!("git reset --hard {} && git merge {}", short(first), short(second)));
        }
        let path = shell_word(&self.path, Word::Pathspec)?;
        match (self.origin, self.parents.as_slice()) {
            (Origin::New, [] | [_]) => Some(format!("git rm -qf --ignore-unmatch -- {path} && {AMEND}")),
            (Origin::Known, [parent]) => Some(format!("git restore -SW -s {} -- {path} && {AMEND}", short(parent))),
            (Origin::New | Origin::Known, _) => None,
        }
    }
}

/// An object id as messages show it.
#[must_use]
pub fn short(id: &ObjectId) -> String {
    id.to_hex_with_len(10).to_string()
}

/// What git will take a word of a command for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Ref,
    /// Read literally, without git's own patterns.
    Pathspec,
}

/// Bytes of the client as one word for a shell; `None` if they cannot be shown as they are.
#[must_use]
pub fn shell_word(bytes: &[u8], word: Word) -> Option<String> {
    let text = bytes.to_str().ok()?;
    if Escaped(bytes).to_string() != text {
        return None;
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | '@' | '+' | ',' | '=');
    if text.chars().all(is_plain) {
        return Some(text.to_owned());
    }
    let is_magic = word == Word::Pathspec && (text.starts_with(':') || text.contains(['*', '?', '[']));
    let magic = if is_magic { ":(literal)" } else { "" };
    Some(quoted(&format!("{magic}{text}")))
}

/// One word for a shell, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
