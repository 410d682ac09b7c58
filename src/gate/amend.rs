//! Changes of the policy by people, without an editor: to the file, or as a commit to the policy's own repository.
//!
//! There is one policy, and this writes it. Whether the caller may is asked before.

use crate::config::{PolicySource, PushedPolicy};
use crate::gate::desk::{DeskError, actor};
use crate::gate::fault::Fault;
use crate::gate::{Gate, Made, Session, Target, keeper};
use crate::git::one_file::OneFile;
use crate::git::{Objects, tree};
use crate::model::{ObjectId, RefName, RefUpdate};
use crate::policy::edit::{Edit, Edited};
use crate::receive::{self, Quarantine};
use crate::record::{Control, ControlEntry};
use jiff::Timestamp;
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Who makes the commits that change a policy; their author is the human who asked.
const COMMITTER: (&str, &str) = ("refgate", "refgate@refgate");

/// What came of a change.
#[derive(Debug)]
pub struct Amended {
    /// What was asked for, in one line.
    pub summary: String,
    /// What else comes with it, each a line.
    pub notes: Vec<String>,
    /// The push it went by, which may have been held or refused. None: the policy is a file, and the new one counts.
    pub push: Option<Made>,
}

impl Gate {
    /// Makes a change in the caller's name. One to a repository is a push of the caller's, with all that is asked of one.
    pub fn amend(&self, session: &Session, edit: &Edit) -> Result<Amended, DeskError> {
        match &self.config.policy {
            PolicySource::File(path) => self.amend_file(session, path, edit),
            PolicySource::Pushed(pushed) => self.amend_pushed(session, pushed, edit),
        }
    }

    fn amend_file(&self, session: &Session, path: &Path, edit: &Edit) -> Result<Amended, DeskError> {
        let internal = |error: keeper::KeeperError| DeskError::Internal(error.into());
        let _turn = self.keeper.turn();
        let old = keeper::read_text(path).map_err(internal)?;
        let Edited { text, policy, summary, notes } = edit.apply("policy.toml", &old)?;
        // In the record first: what could not be recorded is not done.
        let entry = ControlEntry {
            time: Timestamp::now(),
            action: Control::Policy,
            repo: None,
            subject: edit.subject(),
            by: actor(session),
            reason: summary.clone(),
            until: None,
        };
        self.store.controlled(entry, Vec::new())?;
        if !keeper::rewrite(path, &old, &text).map_err(internal)? {
            return Err(DeskError::Raced("the policy"));
        }
        self.replace_policy(policy);
        Ok(Amended { summary, notes, push: None })
    }

    fn amend_pushed(&self, session: &Session, pushed: &PushedPolicy, edit: &Edit) -> Result<Amended, DeskError> {
        let target = self.targets.get(&pushed.repo).ok_or(DeskError::NoPolicy)?;
        let mut said = (String::new(), Vec::new());
        let made = self.push_as(session, &pushed.repo, |refs, quarantine| {
            let tip = refs.iter().find(|(name, _)| *name == pushed.ref_name).map(|(_, id)| *id);
            let tip = tip.ok_or(DeskError::NoPolicy)?;
            let objects = Objects::new(None, target.objects());
            let old = keeper::text_at(&objects, &tip, pushed).map_err(|_| DeskError::NoPolicy)?;
            let edited = edit.apply(&pushed.file, &old)?;
            let entry = tree::find(&objects, &tip, &pushed.file).map_err(Fault::from)?.ok_or(DeskError::NoPolicy)?;
            let author = self.policy().author(&session.principal.name).ok_or(DeskError::NoPrincipal)?;
            let one = OneFile {
                parent: tip,
                path: &pushed.file,
                is_executable: entry.is_executable(),
                content: edited.text.as_bytes(),
                author: (&author.0, &author.1),
                committer: COMMITTER,
                message: &format!("{}\n", edited.summary),
                time_s: Timestamp::now().as_second(),
            };
            let new = self.take_in_commit(target, &one, quarantine)?;
            said = (edited.summary, edited.notes);
            Ok(vec![update(&pushed.ref_name, tip, new)])
        })?;
        let (summary, notes) = said;
        Ok(Amended { summary, notes, push: Some(made) })
    }

    /// Puts a commit into the quarantine by the way that every pack goes.
    fn take_in_commit(
        &self,
        target: &Target,
        one: &OneFile<'_>,
        quarantine: &mut Quarantine,
    ) -> Result<ObjectId, DeskError> {
        let internal = |error: Box<dyn std::error::Error + Send + Sync>| DeskError::Internal(error);
        let (new, pack) = one.make(&target.objects_dir()).map_err(|error| internal(error.into()))?;
        let (base, limits, stop) = (target.objects(), &self.config.limits, AtomicBool::new(false));
        let received = receive::unpack(&mut &pack[..], quarantine, base, limits, &|_| {}, &stop);
        match received.map_err(Fault::from)?.problems.first() {
            None => Ok(new),
            Some(problem) => Err(internal(format!("a commit of our own is malformed: {problem:?}").into())),
        }
    }
}

fn update(name: &RefName, old: ObjectId, new: ObjectId) -> RefUpdate {
    RefUpdate { name: name.clone(), old: Some(old), new: Some(new) }
}
