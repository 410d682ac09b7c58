//! File names of path-bound rules: `**/` is any directories or none, `*` anything but `/`. Case does not count.

/// Whether the path has this form.
pub(super) fn matches(glob: &[u8], path: &[u8]) -> bool {
    if let Some(rest) = glob.strip_prefix(b"**/") {
        let below = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at + 1);
        return std::iter::once(0).chain(below).any(|at| matches(rest, path.get(at..).unwrap_or_default()));
    }
    match glob.split_first() {
        None => path.is_empty(),
        Some((b'*', rest)) => {
            let name = path.iter().position(|byte| *byte == b'/').unwrap_or(path.len());
            (0..=name).any(|at| matches(rest, path.get(at..).unwrap_or_default()))
        }
        Some((byte, rest)) => {
            path.split_first().is_some_and(|(first, left)| first.eq_ignore_ascii_case(byte) && matches(rest, left))
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn as_written() {
        for (glob, path, expected) in [
            ("**/.npmrc", ".npmrc", true),
            ("**/.npmrc", "a/b/.npmrc", true),
            ("**/.npmrc", "a/b/x.npmrc", false),
            ("**/.npmrc", "a/.npmrc/b", false),
            ("**/*.tfvars", "x/prod.TFVARS", true),
            ("*.env", "a/b.env", false),
            ("**/.docker/config*.json", "home/.docker/config.json", true),
            ("a", "ab", false),
        ] {
            assert_eq!(super::matches(glob.as_bytes(), path.as_bytes()), expected, "{glob} {path}");
        }
    }
}
