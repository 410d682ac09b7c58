//! The keys of `message`.

use super::MessageRule;
use crate::policy::pattern_list::one_or_more;
use crate::policy::rules::Check;
use crate::policy::rules::identity::read_token;
use crate::strict::{Problem, Table, Value};
use regex::bytes::{Regex, RegexBuilder};

/// Longest pattern, and the memory it may take.
const PATTERN_LENGTH_MAX: usize = 1000;
const REGEX_BYTES_MAX: usize = 1 << 20;

const SCOPES: [(&str, Scope); 2] = [("commits", Scope::Commits), ("tags", Scope::Tags)];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Commits,
    Tags,
}

pub fn read(table: &mut Table<'_, '_>, problems: &mut Vec<Problem>) -> Option<Box<dyn Check>> {
    let before = problems.len();
    let require = table.get("require").map(|v| read_regexes(v, problems)).unwrap_or_default();
    let forbid = table.get("forbid").map(|v| read_regexes(v, problems)).unwrap_or_default();
    let trailers = table.get("trailers").map(|v| read_tokens(v, problems)).unwrap_or_default();
    let subject_length_max = table.get("subject_length_max").and_then(|v| read_length(v, problems));
    let line_length_max = table.get("line_length_max").and_then(|v| read_length(v, problems));
    let mut flag = |key, default| table.get(key).and_then(|v| v.boolean(problems)).unwrap_or(default);
    let (body_required, fixup, merges) = (flag("body_required", false), flag("fixup", true), flag("merges", true));
    let (control, utf8) = (flag("control", true), flag("utf8", true));
    let scopes = table.get("scope").map(|v| read_scopes(v, problems)).unwrap_or_else(|| vec![Scope::Commits]);
    let rule = MessageRule {
        require,
        forbid,
        trailers,
        subject_length_max,
        line_length_max,
        body_required,
        fixup,
        merges,
        control,
        utf8,
        commits: scopes.contains(&Scope::Commits),
        tags: scopes.contains(&Scope::Tags),
    };
    (problems.len() == before).then(|| Box::new(rule) as Box<dyn Check>)
}

/// Patterns of an admin: bounded, with the problem at its place.
fn read_regexes(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Vec<Regex> {
    let mut regexes = Vec::new();
    for (text, span) in one_or_more(value, problems).unwrap_or_default() {
        let regex = RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build();
        let message = match regex {
            _ if text.len() > PATTERN_LENGTH_MAX => format!("longer than {PATTERN_LENGTH_MAX} bytes"),
            Ok(regex) => {
                regexes.push(regex);
                continue;
            }
            Err(regex::Error::CompiledTooBig(_)) => "too big once it is compiled".to_owned(),
            // The last line of the parser's drawing says what is wrong.
            Err(error) => error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
        };
        problems.push(Problem::new(span, format!("not a regular expression: {message}")));
    }
    regexes
}

fn read_tokens(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Vec<String> {
    one_or_many(value, problems).into_iter().filter_map(|token| read_token(token, problems)).collect()
}

fn read_length(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Option<usize> {
    let length = value.unsigned(problems)?;
    let length = usize::try_from(length).ok().filter(|length| *length > 0);
    if length.is_none() {
        problems.push(Problem::new(value.span(), "no message could be as short"));
    }
    length
}

fn read_scopes(value: Value<'_, '_>, problems: &mut Vec<Problem>) -> Vec<Scope> {
    one_or_many(value, problems).into_iter().filter_map(|value| value.one_of(&SCOPES, problems)).collect()
}

fn one_or_many<'t, 'i>(value: Value<'t, 'i>, problems: &mut Vec<Problem>) -> Vec<Value<'t, 'i>> {
    if value.as_str().is_some() {
        return vec![value];
    }
    if value.is_empty_array() {
        problems.push(Problem::new(value.span(), "an empty list asks for nothing"));
    }
    value.array(problems).unwrap_or_default()
}
