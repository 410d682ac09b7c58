//! What `doctor` asks of the stages that reach outside.

use crate::config::Upstream;
use crate::git::command::GitCommand;
use crate::git::upstream;
use crate::model::Limits;
use bstr::ByteSlice;
use std::error::Error;
use std::time::Duration;

/// Reaches the upstream with its credential and returns how many branches and tags it shows.
///
/// This reads. Whether the credential may also write is known after the first push only: there is no way to ask that
/// would leave no trace in every upstream.
pub fn check_upstream(upstream: &Upstream, limits: &Limits) -> Result<usize, String> {
    let refs = upstream::ls_remote(upstream, limits).map_err(|error| chain(&error))?;
    Ok(refs.refs.len())
}

/// What `git version` says: major and minor.
pub fn git_version() -> Result<(u32, u32), String> {
    let command = GitCommand::bare_git("version").map_err(|error| chain(&error))?;
    let output = command.run(b"", Duration::from_secs(10), 1024).map_err(|error| chain(&error))?;
    parse_version(&output).ok_or_else(|| "`git version` says something else".to_owned())
}

/// `git version 2.47.3`, also with the builder's own words behind it.
fn parse_version(output: &[u8]) -> Option<(u32, u32)> {
    let version = output.to_str().ok()?.strip_prefix("git version ")?;
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// The operator may see the inside of an error.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(error) = inner {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = text + ": " + &more;
        }
        inner = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_builds_of_git_say() {
        type Row<'a> = (&'a [u8], Option<(u32, u32)>);
        let table: [Row<'_>; 7] = [
            (b"git version 2.39.5\n", Some((2, 39))),
            (b"git version 2.39.5 (Apple Git-154)\n", Some((2, 39))),
            (b"git version 2.47.1.windows.2\n", Some((2, 47))),
            (b"git version 3.0-rc1\n", Some((3, 0))),
            (b"git version next\n", None),
            (b"hub version 2.39\n", None),
            (b"", None),
        ];
        for (output, version) in table {
            assert_eq!(parse_version(output), version);
        }
        assert!(git_version().is_ok_and(|version| version >= (2, 0)));
    }
}
