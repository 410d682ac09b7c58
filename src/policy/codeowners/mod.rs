//! CODEOWNERS: who must approve a change of a path, as GitHub, GitLab and Gitea read their files.
//!
//! Bytes in, values out: where the file comes from, and whether an approval was given, is not known here. Where a forge
//! skips what it cannot read, this asks for an approval that nobody can give: a typing error must not open a path.

mod gitea;
mod github;
mod gitlab;
mod glob;
mod go_regex;
mod owner;
mod people;
mod sections;
#[cfg(test)]
mod tests;

use gitea::Expressions;
pub use owner::Owner;
use sections::Section;

/// What the three syntaxes mean here, for people.
pub const DOC: &str = r#"approvers = ["CODEOWNERS"]
The owners of the held paths approve: the file is read from the upstream's default branch, where its forge looks for it.
github: patterns as in .gitignore, but `x/*` means no files further down. The last line that matches counts; without
an owner it means that nobody owns the path. Any one owner approves.
gitlab: the last line that matches in each section counts, and each section needs its approvals; optional sections
(`^[Name]`) need none. `!pattern` takes paths out of its section. Inline comments do not exist: owners in them count.
gitea, forgejo: each line is a regular expression, put between `^` and `$`, and each line that matches needs an approval.
An owner `@name` is the human who has that name or that one of the `handles`, or else the group of that name;
`@org/team` is the group `org-team`, or else `team`; an address is the humans who have it in `emails`. Roles are nobody.
Owners nobody here stands for are left out. If that leaves none, or a line cannot be read, nobody can approve: such a line
speaks of all paths it could mean, be it all. Lines later in the file, or in the section, may take them over."#;

/// A file of this size or more is not read by GitHub.
const BYTES_MAX: usize = 3_000_000;
/// Lines that are not empty or a comment.
const RULES_MAX: usize = 5000;
/// Of one pattern; no path is longer.
const PATTERN_BYTES_MAX: usize = 4096;
/// Remarks kept.
const FLAWS_MAX: usize = 100;

/// Whose rules a file follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Syntax {
    #[default]
    GitHub,
    GitLab,
    Gitea,
}

impl Syntax {
    /// The words for settings.
    pub const WORDS: [(&'static str, Self); 4] =
        [("github", Self::GitHub), ("gitlab", Self::GitLab), ("gitea", Self::Gitea), ("forgejo", Self::Gitea)];

    /// Where the forge looks for the file, in its order: the first that exists counts, whatever is in it.
    #[must_use]
    pub fn places(self) -> &'static [&'static str] {
        match self {
            Self::GitHub => &[".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"],
            Self::GitLab => &["CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS"],
            Self::Gitea => &["CODEOWNERS", "docs/CODEOWNERS", ".gitea/CODEOWNERS", ".forgejo/CODEOWNERS"],
        }
    }
}

/// Why a file is not read at all. The paths' owners are then unknown, not nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeOwnersError {
    #[error("CODEOWNERS has {BYTES_MAX} bytes or more")]
    TooLarge,
    #[error("CODEOWNERS has more than {RULES_MAX} lines with rules")]
    TooManyRules,
    #[error("CODEOWNERS is not a text: it holds a zero byte")]
    NotText,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("this pattern cannot be read: nobody can approve what it may mean")]
    Unreadable,
    #[error("no owner: nobody can approve what this matches")]
    NoOwner,
    #[error("not an owner in this syntax; left out")]
    NotAnOwner,
    #[error("this pattern matches no path")]
    MatchesNothing,
    #[error("not a section's heading; read as one")]
    Heading,
    #[error("not an exception in this syntax; left out")]
    NotAnException,
}

/// Who must approve a change of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The section's name, where there are sections.
    pub section: Option<String>,
    /// Any of them approves. Empty: nobody can.
    pub owners: Vec<Owner>,
    /// How many of them must, at least 1.
    pub approvals: usize,
    /// Where it is said, from 1.
    pub line: usize,
}

/// A file, read.
#[derive(Debug)]
pub struct CodeOwners {
    rules: Rules,
    flaws: Vec<(usize, Flaw)>,
}

#[derive(Debug)]
enum Rules {
    Sections(Vec<Section>),
    Expressions(Expressions),
}

impl CodeOwners {
    /// Reads a file whole, or not at all.
    pub fn parse(syntax: Syntax, text: &[u8]) -> Result<Self, CodeOwnersError> {
        if text.len() >= BYTES_MAX {
            return Err(CodeOwnersError::TooLarge);
        }
        if text.contains(&0) {
            return Err(CodeOwnersError::NotText);
        }
        // An editor's mark must not become a part of the first pattern.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut notes = Notes::default();
        let rules = match syntax {
            Syntax::GitHub => Rules::Sections(vec![github::parse(text, &mut notes)?]),
            Syntax::GitLab => Rules::Sections(gitlab::parse(text, &mut notes)?),
            Syntax::Gitea => Rules::Expressions(gitea::parse(text, &mut notes)?),
        };
        notes.flaws.sort_by_key(|(line, _)| *line);
        Ok(Self { rules, flaws: notes.flaws })
    }

    /// Every approval a change of this path needs; none, if nobody owns it.
    #[must_use]
    pub fn demands(&self, path: &[u8]) -> Vec<Demand> {
        match &self.rules {
            Rules::Sections(sections) => {
                let parts: Vec<&[u8]> = path.split(|b| *b == b'/').collect();
                sections.iter().filter_map(|section| section.demand(&parts)).collect()
            }
            Rules::Expressions(expressions) => expressions.demands(path),
        }
    }

    /// What is wrong with the file, by line, from 1; at most a hundred remarks.
    #[must_use]
    pub fn flaws(&self) -> &[(usize, Flaw)] {
        &self.flaws
    }
}

/// What the parsers count and remark.
#[derive(Debug, Default)]
struct Notes {
    rules: usize,
    flaws: Vec<(usize, Flaw)>,
}

impl Notes {
    fn count_rule(&mut self) -> Result<(), CodeOwnersError> {
        self.rules += 1;
        if self.rules > RULES_MAX { Err(CodeOwnersError::TooManyRules) } else { Ok(()) }
    }

    fn flaw(&mut self, line: usize, flaw: Flaw) {
        if self.flaws.len() < FLAWS_MAX {
            self.flaws.push((line, flaw));
        }
    }

    /// The owners among these words.
    fn owners<'w>(&mut self, line: usize, syntax: Syntax, words: impl Iterator<Item = &'w [u8]>) -> Vec<Owner> {
        let (mut owners, mut others) = (Vec::new(), 0);
        for word in words {
            match Owner::parse(word, syntax) {
                Some(owner) => owners.push(owner),
                None => others += 1,
            }
        }
        if others > 0 {
            self.flaw(line, Flaw::NotAnOwner);
        }
        if owners.is_empty() {
            self.flaw(line, Flaw::NoOwner);
        }
        owners
    }
}

/// The lines with something in them, trimmed, with their numbers.
fn lines(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = text.split(|b| *b == b'\n').zip(1..).map(|(line, number)| (number, line.trim_ascii()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with(b"#"))
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// A line's pattern, up to the first space that no backslash precedes, and the rest.
fn split_pattern(line: &[u8]) -> (&[u8], &[u8]) {
    let is_end = |at: usize, byte: u8| byte.is_ascii_whitespace() && line.get(at.wrapping_sub(1)) != Some(&b'\\');
    let end = line.iter().enumerate().position(|(at, byte)| is_end(at, *byte));
    line.split_at(end.unwrap_or(line.len()))
}
