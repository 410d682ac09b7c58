//! The exec line as a value: what a client may ask for, and nothing else. No shell reads it, ever; no IO here.
//!
//! git sends `git-receive-pack '<path>'` with the path quoted as its `sq_quote` does. The grammar below takes exactly
//! that, a bare word in its place, and a few verbs; whatever else a shell would understand is an error.

use crate::model::{InvalidName, RepoName};
use crate::verbs::{self, GrammarError};

/// Bytes of one exec line. A name has at most 100, a reason 1,000; git-shell was once overrun by long lines
/// (CVE-2022-39260).
pub const COMMAND_LENGTH_MAX: usize = 4096;

/// What the client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    ReceivePack(RepoName),
    UploadPack(RepoName),
    Verb(verbs::Request),
}

/// Says which rule of the grammar a command line breaks. The texts go to the client and hold none of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    #[error("the command is empty; try: help")]
    Empty,
    #[error("the command is longer than {COMMAND_LENGTH_MAX} bytes")]
    TooLong,
    #[error("this server only speaks git push and git fetch; try: help")]
    Unknown,
    #[error(transparent)]
    Verb(#[from] GrammarError),
    #[error("git archive is not offered here; clone the repository instead")]
    UploadArchive,
    #[error("the command takes exactly one repository and no option")]
    Arguments,
    #[error("the repository is one word, bare or in single quotes as git writes it")]
    Quoting,
    #[error("not a repository name: {0}")]
    Repository(InvalidName),
}

/// Parses an exec line.
pub fn parse(line: &[u8]) -> Result<Command, CommandError> {
    if line.len() > COMMAND_LENGTH_MAX {
        return Err(CommandError::TooLong);
    }
    let line = line.trim_ascii();
    let (verb, argument) = split_verb(line)?;
    match verb {
        b"git-receive-pack" => Ok(Command::ReceivePack(parse_repository(argument)?)),
        b"git-upload-pack" => Ok(Command::UploadPack(parse_repository(argument)?)),
        b"git-upload-archive" => Err(CommandError::UploadArchive),
        verb if verbs::is_verb(verb) => Ok(Command::Verb(verbs::parse(line)?)),
        _ => Err(CommandError::Unknown),
    }
}

/// The first word and the rest; `git receive-pack` counts as `git-receive-pack`.
fn split_verb(line: &[u8]) -> Result<(&[u8], &[u8]), CommandError> {
    if line.is_empty() {
        return Err(CommandError::Empty);
    }
    let (verb, rest) = split_word(line);
    if verb != b"git" {
        return Ok((verb, rest));
    }
    let (service, rest) = split_word(rest);
    let verb: &[u8] = match service {
        b"receive-pack" => b"git-receive-pack",
        b"upload-pack" => b"git-upload-pack",
        b"upload-archive" => b"git-upload-archive",
        _ => return Err(CommandError::Unknown),
    };
    Ok((verb, rest))
}

fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| matches!(b, b' ' | b'\t')).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, b""));
    (word, rest.trim_ascii_start())
}

fn parse_repository(argument: &[u8]) -> Result<RepoName, CommandError> {
    let path = unquote(argument)?;
    let path = std::str::from_utf8(&path).map_err(|_| CommandError::Repository(InvalidName::Character))?;
    // A path as it stands in a URL: ssh://host/app.git sends `/app.git`, host:~/app sends `~/app`.
    let path = path.strip_prefix("~/").or_else(|| path.strip_prefix('/')).unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let path = path.strip_suffix(".git").unwrap_or(path);
    RepoName::parse(path).map_err(CommandError::Repository)
}

/// Undoes git's `sq_quote`, or takes one bare word.
fn unquote(argument: &[u8]) -> Result<Vec<u8>, CommandError> {
    if argument.is_empty() || argument.starts_with(b"-") {
        return Err(CommandError::Arguments);
    }
    if !argument.starts_with(b"'") {
        return bare_word(argument);
    }
    let mut path = Vec::with_capacity(argument.len());
    let mut rest = argument;
    // One round is one quoted run; between two of them stands nothing but an escaped quote or exclamation mark.
    while let Some(run) = rest.strip_prefix(b"'") {
        let end = run.iter().position(|b| *b == b'\'').ok_or(CommandError::Quoting)?;
        let (text, after) = run.split_at_checked(end).ok_or(CommandError::Quoting)?;
        path.extend_from_slice(text);
        rest = after.get(1..).ok_or(CommandError::Quoting)?;
        match rest {
            [] => return Ok(path),
            [b'\\', escaped @ (b'\'' | b'!'), after @ ..] => {
                path.push(*escaped);
                rest = after;
            }
            [b' ' | b'\t', ..] => return Err(CommandError::Arguments),
            _ => return Err(CommandError::Quoting),
        }
    }
    Err(CommandError::Quoting)
}

