//! The engine with the built-in table and with tables made for a test.

use crate::secret::rules::TABLES;
use crate::secret::{Scanner, rule, scanner};

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
