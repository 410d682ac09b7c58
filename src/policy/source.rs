//! Where what is in effect was written.

use crate::strict::{self, Layer, Span, Table};

/// Who said it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The policy, at this place of its text.
    Policy(Span),
    /// The preset of this name.
    Preset(&'static str),
    /// The policy, at this place, over a rule of the preset.
    Over(Span, &'static str),
    /// Nobody.
    Default,
}

/// A key of a grant, a rule or a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub name: String,
    /// In TOML, on one line; `None` where nobody set it and the default is to have none.
    pub value: Option<String>,
    pub source: Source,
}

/// Which documents a table is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Policy,
    Preset(&'static str),
    /// The policy, and what it does not say this preset does.
    PolicyOver(&'static str),
}

impl Origin {
    #[must_use]
    pub fn preset(self) -> Option<&'static str> {
        match self {
            Self::Policy => None,
            Self::Preset(name) | Self::PolicyOver(name) => Some(name),
        }
    }

    /// The keys that a table was asked for, with who set each of them; `defaults` has what counts for those not set.
    #[must_use]
    pub fn keys(self, table: &Table<'_, '_>, defaults: &[(&str, &str)]) -> Vec<Key> {
        table.keys().into_iter().map(|key| self.key(key, defaults)).collect()
    }

    fn key(self, key: strict::Key, defaults: &[(&str, &str)]) -> Key {
        let source = match (key.layer, self) {
            (Layer::Own(span), Self::Policy | Self::PolicyOver(_)) => Source::Policy(span),
            (Layer::Own(_) | Layer::Base, Self::Preset(name) | Self::PolicyOver(name)) => Source::Preset(name),
            (Layer::Base, Self::Policy) | (Layer::Unset, _) => Source::Default,
        };
        let default = || defaults.iter().find(|(name, _)| *name == key.name).map(|(_, value)| (*value).to_owned());
        let value = key.value.or_else(default);
        Key { name: key.name.to_owned(), value, source }
    }
}
