//! Container images: which one, from where, and whether a digest pins it.

/// An image reference, cut into what stays and what may move.
#[derive(Debug, PartialEq, Eq)]
pub struct Image<'t> {
    /// Registry and name, without tag and digest.
    pub name: &'t str,
    pub is_pinned: bool,
}

impl<'t> Image<'t> {
    #[must_use]
    pub fn parse(reference: &'t str) -> Self {
        let reference = reference.trim();
        let (tagged, digest) = match reference.split_once('@') {
            Some((tagged, digest)) => (tagged, Some(digest)),
            None => (reference, None),
        };
        // A `:` after the last `/` starts a tag; before it, a port.
        let name = match tagged.rfind(':').filter(|at| tagged.rfind('/').is_none_or(|slash| slash < *at)) {
            Some(at) if !tagged.contains("${{") && !tagged.contains("$[[") => tagged.get(..at).unwrap_or(tagged),
            _ => tagged,
        };
        let is_pinned = digest.and_then(|digest| digest.split_once(':')).is_some_and(|(algorithm, hex)| {
            matches!(algorithm, "sha256" | "sha512") && hex.len() >= 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())
        });
        Self { name, is_pinned }
    }
}

/// Whether this is the full id of a commit.
#[must_use]
pub fn is_commit_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Matches `*` with any characters, the rest in any case: for labels and names of actions.
#[must_use]
pub fn is_like(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_ascii_lowercase(), text.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_and_patterns() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let table = [
            ("node:20".to_owned(), "node", false),
            ("registry.example.com:5000/a/b".to_owned(), "registry.example.com:5000/a/b", false),
            (format!("ghcr.io/a/b:1@{digest}"), "ghcr.io/a/b", true),
            ("a@sha256:12".to_owned(), "a", false),
        ];
        for (reference, name, is_pinned) in &table {
            assert_eq!(Image::parse(reference), Image { name, is_pinned: *is_pinned }, "{reference}");
        }
        for (pattern, text, matches) in [
            ("actions/*", "Actions/checkout", true),
            ("actions/*", "actions-evil/x", false),
            ("*", "", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "ac", false),
            ("ab", "abc", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(is_like(pattern, text), matches, "{pattern} {text}");
        }
    }
}
