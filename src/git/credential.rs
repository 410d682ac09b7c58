//! Credentials: an upstream's token, given to git in its environment, and webhooks' secrets. Read when they are needed,
//! shown to nobody.

use crate::config::Token;
use crate::git::command::{CommandError, GitCommand};
use std::fs::File;
use std::io::Read;
use std::time::Duration;

/// Why there is no usable credential. Never says anything of the credential itself.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    #[error("the environment variable {0} for the credential is not set")]
    Env(String),
    #[error("the credential's file cannot be read: {0}")]
    File(#[source] std::io::Error),
    #[error("the program that gives the credential: {0}")]
    Command(#[from] CommandError),
    #[error("the credential is empty")]
    Empty,
    #[error("the credential is longer than {TOKEN_BYTES_MAX} bytes or holds unusual characters")]
    Unusual,
}

/// The most bytes of a token.
pub const TOKEN_BYTES_MAX: usize = 16 * 1024;
const COMMAND_TIME_MAX: Duration = Duration::from_secs(30);

/// The HTTP header that proves us to the upstream, if it asks for a token.
pub fn authorization(username: &str, token: &Token) -> Result<Option<String>, CredentialError> {
    let Some(token) = read(token)? else { return Ok(None) };
    let credential = base64(format!("{username}:{token}").as_bytes());
    Ok(Some(format!("Authorization: Basic {credential}")))
}

/// The first line of what the source gives; `None` if there is no source.
pub fn read(token: &Token) -> Result<Option<String>, CredentialError> {
    let bytes = match token {
        Token::None => return Ok(None),
        Token::Env(name) => {
            let value = std::env::var_os(name).ok_or_else(|| CredentialError::Env(name.clone()))?;
            value.into_encoded_bytes()
        }
        Token::File(path) => {
            let mut bytes = Vec::new();
            let file = File::open(path).map_err(CredentialError::File)?;
            let taken = file.take(TOKEN_BYTES_MAX as u64 + 2).read_to_end(&mut bytes);
            taken.map_err(CredentialError::File)?;
            bytes
        }
        Token::Command(words) => {
            let (program, args) = words.split_first().ok_or(CredentialError::Empty)?;
            let mut command = GitCommand::credential_program(program.as_ref());
            command.args(args);
            command.run(b"", COMMAND_TIME_MAX, TOKEN_BYTES_MAX as u64 + 2)?
        }
    };
    first_line(&bytes).map(Some)
}

fn first_line(bytes: &[u8]) -> Result<String, CredentialError> {
    let line = bytes.split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii();
    if line.is_empty() {
        return Err(CredentialError::Empty);
    }
    if line.len() > TOKEN_BYTES_MAX || !line.iter().all(u8::is_ascii_graphic) {
        return Err(CredentialError::Unusual);
    }
    Ok(line.iter().map(|b| char::from(*b)).collect())
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i) & 63) as usize];
            text.push(if i > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let table =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("a:\u{ff}", "YTrDvw==")];
        for (bytes, text) in table {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_token_is_the_first_line_and_has_a_limit() {
        assert_eq!(first_line(b"abc\r\nsecond").expect("one"), "abc");
        assert!(matches!(first_line(b"\nabc"), Err(CredentialError::Empty)));
        for bad in [&b"a b"[..], b"a\0b", "é".as_bytes(), b"a\x1b"] {
            assert!(matches!(first_line(bad), Err(CredentialError::Unusual)), "{bad:?}");
        }
        assert!(first_line(&[b'x'; TOKEN_BYTES_MAX]).is_ok());
        assert!(matches!(first_line(&[b'x'; TOKEN_BYTES_MAX + 1]), Err(CredentialError::Unusual)));
    }

    #[test]
    fn each_source_gives_the_header() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect();
        let header = authorization("git", &Token::Command(words("printf tok\\nrest"))).expect("runs");
        assert_eq!(header.as_deref(), Some("Authorization: Basic Z2l0OnRvaw=="));
        assert!(authorization("git", &Token::Command(words("false"))).is_err());
        assert!(authorization("git", &Token::Command(Vec::new())).is_err());
        assert!(authorization("git", &Token::Env("REFGATE_TEST_UNSET".into())).is_err());
        assert!(authorization("git", &Token::File("/nonexistent/token".into())).is_err());
        assert!(authorization("git", &Token::None).expect("none").is_none());
    }
}
