//! One entry of the table, and reading the table.

use super::check::{self, Verdict};
use super::pattern::Pattern;
use super::{Certainty, glob};
use serde::Deserialize;
use std::sync::OnceLock;

/// Lines around a hit in which a partner must be, if the rule says nothing else.
const NEAR_LINES: u32 = 10;

/// The table is wrong.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("{0}: {1}")]
    Syntax(String, String),
    #[error("rule {0}: {1}")]
    Rule(String, String),
}

/// What one kind of secret looks like.
#[derive(Debug)]
pub struct Rule {
    pub id: String,
    pub provider: String,
    /// What it is, without an article: "personal access token".
    pub what: String,
    /// Without or before a check.
    pub certainty: Certainty,
    /// The vendor's page on the format.
    pub source: String,
    /// In the table: special rules come before general ones.
    pub(super) place: usize,
    pub(super) keywords: Vec<Vec<u8>>,
    pub(super) pattern: String,
    pub(super) ignore_case: bool,
    pub(super) left: Side,
    pub(super) right: Side,
    pub(super) check: Option<fn(&[u8]) -> Verdict>,
    pub(super) entropy_min: Option<f32>,
    pub(super) random: bool,
    pub(super) near: Option<Near>,
    pub(super) pair: Option<Pair>,
    pub(super) paths: Vec<String>,
    pub(super) block: bool,
    pub(super) file_name: Vec<regex::bytes::Regex>,
    compiled: OnceLock<Pattern>,
}

/// What may not stand beside a match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Side {
    #[default]
    Word,
    Token,
    Any,
}

impl Side {
    /// Whether a match may stand beside this byte.
    pub(super) fn allows(self, byte: u8) -> bool {
        let is_word = byte.is_ascii_alphanumeric() || byte == b'_';
        match self {
            Self::Any => true,
            Self::Word => !is_word,
            Self::Token => !is_word && !matches!(byte, b'-' | b'.' | b'/' | b'+' | b'='),
        }
    }
}

/// One of these words must stand within so many lines.
#[derive(Debug)]
pub(super) struct Near {
    pub(super) keywords: Vec<String>,
    pub(super) lines: u32,
}

/// With a hit of this rule within so many lines, a hit is surer.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) rule: String,
    pub(super) lines: u32,
}

impl Rule {
    /// The compiled pattern; made when it is first needed.
    pub(super) fn compiled(&self) -> &Pattern {
        self.compiled.get_or_init(|| Pattern::new(self).expect("patterns of the table compile: a test tries each"))
    }

    /// Whether the rule is about files of this name.
    pub(super) fn is_for(&self, path: Option<&[u8]>) -> bool {
        self.paths.is_empty()
            || path.is_some_and(|path| self.paths.iter().any(|glob| glob::matches(glob.as_bytes(), path)))
    }

    /// Whether only a name says that a value is a secret.
    pub(super) fn is_general(&self) -> bool {
        self.id.starts_with("generic-") || self.id == "command-line-secret"
    }

    /// "a GitHub personal access token".
    #[must_use]
    pub fn title(&self) -> String {
        let name =
            if self.provider.is_empty() { self.what.clone() } else { format!("{} {}", self.provider, self.what) };
        let vowel = name.starts_with(['a', 'e', 'i', 'o', 'A', 'E', 'I', 'O']);
        format!("{} {name}", if vowel { "an" } else { "a" })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    rule: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    #[serde(default)]
    provider: String,
    what: String,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    pattern: String,
    case: Option<String>,
    #[serde(default)]
    left: Side,
    #[serde(default)]
    right: Side,
    certainty: String,
    check: Option<String>,
    entropy_min: Option<f32>,
    #[serde(default)]
    random: bool,
    near: Option<NearEntry>,
    pair: Option<String>,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    block: bool,
    #[serde(default)]
    file_name: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NearEntry {
    #[serde(default)]
    keywords: Vec<String>,
    lines: Option<u32>,
}

/// Reads the files of the table.
pub(super) fn read(tables: &[(&str, &str)]) -> Result<Vec<Rule>, TableError> {
    let mut rules: Vec<Rule> = Vec::new();
    for (file, text) in tables {
        let wrong = |error: toml::de::Error| TableError::Syntax((*file).to_owned(), error.to_string());
        let document: Document = toml::from_str(text).map_err(wrong)?;
        for entry in document.rule {
            let id = entry.id.clone();
            let rule = rule(entry).map_err(|why| TableError::Rule(id, why))?;
            rules.push(Rule { place: rules.len(), ..rule });
        }
    }
    for (at, rule) in rules.iter().enumerate() {
        let wrong = |why: &str| Err(TableError::Rule(rule.id.clone(), why.to_owned()));
        if rules.iter().take(at).any(|earlier| earlier.id == rule.id) {
            return wrong("there are two of this id");
        }
        if rule.pair.as_ref().is_some_and(|pair| !rules.iter().any(|other| other.id == pair.rule)) {
            return wrong("pair names no rule");
        }
    }
    Ok(rules)
}

fn rule(entry: Entry) -> Result<Rule, String> {
    if entry.id.is_empty() || !entry.id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err("an id has letters, digits and '-'".to_owned());
    }
    let by_name = !entry.file_name.is_empty();
    if by_name != entry.keywords.is_empty() || by_name != entry.pattern.is_empty() {
        return Err("either keywords and pattern, or file_name".to_owned());
    }
    if entry.keywords.iter().any(|word| word.len() < 3 || !word.is_ascii()) {
        return Err("a keyword has at least 3 ASCII bytes".to_owned());
    }
    let ignore_case = match entry.case.as_deref() {
        None | Some("sensitive") => false,
        Some("insensitive") => true,
        Some(_) => return Err("case is sensitive or insensitive".to_owned()),
    };
    let check = match &entry.check {
        None => None,
        Some(name) => Some(check::named(name).ok_or_else(|| format!("there is no check {name}"))?),
    };
    let (words, lines) = entry.near.map_or((Vec::new(), None), |near| (near.keywords, near.lines));
    let lines = lines.unwrap_or(NEAR_LINES);
    let file_name = entry.file_name.iter().map(|pattern| {
        let mut builder = regex::bytes::RegexBuilder::new(pattern);
        builder.unicode(false).case_insensitive(true).build().map_err(|error| error.to_string())
    });
    Ok(Rule {
        file_name: file_name.collect::<Result<_, _>>()?,
        certainty: Certainty::parse(&entry.certainty).ok_or("certainty is possible, likely or certain")?,
        keywords: entry.keywords.iter().map(|word| word.to_ascii_lowercase().into_bytes()).collect(),
        near: (!words.is_empty()).then_some(Near { keywords: words, lines }),
        pair: entry.pair.map(|rule| Pair { rule, lines }),
        id: entry.id,
        provider: entry.provider,
        what: entry.what,
        source: entry.source,
        place: 0,
        pattern: entry.pattern,
        ignore_case,
        left: entry.left,
        right: entry.right,
        check,
        entropy_min: entry.entropy_min,
        random: entry.random,
        paths: entry.paths,
        block: entry.block,
        compiled: OnceLock::new(),
    })
}
