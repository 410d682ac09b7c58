//! What npm, yarn and pnpm understand by the text behind a package's name.

use super::model::Source;

/// Where a package comes from, by the text behind its name.
#[must_use]
pub fn source(spec: &str) -> Source {
    let spec = spec.trim();
    let owned = || spec.to_owned();
    let lower = spec.to_ascii_lowercase();
    let after = |start: &str| lower.starts_with(start).then(|| spec.get(start.len()..).unwrap_or_default());
    if let Some(real) = after("npm:") {
        return alias(real);
    }
    if let Some(path) = ["file:", "link:", "portal:"].into_iter().find_map(after) {
        return Source::Path(path.strip_prefix("//").unwrap_or(path).to_owned());
    }
    if lower.starts_with("workspace:") || lower.starts_with("catalog:") {
        return Source::Usual;
    }
    if lower.starts_with("patch:") {
        return Source::Odd("a package with a patch");
    }
    if lower.starts_with("exec:") {
        return Source::Odd("what a script makes");
    }
    if lower.starts_with("jsr:") {
        return Source::Named("jsr".to_owned());
    }
    if ["git+", "git:", "ssh:", "git@"].into_iter().any(|start| lower.starts_with(start)) {
        return Source::Git(owned());
    }
    for (short, host) in [
        ("github:", "github.com"),
        ("gitlab:", "gitlab.com"),
        ("bitbucket:", "bitbucket.org"),
        ("gist:", "gist.github.com"),
    ] {
        if let Some(rest) = after(short) {
            return Source::Git(format!("https://{host}/{rest}"));
        }
    }
    if lower.starts_with("http:") || lower.starts_with("https:") {
        let path = lower.split(['?', '#']).next().unwrap_or_default();
        return if path.ends_with(".git") { Source::Git(owned()) } else { Source::Archive(owned()) };
    }
    if lower.contains("://") || (lower.contains('@') && lower.contains(':')) {
        return Source::Git(owned());
    }
    bare(spec)
}

/// Without any scheme: a path, `user/repo`, a range or a tag.
fn bare(spec: &str) -> Source {
    let is_drive = spec.as_bytes().get(1) == Some(&b':');
    if spec.starts_with(['.', '/', '~']) && spec.contains('/') || spec.contains('\\') || is_drive {
        return Source::Path(spec.to_owned());
    }
    let name = spec.split('#').next().unwrap_or_default();
    let is_range = spec.contains([' ', '|', '<', '>', '^', '*']);
    match name.split_once('/') {
        Some((user, repo)) if !user.is_empty() && !repo.is_empty() && !is_range && !spec.starts_with('@') => {
            Source::Git(format!("https://github.com/{spec}"))
        }
        _ if is_archive(spec) => Source::Path(spec.to_owned()),
        _ => Source::Usual,
    }
}

fn is_archive(spec: &str) -> bool {
    [".tgz", ".tar.gz", ".tar"].into_iter().any(|end| spec.to_ascii_lowercase().ends_with(end))
}

/// `other@1`, or only a version.
fn alias(real: &str) -> Source {
    let name = name_of(real);
    let is_version = name.is_empty() || !real.starts_with('@') && name == real && is_version_like(real);
    if is_version { Source::Usual } else { Source::Alias(name.to_owned()) }
}

fn is_version_like(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '^' | '~' | '<' | '>' | '=' | '*' | '_'))
        || matches!(text, "latest" | "next")
}

/// The name in `name@rest`, `@scope/name@rest`.
#[must_use]
pub fn name_of(text: &str) -> &str {
    let start = usize::from(text.starts_with('@'));
    let at = text.get(start..).and_then(|rest| rest.find('@')).map(|at| at.saturating_add(start));
    text.get(..at.unwrap_or(text.len())).unwrap_or_default()
}

/// Whether one version or one commit is meant and no other.
#[must_use]
pub fn is_pinned(spec: &str) -> bool {
    let version = spec.trim().strip_prefix("npm:").map_or(spec.trim(), |real| {
        let name = name_of(real);
        real.get(name.len()..).and_then(|rest| rest.strip_prefix('@')).unwrap_or(real)
    });
    match source(spec) {
        Source::Git(url) => is_commit(url.rsplit('#').next().unwrap_or_default().trim_start_matches("commit=")),
        Source::Archive(_) | Source::Odd(_) => false,
        Source::Path(_) => true,
        Source::Usual if ["workspace:", "catalog:"].iter().any(|start| spec.starts_with(start)) => true,
        _ => is_exact(version.trim_start_matches(['=', 'v', ' '])),
    }
}

/// A full object id.
#[must_use]
pub fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Three numbers, and maybe more behind them.
#[must_use]
pub fn is_exact(version: &str) -> bool {
    let numbers = version.split(['-', '+']).next().unwrap_or_default();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
        && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_read_as_npm_does() {
        let git = |url: &str| Source::Git(url.to_owned());
        let path = |path: &str| Source::Path(path.to_owned());
        for (spec, expected) in [
            ("^1.2.3", Source::Usual),
            ("latest", Source::Usual),
            ("", Source::Usual),
            (">=1 <2 || 3", Source::Usual),
            ("npm:^4.0.0", Source::Usual),
            ("npm:other@1", Source::Alias("other".to_owned())),
            ("npm:@a/other@1", Source::Alias("@a/other".to_owned())),
            ("NPM:other", Source::Alias("other".to_owned())),
            ("workspace:*", Source::Usual),
            ("catalog:", Source::Usual),
            ("user/repo", git("https://github.com/user/repo")),
            ("user/repo#main", git("https://github.com/user/repo#main")),
            ("github:user/repo", git("https://github.com/user/repo")),
            ("git+ssh://git@h.example/a.git", git("git+ssh://git@h.example/a.git")),
            ("git@h.example:a/b.git", git("git@h.example:a/b.git")),
            ("https://h.example/a.git#1", git("https://h.example/a.git#1")),
            ("http://h.example/a.tgz", Source::Archive("http://h.example/a.tgz".to_owned())),
            ("file:../x", path("../x")),
            ("file:///x", path("/x")),
            ("link:./x", path("./x")),
            ("../x", path("../x")),
            ("~1.2", Source::Usual),
            ("~/x", path("~/x")),
            ("a.tgz", path("a.tgz")),
            ("C:\\x", path("C:\\x")),
            ("jsr:@std/x@1", Source::Named("jsr".to_owned())),
            ("exec:./make.js", Source::Odd("what a script makes")),
        ] {
            assert_eq!(source(spec), expected, "{spec}");
        }
        let commit = "0123456789abcdef".repeat(4)[..40].to_owned();
        for (spec, pinned) in [
            ("1.2.3", true),
            ("=1.2.3", true),
            ("1.2.3-rc.1+x", true),
            ("npm:other@1.2.3", true),
            ("^1.2.3", false),
            ("1.2", false),
            ("1.2.x", false),
            ("*", false),
            ("", false),
            ("1.2.3 || 2", false),
            ("npm:other@^1", false),
            ("user/repo#main", false),
            (format!("user/repo#{commit}").as_str(), true),
            ("https://h.example/a.tgz", false),
            ("file:./x", true),
        ] {
            assert_eq!(is_pinned(spec), pinned, "{spec}");
        }
    }
}
