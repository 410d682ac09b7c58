//! Offline checks: what a token's own bytes say about whether it is real.
//!
//! Vendors put checksums, magic numbers and nested encodings into their formats. A check reads them and nothing else:
//! no network, no clock, no neighbouring bytes. What it gets is the secret a rule matched. A checksum that does not fit
//! says the value never was issued; a shape that cannot be judged says nothing, and the rule's own certainty stands.

mod azure;
mod base58;
mod bech32;
mod checksum;
mod der;
mod encoded;
mod ids;
mod openpgp;
mod pem;

/// What a check says of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The checksum or the inner structure fits: an accident is out of the question.
    Right,
    /// It does not fit: the vendor never issued this value.
    Wrong,
    /// The value has nothing this check can hold it to.
    Unknown,
}

/// A check: pure, total, and linear in the value's length.
pub type Check = fn(&[u8]) -> Verdict;

/// All checks, by the name a rule gives.
const CHECKS: &[(&str, Check)] = &[
    ("age-bech32", bech32::age),
    ("anthropic", ids::anthropic),
    ("atlassian-crc32", checksum::atlassian),
    ("aws-access-key-id", ids::aws_access_key_id),
    ("azure-annotated", azure::annotated),
    ("azure-identifiable", azure::identifiable),
    ("base58check", base58::check),
    ("base64-json", encoded::base64_json),
    ("base64-text", encoded::base64_text),
    ("basic-credentials", encoded::basic_credentials),
    ("cloudflare-crc32", checksum::cloudflare),
    ("crc32-base62", checksum::crc32_base62),
    ("discord", ids::discord),
    ("github-pat", checksum::github_pat),
    ("gitlab-routable", checksum::gitlab_routable),
    ("grafana-crc32", checksum::grafana),
    ("jwt", encoded::jwt),
    ("mapbox", encoded::mapbox),
    ("openai", ids::openai),
    ("openpgp-armor", openpgp::armor),
    ("pem", pem::private_key),
    ("pypi-macaroon", encoded::pypi_macaroon),
    ("slack", ids::slack),
];

/// The check of this name.
#[must_use]
pub fn named(name: &str) -> Option<Check> {
    CHECKS.iter().find(|(known, _)| *known == name).map(|(_, check)| *check)
}

/// The names of all checks.
pub fn names() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().map(|(name, _)| *name)
}

impl Verdict {
    /// Right if it fits, else wrong: for checksums that every value of the format has.
    fn fits(fits: bool) -> Self {
        if fits { Self::Right } else { Self::Wrong }
    }
}

#[cfg(test)]
pub(in crate::secret) mod samples;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_unique() {
        let names: Vec<_> = names().collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        assert!(named("jwt").is_some() && named("no-such-check").is_none());
    }

    #[test]
    fn no_check_panics_on_anything_short_or_odd() {
        let odd: [&[u8]; 12] = [
            b"",
            b"_",
            b"__",
            b".",
            b"..",
            b"=",
            b"a_",
            b"\xff\xfe\xff",
            b"a.b.c",
            b"-----BEGIN",
            b"\0\0\0\0\0\0\0\0",
            b"sk-",
        ];
        for (name, check) in CHECKS {
            for value in odd {
                assert_ne!(check(value), Verdict::Right, "{name} of {value:?}");
            }
            check(&[b'_'; 4096]);
            check(&[b'A'; 4096]);
            check(&[b'='; 4096]);
        }
    }
}
