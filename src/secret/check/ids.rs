//! Tokens with no sum but a structure: numbers inside, markers at fixed places.

use super::Verdict;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// AWS: base-32 characters; since about 2019 they hold the account's number, which has twelve decimal digits.
pub(super) fn aws_access_key_id(id: &[u8]) -> Verdict {
    let Some(characters) = id.get(4..).filter(|rest| rest.len() == 16) else { return Verdict::Unknown };
    let Some(digits) = characters.iter().map(|byte| base32(*byte)).collect::<Option<Vec<u64>>>() else {
        return Verdict::Wrong;
    };
    // The ids of before hold no number; they begin with one of the first half of the alphabet.
    if digits.first().is_none_or(|first| *first < 16) {
        return Verdict::Unknown;
    }
    let number = digits.iter().take(10).fold(0u64, |number, digit| (number << 5) | digit); // 50 bits: one of mark, 40 of account
    let account = (number >> 9) & 0xff_ffff_ffff;
    if account <= 999_999_999_999 { Verdict::Unknown } else { Verdict::Wrong }
}

fn base32(byte: u8) -> Option<u64> {
    match byte {
        b'A'..=b'Z' => Some(u64::from(byte.wrapping_sub(b'A'))),
        b'2'..=b'7' => Some(u64::from(byte.wrapping_sub(b'2').wrapping_add(26))),
        _ => None,
    }
}

/// OpenAI: a fixed eight characters (`OpenAI` in base64) between two halves of known lengths.
pub(super) fn openai(key: &[u8]) -> Verdict {
    const MARK: &[u8] = b"T3BlbkFJ";
    let Some(at) = bstr::ByteSlice::find(key, MARK) else { return Verdict::Unknown };
    let before = key.get(..at).unwrap_or_default();
    let left = match before {
        [b's', b'k', b'-', b'p', b'r', b'o', b'j', b'-', rest @ ..] => rest.len(),
        [b's', b'k', b'-', b's', b'v', b'c', b'a', b'c', b'c', b't', b'-', rest @ ..] => rest.len(),
        [b's', b'k', b'-', b'a', b'd', b'm', b'i', b'n', b'-', rest @ ..] => rest.len(),
        [b's', b'k', b'-', rest @ ..] => rest.len(),
        _ => return Verdict::Unknown,
    };
    let right = key.len().saturating_sub(at.saturating_add(MARK.len()));
    let known = [(20, 20), (58, 58), (74, 74), (74, 73), (73, 74), (73, 73), (59, 59), (32, 32), (48, 48)];
    if known.contains(&(left, right)) { Verdict::Right } else { Verdict::Unknown }
}

/// Anthropic: the kind of key, 93 characters, `AA`.
pub(super) fn anthropic(key: &[u8]) -> Verdict {
    let Some(rest) = key.strip_prefix(b"sk-ant-") else { return Verdict::Unknown };
    let Some(dash) = rest.iter().position(|byte| *byte == b'-') else { return Verdict::Unknown };
    let body = dash.checked_add(1).and_then(|from| rest.get(from..)).unwrap_or_default();
    if body.len() != 95 {
        return Verdict::Unknown; // an older or a newer form
    }
    Verdict::fits(body.ends_with(b"AA"))
}

/// Slack: the numbers of the workspace and of the bot or user are in the token.
pub(super) fn slack(token: &[u8]) -> Verdict {
    let mut parts = token.split(|byte| *byte == b'-');
    let (Some(kind), Some(team)) = (parts.next(), parts.next()) else { return Verdict::Unknown };
    if !kind.starts_with(b"xox") || team.len() < 10 || !team.iter().all(u8::is_ascii_digit) {
        return Verdict::Unknown;
    }
    let user = parts.next().is_some_and(|part| part.len() >= 10 && part.iter().all(u8::is_ascii_digit));
    let secret = parts.next_back().is_some_and(|part| part.len() >= 24);
    if user && secret { Verdict::Right } else { Verdict::Unknown }
}

/// Discord: the first part is the bot's number, in base64.
pub(super) fn discord(token: &[u8]) -> Verdict {
    let Some(first) = token.split(|byte| *byte == b'.').next() else { return Verdict::Unknown };
    let first = first.strip_prefix(b"mfa").map_or(first, |_| b"");
    let Ok(number) = STANDARD_NO_PAD.decode(first) else { return Verdict::Wrong };
    Verdict::fits((17..=20).contains(&number.len()) && number.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cases: &[(String, Verdict)], check: super::super::Check) {
        for (value, expected) in cases {
            assert_eq!(check(value.as_bytes()), *expected, "{value}");
        }
    }

    #[test]
    fn aws_ids_hold_an_account_number() {
        let id = |body: &str| format!("AK{}{body}", "IA");
        check(
            &[
                (id("Y34FZKBOKMUTVV7A"), Verdict::Unknown),
                (id("777777777777777A"), Verdict::Wrong),
                (id("I7777777777777AB"), Verdict::Unknown),
                (id("Y34FZKBOKMUTVV18"), Verdict::Wrong),
                (id("SHORT"), Verdict::Unknown),
            ],
            aws_access_key_id,
        );
    }

    #[test]
    fn openai_keys_have_their_mark_in_the_middle() {
        let key = |prefix: &str, left: usize, right: usize| {
            format!(
                "sk-{prefix}{}{}{}",
                "k3J9_".repeat(20).split_at(left).0,
                concat!("T3Bl", "bkFJ"),
                "m8Q-z".repeat(20).split_at(right).0
            )
        };
        check(
            &[
                (key("", 20, 20), Verdict::Right),
                (key("proj-", 74, 74), Verdict::Right),
                (key("svcacct-", 58, 58), Verdict::Right),
                (key("admin-", 58, 58), Verdict::Right),
                (key("", 19, 20), Verdict::Unknown),
                (key("proj-", 74, 70), Verdict::Unknown),
                (format!("sk-{}", "k3J9".repeat(12)), Verdict::Unknown),
            ],
            openai,
        );
    }

    #[test]
    fn anthropic_keys_end_in_aa() {
        let key = |end: &str| format!("sk-{}-api03-{}{end}", "ant", "k3J9_-aQz".repeat(10) + "abc");
        check(&[(key("AA"), Verdict::Right), (key("AB"), Verdict::Wrong), (key("AAA"), Verdict::Unknown)], anthropic);
    }

    #[test]
    fn slack_tokens_hold_two_numbers() {
        let secret = "k3J9".repeat(6);
        check(
            &[
                (format!("xox{}-123456789012-1234567890123-{secret}", 'b'), Verdict::Right),
                (format!("xox{}-123456789012-123456789012-1234567890123-{secret}", 'p'), Verdict::Right),
                (format!("xox{}-2-{secret}", 'b'), Verdict::Unknown),
                (format!("xox{}-123456789012-{secret}", 'b'), Verdict::Unknown),
            ],
            slack,
        );
    }

    #[test]
    fn discord_tokens_begin_with_a_number() {
        let token = |number: &[u8]| format!("{}.GabCde.{}", STANDARD_NO_PAD.encode(number), "k3J9".repeat(9) + "ab");
        check(
            &[(token(b"123456789012345678"), Verdict::Right), (token(b"12345678901234567x"), Verdict::Wrong)],
            discord,
        );
    }
}
