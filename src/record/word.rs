//! Values of the model as words in a record, there and back without loss.
//!
//! Bytes (ref names, paths, what a client calls itself) are written as [`Escaped`] shows them: printable Unicode as it
//! is, everything else as `\n`, `\r`, `\t`, `\\`, `\xNN` or `\u{N}`. A byte that is no UTF-8 is `\x80` to `\xff`, a
//! control character `\x00` to `\x7f`. [`unescape`] gives the bytes again.

use crate::model::{
    CertStatus, Effect, Escaped, NonceStatus, ObjectId, PrincipalKind, PrincipalName, Purpose, PushId, RefName,
    RepoName, UpdateKind,
};
use bstr::BString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// A value with one spelling.
pub trait Word: Sized {
    fn to_word(&self) -> String;
    fn from_word(word: &str) -> Option<Self>;
}

/// Undoes [`Escaped`]; `None` if the text was not made by it.
#[must_use]
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((plain, escape)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let mut chars = escape.chars();
        match chars.next()? {
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            '\\' => bytes.push(b'\\'),
            'x' => {
                bytes.push(u8::from_str_radix(escape.get(1..3)?, 16).ok()?);
                chars = escape.get(3..)?.chars();
            }
            'u' => {
                let (digits, after) = escape.get(1..)?.strip_prefix('{')?.split_once('}')?;
                let c = char::from_u32(u32::from_str_radix(digits, 16).ok()?)?;
                bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                chars = after.chars();
            }
            _ => return None,
        }
        rest = chars.as_str();
    }
    bytes.extend_from_slice(rest.as_bytes());
    (Escaped(&bytes).to_string() == text).then_some(bytes)
}

impl Word for BString {
    fn to_word(&self) -> String {
        Escaped(self).to_string()
    }

    fn from_word(word: &str) -> Option<Self> {
        unescape(word).map(Self::from)
    }
}

impl Word for RefName {
    fn to_word(&self) -> String {
        self.to_string()
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::parse(&unescape(word)?).ok()
    }
}

impl Word for ObjectId {
    fn to_word(&self) -> String {
        self.to_string()
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::from_hex(word.as_bytes()).ok()
    }
}

macro_rules! parsed_word {
    ($($type:ty),*) => {$(
        impl Word for $type {
            fn to_word(&self) -> String {
                self.to_string()
            }

            fn from_word(word: &str) -> Option<Self> {
                Self::parse(word).ok()
            }
        }
    )*};
}

parsed_word!(PushId, RepoName, PrincipalName);

/// Gives an enum of unit variants one word each; the exhaustive `match` keeps the list complete.
macro_rules! enum_word {
    (pub $type:ty { $($variant:ident = $word:literal),* $(,)? }) => {
        $crate::record::word::enum_word!($type { $($variant = $word),* });

        impl $type {
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
    ($type:ty { $($variant:ident = $word:literal),* $(,)? }) => {
        impl $crate::record::word::Word for $type {
            fn to_word(&self) -> String {
                match self { $(Self::$variant => $word,)* }.to_owned()
            }

            fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}
pub(super) use enum_word;

enum_word!(PrincipalKind { Agent = "agent", Human = "human", Ci = "ci" });
enum_word!(Effect { Warn = "warn", Hold = "hold", Refuse = "refuse" });
enum_word!(Purpose { Push = "push", Review = "review", Check = "check" });
enum_word!(UpdateKind { Create = "create", Update = "update", Rewind = "rewind", Delete = "delete" });
// As GIT_PUSH_CERT_STATUS and GIT_PUSH_CERT_NONCE_STATUS say it (git-receive-pack(1)).
enum_word!(pub CertStatus { Good = "G", Bad = "B", Unknown = "U", NotSigned = "N", Unchecked = "E" });
enum_word!(pub NonceStatus { Ok = "OK", Missing = "MISSING", Bad = "BAD" });

/// `#[serde(with = "word::one")]`
pub mod one {
    use super::{Cow, Deserialize, Deserializer, Serializer, Word};

    pub fn serialize<T: Word, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&value.to_word())
    }

    pub fn deserialize<'de, T: Word, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let word = Cow::<str>::deserialize(deserializer)?;
        T::from_word(&word).ok_or_else(|| serde::de::Error::custom("not a word of this kind"))
    }
}

/// `#[serde(with = "word::optional")]`: `null` for none.
pub mod optional {
    use super::{Cow, Deserialize, Deserializer, Serialize, Serializer, Word};

    pub fn serialize<T: Word, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        value.as_ref().map(Word::to_word).serialize(serializer)
    }

    pub fn deserialize<'de, T: Word, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        let Some(word) = Option::<Cow<'_, str>>::deserialize(deserializer)? else { return Ok(None) };
        T::from_word(&word).map(Some).ok_or_else(|| serde::de::Error::custom("not a word of this kind"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_as_they_were() {
        let every_byte: Vec<u8> = (0..=255).collect();
        let table: [&[u8]; 8] = [
            b"",
            b"src/main.rs",
            b"a\\nb\nc\\x41",
            "grün\u{202e}\u{200b}\u{9b}".as_bytes(),
            b"\xff\xfe\\",
            b"\\u{41}",
            &every_byte,
            b"\xf0\x9f\x98",
        ];
        for bytes in table {
            assert_eq!(unescape(&Escaped(bytes).to_string()).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn text_with_a_second_spelling_is_refused() {
        for text in ["\\", "\\q", "\\x4", "\\x41", "\\x+1", "\\u{41}", "\\u{110000}", "\\u41", "a\nb", "\\xé"] {
            assert_eq!(unescape(text), None, "{text:?}");
        }
    }
}
