//! The verbs as values: what may follow each, and nothing else. No shell reads this, and no IO happens here.
//!
//! `ssh` sends the words it was given joined by spaces, without their quotes. So a reason is always the last thing on the
//! line, after `-m`, and everything else is single words of plain characters.

use super::words::{Words, duration, principal, push, repo};
use crate::events::{Follow, Since};
use crate::model::{PrincipalName, PushId, RepoName};
use jiff::{SignedDuration, Timestamp};

/// What a verb is asked to do, and the form of its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub verb: Verb,
    pub form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For a person.
    Text,
    /// For a program: one JSON object a line.
    Json,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verb {
    Help(Option<String>),
    WhoAmI,
    Rules(RepoName),
    AgentsMd(RepoName),
    Status(Option<PushId>),
    Explain(PushId),
    Log(LogQuery),
    Withdraw(PushId),
    Held(Option<RepoName>),
    Show(PushId),
    /// The text to sign for an approval.
    Statement(PushId),
    Review,
    Approve(PushId, Proof),
    Reject(PushId, String),
    Freeze(RepoName, Option<Until>, String),
    Thaw(RepoName, String),
    Revoke(PrincipalName, String),
    Reinstate(PrincipalName, String),
    UndoList(Option<RepoName>),
    UndoRestore(PushId),
    Events(Since, Follow),
    AgentAdd(PrincipalName, Option<PrincipalName>),
    AgentRemove(PrincipalName),
    KeyAdd(PrincipalName),
    GrantAdd(NewGrant),
}

/// Whether an approval comes with a signed statement on standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    Login,
    Signed,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogQuery {
    pub repo: Option<RepoName>,
    pub principal: Option<PrincipalName>,
    pub decision: Option<String>,
    pub since: Option<SignedDuration>,
    pub max: Option<usize>,
}

/// A moment, or a time from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    At(Timestamp),
    In(SignedDuration),
}

/// `grant add`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewGrant {
    pub to: String,
    pub repo: String,
    pub refs: Vec<String>,
    pub allow: Vec<String>,
    pub write: Vec<String>,
    pub until: Option<Until>,
}

/// Says what is wrong with a line. The texts hold none of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GrammarError {
    #[error("there is no such verb; try: help")]
    Unknown,
    #[error("usage: {0}")]
    Usage(&'static str),
    #[error("not a push id: it has 26 letters and digits")]
    PushId,
    #[error("not a name")]
    Name,
    #[error("not a time: write 30min, 8h, 2d or 2027-01-31T12:00:00Z")]
    Time,
    #[error("a word has letters, digits and . _ - / : , = @ + * {{ }} ! only")]
    Word,
}

/// Every verb with its usage, who it is for, and what it does: the text of `help`.
pub const VERBS: &[(&str, For, &str, &str)] = &[
    ("help", For::All, "help [VERB]", "this text, or more on one verb"),
    ("whoami", For::All, "whoami", "who your key says you are"),
    ("rules", For::All, "rules REPO", "what you may do there, and what is looked at"),
    ("agents-md", For::All, "agents-md REPO", "what to paste into AGENTS.md"),
    ("status", For::All, "status [PUSH]", "how your pushes stand, or one of them"),
    ("explain", For::All, "explain PUSH", "what was found in a push, and the fixes"),
    ("log", For::All, "log [REPO] [--by NAME] [--decision WORD] [--since 7d] [-n N]", "pushes, newest first"),
    ("withdraw", For::All, "withdraw PUSH", "take your held push back"),
    ("held", For::All, "held [REPO]", "pushes that wait for a human"),
    ("show", For::Human, "show PUSH [--statement]", "a held push: findings, then the diff"),
    ("review", For::Human, "review", "look through held pushes full-screen (ssh -t)"),
    ("approve", For::Human, "approve PUSH [--signed < statement-and-signature]", "let a held push go on"),
    ("reject", For::Human, "reject PUSH -m REASON", "say no to a held push"),
    ("freeze", For::Human, "freeze REPO [--until 8h] [-m REASON]", "forward nothing to a repository"),
    ("thaw", For::Human, "thaw REPO [-m REASON]", "end a freeze"),
    ("revoke", For::Human, "revoke NAME [-m REASON]", "end a principal's sessions, holds and rights now"),
    ("reinstate", For::Human, "reinstate NAME [-m REASON]", "undo a revocation"),
    ("undo", For::Human, "undo list [REPO] | undo restore PUSH", "what pushes replaced or deleted; put it back"),
    ("agent", For::Human, "agent add NAME [--sponsor HUMAN] < key.pub | agent remove NAME", "who may push"),
    ("key", For::Human, "key add NAME < key.pub", "one more key of a principal"),
    (
        "grant",
        For::Human,
        "grant add NAME REPO --refs R,… --allow create,update --write P,… [--until 30d]",
        "what a principal may do",
    ),
    ("events", For::All, "events [--since start|now|CURSOR] [--follow]", "what happens, one JSON object a line"),
];

