//! CRC-32 checksums at a token's end, in the many ways vendors write them.

use super::Verdict;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const BASE36: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";

/// GitHub, npm, Vercel: `prefix_`, the random part, and the CRC-32 of that part as six base-62 digits.
pub(super) fn crc32_base62(token: &[u8]) -> Verdict {
    let Some(body) = after_first_underscore(token) else { return Verdict::Unknown };
    let Some((covered, sum)) = split_end(body, 6) else { return Verdict::Unknown };
    Verdict::fits(sum == digits::<6>(crc32fast::hash(covered), BASE62))
}

/// GitHub's fine-grained token: `github_pat_`, 22 characters, `_`, 59 characters of which the last six are the CRC-32.
///
/// What the sum covers is not published, so it may be any part from the prefix to the right half.
pub(super) fn github_pat(token: &[u8]) -> Verdict {
    let Some(body) = token.strip_prefix(b"github_pat_") else { return Verdict::Unknown };
    let Some((_, right)) = body.split_at_checked(23) else { return Verdict::Unknown };
    let Some((_, sum)) = split_end(right, 6) else { return Verdict::Unknown };
    let without_underscore: Vec<u8> = body.iter().copied().filter(|byte| *byte != b'_').collect();
    let spans = [token, body, right, &without_underscore];
    let fits = spans
        .into_iter()
        .filter_map(|span| split_end(span, 6))
        .any(|(covered, _)| sum == digits::<6>(crc32fast::hash(covered), BASE62));
    Verdict::fits(fits)
}

/// GitLab's routable token: prefix and payload, perhaps a version, then the payload's length as two base-36 digits and the
/// CRC-32 of all before it as seven.
pub(super) fn gitlab_routable(token: &[u8]) -> Verdict {
    let last = token.rsplit(|byte| *byte == b'.').next().unwrap_or_default();
    if last.len() != 9 || last.len() == token.len() {
        return Verdict::Unknown; // the older form has no sum
    }
    let Some((covered, sum)) = split_end(token, 7) else { return Verdict::Unknown };
    Verdict::fits(sum == digits::<7>(crc32fast::hash(covered), BASE36))
}

/// Grafana's service account token: all before the last underscore, and its CRC-32 as little-endian hex.
pub(super) fn grafana(token: &[u8]) -> Verdict {
    let Some((covered, sum)) = split_end(token, 8) else { return Verdict::Unknown };
    let Some(covered) = covered.strip_suffix(b"_") else { return Verdict::Unknown };
    let expected = crc32fast::hash(covered).swap_bytes();
    Verdict::fits(hex(sum) == Some(expected))
}

/// Atlassian's tokens end in `=` and eight hex digits: a CRC-32, whose span is not published.
pub(super) fn atlassian(token: &[u8]) -> Verdict {
    let Some((covered, sum)) = split_end(token, 8) else { return Verdict::Unknown };
    let bare = covered.strip_suffix(b"=").unwrap_or(covered);
    any_span(sum, &[covered, bare, bare.get(4..).unwrap_or_default(), bare.get(12..).unwrap_or_default()])
}

/// Cloudflare's scannable tokens: prefix, 40 characters, eight hex digits; the sum's kind and span are not published.
pub(super) fn cloudflare(token: &[u8]) -> Verdict {
    let Some((covered, sum)) = split_end(token, 8) else { return Verdict::Unknown };
    any_span(sum, &[covered, after_first_underscore(covered).unwrap_or_default()])
}

/// Right if the sum is that of one of the spans. Never wrong: the vendor has not said what it covers.
fn any_span(sum: &[u8], spans: &[&[u8]]) -> Verdict {
    let Some(sum) = hex(sum) else { return Verdict::Unknown };
    let fits = spans.iter().map(|span| crc32fast::hash(span)).any(|crc| crc == sum || crc.swap_bytes() == sum);
    if fits { Verdict::Right } else { Verdict::Unknown }
}

fn after_first_underscore(token: &[u8]) -> Option<&[u8]> {
    let at = token.iter().position(|byte| *byte == b'_')?;
    token.get(at.checked_add(1)?..)
}

/// The last `count` bytes, and what stands before them.
fn split_end(bytes: &[u8], count: usize) -> Option<(&[u8], &[u8])> {
    let at = bytes.len().checked_sub(count).filter(|at| *at > 0)?;
    bytes.split_at_checked(at)
}

/// A number in the base of the alphabet, padded with its zero to a fixed width.
fn digits<const WIDTH: usize>(mut number: u32, alphabet: &[u8]) -> [u8; WIDTH] {
    let base = u32::try_from(alphabet.len()).unwrap_or(u32::MAX);
    let mut written = [b'0'; WIDTH];
    for digit in written.iter_mut().rev() {
        let at = usize::try_from(number % base).unwrap_or_default();
        *digit = alphabet.get(at).copied().unwrap_or(b'0');
        number /= base;
    }
    written
}

