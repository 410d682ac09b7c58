//! What a value as a whole looks like: a placeholder, or something computed elsewhere.

use sha2::{Digest, Sha256};

/// Values longer than this are not looked at: keys of many lines hold any short word by chance.
const LENGTH_MAX: usize = 256;

/// Words that only a stand-in for a value has.
const WORDS: [&str; 32] = [
    "example",
    "placeholder",
    "changeme",
    "change_me",
    "change-me",
    "change_this",
    "your_",
    "your-",
    "yourapi",
    "yourtoken",
    "yourkey",
    "yoursecret",
    "yourpassword",
    "my_secret",
    "mysecret",
    "my-secret",
    "dummy",
    "redacted",
    "sample",
    "replace_me",
    "replaceme",
    "replace-me",
    "replace_with",
    "replace-with",
    "insert_your",
    "insert-your",
    "_here",
    "-here",
    "notreal",
    "not-a-real",
    "foobar",
    "undefined",
];

/// What a value begins with that is looked up when a program runs.
const LOOKUPS: [&str; 18] = [
    "process.env",
    "os.environ",
    "os.getenv",
    "getenv",
    "env.",
    "env(",
    "env[",
    "environ",
    "import.meta",
    "secrets.",
    "vars.",
    "config.",
    "self.",
    "this.",
    "system.",
    "settings.",
    "deno.env",
    "std::env",
];

/// Whether the value only stands for one.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    // AWS's own mark in the values of its documentation, of any length.
    if memchr::memmem::find(value, b"EXAMPLE").is_some() {
        return true;
    }
    if value.len() > LENGTH_MAX {
        return false;
    }
    let lower = value.to_ascii_lowercase();
    let has = |word: &str| memchr::memmem::find(&lower, word.as_bytes()).is_some();
    is_template(&lower)
        || WORDS.iter().any(|word| has(word))
        || LOOKUPS.iter().any(|start| lower.starts_with(start.as_bytes()))
        || has_run(&lower)
        || is_sequence(&lower)
        || is_repeated(&lower)
}

/// Words that are passwords in examples and tests, and that anybody would guess.
const GUESSES: [&str; 40] = [
    "abc",
    "admin",
    "alice",
    "apikey",
    "bar",
    "baz",
    "bob",
    "bogus",
    "default",
    "demo",
    "fake",
    "foo",
    "guest",
    "hello",
    "login",
    "letmein",
    "mock",
    "mypassword",
    "mypass",
    "mysql",
    "nobody",
    "pass",
    "passw",
    "passwd",
    "password",
    "pawd",
    "postgres",
    "pwd",
    "redis",
    "root",
    "secret",
    "somepassword",
    "supersecret",
    "temp",
    "test",
    "testing",
    "token",
    "user",
    "username",
    "world",
];

/// The first eight bytes of the SHA-256 of what the OAuth specifications (RFC 5849, 6749, 6750, 7009) show as examples.
const SPECIFIED: [u64; 20] = [
    0x00cf4c781dc37003,
    0x01eefb2a86129c68,
    0x4c20e6f5cc11b937,
    0x53f5da0aaa93d64c,
    0x5586407997f5e849,
    0x584b27d64ebc1b33,
    0x649e1f5c769e718b,
    0x6aa14267d94944e6,
    0x6c96130f130ab0d6,
    0xa35b81a7d7927b70,
    0xa71b359a87afde13,
    0xb87dad10a32a2d81,
    0xb8e148545b13c78b,
    0xbb9b1163338b2a51,
    0xc20fbc2b96183894,
    0xca7459e2b26776de,
    0xcb87c87e4a138d9a,
    0xe9974c507d2a8021,
    0xea9bdfd02c0c412c,
    0xed8462e1cfbe0f3a,
];

/// Whether the value is one that an example or a test has: a word that anybody would guess, perhaps with a number after
/// it, or one from a specification.
pub(super) fn is_weak(value: &[u8]) -> bool {
    let end = value.iter().rposition(u8::is_ascii_alphabetic).map_or(0, |at| at + 1);
    let word = value.get(..end).unwrap_or(value).to_ascii_lowercase();
    let tail = value.len() - end;
    let parts = || word.split(|byte| matches!(byte, b'_' | b'-' | b'.' | b' '));
    let is_guess = |part: &[u8]| GUESSES.iter().any(|guess| guess.as_bytes() == part);
    if tail <= 5 && !word.is_empty() && parts().all(is_guess) {
        return true;
    }
    let digest = Sha256::digest(value);
    let start = digest.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
    start.is_some_and(|start| SPECIFIED.contains(&start))
}

/// Names of tokens that say where a list goes on, or that a request is the same as before; no secrets.
pub(super) const NAMES_OF_POSITIONS: [&str; 16] = [
    "nexttoken",
    "pagetoken",
    "paginationtoken",
    "continuationtoken",
    "clienttoken",
    "clientrequesttoken",
    "requesttoken",
    "idempotencytoken",
    "startingtoken",
    "synctoken",
    "updatetoken",
    "resumetoken",
    "cursortoken",
    "uploadtoken",
    "changetoken",
    "publickey",
];

/// An identifier in capitals, a UUID, or a hash of 64 bits: rarely a secret by itself.
pub(super) fn is_identifier(value: &[u8]) -> bool {
    let is_hex = |part: &[u8]| part.iter().all(u8::is_ascii_hexdigit);
    let lengths: Vec<usize> = value.split(|b| *b == b'-').map(<[u8]>::len).collect();
    let is_uuid = lengths == [8, 4, 4, 4, 12] && value.split(|b| *b == b'-').all(is_hex);
    let is_constant = value.contains(&b'_')
        && value.first().is_some_and(u8::is_ascii_uppercase)
        && value.iter().all(|b| b.is_ascii_uppercase() || *b == b'_');
    is_uuid || is_constant || (value.len() == 16 && is_hex(value))
}

