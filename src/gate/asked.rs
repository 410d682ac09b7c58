//! What a push asks for: its commands, in terms of the refs they mean.

use crate::model::{Limits, ObjectId, Purpose, RefName, RefUpdate};
use crate::wire::command::Request;
use bstr::BString;
use std::collections::{HashMap, HashSet};
use std::time::Duration;

/// The commands of a push as they are judged.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    pub purpose: Purpose,
    /// In the order of the commands; for a review or a check the ref that is meant, from what it holds now.
    pub updates: Vec<RefUpdate>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskedError {
    #[error("refs/for/, refs/check/ and other refs cannot be mixed in one push: push them one after another")]
    Mixed,
    #[error("{0} is nothing that can be deleted: it only says what a push is for")]
    Delete(RefName),
    #[error("{0} holds nothing: push to it as to a new ref")]
    Old(RefName),
    #[error("{0} does not name a branch after its prefix")]
    Name(RefName),
    #[error("two refs of this push mean {0}")]
    Twice(RefName),
    #[error("wait= takes a time up to {0} s, such as wait=10m (wait_time_max)")]
    Wait(u64),
}

impl Asked {
    /// Reads the commands; `refs` is what the upstream holds. A ref that the pusher may not read is taken for one that is
    /// not there: what it holds would else be in the answer. The upstream's compare-and-swap refuses such an update.
    pub fn new(
        request: &Request,
        refs: &[(RefName, ObjectId)],
        may_read: &dyn Fn(&RefName) -> bool,
    ) -> Result<Self, AskedError> {
        let mut asked = Self::default();
        let held: HashMap<&RefName, ObjectId> = refs.iter().map(|(name, id)| (name, *id)).collect();
        let mut meant = HashSet::new();
        for (index, update) in request.updates.iter().enumerate() {
            let (purpose, name) = Purpose::of(&update.name).map_err(|_| AskedError::Name(update.name.clone()))?;
            if index > 0 && purpose != asked.purpose {
                return Err(AskedError::Mixed);
            }
            asked.purpose = purpose;
            if purpose == Purpose::Push {
                asked.updates.push(update.clone());
                continue;
            }
            let pushed = || update.name.clone();
            let new = update.new.ok_or_else(|| AskedError::Delete(pushed()))?;
            if update.old.is_some() {
                return Err(AskedError::Old(pushed()));
            }
            if !meant.insert(name.clone()) {
                return Err(AskedError::Twice(name));
            }
            asked.updates.push(RefUpdate {
                old: held.get(&name).copied().filter(|_| may_read(&name)),
                new: Some(new),
                name,
            });
        }
        Ok(asked)
    }
}

/// How long the client wants to wait for a human: `-o wait=10m`. No other push option means anything.
pub fn wait(options: &[BString], limits: &Limits) -> Result<Option<Duration>, AskedError> {
    let Some(value) = options.iter().rev().find_map(|option| option.strip_prefix(b"wait=")) else { return Ok(None) };
    let bad = || AskedError::Wait(limits.wait_time_max.as_secs());
    let text = std::str::from_utf8(value).map_err(|_| bad())?;
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: u64 = match text.get(digits.len()..).unwrap_or_default() {
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return Err(bad()),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit)).ok_or_else(bad)?;
    let time = Duration::from_secs(seconds);
    if time > limits.wait_time_max { Err(bad()) } else { Ok(Some(time)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RefName {
        RefName::parse(text.as_bytes()).expect("a name")
    }

    fn id(digit: &str) -> ObjectId {
        ObjectId::from_hex(digit.repeat(40).as_bytes()).expect("hex")
    }

    fn asked(commands: &[(&str, Option<ObjectId>, Option<ObjectId>)]) -> Result<(Purpose, Vec<RefUpdate>), AskedError> {
        let updates = commands.iter().map(|(n, old, new)| RefUpdate { name: name(n), old: *old, new: *new }).collect();
        let request = Request { updates, ..Request::default() };
        let refs = [(name("refs/heads/main"), id("a")), (name("refs/heads/hidden"), id("c"))];
        let may_read = |ref_name: &RefName| *ref_name != name("refs/heads/hidden");
        Asked::new(&request, &refs, &may_read).map(|asked| (asked.purpose, asked.updates))
    }

    #[test]
    fn a_review_means_the_branch_from_what_it_holds() {
        let new = Some(id("b"));
        let main = RefUpdate { name: name("refs/heads/main"), old: Some(id("a")), new };
        let fresh = RefUpdate { name: name("refs/heads/x"), old: None, new };
        assert_eq!(asked(&[("refs/for/main", None, new)]), Ok((Purpose::Review, vec![main.clone()])));
        assert_eq!(
            asked(&[("refs/check/main", None, new), ("refs/check/x", None, new)]),
            Ok((Purpose::Check, vec![main, fresh.clone()]))
        );
        let hidden = RefUpdate { name: name("refs/heads/hidden"), old: None, new };
        assert_eq!(asked(&[("refs/for/hidden", None, new)]), Ok((Purpose::Review, vec![hidden])));
        assert_eq!(asked(&[("refs/heads/x", None, new)]), Ok((Purpose::Push, vec![fresh])));
        let old = Some(id("a"));
        for (commands, error) in [
            (vec![("refs/for/x", None, new), ("refs/heads/x", None, new)], AskedError::Mixed),
            (vec![("refs/heads/x", None, new), ("refs/check/x", None, new)], AskedError::Mixed),
            (vec![("refs/for/x", None, None)], AskedError::Delete(name("refs/for/x"))),
            (vec![("refs/for/x", old, new)], AskedError::Old(name("refs/for/x"))),
            (
                vec![("refs/for/x", None, new), ("refs/for/refs/heads/x", None, new)],
                AskedError::Twice(name("refs/heads/x")),
            ),
        ] {
            assert_eq!(asked(&commands), Err(error));
        }
    }

    #[test]
    fn waiting_has_a_limit() {
        let limits = Limits { wait_time_max: Duration::from_secs(3600), ..Limits::default() };
        let wait = |options: &[&str]| {
            let options: Vec<BString> = options.iter().map(|o| BString::from(*o)).collect();
            super::wait(&options, &limits)
        };
        assert_eq!(wait(&[]), Ok(None));
        assert_eq!(wait(&["other", "waiting=1"]), Ok(None));
        for (text, seconds) in [("wait=60m", 3600), ("wait=1h", 3600), ("wait=10", 10), ("wait=10s", 10), ("wait=0", 0)]
        {
            assert_eq!(wait(&[text]), Ok(Some(Duration::from_secs(seconds))), "{text}");
        }
        for text in ["wait=3601", "wait=61m", "wait=", "wait=m", "wait=-1", "wait=1d", "wait=99999999999999999999h"] {
            assert_eq!(wait(&[text]), Err(AskedError::Wait(3600)), "{text}");
        }
    }
}
