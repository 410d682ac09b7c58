//! The engine with the built-in table and with tables made for a test.

use super::layer::scan_counted;
use crate::secret::rules::TABLES;
use crate::secret::{Certainty, Hit, Scanner, rule, scanner};

#[test]
fn the_table_is_right() {
    for rule in rule::read(TABLES).expect("the table") {
        if rule.file_name.is_empty() {
            let _ = rule.compiled();
        }
    }
}

fn token() -> String {
    format!("gh{}_{}", 'p', "0aB1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV1wX")
}

#[test]
fn a_token_is_found_where_it_stands() {
    let text = format!("one\ntwo {}\nthree x{} {}y\n", token(), token(), token());
    let hits = scanner().scan(None, text.as_bytes());
    assert_eq!(hits.len(), 1);
    let hit = &hits[0];
    assert_eq!((hit.line, &hit.rule.id[..], hit.encoding), (2, "github-pat", None));
    assert_eq!(&text.as_bytes()[hit.span.clone()], hit.secret.bytes());
    assert_eq!(hit.secret.bytes(), token().as_bytes());
}

#[test]
fn digests_tell_tables_apart() {
    let other = Scanner::new(&[]).expect("an empty table");
    assert_ne!(scanner().digest(), other.digest());
    assert_eq!(other.digest().len(), 64);
}

const TABLE: &str = r#"
[[rule]]
id = "id"
what = "id"
keywords = ["idid"]
pattern = 'idid[0-9]{8}'
certainty = "possible"
source = "test"

[[rule]]
id = "paired"
what = "key"
keywords = ["keyk"]
pattern = 'keyk(?P<secret>[0-9a-z]{8})'
certainty = "likely"
pair = "id"
near = { lines = 2 }
source = "test"

[[rule]]
id = "near"
what = "key"
keywords = ["abcd"]
pattern = 'abcd[0-9]{4}'
certainty = "likely"
near = { keywords = ["Acme"], lines = 1 }
source = "test"

[[rule]]
id = "bound"
what = "password"
keywords = ["_auth"]
pattern = '_auth=(?P<secret>[0-9a-z]{6,})'
certainty = "likely"
paths = ["**/.npmrc"]
source = "test"

[[rule]]
id = "window"
what = "value"
keywords = ["vendor"]
pattern = '[a-z]{0,10}vendor.{0,20}?(?P<secret>[0-9]{12})'
left = "any"
certainty = "possible"
source = "test"

[[rule]]
id = "block"
what = "block"
keywords = ["BEGIN BLOCK"]
pattern = '(?s)BEGIN BLOCK.{1,200}?END'
block = true
certainty = "certain"
source = "test"

[[rule]]
id = "name"
what = "file"
file_name = ['(^|/)secret\.bin$']
certainty = "likely"
source = "test"
"#;

fn table() -> &'static Scanner {
    static SCANNER: std::sync::OnceLock<Scanner> = std::sync::OnceLock::new();
    SCANNER.get_or_init(|| Scanner::new(&[("test.toml", TABLE)]).expect("a table"))
}

fn shown(hits: &[Hit]) -> Vec<(&str, u32, Certainty)> {
    hits.iter().map(|hit| (&hit.rule.id[..], hit.line, hit.certainty)).collect()
}

#[test]
fn rules_mean_what_they_say() {
    use Certainty::{Certain, Likely, Possible};
    for (path, text, expected) in [
        ("f", "idid72625190", vec![("id", 1, Possible)]),
        ("f", "keyk8fj2k5p9", vec![("paired", 1, Likely)]),
        ("f", "idid72625190\n\nkeyk8fj2k5p9", vec![("id", 1, Possible), ("paired", 3, Certain)]),
        ("f", "idid72625190\n\n\nkeyk8fj2k5p9", vec![("id", 1, Possible), ("paired", 4, Likely)]),
        ("f", "keyk8fj2k5p9 and idid72625190", vec![("paired", 1, Certain), ("id", 1, Possible)]),
        ("f", "abcd7262\nACME", vec![("near", 1, Likely)]),
        ("f", "abcd7262\n\nACME", vec![]),
        ("f", "xabcd7262 acme abcd7262x \\nabcd7262", vec![("near", 1, Likely)]),
        ("f", "_auth=0a9f8e", vec![]),
        ("a/.npmrc", "_auth=0a9f8e", vec![("bound", 1, Likely)]),
        ("f", "the_vendor is 829104726153 here", vec![("window", 1, Possible)]),
        ("f", "vendor\n829104726153", vec![]),
        ("f", "a\nBEGIN BLOCK\nx\nEND", vec![("block", 2, Certain)]),
    ] {
        assert_eq!(shown(&table().scan(Some(path.as_bytes()), text.as_bytes())), expected, "{text}");
    }
    assert!(table().scan_name(b"a/Secret.bin").is_some());
    assert!(table().scan_name(b"a/secret.bin.txt").is_none());
}

