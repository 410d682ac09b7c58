//! Where a package comes from: hosts of URLs, and whether a path leaves the repository.

/// The host of a URL, small, with its port if that is not the usual one. `None` if readers could disagree on it.
#[must_use]
pub fn host(url: &str) -> Option<String> {
    let (scheme, rest) = match split_scheme(url) {
        Some(parts) => parts,
        // What ssh takes: user@host:path.
        None => ("ssh", url.split_once(':').filter(|(before, _)| before.contains('@'))?.0),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    // Some readers end the host at a backslash, some leave out control characters, some decode `%`.
    let is_clear = url.chars().all(|c| c != '\\' && !c.is_control() && c != ' ');
    if host.is_empty() || !host.chars().all(is_plain) || !is_clear {
        return None;
    }
    let usual = match scheme {
        "https" => ":443",
        "http" => ":80",
        "ssh" => ":22",
        _ => ":",
    };
    let host = host.strip_suffix(usual).unwrap_or(host);
    Some(host.trim_end_matches('.').to_ascii_lowercase())
}

/// `git+https://x` is `https` and `x`.
fn split_scheme(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.rsplit('+').next().unwrap_or(scheme);
    scheme.chars().all(|c| c.is_ascii_alphanumeric()).then_some((scheme, rest))
}

/// What follows the host, without `?…` and `#…`, with `%2f` as `/`.
#[must_use]
pub fn path_of(url: &str) -> String {
    let rest = split_scheme(url).map_or("", |(_, rest)| rest);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once('/').map_or("", |(_, path)| path);
    path.replace("%2f", "/").replace("%2F", "/").replace("%40", "@")
}

/// Whether what it brings can be changed by anyone on the way.
#[must_use]
pub fn is_plaintext(url: &str) -> bool {
    let scheme = split_scheme(url).map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "git" | "ftp" | "svn" | "ws"))
}

/// Without the revision: what is after `#`, and for a repository also after `?`.
#[must_use]
pub fn without_revision(url: &str, ends: &[char]) -> String {
    url.split(ends).next().unwrap_or_default().trim_end_matches('/').to_owned()
}

/// Whether a path written in a file of the folder `dir` leads out of the repository, on any system.
#[must_use]
pub fn leaves_repository(dir: &[u8], path: &str) -> bool {
    let path = path.replace("%2e", ".").replace("%2E", ".").replace("%2f", "/").replace("%2F", "/");
    let is_drive = path.as_bytes().get(1) == Some(&b':') && path.starts_with(|c: char| c.is_ascii_alphabetic());
    if path.starts_with(['/', '\\', '~', '$', '%']) || is_drive || path.contains("${") {
        return true;
    }
    let mut depth = dir.split(|b| *b == b'/').filter(|part| !part.is_empty()).count();
    for part in path.split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(above) => depth = above,
                None => return true,
            },
            _ => depth = depth.saturating_add(1),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_those_every_reader_sees() {
        for (url, expected) in [
            ("https://Registry.Example.org/x", Some("registry.example.org")),
            ("https://registry.example.org:443/x", Some("registry.example.org")),
            ("https://registry.example.org:8443", Some("registry.example.org:8443")),
            ("https://registry.example.org.", Some("registry.example.org")),
            ("https://good.example@evil.example/x", Some("evil.example")),
            ("https://u:p@good.example/x", Some("good.example")),
            ("https://good.example?x@evil.example", Some("good.example")),
            ("git+ssh://git@good.example/a/b.git#1", Some("good.example")),
            ("registry+https://good.example/index", Some("good.example")),
            ("git@good.example:a/b.git", Some("good.example")),
            ("https://good.example\\@evil.example/", None),
            ("https://good.ex%61mple/", None),
            ("https://good.example\t/", None),
            ("https:/good.example/", None),
            ("https://${HOST}/", None),
            ("https:///x", None),
            ("lodash", None),
            ("a:b", None),
        ] {
            assert_eq!(host(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn paths_stay_in_the_repository_or_not() {
        for (dir, path, leaves) in [
            ("", "./a", false),
            ("", "../a", true),
            ("packages/a", "../b", false),
            ("packages/a", "../../b", false),
            ("packages/a", "../../../b", true),
            ("packages/a", "..\\..\\..\\b", true),
            ("", "a/../../b", true),
            ("", "%2e%2E/b", true),
            ("", "/etc", true),
            ("", "~/x", true),
            ("", "C:\\x", true),
            ("", "${HOME}/x", true),
        ] {
            assert_eq!(leaves_repository(dir.as_bytes(), path), leaves, "{dir} {path}");
        }
    }
}