fn bare_word(argument: &[u8]) -> Result<Vec<u8>, CommandError> {
    if argument.iter().any(u8::is_ascii_whitespace) {
        return Err(CommandError::Arguments);
    }
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/' | b'~');
    if argument.iter().all(plain) { Ok(argument.to_vec()) } else { Err(CommandError::Quoting) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repo(name: &str) -> RepoName {
        RepoName::parse(name).expect("a good name")
    }

    #[test]
    fn takes_what_git_sends() {
        let receive = |name| Ok(Command::ReceivePack(repo(name)));
        let upload = |name| Ok(Command::UploadPack(repo(name)));
        let table: [(&str, Result<Command, CommandError>); 17] = [
            ("git-receive-pack 'app'", receive("app")),
            ("git-receive-pack '/app'", receive("app")),
            ("git-receive-pack '/app.git'", receive("app")),
            ("git-receive-pack '/app.git/'", receive("app")),
            ("git-receive-pack '~/app'", receive("app")),
            ("git-receive-pack 'team/app/'", receive("team/app")),
            ("git receive-pack '/team/app.git'", receive("team/app")),
            ("git-upload-pack 'app'", upload("app")),
            ("git upload-pack 'app'", upload("app")),
            ("git-upload-pack app.git", upload("app")),
            ("git-upload-pack /team/app", upload("team/app")),
            ("git-upload-pack ~/app", upload("app")),
            ("  git-upload-pack   app  ", upload("app")),
            ("git\tupload-pack\tapp", upload("app")),
            ("help", verbs::parse(b"help").map(Command::Verb).map_err(CommandError::Verb)),
            ("whoami --json", verbs::parse(b"whoami --json").map(Command::Verb).map_err(CommandError::Verb)),
            ("git-upload-pack 'a-b_c.d'", upload("a-b_c.d")),
        ];
        for (line, wanted) in table {
            assert_eq!(parse(line.as_bytes()), wanted, "{line:?}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        use CommandError as E;
        let character = E::Repository(InvalidName::Character);
        let reserved = E::Repository(InvalidName::Reserved);
        let empty = E::Repository(InvalidName::Empty);
        let table: [(&[u8], CommandError); 49] = [
            (b"", E::Empty),
            (b"   ", E::Empty),
            (b"sh", E::Unknown),
            (b"sh -c 'git-receive-pack app'", E::Unknown),
            (b"GIT-RECEIVE-PACK 'app'", E::Unknown),
            (b"/usr/bin/git-receive-pack 'app'", E::Unknown),
            (b"git", E::Unknown),
            (b"git status", E::Unknown),
            (b"git --exec-path=/tmp receive-pack 'app'", E::Unknown),
            (b"git -c core.pager=x upload-pack 'app'", E::Unknown),
            (b"env git-receive-pack 'app'", E::Unknown),
            (b"env --split-string='git-receive-pack app'", E::Unknown),
            (b"LD_PRELOAD=x git-receive-pack 'app'", E::Unknown),
            (b"scp -t .", E::Unknown),
            (b"rsync --server .", E::Unknown),
            (b"git-receive-pack\n'app'", E::Unknown),
            (b"git-receive-pack\0 'app'", E::Unknown),
            (b"git-upload-archive 'app'", E::UploadArchive),
            (b"git upload-archive 'app'", E::UploadArchive),
            (b"git-receive-pack", E::Arguments),
            (b"git-receive-pack ", E::Arguments),
            (b"git-receive-pack --help", E::Arguments),
            (b"git-upload-pack --strict 'app'", E::Arguments),
            (b"git-upload-pack 'app' 'app'", E::Arguments),
            (b"git-upload-pack 'app' --timeout=1", E::Arguments),
            (b"git-upload-pack app other", E::Arguments),
            (b"git-upload-pack app\nid", E::Arguments),
            (b"help me please", E::Verb(GrammarError::Usage("help [VERB]"))),
            (b"whoami now", E::Verb(GrammarError::Usage("whoami"))),
            (b"git-upload-pack 'app", E::Quoting),
            (b"git-upload-pack app'", E::Quoting),
            (b"git-upload-pack 'app';id", E::Quoting),
            (b"git-upload-pack 'app'\\", E::Quoting),
            (b"git-upload-pack 'app'\\''", E::Quoting),
            (b"git-upload-pack 'app'\\x'y'", E::Quoting),
            (b"git-upload-pack 'a'\\''b'", character),
            (b"git-upload-pack 'a'\\!'b'", character),
            (b"git-upload-pack \"app\"", E::Quoting),
            (b"git-upload-pack $(id)", E::Quoting),
            (b"git-upload-pack app;id", E::Quoting),
            (b"git-upload-pack 'app;id'", character),
            (b"git-upload-pack '--help'", reserved),
            (b"git-upload-pack '../app'", reserved),
            (b"git-upload-pack '/../app'", reserved),
            (b"git-upload-pack '//app'", empty),
            (b"git-upload-pack 'app//'", empty),
            (b"git-upload-pack ''", empty),
            (b"git-upload-pack '\xff'", character),
            (b"git-upload-pack 'app.git.git'", reserved),
        ];
        for (line, wanted) in table {
            assert_eq!(parse(line), Err(wanted), "{:?}", crate::model::Escaped(line));
        }
    }

    #[test]
    fn length_is_limited() {
        let line = |length: usize| format!("help{}", " ".repeat(length - 4));
        assert_eq!(
            parse(line(COMMAND_LENGTH_MAX).as_bytes()),
            verbs::parse(b"help").map(Command::Verb).map_err(CommandError::Verb)
        );
        assert_eq!(parse(line(COMMAND_LENGTH_MAX + 1).as_bytes()), Err(CommandError::TooLong));
    }

    #[test]
    fn never_panics_on_short_inputs() {
        let alphabet = b"'\\! -g\xff/";
        let mut lines: Vec<Vec<u8>> = vec![b"git-upload-pack ".to_vec()];
        for _ in 0..5 {
            let longer = lines.iter().flat_map(|line| alphabet.iter().map(move |b| [line.as_slice(), &[*b]].concat()));
            lines = longer.collect();
            lines.iter().for_each(|line| drop(parse(line)));
        }
    }
}