#[test]
fn nothing_beside_a_secret_switches_a_rule_off() {
    let token = "keyk8fj2k5p9";
    for text in [
        format!("{token} # gitleaks:allow"),
        format!("{token} // nosec pragma: allowlist secret"),
        format!("# example, placeholder, your-key-here\n{token}"),
        format!("\x7fELF\0\0{token}\0"),
        format!("{}{token}", "x ".repeat(100_000)),
        format!("keyk12345678 keykxxxxxxxx {token}"),
    ] {
        for path in ["node_modules/a.min.js", "vendor/x/package-lock.json", "a.png", "test/fixtures/example.txt"] {
            assert_eq!(table().scan(Some(path.as_bytes()), text.as_bytes()).len(), 1, "{path}");
        }
    }
}

#[test]
fn long_lines_are_searched_to_their_end() {
    for length in [300, 399, 400, 401, 2047, 2048, 4095, 4096, 4097, 9000, 100_000] {
        let text = format!("vendor{}vendor is 829104726153{}", " -".repeat(length), "-vendor".repeat(900));
        assert_eq!(table().scan(None, text.as_bytes()).len(), 1, "{length}");
    }
}

/// What was decoded twice, and no more than twice.
#[test]
fn very_many_hits_take_time_in_line_with_their_number() {
    use base64::Engine as _;
    let head = base64::engine::general_purpose::STANDARD_NO_PAD.encode("{\"alg\":\"HS256\"}");
    let text = format!("{head}.").repeat(100_000);
    assert!(scanner().scan(None, text.as_bytes()).len() > 10_000);
}

#[test]
fn encodings_may_be_nested() {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let inner = encode("token = keyk8fj2k5p9 # some more");
    let text = format!("first\nsecond: {}\n", encode(&format!("value: {inner}")));
    let hits = table().scan(None, text.as_bytes());
    assert_eq!(shown(&hits), [("paired", 2, Certainty::Likely)]);
    assert_eq!(hits[0].encoding, Some("base64"));
    assert_eq!(hits[0].secret.bytes(), b"8fj2k5p9");
    assert!(hits[0].span.start >= 14 && hits[0].span.end <= text.len());
    assert_eq!(format!("{:?}", hits[0].secret), "Secret(8 bytes)");
}

/// Bytes looked at for each byte of texts made to cost much, with the whole table. The most is each rule's pattern over
/// all of the text about twice, which takes a text that has every keyword everywhere.
#[test]
fn work_on_hostile_texts_is_bounded() {
    let keywords: Vec<u8> = scanner()
        .rules()
        .iter()
        .flat_map(|rule| rule.keywords.iter())
        .flat_map(|word| [word, &b" "[..]].concat())
        .collect();
    let long = |text: &[u8]| text.repeat((1 << 17) / text.len() + 1);
    for (text, factor) in [
        (long(&keywords), scanner().rules().len() * 2),
        (long(b"password"), 200),
        (long(b"-----BEGIN PRIVATE KEY-----"), 400),
        (long(b"secret_key="), 200),
        (long(b"0123456789abcdef"), 200),
        (long(b"cGFzc3dvcmQ9"), 200),
        (long(b"token=\"a\"+\""), 200),
    ] {
        let (_, work) = scan_counted(scanner(), None, &text);
        assert!(work <= text.len() * factor, "{} times", work / text.len());
    }
}