/// Who a verb is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    All,
    Human,
}

/// Whether a line is for this grammar: its first word is one of ours.
#[must_use]
pub fn is_verb(word: &[u8]) -> bool {
    VERBS.iter().any(|(name, ..)| name.as_bytes() == word)
}

/// Parses a line that begins with a verb.
pub fn parse(line: &[u8]) -> Result<Request, GrammarError> {
    let line = std::str::from_utf8(line).map_err(|_| GrammarError::Word)?;
    let mut words = Words::new(line)?;
    let name = words.list.first().copied().unwrap_or_default();
    let (.., usage, _) = VERBS.iter().find(|(verb, ..)| *verb == name).ok_or(GrammarError::Unknown)?;
    words.usage = usage;
    words.next = 1;
    let form = if words.flag("--json") { Form::Json } else { Form::Text };
    let verb = verb(name, &mut words)?;
    words.finish()?;
    Ok(Request { verb, form })
}

fn verb(name: &str, words: &mut Words<'_>) -> Result<Verb, GrammarError> {
    Ok(match name {
        "help" => Verb::Help(words.optional().map(str::to_owned)),
        "whoami" => Verb::WhoAmI,
        "rules" => Verb::Rules(words.repo()?),
        "agents-md" => Verb::AgentsMd(words.repo()?),
        "status" => Verb::Status(words.optional().map(push).transpose()?),
        "explain" => Verb::Explain(words.push()?),
        "log" => Verb::Log(log(words)?),
        "withdraw" => Verb::Withdraw(words.push()?),
        "held" => Verb::Held(words.optional().map(repo).transpose()?),
        "show" if words.flag("--statement") => Verb::Statement(words.push()?),
        "show" => Verb::Show(words.push()?),
        "review" => Verb::Review,
        "approve" => {
            let proof = if words.flag("--signed") { Proof::Signed } else { Proof::Login };
            Verb::Approve(words.push()?, proof)
        }
        "reject" => Verb::Reject(words.push()?, words.reason()),
        "freeze" => {
            let until = words.option("--until")?.map(until).transpose()?;
            Verb::Freeze(words.repo()?, until, words.reason())
        }
        "thaw" => Verb::Thaw(words.repo()?, words.reason()),
        "revoke" => Verb::Revoke(words.principal()?, words.reason()),
        "reinstate" => Verb::Reinstate(words.principal()?, words.reason()),
        "undo" => match words.required()? {
            "list" => Verb::UndoList(words.optional().map(repo).transpose()?),
            "restore" => Verb::UndoRestore(words.push()?),
            _ => return Err(words.wrong()),
        },
        "agent" => match words.required()? {
            "add" => {
                let sponsor = words.option("--sponsor")?.map(principal).transpose()?;
                Verb::AgentAdd(words.principal()?, sponsor)
            }
            "remove" => Verb::AgentRemove(words.principal()?),
            _ => return Err(words.wrong()),
        },
        "key" => match words.required()? {
            "add" => Verb::KeyAdd(words.principal()?),
            _ => return Err(words.wrong()),
        },
        "grant" => match words.required()? {
            "add" => Verb::GrantAdd(grant(words)?),
            _ => return Err(words.wrong()),
        },
        "events" => {
            let since = words.option("--since")?.map_or(Ok(Since::Start), Since::parse).map_err(|_| words.wrong())?;
            let follow = if words.flag("--follow") { Follow::Wait } else { Follow::End };
            Verb::Events(since, follow)
        }
        _ => return Err(GrammarError::Unknown),
    })
}

fn log(words: &mut Words<'_>) -> Result<LogQuery, GrammarError> {
    let since = words.option("--since")?.map(duration).transpose()?;
    let max = words.option("-n")?.map(|word| word.parse().map_err(|_| words.wrong())).transpose()?;
    let principal = words.option("--by")?.map(principal).transpose()?;
    let decision = words.option("--decision")?.map(str::to_owned);
    if decision.as_deref().is_some_and(|word| !["accept", "hold", "refuse"].contains(&word)) {
        return Err(words.wrong());
    }
    let repo = words.optional().map(repo).transpose()?;
    Ok(LogQuery { repo, principal, decision, since, max })
}

