//! Changes of the policy by people, without an editor: to the file, or as a commit to the policy's own repository. And
//! what the policy gives the caller.
//!
//! There is one policy, and this writes it: a file for its admins, a repository for whoever may push there.

use crate::config::{PolicySource, PushedPolicy};
use crate::gate::desk::{DeskError, actor};
use crate::gate::fault::Fault;
use crate::gate::{Gate, Made, Session, Target, keeper};
use crate::git::one_file::OneFile;
use crate::git::{Objects, tree};
use crate::model::{ObjectId, PrincipalKind, RefName, RefUpdate, RepoName};
use crate::policy::Brief;
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
        if *edit == Edit::RemovePrincipal(session.principal.name.clone()) {
            return Err(DeskError::Oneself);
        }
        let amended = match &self.config.policy {
            PolicySource::File(path) => self.amend_file(session, path, edit),
            PolicySource::Pushed(pushed) => self.amend_pushed(session, pushed, edit),
        }?;
        if let Edit::RemovePrincipal(name) = edit
            && self.policy().principal(name).is_none()
        {
            // Who is in no policy any more has nothing to finish.
            self.sessions.end_all(name);
        }
        Ok(amended)
    }

    fn amend_file(&self, session: &Session, path: &Path, edit: &Edit) -> Result<Amended, DeskError> {
        let internal = |error: keeper::KeeperError| DeskError::Internal(error.into());
        match session.principal.kind {
            PrincipalKind::Human if self.policy().is_admin(&session.principal) => {}
            PrincipalKind::Human if !self.policy().has_admins() => return Err(DeskError::NoAdmins),
            PrincipalKind::Human => return Err(DeskError::NotAdmin),
            PrincipalKind::Agent | PrincipalKind::Ci => return Err(DeskError::NotHuman),
        }
        let _turn = self.keeper.turn();
        let old = keeper::read_text(path).map_err(internal)?;
        let edited = edit.apply("policy.toml", &old)?;
        let notes = self.notes_on(&edited);
        let Edited { text, policy, summary, .. } = edited;
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
            said = (edited.summary.clone(), self.notes_on(&edited));
            Ok(vec![update(&pushed.ref_name, tip, new)])
        })?;
        let (summary, notes) = said;
        Ok(Amended { summary, notes, push: Some(made) })
    }

    /// What comes with a change, and what of the new policy is hardly meant so.
    fn notes_on(&self, edited: &Edited) -> Vec<String> {
        let now = Timestamp::now();
        let known: Vec<String> = self.policy().lint(now).into_iter().map(|problem| problem.message).collect();
        let new = edited.policy.lint(now).into_iter().map(|problem| problem.message);
        let new = new.filter(|message| !known.contains(message)).map(|message| format!("warning: {message}"));
        edited.notes.iter().cloned().chain(new).collect()
    }

    /// What the caller may do in a repository.
    pub fn brief(&self, session: &Session, repo: &RepoName) -> Result<Brief, DeskError> {
        let brief = self.policy().brief(&session.principal, repo, &self.config.limits, Timestamp::now());
        brief.filter(|_| self.targets.contains_key(repo)).ok_or(DeskError::NoRepo)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::git::scratch::Scratch;
    use crate::model::PrincipalName;
    use crate::policy::edit::{EditError, NewGrant, NewKey, NewPrincipal, operations};
    use crate::record::Record;
    use crate::store::Filter;
    use tempfile::TempDir;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEk9pVuMSQMOgiDEXCnjl/gyVFaGQTXCxFKLMNA3lkRG";
    const NEW: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAICAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";

    const POLICY: &str = r#"# the top
admins = ["dana"]
[agent.claude-1]
principals = ["claude-1"]
[human.dana]
keys = ["KEY"]
emails = ["dana@acme.dev"]
[human.lee]
# who may push
[[grant]]
to = ["dana"]
repo = "policy"
refs = "refs/heads/main"
allow = ["update"]
write = "**"
[[grant]]
to = "claude-1"
repo = "policy"
refs = "refs/heads/main"
allow = ["update"]
write = "**"
"#;

    fn policy() -> String {
        POLICY.replace("KEY", KEY)
    }

    /// A gate with the policy in a file, or in the repository it gives too.
    fn gate(dir: &TempDir, source: &str) -> (Gate, Scratch) {
        let upstream = Scratch::create().expect("made");
        let policy = policy();
        let stream = format!(
            "commit refs/heads/main\ncommitter a <a@b> 1 +0000\ndata 1\nx\nM 644 inline policy.toml\ndata {}\n{policy}\n",
            policy.len()
        );
        upstream.import(stream.as_bytes()).expect("filled");
        std::fs::write(dir.path().join("policy.toml"), policy).expect("written");
        let text = format!(
            "listen = \"127.0.0.1:0\"\ndata = \"data\"\npolicy = {source}\n[repo.policy]\nupstream = \"{}\"\n",
            upstream.path().display()
        );
        let config = Config::parse("refgate.toml", &text, dir.path()).expect("settings");
        (Gate::open(config).expect("a gate"), upstream)
    }

    fn name(name: &str) -> PrincipalName {
        PrincipalName::parse(name).expect("a name")
    }

    fn session(gate: &Gate, who: &str) -> Session {
        let principal = gate.policy().principal(&name(who)).expect("known").clone();
        Session { principal, key_fingerprint: "SHA256:x".to_owned(), peer: None }
    }

    fn add(new: &str) -> Edit {
        let (kind, keys) = (PrincipalKind::Agent, NewKey::parse_all(NEW.as_bytes()).expect("a key"));
        let sponsor = Some(name("dana"));
        Edit::AddPrincipal(NewPrincipal { kind, name: name(new), keys, sponsor, emails: Vec::new() })
    }

    fn records(gate: &Gate) -> Vec<Record> {
        gate.store.list(&Filter::default()).expect("records").into_iter().map(|stored| stored.record).collect()
    }

    #[test]
    fn a_file_is_changed_recorded_and_in_force() {
        let dir = tempfile::tempdir().expect("a directory");
        let (gate, _) = gate(&dir, "\"policy.toml\"");
        let file = dir.path().join("policy.toml");
        let dana = session(&gate, "dana");
        let amended = gate.amend(&dana, &add("claude-2")).expect("done");
        assert_eq!(amended.summary, "policy: add agent claude-2, sponsor dana");
        assert!(amended.push.is_none());
        let text = std::fs::read_to_string(&file).expect("there");
        assert!(text.starts_with("# the top\n") && text.contains("[agent.claude-2]\n"), "{text}");
        let policy = gate.policy();
        assert!(policy.principal(&name("claude-2")).is_some());
        let records = records(&gate);
        let by = |record: &Record| match record {
            Record::Control(entry) => Some((entry.action, entry.subject.clone(), entry.by.principal.clone())),
            _ => None,
        };
        let found: Vec<_> = records.iter().filter_map(by).collect();
        assert_eq!(found, [(Control::Policy, Some(name("claude-2")), name("dana"))]);
        let changed = |record: &&Record| matches!(record, Record::Event(event) if event.event == "policy-changed");
        assert_eq!(records.iter().filter(changed).count(), 1);

        for (who, why) in [("lee", "the policy's admins may"), ("claude-1", "only humans")] {
            let refused = gate.amend(&session(&gate, who), &add("claude-3")).expect_err("no admin");
            assert!(refused.to_string().contains(why), "{refused}");
        }
        let oneself = gate.amend(&dana, &Edit::RemovePrincipal(name("dana"))).expect_err("dana itself");
        assert!(matches!(oneself, DeskError::Oneself), "{oneself}");
        let again = gate.amend(&dana, &add("claude-2")).expect_err("it is there");
        assert!(matches!(again, DeskError::Edit(EditError::Exists { .. })), "{again}");
        let broken = format!("{text}nonsense");
        std::fs::write(&file, &broken).expect("written");
        let refused = gate.amend(&dana, &add("claude-3")).expect_err("it is broken");
        assert!(matches!(refused, DeskError::Edit(EditError::Broken(_))), "{refused}");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), broken);
        assert_eq!(self::records(&gate).len(), records.len(), "what was not done is not recorded");
    }

    #[test]
    fn what_is_hardly_meant_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let (gate, _) = gate(&dir, "\"policy.toml\"");
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let grant = Edit::AddGrant(NewGrant {
            to: words(&["claude-1"]),
            repo: words(&["policy"]),
            refs: words(&["refs/heads/x"]),
            allow: operations(&words(&["create", "update"])).expect("words"),
            ..NewGrant::default()
        });
        let amended = gate.amend(&session(&gate, "dana"), &grant).expect("done");
        assert_eq!(amended.notes, ["warning: this grant lets push but write no path"]);
        let repo = RepoName::parse("policy").expect("a name");
        let brief = gate.brief(&session(&gate, "claude-1"), &repo).expect("grants");
        assert_eq!(brief.grants.len(), 2);
        let other = RepoName::parse("other").expect("a name");
        for (who, repo) in [("lee", &repo), ("claude-1", &other)] {
            let unseen = gate.brief(&session(&gate, who), repo).expect_err("nothing");
            assert!(matches!(unseen, DeskError::NoRepo), "{unseen}");
        }
    }

    #[test]
    fn a_repository_gets_a_commit_by_a_push_like_any_other() {
        let dir = tempfile::tempdir().expect("a directory");
        let (gate, upstream) = gate(&dir, "{ repo = \"policy\" }");
        let tip = || upstream.repository().and_then(|r| r.refs()).expect("refs")[0].id;
        let first = tip();
        let amended = gate.amend(&session(&gate, "dana"), &add("claude-2")).expect("done");
        let made = amended.push.expect("a push");
        assert!(made.is_ok(), "{}", made.text);
        assert_ne!(tip(), first);
        assert!(gate.policy().principal(&name("claude-2")).is_some());
        let target = &gate.targets[&RepoName::parse("policy").expect("a name")];
        let mut commit = Vec::new();
        Objects::new(None, target.objects()).find(&tip(), &mut commit).expect("read");
        let commit = String::from_utf8(commit).expect("text");
        for line in [format!("parent {first}\n"), "author dana <dana@acme.dev> ".into(), "committer refgate <".into()] {
            assert!(commit.contains(&line), "{commit}");
        }
        assert!(commit.ends_with("\n\npolicy: add agent claude-2, sponsor dana\n"), "{commit}");

        // Nobody gets more by the verb than by a push.
        let second = tip();
        let gone = Edit::RemoveGrants { name: name("dana"), repo: None };
        for (who, edit, rule) in [
            ("lee", add("claude-3"), "ref.no-grant"),
            ("claude-1", add("claude-3"), "policy.not-human"),
            ("dana", gone, "policy.lock-out"),
        ] {
            let edit = match edit {
                Edit::AddPrincipal(new) => {
                    let key = NEW.replace("AAAAIAIC", "AAAAIAMC");
                    Edit::AddPrincipal(NewPrincipal { keys: NewKey::parse_all(key.as_bytes()).expect("a key"), ..new })
                }
                edit => edit,
            };
            let made = gate.amend(&session(&gate, who), &edit).expect("judged").push.expect("a push");
            assert!(!made.is_ok() && made.text.contains(rule), "{who}: {}", made.text);
        }
        assert_eq!(tip(), second);
        let decisions = records(&gate).into_iter().filter(|record| matches!(record, Record::Decision(_))).count();
        assert_eq!(decisions, 4);
    }
}
