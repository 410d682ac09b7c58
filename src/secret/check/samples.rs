//! Values that pass the checks, made when a test runs: none of them stands in the source.

use super::{azure, base58, bech32, checksum, openpgp};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Makes a value a rule's pattern produced one that its check holds right, or replaces it by one. What a check cannot hold
/// right (`jwt`, `aws-access-key-id` …) is made one that it does not hold wrong. The seed varies the random parts.
pub fn right(check: &str, value: &[u8], seed: u8) -> Vec<u8> {
    let mut value = value.to_vec();
    match check {
        "crc32-base62" => checksum::fix::crc32_base62(&mut value),
        "github-pat" => checksum::fix::github_pat(&mut value),
        "gitlab-routable" => checksum::fix::gitlab_routable(&mut value),
        "grafana-crc32" => checksum::fix::grafana(&mut value),
        "cloudflare-crc32" => checksum::fix::crc32_hex(&mut value),
        "atlassian-crc32" => {
            checksum::fix::crc32_hex(&mut value);
            let at = value.len() - 8;
            value[at..].make_ascii_uppercase();
        }
        "age-bech32" => bech32::fix(&mut value),
        "azure-annotated" => {
            // As their issuer does: on until the sum has letters and digits only.
            for first in b'A'..=b'Z' {
                value[0] = first;
                azure::fix(&mut value);
                if value[80..84].iter().all(u8::is_ascii_alphanumeric) {
                    break;
                }
            }
        }
        "base58check" => return base58_key(&value, seed),
        "pypi-macaroon" => return pypi().into_bytes(),
        "openpgp-armor" => return openpgp::write(&bytes(300, seed)).into_bytes(),
        "pem" => return pem_like(&value).into_bytes(),
        "jwt" => return jwt(&value, seed).into_bytes(),
        "base64-json" => return encoded_json(&value, seed).into_bytes(),
        "mapbox" => return format!("sk.{}.{}", json(seed), letters(22, seed)).into_bytes(),
        "basic-credentials" => return STANDARD.encode(format!("deploy:{}", letters(21, seed))).into_bytes(),
        "base64-text" => return STANDARD.encode(letters(24, seed)).into_bytes(),
        "discord" => {
            let number = STANDARD.encode(format!("1{:017}", u64::from(seed) * 7_919_417_113_201 + 41));
            let rest = value.iter().position(|byte| *byte == b'.').map_or(&b""[..], |at| &value[at..]);
            return [number.as_bytes(), rest].concat();
        }
        "anthropic" => {
            let at = value.len() - 2;
            value[at..].copy_from_slice(b"AA");
        }
        "aws-access-key-id" => value[4..8].copy_from_slice(b"Y34F"),
        _ => {}
    }
    value
}

/// Letters and digits that look random.
pub fn letters(count: usize, seed: u8) -> String {
    let alphabet = b"7kQ2vZx9LmT4bRw8YpH3cNj6GsD5fVaEuXzKtWqB1rJ0hCgMydPnSoFiAeUl";
    bytes(count, seed).iter().map(|byte| char::from(alphabet[usize::from(*byte) % alphabet.len()])).collect()
}

/// Bytes of a small generator (xorshift).
pub fn bytes(count: usize, seed: u8) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ (u64::from(seed) << 17);
    let step = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 24) as u8
    };
    (0..count + 8).map(|_| step(&mut state)).skip(8).collect()
}

fn base58_key(value: &[u8], seed: u8) -> Vec<u8> {
    let key = bytes(32, seed);
    let extended = |version: [u8; 4]| [&version[..], &[3], &bytes(8, seed), &key, &[0], &bytes(32, !seed)].concat();
    let payload = match value.first() {
        Some(b'x') => extended([0x04, 0x88, 0xad, 0xe4]),
        Some(b't') => extended([0x04, 0x35, 0x83, 0x94]),
        Some(b'y') => extended([0x04, 0x9d, 0x78, 0x78]),
        Some(b'z') => extended([0x04, 0xb2, 0x43, 0x0c]),
        Some(b'5') => [&[0x80][..], &key].concat(),
        Some(b'c') => [&[0xef][..], &key, &[1]].concat(),
        _ => [&[0x80][..], &key, &[1]].concat(),
    };
    base58::encode_with_sum(&payload).into_bytes()
}