/// `${NAME}`, `{{ name }}`, `<name>`, `%s`, `$NAME`, …
fn is_template(value: &[u8]) -> bool {
    let opened = [&b"${"[..], b"{{", b"<%", b"$(", b"#{", b"%(", b"@{", b"[["];
    let within = |(start, end): &(u8, u8)| value.first() == Some(start) && value.last() == Some(end);
    opened.iter().any(|mark| memchr::memmem::find(value, mark).is_some())
        || [(b'<', b'>'), (b'{', b'}'), (b'[', b']'), (b'%', b'%'), (b'(', b')'), (b'_', b'_')].iter().any(within)
        || matches!(value, [b'$', b'a'..=b'z' | b'_', ..] | [b'%', b'a'..=b'z'])
}

/// The same byte again and again.
fn has_run(value: &[u8]) -> bool {
    let mut run = 0_usize;
    let mut last = None;
    value.iter().any(|byte| {
        run = if last == Some(byte) { run + 1 } else { 1 };
        last = Some(byte);
        run >= if matches!(byte, b'x' | b'*' | b'.') { 4 } else { 6 }
    })
}

/// `12345678`, `abcdefgh`, `qwertyui`, also downwards.
fn is_sequence(value: &[u8]) -> bool {
    const RUN: u32 = 6;
    let (mut up, mut down) = (0_u32, 0_u32);
    let steps = value.iter().zip(value.iter().skip(1)).any(|(a, b)| {
        up = if a.checked_add(1) == Some(*b) || (*a == b'9' && *b == b'0') { up + 1 } else { 0 };
        down = if b.checked_add(1) == Some(*a) { down + 1 } else { 0 };
        up >= RUN || down >= RUN
    });
    steps || ["qwerty", "asdfgh"].iter().any(|keys| memchr::memmem::find(value, keys.as_bytes()).is_some())
}

/// `abc123abc123abc123`: most of it repeats what stood a few bytes before.
fn is_repeated(value: &[u8]) -> bool {
    if value.len() < 12 {
        return value.len() >= 6 && value.iter().all(|byte| value.first() == Some(byte));
    }
    (1..=10_usize.min(value.len() / 3)).any(|period| {
        let same = value.iter().zip(value.iter().skip(period)).filter(|(a, b)| a == b).count();
        same * 5 >= (value.len() - period) * 4
    })
}

/// Shannon entropy in bits a byte.
#[expect(clippy::cast_precision_loss, reason = "a value is short")]
pub(super) fn entropy(value: &[u8]) -> f32 {
    let mut counts = [0_u32; 256];
    for byte in value {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = value.len() as f32;
    let part = |count: &u32| *count as f32 / total;
    -counts.iter().filter(|count| **count > 0).map(|count| part(count) * part(count).log2()).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_are_no_values() {
        for value in [
            "${GITHUB_TOKEN}",
            "$TOKEN",
            "{{ secrets.token }}",
            "<your token>",
            "%s",
            "%TOKEN%",
            "process.env.KEY",
            "os.environ['KEY']",
            "EXAMPLEKEY123",
            "changeme",
            "xxxxxxxxxxxx",
            "pk_XXXXXXXXXXXX",
            "aaaaaaaaaaaaaaaa",
            "1234567890",
            "0123456789abcdef",
            "abcdefghijklmnop",
            "87654321",
            "qwertyuiop",
            "abc123abc123abc123",
            "deadbeefdeadbeefdeadbeef",
            "****************",
            "your_api_key",
            "put-it-here",
            "00000000-0000-0000-0000",
            "__PASSWORD__",
        ] {
            assert!(is_placeholder(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn values_are_no_stand_ins() {
        for value in [
            "",
            "hunter2",
            "Tr0ub4dor&3",
            "zq8Xw3LkP0vB7nRtY2mJ",
            "9f86d081884c7d659a2feaa0c55ad015",
            "p@ss<>word",
            "test",
            "a$b",
            "x_y",
            "12ab34cd",
        ] {
            assert!(!is_placeholder(value.as_bytes()), "{value}");
        }
        // A long value is a key of many lines, which has any short word by chance.
        assert!(!is_placeholder(&[b'x'; LENGTH_MAX + 1]));
    }

    #[test]
    fn what_anybody_would_guess_is_weak() {
        for value in
            ["password", "Password123!", "secret1", "test", "foo-bar", "admin_pass1", "hello.world", "mypassword12"]
        {
            assert!(is_weak(value.as_bytes()), "{value}");
        }
        for value in
            ["", "123456", "password1234567", "hunter2", "Tr0ub4dor&3", "testosterone9", "zq8Xw3Lk", "foo-Kq8Zx"]
        {
            assert!(!is_weak(value.as_bytes()), "{value}");
        }
        // RFC 6749, 5.1, put together from its halves.
        assert!(is_weak(["2YotnFZFEjr", "1zCsicMWpAA"].concat().as_bytes()));
    }

    #[test]
    fn entropy_is_in_bits_a_byte() {
        for (value, expected) in [("", 0.0), ("aaaa", 0.0), ("abab", 1.0), ("abcd", 2.0), ("0123456789abcdef", 4.0)] {
            assert!((entropy(value.as_bytes()) - expected).abs() < 1e-3, "{value}");
        }
    }
}
