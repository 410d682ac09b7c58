//! Python's way to name a package and where it comes from (PEP 508, PEP 440), and pip's way (requirement specifiers).

use super::model::{Dependency, Digest, Mark, Source};
use super::npm_spec::is_commit;

/// Names are the same in any spelling (PEP 503).
#[must_use]
pub fn normalised(name: &str) -> String {
    let mut small = String::with_capacity(name.len());
    for c in name.trim().chars() {
        match c {
            '-' | '_' | '.' if small.ends_with('-') => {}
            '-' | '_' | '.' => small.push('-'),
            c => small.push(c.to_ascii_lowercase()),
        }
    }
    small
}

/// `name[extra] >=1; marker`, `name @ url`, or what only pip takes: a URL or a path.
#[must_use]
pub fn requirement(text: &str, mark: Mark) -> Option<Dependency> {
    let text = text.trim();
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let end = text.find(|c| !is_name(c)).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let rest = rest.trim_start();
    let rest = match rest.strip_prefix('[') {
        Some(extras) => extras.split_once(']').map_or("", |(_, rest)| rest).trim_start(),
        None => rest,
    };
    let is_version = rest.is_empty() || rest.starts_with(['=', '<', '>', '!', '~', ';', '(']);
    if name.is_empty() || name.starts_with('.') || !(is_version || rest.starts_with('@')) || has_path_end(name) {
        return place(text, mark);
    }
    if let Some(url) = rest.strip_prefix('@') {
        let url = url.trim().split(" ;").next().unwrap_or_default().trim();
        return Some(Dependency {
            name: normalised(name),
            version: url.to_owned(),
            source: source(url),
            is_pinned: is_pinned_url(url),
            digests: fragment_digests(url),
            mark,
        });
    }
    let version = rest.split(';').next().unwrap_or_default().trim_matches(['(', ')', ' ']).replace(' ', "");
    let is_pinned = is_exact(&version);
    Some(Dependency { name: normalised(name), version, is_pinned, mark, ..Dependency::default() })
}

fn has_path_end(name: &str) -> bool {
    [".whl", ".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz"]
        .iter()
        .any(|end| name.to_ascii_lowercase().ends_with(end))
}

/// A URL or a path alone: its name is only in itself.
fn place(text: &str, mark: Mark) -> Option<Dependency> {
    let text = text.split(" ;").next().unwrap_or_default().trim();
    if text.is_empty() {
        return None;
    }
    let egg = text.split_once("#egg=").or_else(|| text.split_once("&egg=")).map(|(_, rest)| rest);
    let egg = egg.map(|rest| rest.split(['&', '[']).next().unwrap_or_default());
    let name = egg.map_or_else(|| own_name(text), normalised);
    let (is_pinned, digests) = (is_pinned_url(text), fragment_digests(text));
    Some(Dependency { name, version: text.to_owned(), source: source(text), digests, is_pinned, mark })
}

/// Of a URL only its last part: there may be a password in it.
fn own_name(text: &str) -> String {
    let place = text.split(['#', '?']).next().unwrap_or_default();
    let is_url = text.contains("://") || text.contains('@');
    let last = place.rsplit('/').next().unwrap_or_default();
    if is_url { last.rsplit(':').next().unwrap_or_default().to_owned() } else { place.to_owned() }
}

/// Where a URL or path leads.
#[must_use]
pub fn source(url: &str) -> Source {
    let lower = url.to_ascii_lowercase();
    let is_repository =
        ["git+", "hg+", "svn+", "bzr+", "git:", "ssh:", "git@"].iter().any(|start| lower.starts_with(start));
    if is_repository {
        return Source::Git(url.to_owned());
    }
    if lower.starts_with("file:") {
        let path = url.get("file:".len()..).unwrap_or_default();
        let path = path.strip_prefix("//").unwrap_or(path);
        return Source::Path(path.split('#').next().unwrap_or_default().to_owned());
    }
    if lower.contains("://") {
        return Source::Archive(url.to_owned());
    }
    let path = url.split(['#', '[']).next().unwrap_or_default();
    Source::Path(path.to_owned())
}

fn is_pinned_url(url: &str) -> bool {
    let (place, fragment) = url.split_once('#').unwrap_or((url, ""));
    match source(url) {
        Source::Git(_) => is_commit(place.rsplit('@').next().unwrap_or_default()),
        Source::Path(_) => true,
        _ => fragment.contains("sha256="),
    }
}

fn fragment_digests(url: &str) -> Vec<Digest> {
    let fragment = url.split_once('#').map_or("", |(_, fragment)| fragment);
    let digest =
        |part: &str| Digest::parse("", part).filter(|d| d.algorithm.starts_with("sha") || d.algorithm == "md5");
    fragment.split('&').filter_map(digest).collect()
}

/// `==1.2.3` and nothing else, without `*`.
#[must_use]
pub fn is_exact(version: &str) -> bool {
    let exact = version.strip_prefix("===").or_else(|| version.strip_prefix("=="));
    exact.is_some_and(|v| !v.is_empty() && !v.contains(['*', ',', '<', '>', '~', '!', '=']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_read_as_pip_does() {
        let git = |url: &str| Source::Git(url.to_owned());
        let path = |path: &str| Source::Path(path.to_owned());
        for (text, name, source, pinned) in [
            ("Foo_Bar.baz", "foo-bar-baz", Source::Usual, false),
            ("foo==1.0", "foo", Source::Usual, true),
            ("foo == 1.0 ; python_version < '3'", "foo", Source::Usual, true),
            ("foo[a,b]>=1,<2", "foo", Source::Usual, false),
            ("foo (==1.0)", "foo", Source::Usual, true),
            ("foo==1.*", "foo", Source::Usual, false),
            ("foo @ git+https://h.example/foo", "foo", git("git+https://h.example/foo"), false),
            ("foo[x]@https://h.example/f.whl", "foo", Source::Archive("https://h.example/f.whl".to_owned()), false),
            (
                "git+ssh://git@h.example/x.git@main#egg=Foo",
                "foo",
                git("git+ssh://git@h.example/x.git@main#egg=Foo"),
                false,
            ),
            ("../foo", "../foo", path("../foo"), true),
            ("./foo[x]", "./foo[x]", path("./foo"), true),
            ("foo.whl", "foo.whl", path("foo.whl"), true),
            ("dir/foo", "dir/foo", path("dir/foo"), true),
            ("file:///x", "x", path("/x"), true),
        ] {
            let found = requirement(text, Mark::Nowhere).expect(text);
            assert_eq!((found.name.as_str(), found.source, found.is_pinned), (name, source, pinned), "{text}");
        }
    }
}
