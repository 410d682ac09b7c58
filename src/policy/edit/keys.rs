//! Keys as somebody sends them: the lines of a `.pub` file.

use crate::model::PrincipalName;
use crate::policy::people::read_key;

/// Keys in one go.
const KEYS_MAX: usize = 8;
pub const KEYS_BYTES_MAX: usize = 32 * 1024;
const REMARK_LENGTH_MAX: usize = 64;

/// What is not taken for keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("no key came on stdin: add `< key.pub`")]
    Missing,
    #[error("at most {KEYS_MAX} keys and 32 KiB at once")]
    TooMany,
    #[error("line {0} is not one bare OpenSSH public key: send a .pub file; no options, no certificate, no DSA")]
    NotAKey(usize),
    #[error("line {0} has the key of an earlier line again")]
    Twice(usize),
}

/// A key, and how the policy writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    pub key: ssh_key::PublicKey,
}

impl NewKey {
    /// One key a line; empty lines and those that start with `#` say nothing.
    pub fn parse_all(bytes: &[u8]) -> Result<Vec<Self>, KeyError> {
        if bytes.len() > KEYS_BYTES_MAX {
            return Err(KeyError::TooMany);
        }
        let mut keys: Vec<Self> = Vec::new();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let number = index + 1;
            let line = std::str::from_utf8(line).map_err(|_| KeyError::NotAKey(number))?.trim_ascii();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let key = read_key(line, 0..0, &mut Vec::new()).ok_or(KeyError::NotAKey(number))?;
            if keys.iter().any(|known| known.key.key_data() == key.key_data()) {
                return Err(KeyError::Twice(number));
            }
            keys.push(Self { key });
            if keys.len() > KEYS_MAX {
                return Err(KeyError::TooMany);
            }
        }
        if keys.is_empty() { Err(KeyError::Missing) } else { Ok(keys) }
    }

    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint(ssh_key::HashAlg::Sha256).to_string()
    }

    /// On one line. A remark of odd characters gives way to the principal's name.
    #[must_use]
    pub fn line(&self, name: &PrincipalName) -> Option<String> {
        let bare = ssh_key::PublicKey::from(self.key.key_data().clone()).to_openssh().ok()?;
        let remark = std::str::from_utf8(self.key.comment().as_bytes()).unwrap_or_default();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '@' | '.' | '_' | '-' | '+');
        let is_fine = !remark.is_empty() && remark.len() <= REMARK_LENGTH_MAX && remark.chars().all(is_plain);
        Some(format!("{} {}", bare.trim_end(), if is_fine { remark } else { name.as_str() }))
    }
}
