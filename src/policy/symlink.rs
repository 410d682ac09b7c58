//! Where new symlinks lead: only to what their pusher may write himself.
//!
//! Tools follow a link without asking; a link in a directory one may write into one that one may not is a way around
//! every path rule (B23). The tree is not read: the target is resolved by its words alone, so a target that goes up
//! after it went down is refused too, as its first part may be a link itself.

use crate::policy::fold::{self, DotName};

/// Why a target cannot be allowed, whoever pushes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadTarget {
    Empty,
    Absolute,
    Escapes,
    GoesUpAgain,
    DotGit,
    Odd,
}

impl BadTarget {
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Empty => "the symlink leads nowhere or to the top of the tree",
            Self::Absolute => "the symlink's target is an absolute path",
            Self::Escapes => "the symlink leads out of the repository",
            Self::GoesUpAgain => "the symlink's target goes up (`..`) after it went down; write it the short way",
            Self::DotGit => "the symlink leads into .git",
            Self::Odd => "the symlink's target has a control character or a backslash",
        }
    }
}

/// The path in the tree that a link at `link` leads to.
pub fn resolve(link: &[u8], target: &[u8]) -> Result<Vec<u8>, BadTarget> {
    if target.iter().any(|b| b.is_ascii_control() || *b == b'\\') {
        return Err(BadTarget::Odd);
    }
    let is_drive = matches!(target, [letter, b':', ..] if letter.is_ascii_alphabetic());
    if target.starts_with(b"/") || is_drive {
        return Err(BadTarget::Absolute);
    }
    let mut path: Vec<&[u8]> = link.split(|b| *b == b'/').collect();
    path.pop();
    let mut went_down = false;
    for part in target.split(|b| *b == b'/') {
        match part {
            b"" | b"." => {}
            b".." if went_down => return Err(BadTarget::GoesUpAgain),
            b".." => {
                path.pop().ok_or(BadTarget::Escapes)?;
            }
            part => {
                went_down = true;
                path.push(part);
            }
        }
    }
    if path.is_empty() {
        return Err(BadTarget::Empty);
    }
    if path.iter().any(|part| fold::dot_name(&fold::fold_segment(part)) == Some(DotName::Git)) {
        return Err(BadTarget::DotGit);
    }
    Ok(path.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bstr::BString;

    #[test]
    fn resolves_by_words_alone_and_refuses_what_is_not_plain() {
        let table: [(&str, &str, Result<&str, BadTarget>); 22] = [
            ("a/link", "b", Ok("a/b")),
            ("a/link", "./b/c", Ok("a/b/c")),
            ("a/link", "b//c/", Ok("a/b/c")),
            ("a/link", "../b", Ok("b")),
            ("link", "b", Ok("b")),
            ("a/b/link", "../../c/d", Ok("c/d")),
            ("a/link", ".", Ok("a")),
            ("a/link", "..", Err(BadTarget::Empty)),
            ("link", ".", Err(BadTarget::Empty)),
            ("link", "", Err(BadTarget::Empty)),
            ("link", "..", Err(BadTarget::Escapes)),
            ("a/link", "../../x", Err(BadTarget::Escapes)),
            ("a/link", "b/../../../x", Err(BadTarget::GoesUpAgain)),
            ("a/link", "b/../c", Err(BadTarget::GoesUpAgain)),
            ("a/link", "/etc/passwd", Err(BadTarget::Absolute)),
            ("a/link", "C:/x", Err(BadTarget::Absolute)),
            ("a/link", "..\\x", Err(BadTarget::Odd)),
            ("a/link", "x\n", Err(BadTarget::Odd)),
            ("a/link", "../.git/hooks", Err(BadTarget::DotGit)),
            ("a/link", "../.GIT", Err(BadTarget::DotGit)),
            ("a/link", "../git~1/config", Err(BadTarget::DotGit)),
            ("a/link", ".g\u{200c}it", Err(BadTarget::DotGit)),
        ];
        for (link, target, resolved) in table {
            let found = resolve(link.as_bytes(), target.as_bytes()).map(BString::from);
            assert_eq!(found, resolved.map(BString::from), "{link} -> {target}");
        }
    }
}