fn hex(digits: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u32::from_str_radix(text, 16).ok()
}

#[cfg(test)]
pub(super) mod fix {
    //! Sums put where the formats want them, for the tests.
    use super::*;

    pub fn crc32_base62(token: &mut [u8]) {
        let body = after_first_underscore(token).expect("an underscore");
        let sum = digits::<6>(crc32fast::hash(split_end(body, 6).expect("long enough").0), BASE62);
        end(token, &sum);
    }

    pub fn github_pat(token: &mut [u8]) {
        let right = &token["github_pat_".len() + 23..];
        let sum = digits::<6>(crc32fast::hash(split_end(right, 6).expect("long enough").0), BASE62);
        end(token, &sum);
    }

    pub fn gitlab_routable(token: &mut [u8]) {
        let sum = digits::<7>(crc32fast::hash(split_end(token, 7).expect("long enough").0), BASE36);
        end(token, &sum);
    }

    pub fn grafana(token: &mut [u8]) {
        let covered = &token[..token.len() - 9];
        let sum = format!("{:08x}", crc32fast::hash(covered).swap_bytes());
        end(token, sum.as_bytes());
    }

    pub fn crc32_hex(token: &mut [u8]) {
        let sum = format!("{:08x}", crc32fast::hash(&token[..token.len() - 8]));
        end(token, sum.as_bytes());
    }

    fn end(token: &mut [u8], sum: &[u8]) {
        let at = token.len() - sum.len();
        token[at..].copy_from_slice(sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fix = fn(&mut [u8]);

    #[test]
    fn sums_are_right_as_issued_and_not_with_one_character_changed() {
        let github = format!("gh{}_{}", 'p', "k3J9".repeat(9));
        let fine = format!("github_{}_{}_{}", "pat", "a1B".repeat(7) + "c", "Zk8q".repeat(14) + "Xyz");
        let routable = format!("gl{}-{}.01.0q{}", "pat", "bzoxCnA6MQp1OjFx", "0".repeat(7));
        let versionless = format!("gl{}-{}.0q{}", "dt", "bzoxCnA6MQp1OjFx", "0".repeat(7));
        let grafana_token = format!("gl{}_{}_{}", "sa", "Ab3k".repeat(8), "0".repeat(8));
        let checked: [(&str, String, Fix, super::super::Check); 5] = [
            ("github", github, fix::crc32_base62, crc32_base62),
            ("fine-grained", fine, fix::github_pat, github_pat),
            ("gitlab", routable, fix::gitlab_routable, gitlab_routable),
            ("gitlab without a version", versionless, fix::gitlab_routable, gitlab_routable),
            ("grafana", grafana_token, fix::grafana, grafana),
        ];
        for (name, token, put, check) in checked {
            let mut token = token.into_bytes();
            assert_eq!(check(&token), Verdict::Wrong, "{name} with no sum yet");
            put(&mut token);
            assert_eq!(check(&token), Verdict::Right, "{name}");
            for at in token.len() - 20..token.len() {
                let mut flipped = token.clone();
                flipped[at] = if flipped[at] == b'x' { b'y' } else { b'x' };
                if !matches!(token[at], b'_' | b'.') {
                    assert_ne!(check(&flipped), Verdict::Right, "{name} changed at {at}");
                }
            }
        }
    }

    #[test]
    fn a_sum_over_an_unpublished_span_is_right_or_unknown() {
        let mut token = format!("ATA{}{}={}", "TT3x", "FfGF0k2Q".repeat(20), "0".repeat(8)).into_bytes();
        assert_eq!(atlassian(&token), Verdict::Unknown);
        fix::crc32_hex(&mut token);
        assert_eq!(atlassian(&token), Verdict::Right);
        let mut token = format!("cf{}_{}{}", "ut", "k2Qz".repeat(10), "0".repeat(8)).into_bytes();
        assert_eq!(cloudflare(&token), Verdict::Unknown);
        fix::crc32_hex(&mut token);
        assert_eq!(cloudflare(&token), Verdict::Right);
    }

    #[test]
    fn the_older_gitlab_form_has_no_sum_to_hold_it_to() {
        let token = format!("gl{}-{}", "pat", "k2Qz".repeat(5));
        assert_eq!(gitlab_routable(token.as_bytes()), Verdict::Unknown);
    }

    #[test]
    fn digits_are_padded_to_their_width() {
        assert_eq!(&digits::<6>(0, BASE62), b"000000");
        assert_eq!(&digits::<6>(61, BASE62), b"00000z");
        assert_eq!(&digits::<6>(62, BASE62), b"000010");
        assert_eq!(&digits::<7>(u32::MAX, BASE36), b"1z141z3");
    }
}