pub fn pypi() -> String {
    let identifier = bytes(90, 3);
    let macaroon = [&[2, 1, 8][..], b"pypi.org", &[2, 90], &identifier, &[0, 0, 6, 32], &bytes(32, 5)].concat();
    format!("py{}-{}", "pi", URL_SAFE_NO_PAD.encode(macaroon))
}

fn json(seed: u8) -> String {
    URL_SAFE_NO_PAD.encode(format!(
        r#"{{"u":"acme","a":"{}","id":{},"url":"https://acme.test/"}}"#,
        letters(31, seed),
        seed
    ))
}

fn jwt(value: &[u8], seed: u8) -> String {
    let signature = value.rsplit(|byte| *byte == b'.').next().map_or(43, <[u8]>::len);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let payload = URL_SAFE_NO_PAD.encode(format!(
        r#"{{"sub":"{}","iat":17{}}}"#,
        letters(12, seed),
        10_000_000 + u32::from(seed)
    ));
    format!("{header}.{payload}.{}", letters(signature, seed))
}

fn encoded_json(value: &[u8], seed: u8) -> String {
    let text = String::from_utf8_lossy(value);
    let prefix =
        text.split_inclusive('_').next().filter(|prefix| prefix.len() < 8 && prefix.ends_with('_')).unwrap_or_default();
    let (body, end) = match prefix {
        "sntrys_" => {
            let body = STANDARD.encode(format!(
                r#"{{"iat":1.5,"url":"https://acme.test","region_url":"","org":"{}"}}"#,
                letters(9, seed)
            ));
            (body, format!("_{}", letters(43, seed)))
        }
        "ops_" => {
            let email = letters(12, seed);
            let body = STANDARD.encode(format!(
                r#"{{"email":"{email}","srpX":"{}","secretKey":"{}"}}"#,
                letters(64, !seed),
                letters(180, seed)
            ));
            (body, String::new())
        }
        "glc_" => (
            STANDARD.encode(format!(r#"{{"o":"1{seed}","n":"stack","k":"{}","m":{{"r":"eu"}}}}"#, letters(24, seed))),
            String::new(),
        ),
        _ => (STANDARD.encode(format!(r#"{{"k":"{}","n":"ci","id":1}}"#, letters(32, seed))), String::new()),
    };
    format!("{prefix}{body}{end}")
}

/// A key of the kind the value's first line names.
fn pem_like(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    let label = text.split("-----BEGIN ").nth(1).and_then(|rest| rest.split("PRIVATE").next()).unwrap_or_default();
    if label.starts_with("PGP") {
        return openpgp::write(&bytes(300, 1));
    }
    // Half of them on one line, as in JSON.
    pem(label, if label.is_empty() { "\\n" } else { "\n" })
}

/// A private key of the shape the label names (`"RSA "`, `""` …), random inside, with these line ends.
pub fn pem(label: &str, newline: &str) -> String {
    let integer = |count: usize, seed: u8| element(2, &[&[1][..], &bytes(count, seed)].concat());
    let short = |number: u8| element(2, &[number]);
    let algorithm = element(0x30, &element(6, &bytes(9, 2)));
    let der = match label {
        "RSA " => element(
            0x30,
            &[
                short(0),
                integer(128, 1),
                integer(3, 2),
                integer(128, 3),
                integer(64, 4),
                integer(64, 5),
                integer(64, 6),
                integer(64, 7),
                integer(64, 8),
            ]
            .concat(),
        ),
        "DSA " => element(
            0x30,
            &[short(0), integer(128, 1), integer(20, 2), integer(128, 3), integer(128, 4), integer(20, 5)].concat(),
        ),
        "EC " => {
            element(0x30, &[short(1), element(4, &bytes(32, 1)), element(0xa0, &element(6, &bytes(8, 2)))].concat())
        }
        "ENCRYPTED " => element(0x30, &[algorithm, element(4, &bytes(160, 3))].concat()),
        "OPENSSH " => [b"openssh-key-v1\0".as_slice(), &bytes(180, 1)].concat(),
        _ => element(0x30, &[short(0), algorithm, element(4, &bytes(90, 3))].concat()),
    };
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    let name = format!("{label}PRIVATE{}", " KEY");
    format!("-----BEGIN {name}-----{newline}{}{newline}-----END {name}-----", lines.join(newline))
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head.as_slice(), content].concat()
}