fn grant(words: &mut Words<'_>) -> Result<NewGrant, GrammarError> {
    let list = |word: Option<&str>| -> Vec<String> {
        word.iter().flat_map(|word| word.split(',')).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    };
    let refs = list(words.option("--refs")?);
    let allow = list(words.option("--allow")?);
    let write = list(words.option("--write")?);
    let until = words.option("--until")?.map(until).transpose()?;
    let (to, repo) = (words.required()?.to_owned(), words.required()?.to_owned());
    if refs.is_empty() != allow.is_empty() {
        return Err(words.wrong());
    }
    Ok(NewGrant { to, repo, refs, allow, write, until })
}

fn until(word: &str) -> Result<Until, GrammarError> {
    match word.parse() {
        Ok(time) => Ok(Until::At(time)),
        Err(_) => duration(word).map(Until::In),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01ARZ3NDEKTSV4RRFFQ69G5FAV";

    fn read(line: &str) -> Result<Verb, GrammarError> {
        parse(line.as_bytes()).map(|request| request.verb)
    }

    #[test]
    fn takes_every_verb_with_its_words() {
        let push = PushId::parse(ID).expect("an id");
        let repo = RepoName::parse("team/app").expect("a name");
        let name = PrincipalName::parse("claude-1").expect("a name");
        let hours = Until::In(SignedDuration::from_secs(8 * 3600));
        let table = [
            ("help", Verb::Help(None)),
            ("help approve", Verb::Help(Some("approve".into()))),
            ("status", Verb::Status(None)),
            (&format!("status {ID}"), Verb::Status(Some(push))),
            (&format!("show --statement {ID}"), Verb::Statement(push)),
            (&format!("approve {ID} --signed"), Verb::Approve(push, Proof::Signed)),
            (&format!("reject {ID} -m not now; -m $(id) 'x'"), Verb::Reject(push, "not now; -m $(id) 'x'".into())),
            (&format!("reject {ID} -m \"not now\""), Verb::Reject(push, "not now".into())),
            ("freeze team/app --until 8h -m incident", Verb::Freeze(repo.clone(), Some(hours), "incident".into())),
            ("freeze --until=8h team/app", Verb::Freeze(repo.clone(), Some(hours), String::new())),
            ("held team/app", Verb::Held(Some(repo.clone()))),
            ("undo list team/app", Verb::UndoList(Some(repo.clone()))),
            ("undo list", Verb::UndoList(None)),
            ("events --since 12 --follow", Verb::Events(Since::Cursor(12), Follow::Wait)),
            ("events", Verb::Events(Since::Start, Follow::End)),
            ("agent add claude-1", Verb::AgentAdd(name.clone(), None)),
        ];
        for (line, verb) in table {
            assert_eq!(read(line), Ok(verb), "{line}");
        }
        assert_eq!(parse(b"held --json").map(|request| request.form), Ok(Form::Json));
        assert_eq!(parse(b"held").map(|request| request.form), Ok(Form::Text));
    }

    #[test]
    fn takes_nothing_else() {
        for line in [
            "held a b",
            "held --all",
            "held -x",
            "whoami now",
            "approve",
            "approve x",
            "reject",
            "undo",
            "undo drop app",
            "events --since",
            "events --since x",
            "freeze app --until soon",
            "freeze app --until 0h",
            "log --decision no",
            "log -n x",
            "rules ../app",
            "status $(id)",
            "status `id`",
            "held app;id",
            "show 'x'",
            "agent add -x",
            "withdraw -m reason",
            "revoke a/b",
            "grant add a app --refs refs/heads/x",
            "held \u{e9}",
            "approve --signed",
            "review app",
            "status 01ARZ3NDEKTSV4RRFFQ69G5FA",
            "freeze app --until 99999999999999d",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
        assert_eq!(parse(b"held \xff"), Err(GrammarError::Word));
        assert_eq!(read("scp -t ."), Err(GrammarError::Unknown));
    }

    #[test]
    fn every_verb_of_the_help_is_read_and_has_its_usage() {
        for (name, _, usage, what) in VERBS {
            assert!(usage.starts_with(name) && !what.is_empty(), "{name}");
            assert!(!matches!(read(name), Err(GrammarError::Unknown)), "{name}");
        }
    }
}
