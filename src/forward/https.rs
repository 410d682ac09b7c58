//! A push over http by `git push`: its porcelain flags say what became of each ref, the upstream's refs the rest.

use super::pack::use_objects;
use super::settle::Told;
use super::{ForwardError, Outcome, Rejection, Source};
use crate::config::Upstream;
use crate::git::UpstreamError;
use crate::git::command::GitCommand;
use crate::git::upstream::Reached;
use crate::model::{Limits, RefName, RefUpdate};
use bstr::{BString, ByteSlice};
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;

/// Output of one line for each ref, of bounded length.
const OUTPUT_BYTES_MAX: u64 = 64 * 1024 * 1024;

pub(super) fn push(
    upstream: &Upstream,
    updates: &[RefUpdate],
    source: Source<'_>,
    push_options: &[BString],
    (limits, lock): (&Limits, Option<&File>),
) -> Result<Told, ForwardError> {
    let mut command = GitCommand::git("push")?;
    if let Some(lock) = lock {
        command.share_lock(lock)?;
    }
    let reached = Reached::by(&mut command, upstream)?;
    use_objects(&mut command, source);
    command.setting("push.gpgSign", "false").setting("push.negotiate", "false");
    command.setting("push.recurseSubmodules", "no").setting("push.followTags", "false");
    command.args(["--porcelain", "--no-verify", "--no-progress"]);
    if updates.len() > 1 {
        command.arg("--atomic");
    }
    for option in push_options {
        command.arg(joined(&[b"--push-option=", option]));
    }
    for update in updates {
        // A lease with no value after the colon: the ref must not be there. A lease that holds forces what is not a
        // fast-forward by itself; a `+` would force what it forbids.
        let old = update.old.map(|id| id.to_string()).unwrap_or_default();
        let name = update.name.as_bstr();
        command.arg(joined(&[b"--force-with-lease=", name, b":", old.as_bytes()]));
    }
    command.arg("--").arg(&reached.url);
    for update in updates {
        let new = update.new.map(|id| id.to_string()).unwrap_or_default();
        command.arg(joined(&[new.as_bytes(), b":", update.name.as_bstr()]));
    }
    match command.finish(b"", limits.forward_time_max, OUTPUT_BYTES_MAX) {
        Ok((_, output)) => Ok(parse(&output)),
        // The upstream may have taken it all the same.
        Err(error) => match UpstreamError::from(error) {
            UpstreamError::Internal(error) => Err(UpstreamError::Internal(error).into()),
            error => {
                tracing::warn!(%error, "git push did not end well");
                Ok(Told::new())
            }
        },
    }
}

fn joined(parts: &[&[u8]]) -> OsString {
    OsString::from_vec(parts.concat())
}

/// Reads `<flag> TAB <from>:<to> TAB <text>` lines (git-push, "Output"); the text is not looked at.
fn parse(output: &[u8]) -> Told {
    let mut told = Told::new();
    for line in output.split(|b| *b == b'\n') {
        let mut fields = line.splitn_str(3, "\t");
        let (Some([flag]), Some(names)) = (fields.next(), fields.next()) else { continue };
        let Some(name) = names.rsplit_str(":").next().and_then(|name| RefName::parse(name).ok()) else { continue };
        let outcome = match flag {
            b' ' | b'+' | b'-' | b'*' | b'=' => Outcome::Ok(Vec::new()),
            b'!' => Outcome::Rejected { class: Rejection::Refused, reason: "rejected".to_owned() },
            _ => continue,
        };
        told.insert(name, outcome);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_flags_of_porcelain_output() {
        let output =
            b"To https://example.com/a.git\n \tabc:refs/heads/a\tabc..def\n*\tabc:refs/heads/b\t[new branch]\n\
            -\t:refs/heads/c\t[deleted]\n!\tabc:refs/heads/d\t[rejected] (stale info)\n+\tabc:refs/heads/e\tabc...def\n\
            x\tabc:refs/heads/f\todd\nDone\n";
        let told = parse(output);
        let ok = |name: &str| {
            let name = RefName::parse(name.as_bytes()).expect("valid");
            told.get(&name).map(|outcome| matches!(outcome, Outcome::Ok(_)))
        };
        let names = ["a", "b", "c", "d", "e", "f"].map(|name| ok(&format!("refs/heads/{name}")));
        assert_eq!(names, [Some(true), Some(true), Some(true), Some(false), Some(true), None]);
    }
}
