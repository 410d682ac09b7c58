//! Each form, and where what it says comes from.

use super::each;
use ::base64::Engine as _;
use ::base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// In parts, so that no scanner takes it for one.
const SECRET: &str = concat!("tok_Zm9vQm", "FyLTEyMz", "Q1Njc4OTA");

/// What is decoded that has the secret: its source and form.
fn decoded(text: &[u8]) -> Vec<(std::ops::Range<usize>, Option<&'static str>)> {
    let mut all = Vec::new();
    each(text, &mut |decoded| {
        if let Some(at) = memchr::memmem::find(&decoded.bytes, SECRET.as_bytes()) {
            let range = at..at + SECRET.len();
            all.push((decoded.source(&range), decoded.encoding(&range)));
        }
    });
    all
}

fn escaped(escape: impl Fn(u8) -> String) -> String {
    SECRET.bytes().map(escape).collect()
}

fn wide(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn each_form_is_read() {
    let base64 = STANDARD.encode(format!("key={SECRET}\n"));
    let hex: String = escaped(|byte| format!("{byte:02x}"));
    let lines = STANDARD.encode(format!("{}{SECRET}{}", "x".repeat(50), "y".repeat(60)));
    let (first, rest) = lines.split_at(76);
    let (left, right) = SECRET.split_at(11);
    for (text, form) in [
        (format!("a = \"{base64}\""), "base64"),
        (format!("data/{base64}"), "base64"),
        (format!("xdata/{base64}"), "base64"),
        (format!("a: {}", URL_SAFE_NO_PAD.encode(format!("??>>{SECRET}~~~"))), "base64"),
        (format!("a:\n  {first}\n  {rest}\n"), "base64"),
        (format!("a = \"{first}\\n{rest}\""), "base64"),
        (format!("x = {hex}"), "hex"),
        (format!("x = 0{}", hex.to_uppercase()), "hex"),
        (escaped(|byte| format!("%{byte:02X}")), "percent"),
        (escaped(|byte| format!("\\x{byte:02x}")), "escapes"),
        (escaped(|byte| format!("\\u00{byte:02x}")), "escapes"),
        (escaped(|byte| format!("\\u{{{byte:x}}}")), "escapes"),
        (escaped(|byte| format!("\\U000000{byte:02x}")), "escapes"),
        (escaped(|byte| format!("\\{byte:03o}")), "escapes"),
        (escaped(|byte| format!("&#{byte};")), "HTML entities"),
        (escaped(|byte| format!("&#x{byte:x};")), "HTML entities"),
        (SECRET.replace('_', "&lowbar;"), "HTML entities"),
        (format!("\"{left}\" + \"{right}\""), "split"),
        (format!("'{left}'  .\n  '{right}'"), "split"),
        (format!("\"{left}\"\n    \"{right}\""), "split"),
        (format!("\"{left}\" + f'{right}'"), "split"),
        (format!("{left}\"\"{right}"), "split"),
        (format!("\"{left}\\\n    {right}\""), "split"),
        (format!("[\"{left}\", \"{right}\"].join('')"), "split"),
        (format!("concat!(\"{left}\",\n  \"{right}\")"), "split"),
        (format!("{left}\u{200b}{right}"), "invisible characters"),
        (format!("{left}\u{ad}{right}"), "invisible characters"),
        (format!("{left}\u{e0041}{right}"), "invisible characters"),
    ] {
        let found = decoded(text.as_bytes());
        assert_eq!(found.len(), 1, "{text}");
        let (source, encoding) = &found[0];
        assert_eq!(*encoding, Some(form), "{text}");
        assert!(source.start < source.end && source.end <= text.len(), "{source:?} {} {text}", text.len());
    }
    for unit in [u16::to_le_bytes, u16::to_be_bytes] {
        let text = wide(&format!("\u{feff}a\n{SECRET}\n"), unit);
        let found = decoded(&text);
        assert_eq!(found.len(), 1);
        let character = usize::from(unit(1) == [0, 1]);
        let start = wide("\u{feff}a\n", unit).len();
        assert_eq!(found[0], (start..start + SECRET.len() * 2, Some("UTF-16")), "{character}");
    }
}

#[test]
fn what_is_decoded_is_at_its_place() {
    let base64 = STANDARD.encode(SECRET);
    let text = format!("0123456789 {base64} end");
    assert_eq!(decoded(text.as_bytes()), [(11..11 + SECRET.len() * 4 / 3, Some("base64"))]);
    let text = format!("ab \"{}\" + \"{}\" cd", &SECRET[..5], &SECRET[5..]);
    assert_eq!(decoded(text.as_bytes()), [(4..4 + SECRET.len() + 5, Some("split"))]);
}

#[test]
fn plain_text_is_not_decoded() {
    for text in [
        "",
        "fn main() { println!(\"{}\", a % b); }\n",
        "let x = \"a\", y = \"b\";\n[\"one\", \"two\", \"three\"]",
        "----------------------------------------------------",
        "some/long/path/of/lower/case/names/and/more/of/them",
        "caf\u{e9} \u{4e0a}\u{6d77} \u{1f468}\u{200d}\u{1f469}",
        "if (a && b) { c = \"\"; d = ''; }",
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        each(text.as_bytes(), &mut |decoded| {
            panic!("{text} gave {}", String::from_utf8_lossy(&decoded.bytes));
        });
    }
}

/// However a text is made, what is decoded from it is at most six times as long.
#[test]
fn the_work_is_bounded() {
    let mut nested = b"nested text that is plain in the end ".repeat(100);
    for _ in 0..6 {
        nested = STANDARD.encode(nested).into_bytes();
    }
    for text in [
        b"0123456789abcdef".repeat(40_000),
        b"67687067".repeat(40_000),
        b"QUFB".repeat(100_000),
        b"%41".repeat(100_000),
        b"\\u0041".repeat(50_000),
        b"a\"+\"".repeat(100_000),
        b"a\0".repeat(200_000),
        b"\0a\0\0".repeat(100_000),
        "a\u{200b}".as_bytes().repeat(100_000),
        b"&#65;\\x41%41\"\"".repeat(30_000),
        b"\"a\",\"join".repeat(40_000),
        nested,
    ] {
        let mut length = 0;
        each(&text, &mut |decoded| length += decoded.bytes.len() + decoded.pieces.len());
        assert!(length <= text.len() * 6, "{} of {}", length, text.len());
    }
}
